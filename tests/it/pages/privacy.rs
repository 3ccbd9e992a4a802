//! A user's privacy, in a real browser; and what is left of those who have signed in.

use super::{directory_sign_in, provider};
use crate::support::api::Api;
use crate::support::browser::Look;
use crate::support::directory::{Directory, SUFFIX};
use crate::support::guest::Guest;
use crate::support::openid_provider::{OpenIdProvider, SECRET};
use crate::support::reader::Reader;
use crate::support::site::Site;
use crate::support::town::Town;
use crate::support::traces::{clean, count, left_of, traces};
use muster::model::account::{self, Role};
use muster::model::token::Scope;

#[tokio::test]
async fn a_user_is_exported_and_anonymized_once_the_name_was_typed() {
    let town = Town::synchronized();
    let ada = town.user("alovelace");
    let site = Site::start(town.muster);
    let browser = site.browse().await;
    browser.open(&format!("/users/{ada}")).await;
    browser.shows("Export as JSON").await;
    browser.open(&format!("/users/{ada}/anonymize")).await;
    browser.shows("can't be taken back").await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("anonymize", width, look).await;
    }
    browser.fill("name", "Grace Hopper").await;
    browser.run("document.querySelector('main form button.danger').click()", vec![]).await;
    browser.shows("not the user's name").await;
    let api = Api::with(&site, &[Scope::Users], None);
    let all = api.get(&format!("/api/v1/users/{ada}/export")).await.is(200).json();
    assert_eq!(all["resources"].as_array().unwrap().len(), 2);

    let name = browser.run("return document.querySelector('main label strong').textContent", vec![]).await;
    browser.fill("name", name.as_str().unwrap()).await;
    browser.run("document.querySelector('main form button.danger').click()", vec![]).await;
    browser.shows("is anonymized").await;
    api.get(&format!("/api/v1/users/{ada}")).await.problem(404, "not_found");
    browser.open(&format!("/audit?subject=user+{ada}")).await;
    browser.shows("anonymize").await;

    browser.open("/users").await;
    browser.click("Anonymized").await;
    browser.shows("Passed over").await;
    browser.is_in_order_everywhere("anonymized").await;
    browser.fill("name", "grace@example.org").await;
    browser.click("Find").await;
    browser.shows("Nobody of that name is passed over").await;
    browser.fill("name", "ADA@example.org").await;
    browser.click("Find").await;
    browser.shows(&format!("user {ada}")).await;
    browser.click("Let come back").await;
    browser.shows("What was erased stays erased").await;
    browser.is_in_order_everywhere("lift").await;
    browser.fill("reason", "hired again").await;
    browser.run("document.querySelector('main form button.primary').click()", vec![]).await;
    browser.shows("Lifted. The next complete run").await;
    browser.shows("hired again").await;
    browser.is_in_order_everywhere("anonymized-lifted").await;
    browser.open("/anonymized/1").await;
    browser.shows("It was lifted already").await;
    browser.open(&format!("/users/{ada}")).await;
    browser.shows("no user").await;
    browser.close().await;
}

#[test]
fn who_signed_in_by_the_directory_is_gone_with_account_sessions_and_all_that_the_account_did() {
    let directory = Directory::builder().entries(&directory_sign_in::entries()).start();
    let muster = directory_sign_in::synchronized(&directory, "(uid={name})");
    let muster = muster.with_environment("MUSTER_LOG", "info,muster=trace");
    let server = Reader::serve(&muster);
    let ada = Guest::at(server.address());
    ada.sign_in("ada", directory_sign_in::ADA).is(303);
    Guest::at(server.address()).sign_in("ada", "not it").is(401);
    // She has done something here that stays, without her.
    ada.post("/connectors/directory/runs", &[("mode", "complete"), ("task", "all")]).is(303);
    ada.post("/my-account/sessions", &[("session", "0")]).is(303);
    let names = ["Ada Lovelace", "ada@example.org", &format!("uid=ada,ou=people,{SUFFIX}")];
    let by_her = "runs where started_by = 'ada'";
    assert_eq!((count(&muster, by_her), count(&muster, "accounts where name = 'ada'")), (1, 1));
    assert_eq!(count(&muster, "sessions"), 2);
    muster.run(&["cancel", "2"]).succeeded();
    assert!(left_of(&muster, &names).len() > 5, "the search finds her while she is there");

    muster.run(&["user", "anonymize", "ada@example.org", "--yes"]).succeeded();
    ada.get("/me").is(303);
    let left = left_of(&muster, &names);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));
    assert_eq!((count(&muster, "accounts where origin = 'directory'"), count(&muster, "sessions")), (0, 1));
    assert_eq!(count(&muster, "runs where started_by = '(erased)'"), 1, "that somebody did it stays");
    // So short a name is looked for where it stands alone: profiles of columns write the shape of values with such letters.
    for called in [
        "accounts where name = 'ada'",
        "audit where account = 'ada' or subject = 'account ada'",
        "run_log where message ~ '\\mada\\M'",
        "persons where fields::text ~* '\\mada\\M'",
    ] {
        assert_eq!(count(&muster, called), 0, "{called}");
    }
    let signed_in = "audit where subject = 'account (erased)' and action in ('sign-in', 'sign-in-refused')";
    assert_eq!(count(&muster, signed_in), 2, "so does that somebody signed in");
    assert_eq!(
        count(&muster, &format!("{signed_in} and (origin is not null or detail ? 'address')")),
        0,
        "not from where"
    );
    // The directory goes on naming her, as a person and as a member.
    let report = muster.run(&["run", "directory", "--wait", "--json"]).succeeded().json().remove(0);
    assert_eq!(report["entity_types"][0]["suppressed"], 1, "{report:#}");
    assert_eq!(report["problems"]["dangling_reference"], 0, "nothing is said about who refers to her: {report:#}");
    clean(&muster);
    let left = left_of(&muster, &names);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));

    let log = server.log();
    assert!(log.contains("Muster answers at"), "{log}");
    assert_eq!(traces(&log, &names), Vec::<String>::new(), "{log}");
}

#[test]
fn who_signed_in_by_a_provider_or_had_an_account_for_the_own_profile_is_gone_with_it() {
    let town = Town::synchronized();
    let muster = town.muster.with_environment("PROVIDER_SECRET", SECRET).with_environment("MUSTER_LOG", "muster=trace");
    let town = Town { muster };
    let server = Reader::serve(&town.muster);
    let provider = OpenIdProvider::start(server.address(), &provider::people(), true);
    let grace = provider::arrive_in(&town, &server, &provider, "grace-1906");
    let id = town.user("ghopper");
    let mut connection = town.muster.database.connect();
    for (name, role) in [("hopper.g", Role::Person), ("the chief", Role::Administrator)] {
        let account = account::add(&mut connection, name, role, None, "a test").unwrap().unwrap();
        account::belong_to(&mut connection, account, Some(id), "a test").unwrap();
    }
    let names = ["grace-1906", "hopper.g", "ghopper", "Grace Hopper", "grace@example.org", "\"1002\""];
    assert_eq!(count(&town.muster, "accounts where subject like '%grace-1906'"), 1);
    grace.get("/me").is(200);

    town.muster.run(&["user", "anonymize", "ghopper", "--yes"]).succeeded();
    grace.get("/me").is(303);
    let left = left_of(&town.muster, &names);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));
    assert_eq!(count(&town.muster, "sessions"), 1, "the reader's");
    let called = "audit where account ilike '%grace%' or subject ilike '%grace%' or detail::text ilike '%grace%'";
    assert_eq!(count(&town.muster, called), 0, "what the account was called is gone as well");
    let accounts: Vec<String> =
        account::all(&mut connection).unwrap().into_iter().map(|account| account.name).collect();
    assert!(accounts.contains(&"the chief".to_owned()), "what somebody made for more is not hers: {accounts:?}");
    assert_eq!(count(&town.muster, "accounts where person_id is not null"), 0);
    let added = muster::model::audit::newest(&mut connection, None, 100).unwrap();
    assert!(added.iter().any(|line| line.subject == "account (erased)" && line.action == "add"), "{added:#?}");
    assert_eq!(traces(&server.log(), &names), Vec::<String>::new());

    // The provider still knows her; here she is nobody, and is not let in.
    let again = Guest::at(server.address());
    let there = again.get("/sign-in/provider").is(303).to;
    let back = provider.sign_in(&again, &there, "grace-1906");
    again.get(&back).is(403);
    assert_eq!(count(&town.muster, "accounts where subject is not null"), 0);
}
