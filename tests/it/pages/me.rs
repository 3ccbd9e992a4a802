//! Persons: their own profile, and nothing else.

use crate::support::browser::{Browser, Look};
use crate::support::guest::{Guest, account};
use crate::support::reader::Reader;
use crate::support::site::PASSWORD;
use crate::support::town::Town;
use muster::model::account::{self as accounts, Role};

#[test]
fn a_person_sees_the_own_profile_and_nothing_of_anybody_else() {
    let town = Town::synchronized();
    let server = Reader::serve(&town.muster);
    let id = account(&town.muster, "grace", Role::Person);
    let (grace, ada) = (town.user("ghopper"), town.user("alovelace"));
    accounts::belong_to(&mut town.muster.database.connect(), id, Some(grace), "a test").unwrap();
    let guest = Guest::at(server.address());
    guest.sign_in("grace", PASSWORD).is(303).leads_to("/me");
    guest.get("/").is(303).leads_to("/me");
    let page = guest.get("/me").is(200).says("Grace Hopper").says("Company directory").says("via Compilers");
    for foreign in ["Ada", "/users", "/connectors", "/runs", "/resources", "people.csv", "line "] {
        assert!(!page.body.contains(foreign), "{foreign:?} stands on {page:#?}");
    }
    let photo = guest.get("/me/photo").is(200);
    assert_eq!(photo.kind, "image/jpeg", "drawn anew");
    for path in ["/users".to_owned(), format!("/users/{ada}"), format!("/users/{grace}"), format!("/users/{ada}/photo")]
    {
        let refused = guest.get(&path).is(403);
        assert!(!refused.body.contains("Ada") && !refused.body.contains("HR system"), "{refused:#?}");
    }
    guest.get("/my-account").is(200).says("signs in with");
}

#[test]
fn an_account_for_a_person_names_the_user_whose_it_is() {
    let town = Town::synchronized();
    let server = Reader::serve(&town.muster);
    account(&town.muster, "chief", Role::Administrator);
    let admin = Guest::at(server.address());
    admin.sign_in("chief", PASSWORD).is(303);
    let add = |name: &str, user: &str| {
        admin.post("/accounts", &[("name", name), ("role", "person"), ("user", user)]).is(303);
        admin.get("/accounts")
    };
    add("nobody", "").says("needs the user whose it is");
    add("nobody", "no such user").says("There is no user no such user");
    let invited = add("ada", "ADA@example.org").says("one-time sign-in; it works once");
    let welcome = invited.between("/welcome/", "<");
    let ada = Guest::at(server.address());
    ada.post(&format!("/welcome/{welcome}"), &[("password", PASSWORD), ("again", PASSWORD)]).is(303).leads_to("/me");
    ada.get("/me").is(200).says("Ada Lovelace");

    let muster = &town.muster;
    muster.run(&["account", "add", "grace", "--role", "person"]).exited(2).says("--user");
    muster.run(&["account", "add", "grace", "--role", "person", "--user", "nobody"]).exited(4).says("no user");
    muster.run(&["account", "add", "grace", "--role", "person", "--user", "grace@example.org"]).succeeded();
}

#[tokio::test]
async fn my_profile_is_in_order() {
    let town = Town::synchronized();
    let user = town.user("ghopper");
    let site = crate::support::site::Site::start(town.muster);
    let id = account(&site.program, "grace", Role::Person);
    accounts::belong_to(&mut site.program.database.connect(), id, Some(user), "a test").unwrap();
    let browser = Browser::start(&site.address).await;
    browser.open("/sign-in").await;
    browser.fill("name", "grace").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.shows("Grace Hopper").await;
    for (name, path) in [("me", "/me"), ("my-account-of-a-person", "/my-account")] {
        for (width, look) in [(1440, Look::Light), (1440, Look::Dark), (320, Look::Light), (320, Look::Dark)] {
            browser.look(width, look).await;
            browser.open(path).await;
            browser.is_in_order(name, width, look).await;
        }
    }
    browser.close().await;
}
