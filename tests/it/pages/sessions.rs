//! Who is signed in, and how that ends.

use crate::support::guest::{Guest, account};
use crate::support::program::Program;
use crate::support::reader::Reader;
use crate::support::site::PASSWORD;
use crate::support::town::Town;
use diesel::prelude::*;
use muster::model::account::{self as accounts, Role};
use muster::model::audit;
use muster::schema::sessions;

fn standing(muster: &Program) -> i64 {
    sessions::table.count().get_result(&mut muster.database.connect()).unwrap()
}

#[test]
fn sessions_are_listed_with_where_and_how_and_can_be_ended() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Operator);
    account(&muster, "chief", Role::Administrator);
    let [here, there, admin] = [(); 3].map(|()| Guest::at(server.address()));
    here.sign_in("ada", PASSWORD).is(303).leads_to("/");
    there.sign_in("ada", PASSWORD).is(303);
    admin.sign_in("chief", PASSWORD).is(303);

    let own = here.get("/my-account").is(200).says("Firefox on Linux").says("127.0.0.1").says("by password");
    assert_eq!(own.body.matches("name=\"session\"").count(), 2, "{own:?}");
    assert!(!own.body.contains("chief"), "those of others are nobody's business");
    let all = admin.get("/sessions").is(200);
    assert_eq!(all.body.matches("name=\"session\"").count(), 4, "ada twice, the chief, and the test's viewer: {all:?}");
    here.get("/sessions").is(403);

    // Somebody else's can't be ended by who is no administrator.
    let foreign = admin.get("/my-account").between("name=\"session\" value=\"", "\"");
    here.post("/my-account/sessions", &[("session", &foreign)]).is(303);
    admin.get("/my-account").is(200);
    here.get("/my-account").says("had ended already");

    here.post("/my-account/sessions", &[("others", "yes")]).is(303);
    here.get("/my-account").is(200).says("1 session has ended.");
    there.get("/my-account").is(303).leads_to("/sign-in?to=%2Fmy-account");

    let ada = admin.get("/sessions").between("<th scope=\"row\">ada", "End<");
    let id = ada.split("name=\"session\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    admin.post("/sessions", &[("session", &id)]).is(303);
    here.get("/my-account").is(303);
    let log = audit::newest(&mut muster.database.connect(), None, 20).unwrap();
    let told: Vec<_> = log.iter().map(|line| format!("{} {} {}", line.account, line.action, line.subject)).collect();
    assert_eq!(&told[..2], ["chief end-sessions account ada", "ada end-sessions account ada"]);
    assert!(told.contains(&"ada sign-in account ada".to_owned()), "{told:?}");
}

#[test]
fn a_session_is_a_new_one_after_each_sign_in_and_gone_after_the_sign_out() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Viewer);
    let ada = Guest::at(server.address());
    let before = standing(&muster);
    ada.sign_in("ada", PASSWORD).is(303);
    ada.sign_in("ada", PASSWORD).is(303);
    assert_eq!(standing(&muster), before + 1, "the first one has ended");
    ada.post("/sign-out", &[]).is(303).leads_to("/sign-in");
    assert_eq!(standing(&muster), before);
    ada.get("/").is(303);
}

#[test]
fn an_account_that_is_switched_off_is_signed_out_at_once() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    let id = account(&muster, "ada", Role::Viewer);
    account(&muster, "chief", Role::Administrator);
    let (ada, admin) = (Guest::at(server.address()), Guest::at(server.address()));
    ada.sign_in("ada", PASSWORD).is(303);
    admin.sign_in("chief", PASSWORD).is(303);
    ada.get("/connectors").is(200);
    admin.post(&format!("/accounts/{id}"), &[("role", "viewer")]).is(303);
    ada.get("/connectors").is(303);
    ada.sign_in("ada", PASSWORD).is(401).says("match");
}

#[test]
fn a_user_who_is_blocked_is_signed_out_at_once_and_stays_out() {
    let town = Town::synchronized();
    let server = Reader::serve(&town.muster);
    let id = account(&town.muster, "grace", Role::Operator);
    let mut connection = town.muster.database.connect();
    accounts::belong_to(&mut connection, id, Some(town.user("ghopper")), "a test").unwrap();
    let grace = Guest::at(server.address());
    grace.sign_in("grace", PASSWORD).is(303);
    grace.get("/connectors").is(200);
    let before = standing(&town.muster);

    town.a_day_later();
    grace.get("/connectors").is(303).leads_to("/sign-in?to=%2Fconnectors");
    assert_eq!(standing(&town.muster), before - 1, "it has ended, and does not come back when the user does");
    grace.sign_in("grace", PASSWORD).is(401).says("match");
    let log = audit::newest(&mut connection, None, 1).unwrap();
    assert_eq!((log[0].action.as_str(), log[0].subject.as_str()), ("sign-in-refused", "account grace"));
}

#[test]
fn what_is_typed_as_an_unknown_name_is_not_written_down() {
    let muster = Program::new();
    let server = Reader::serve(&muster);
    account(&muster, "ada", Role::Viewer);
    let guest = Guest::at(server.address());
    guest.sign_in("hunter2 is my password", "ada").is(401);
    for _ in 0..8 {
        guest.sign_in("ada", "wrong").is(401);
    }
    guest.sign_in("ada", PASSWORD).is(429);
    account(&muster, "chief", Role::Administrator);
    let chief = Guest::at(server.address());
    chief.sign_in("chief", PASSWORD).is(303);
    let page = chief.get("/accounts?q=AD").is(200).says("locked");
    assert!(!page.body.contains("Save<span class=\"hidden\"> chief"), "{page:?}");
    let id = page.between("action=\"/accounts/", "\"");
    chief.post(&format!("/accounts/{id}"), &[("role", "viewer"), ("unlock", "yes")]).is(303);
    guest.sign_in("ada", PASSWORD).is(303);
    let log = audit::newest(&mut muster.database.connect(), None, 100).unwrap();
    assert!(!format!("{log:?}").contains("hunter2"), "{log:?}");
    let locks: Vec<_> = log.iter().filter(|line| line.action == "lock").map(|line| line.subject.as_str()).collect();
    assert_eq!(locks, ["account ada"]);
}

#[test]
fn all_sessions_are_found_page_by_page_each_once() {
    let muster = Program::new();
    let id = account(&muster, "ada", Role::Viewer);
    account(&muster, "chief", Role::Administrator);
    // Some were used at the very same moment.
    diesel::sql_query(format!(
        "insert into sessions (digest, account_id, csrf, agent, last_seen_at, expires_at)
         select sha256(n::text::bytea), {}, 'x', 'program ' || n, now() - (n / 7) * interval '1 second', now() + interval '1 hour'
           from generate_series(1, 560) n",
        id.0
    ))
    .execute(&mut muster.database.connect())
    .unwrap();
    let server = Reader::serve(&muster);
    let chief = Guest::at(server.address());
    chief.sign_in("chief", PASSWORD).is(303);
    let mut path = "/sessions".to_owned();
    let mut found = Vec::new();
    let mut pages = 0;
    loop {
        let page = chief.get(&path).is(200).says("562 sessions");
        let named = page.body.split("program ").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        // Each stands on its line, and on its button for those who do not see.
        found.extend(named.filter(|name| name.chars().all(|c| c.is_ascii_digit())));
        pages += 1;
        match page.body.contains("Next page") {
            true => path = page.between("aria-label=\"Pages\"><a class=\"button\" href=\"", "\""),
            false => break,
        }
    }
    let each: std::collections::BTreeSet<&String> = found.iter().collect();
    assert_eq!((pages, each.len()), (12, 560));
    assert_eq!(found.len(), 2 * 560, "each once, with its button");
}
