//! Persons: their own profile, and nothing else.

use crate::support::browser::Browser;
use crate::support::desk::Desk;
use crate::support::guest::{Guest, account};
use crate::support::program::Program;
use crate::support::reader::Reader;
use crate::support::site::PASSWORD;
use crate::support::town::{PHOTO, Town};
use diesel::prelude::*;
use muster::model::account::{self as accounts, Role};
use muster::model::as_of::AsOf;
use muster::model::{audit, person};
use serde_json::json;

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

/// What may be said of oneself, what must be, what administrators say, and what nobody but they may know.
const FIELDS: &str = r#"
[[profile_field]]
name = "nicknames"
multivalued = true
editable_by = "person"
[[profile_field]]
name = "pronouns"
type = "choice"
choices = ["she", "he", "they"]
required = true
editable_by = "person"
[[profile_field]]
name = "phone"
editable_by = "person"
[[profile_field]]
name = "badge"
editable_by = "administrator"
[[profile_field]]
name = "salary"
type = "number"
hidden = true
editable_by = "person"
"#;

fn town() -> Town {
    let town = Town::synchronized();
    std::fs::write(town.muster.folder.path().join("settings.toml"), FIELDS).unwrap();
    town.muster.run(&["apply", "settings.toml"]).succeeded();
    town
}

#[test]
fn a_person_fills_in_what_is_theirs_and_nothing_else() {
    let town = town();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let stored = |id: i64| person::find(&mut town.muster.database.connect(), &AsOf::Now, id).unwrap().unwrap();
    let admin = Desk::of(&town.muster);
    let page = admin.send(
        &format!("/users/{ada}/edit"),
        &[("field.badge", "B-7"), ("field.salary", "1000.5"), ("field.pronouns", "she")],
    );
    assert!(page.contains("3 fields were saved"), "{page}");
    let others = stored(grace).local;

    let me = Desk::with(&town.muster, "ada", Role::Person).belongs_to(&town.muster, "ada", ada);
    let page = me.page("/me/edit");
    for shown in ["Nicknames", "Pronouns (needed)", "Mail ada@example.org HR system"] {
        assert!(page.contains(shown), "{shown:?}: {page}");
    }
    assert!(page.contains("Phone +44 20 Company directory"), "a source has it: {page}");
    assert!(page.contains("Badge B-7 an administrator"));
    for hidden in ["alary", "1000.5"] {
        assert!(!page.contains(hidden) && !me.page("/me").contains(hidden), "{hidden:?}: {page}");
    }

    let wrong = [("field.pronouns", ""), ("field.nicknames", "Countess")];
    assert!(me.send("/me/edit", &wrong).contains("Pronouns: is needed; fill it in"));
    assert!(me.send("/me/edit", &[("field.pronouns", "it")]).contains("is none of its choices"));
    assert_eq!(stored(ada).local.get("nicknames"), None, "all of it or nothing");
    let foreign = [
        ("field.nicknames", "Countess\r\nEnchantress"),
        ("field.phone", "+1"),
        ("field.badge", "B-1"),
        ("field.salary", "9999"),
        ("field.mail", "me@example.org"),
        ("user", &*grace.to_string()),
        ("person", &*grace.to_string()),
    ];
    let page = me.send("/me/edit", &foreign);
    assert!(page.contains("One field was saved") && page.contains("Nicknames Countess, Enchantress local"), "{page}");
    let kept = stored(ada);
    assert_eq!(
        kept.local,
        json!({ "badge": "B-7", "salary": 1000.5, "pronouns": "she", "nicknames": ["Countess", "Enchantress"] })
    );
    assert_eq!((kept.field("phone"), kept.field("mail")), (Some("+44 20"), Some("ada@example.org")));
    assert_eq!(stored(grace).local, others, "nobody else's");
    let line = audit::newest(&mut town.muster.database.connect(), None, 1).unwrap().remove(0);
    assert_eq!((&*line.account, &*line.action, line.subject), ("ada", "edit", format!("user {ada}")));
    assert_eq!(line.detail["fields"], json!(["nicknames"]));

    town.a_day_later();
    assert_eq!(stored(ada).local, kept.local, "no run takes it away");
    assert!(me.page("/me").contains("Nicknames Countess, Enchantress local"));
    // An account that is nobody's has nothing to edit.
    let nobody = Desk::with(&town.muster, "nobody", Role::Viewer);
    let answer = nobody.get("/me/edit");
    assert_eq!(answer.status, 404);
    assert!(answer.text().contains("No profile belongs to the account nobody"), "{}", answer.text());
}

#[test]
fn a_person_brings_a_photo_where_no_source_has_one_and_takes_it_away() {
    let town = town();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    // Grace's is the directory's: hers to see, not to change.
    let grace = Desk::with(&town.muster, "grace", Role::Person).belongs_to(&town.muster, "grace", grace);
    let before = grace.get("/me/photo").header("etag").to_owned();
    assert!(!grace.page("/me/edit").contains("Upload"));
    let kept = |muster: &Program| {
        let blobs = muster::schema::blobs::table.count();
        blobs.get_result::<i64>(&mut muster.database.connect()).unwrap()
    };
    let blobs = kept(&town.muster);
    assert!(grace.send_file("/me/photo", "photo", PHOTO).contains("The photo is decided elsewhere"));
    assert_eq!((grace.get("/me/photo").header("etag"), kept(&town.muster)), (&*before, blobs));

    let me = Desk::with(&town.muster, "ada", Role::Person).belongs_to(&town.muster, "ada", ada);
    assert_eq!(me.get("/me/photo").status, 404);
    assert!(me.send_file("/me/photo", "photo", b"<script>alert(1)</script>").contains("The photo is not taken"));
    assert!(me.send_file("/me/photo", "photo", PHOTO).contains("The photo is in place"));
    let photo = me.get("/me/photo");
    assert!(photo.status == 200 && photo.body.starts_with(b"\xff\xd8\xff"), "drawn anew");
    let line = || audit::newest(&mut town.muster.database.connect(), None, 1).unwrap().remove(0);
    assert_eq!((&*line().account, line().detail), ("ada", json!({ "fields": ["photo"] })));
    town.a_day_later();
    assert_eq!(me.get("/me/photo").status, 200, "no run takes it away");
    assert!(!me.page("/me").contains("SHA-256"), "it is shown as a picture");
    assert!(me.send("/me/photo/remove", &[]).contains("The uploaded photo is gone"));
    assert_eq!(me.get("/me/photo").status, 404);
    assert!(me.send("/me/photo/remove", &[]).contains("There was no uploaded photo"));
}

#[tokio::test]
async fn my_profile_is_in_order() {
    let town = town();
    let user = town.user("alovelace");
    let site = crate::support::site::Site::start(town.muster);
    let id = account(&site.program, "ada", Role::Person);
    accounts::belong_to(&mut site.program.database.connect(), id, Some(user), "a test").unwrap();
    let browser = Browser::start(&site.address).await;
    browser.open("/sign-in").await;
    browser.fill("name", "ada").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.shows("Ada Lovelace").await;
    browser.click("Edit").await;
    browser.shows("Yours to fill in").await;
    browser.fill("'field.nicknames'", "Countess").await;
    browser.run("document.querySelector('main form button.primary').click()", vec![]).await;
    browser.shows("is needed; fill it in").await;
    browser.is_in_order_everywhere("me-edit-wrong").await;
    browser.fill("'field.pronouns'", "she").await;
    browser.run("document.querySelector('main form button.primary').click()", vec![]).await;
    browser.shows("2 fields were saved").await;
    browser.shows("Countess").await;
    browser.open("/me/edit").await;
    let photo = site.program.folder.path().join("ada.png");
    std::fs::write(&photo, PHOTO).unwrap();
    browser.fill("photo", photo.to_str().unwrap()).await;
    browser.click("Upload").await;
    browser.shows("The photo is in place").await;
    browser.shows("Remove the uploaded photo").await;
    for (name, path) in [("me", "/me"), ("me-edit", "/me/edit"), ("my-account-of-a-person", "/my-account")] {
        browser.open(path).await;
        browser.is_in_order_everywhere(name).await;
    }
    browser.close().await;
}
