//! The audit log: complete, append-only, found again, without secrets.

use crate::support::api::{Api, CLUBS, PEOPLE, campus};
use crate::support::browser::Look;
use crate::support::database::TestDatabase;
use crate::support::program::Program;
use crate::support::site::{PASSWORD, Site};
use chrono::{TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use muster::model::audit::{self, AuditEntry, Filter};
use muster::web::routes;
use serde_json::{Value, json};

/// What each route that changes something leaves in the log, or why it leaves nothing.
const LEAVES: &[(&str, &str, &str)] = &[
    ("POST", "/new-connector", "apply"),
    ("POST", "/connectors/{connector}/runs", "start"),
    ("POST", "/connectors/{connector}/check", "-: it looks, and changes nothing"),
    ("POST", "/connectors/{connector}/activity", "activate deactivate"),
    ("POST", "/connectors/{connector}/edit", "save-draft"),
    ("POST", "/connectors/{connector}/reload", "apply reload"),
    ("POST", "/connectors/{connector}/discard-draft", "discard-draft"),
    ("POST", "/connectors/{connector}/schema", "refresh-schema"),
    ("POST", "/connectors/{connector}/mapping/{entity_type}", "save-draft"),
    ("POST", "/connectors/{connector}/mapping/{entity_type}/try", "-: it looks, and changes nothing"),
    ("POST", "/connectors/{connector}/holds", "release"),
    ("POST", "/connectors/{connector}/feeds", "upload"),
    ("POST", "/connectors/{connector}/feeds/start", "start"),
    ("POST", "/runs/{run}/resume", "resume"),
    ("POST", "/runs/{run}/without", "resume_without hold"),
    ("POST", "/runs/{run}/discard", "discard"),
    ("POST", "/runs/{run}/cancel", "cancel"),
    ("POST", "/runs/{run}/retry", "retry"),
    ("POST", "/runs/{run}/revert", "start"),
    ("POST", "/accounts", "add invite"),
    ("POST", "/accounts/{account}", "change invite"),
    ("POST", "/tokens", "create"),
    ("POST", "/tokens/{token}", "revoke"),
    ("POST", "/deliveries/test", "test"),
    ("POST", "/deliveries/{delivery}/retry", "retry"),
    ("POST", "/deliveries/{delivery}/give-up", "give-up"),
    ("POST", "/appearance", "-: light or dark, kept by the browser"),
    ("POST", "/sign-in", "sign-in"),
    ("POST", "/sign-out", "sign-out"),
    ("POST", "/welcome/{token}", "sign-in"),
    ("PUT", "/api/v1/connectors/{connector}", "apply"),
    ("POST", "/api/v1/connectors/{connector}/runs", "start"),
    ("POST", "/api/v1/connectors/{connector}/feed", "start"),
    ("PUT", "/api/v1/connectors/{connector}/tables/{table}/file", "upload"),
    ("PATCH", "/api/v1/connectors/{connector}/tables/{table}/file", "upload, with the last piece"),
    ("POST", "/api/v1/runs/{run}/resume", "resume"),
    ("POST", "/api/v1/runs/{run}/discard", "discard"),
    ("POST", "/api/v1/runs/{run}/cancel", "cancel"),
    ("POST", "/api/v1/runs/{run}/retry", "retry"),
    ("POST", "/api/v1/runs/{run}/revert", "start"),
    ("POST", "/users/{id}/export", "export"),
    ("POST", "/users/{id}/anonymize", "anonymize"),
    ("POST", "/anonymized", "-: it looks a name up, and changes nothing"),
    ("POST", "/anonymized/{number}", "lift-suppression"),
    ("POST", "/users/{id}/synchronize", "start"),
    ("POST", "/users/{id}/block", "block"),
    ("POST", "/users/{id}/unblock", "unblock"),
    ("POST", "/users/{id}/merge", "merge"),
    ("POST", "/users/{id}/separate", "separate"),
    ("POST", "/matches", "correlate"),
    ("POST", "/matches/undo", "undo_correlate"),
    ("POST", "/runs/{run}/moves", "correlate"),
    ("POST", "/users/{id}/photo", "edit override"),
    ("POST", "/users/{id}/photo/remove", "edit end-override"),
    ("POST", "/users/{id}/edit", "edit"),
    ("POST", "/users/{id}/override/{field}", "override"),
    ("POST", "/users/{id}/override/{field}/end", "end-override"),
    ("POST", "/groups", "create"),
    ("POST", "/groups/{id}/edit", "change"),
    ("POST", "/groups/{id}/delete", "delete"),
    ("POST", "/groups/{id}/nest", "add-group"),
    ("POST", "/groups/{id}/take-out", "remove-group"),
    ("POST", "/groups/{id}/call", "-: it looks names up, and changes nothing"),
    ("POST", "/groups/{id}/members", "add-members"),
    ("POST", "/groups/{id}/members/remove", "remove-members"),
    ("POST", "/groups/{id}/rule", "rule"),
    ("POST", "/profile-fields", "apply"),
    ("POST", "/profile-fields/{field}", "apply"),
    ("POST", "/profile-fields/{field}/remove", "apply remove"),
    ("POST", "/me/edit", "edit"),
    ("POST", "/me/photo", "edit"),
    ("POST", "/me/photo/remove", "edit"),
    ("POST", "/my-account/sessions", "end-sessions"),
    ("POST", "/my-account/second-factor", "add-factor remove-factor renew-recovery-codes"),
    ("POST", "/sessions", "end-sessions"),
    ("POST", "/sign-in/code", "sign-in sign-in-refused"),
    ("POST", "/sign-in/provider", "-: it leads to the provider; coming back leaves sign-in"),
];

#[test]
fn every_route_that_changes_something_says_what_it_leaves_in_the_log() {
    let changing = routes::table().into_iter().filter(|route| !matches!(route.method.as_str(), "GET" | "HEAD"));
    let unsaid: Vec<String> = changing
        .map(|route| (route.method.to_string(), route.path))
        .filter(|(method, path)| !LEAVES.iter().any(|(of, at, _)| of == method && at == path))
        .map(|(method, path)| format!("{method} {path}"))
        .collect();
    assert!(unsaid.is_empty(), "whoever changes something is in the audit log; say how, or why not, for {unsaid:?}");
}

fn log(site: &Site) -> Vec<AuditEntry> {
    audit::newest(&mut site.program.database.connect(), None, 1000).unwrap()
}

#[tokio::test]
async fn what_people_and_programs_do_stands_there_with_its_place_and_without_secrets() {
    let site = Site::start(Program::new());
    let browser = site.browse().await;
    site.program.run_with_stdin(&["apply", "-"], &campus(false)).succeeded();
    let secret = site.program.run(&["token", "create", "feed", "--scope", "upload,run,read,decide"]).succeeded().stdout;
    let api = Api::coming_with(&site, secret.trim());
    for (table, text) in [("people", PEOPLE), ("clubs", CLUBS)] {
        let path = format!("/api/v1/connectors/campus/tables/{table}/file");
        assert!(api.put(&path, text).await.status.is_success());
    }
    let run = api.post("/api/v1/connectors/campus/feed", json!({})).await.is(202).json();
    api.rests(&run["id"]).await;
    browser.open("/accounts").await;
    browser.fill("name", "oda").await;
    browser.click("Add").await;
    browser.shows("/welcome/").await;
    let invitation = browser.run("return document.documentElement.innerHTML", vec![]).await;
    let invitation = invitation.as_str().unwrap().split("/welcome/").nth(1).unwrap();
    let invitation: String = invitation.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    assert!(invitation.len() > 30);

    let log = log(&site);
    let told: Vec<(&str, &str, &str)> =
        log.iter().map(|line| (line.account.as_str(), line.action.as_str(), line.subject.as_str())).collect();
    for line in [
        ("token feed", "upload", "connector campus"),
        ("token feed", "start", "run 1"),
        ("admin", "sign-in", "account admin"),
        ("admin", "add", "account oda"),
    ] {
        assert!(told.contains(&line), "{line:?} is not in {told:#?}");
    }
    let origin = |action: &str| log.iter().find(|line| line.action == action).unwrap().origin.clone();
    assert_eq!(origin("start").as_deref(), Some("127.0.0.1"));
    assert_eq!(origin("sign-in").as_deref(), Some("127.0.0.1"));
    assert_eq!(origin("create"), None, "at the command line");

    // Whatever signs somebody in stands nowhere in it.
    let whole = serde_json::to_string(&log).unwrap();
    for secret in [PASSWORD, secret.trim(), &invitation, site.welcome.trim_start_matches("/welcome/")] {
        assert!(!whole.contains(secret), "a secret is in the log");
    }

    browser.open("/audit").await;
    browser.shows("nobody can change it").await;
    for (width, look) in [(1440, Look::Light), (320, Look::Dark)] {
        browser.look(width, look).await;
        browser.is_in_order("audit", width, look).await;
    }
    browser.open("/audit?subject=run+1&account=token+feed").await;
    browser.shows("run 1").await;
    let shown = browser.run("return document.querySelectorAll('main tbody tr').length", vec![]).await;
    assert_eq!(shown, json!(1));
    browser.open("/audit?action=start&until=2001-01-01T00:00").await;
    browser.shows("No line matches").await;

    let token = browser.client.get_named_cookie("muster").await.unwrap().value().to_owned();
    browser.close().await;
    let get = async |path: &str| {
        let client = reqwest::Client::new();
        let request = client.get(format!("{}{path}", site.address)).header("cookie", format!("muster={token}"));
        request.send().await.unwrap().text().await.unwrap()
    };
    let csv = get("/audit.csv?action=upload").await;
    assert!(csv.starts_with("id,at,account,origin,action,subject,detail\n"), "{csv}");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    let lines: Vec<Value> = get("/audit.json").await.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), log.len());
}

#[test]
fn nobody_changes_or_removes_a_line() {
    let database = TestDatabase::new();
    let mut connection = database.connect();
    audit::record(&mut connection, "ada", "apply", "connector hr", json!({})).unwrap();
    for statement in ["update audit set account = 'bob'", "delete from audit", "truncate audit"] {
        let refused = connection.batch_execute(statement).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
        let erasing = format!("begin; set local muster.audit = 'erase'; {statement}");
        let whole = connection.batch_execute(&erasing);
        connection.batch_execute("rollback").unwrap();
        assert_eq!(whole.is_ok(), statement.starts_with("update"), "a person's data may be taken out, lines stay");
    }
    let refused = connection.batch_execute("begin; set local muster.audit = 'erase'; update audit set action = 'x'");
    assert!(refused.unwrap_err().to_string().contains("append-only"), "what was done stays");
    connection.batch_execute("rollback").unwrap();
    assert_eq!(audit::purge(&mut connection, Utc::now() - TimeDelta::days(1)).unwrap(), 0);
    assert_eq!(audit::purge(&mut connection, Utc::now() + TimeDelta::days(1)).unwrap(), 1, "by age");
}

#[test]
fn lines_are_found_again_page_by_page() {
    let database = TestDatabase::new();
    let mut connection = database.connect();
    for number in 0..25 {
        let account = if number % 2 == 0 { "ada" } else { "bob" };
        audit::record(&mut connection, account, "start", &format!("run {number}"), json!({})).unwrap();
    }
    audit::record_change(
        &mut connection,
        "ada",
        "change",
        "account bob",
        [json!({"active": true}), json!({"active": false})],
    )
    .unwrap();
    let filter = Filter { account: Some("ada".into()), action: Some("start".into()), ..Filter::default() };
    let first = audit::page(&mut connection, &filter, None, 10).unwrap();
    let rest = audit::page(&mut connection, &filter, Some(first[9].id), 10).unwrap();
    assert_eq!((first.len(), rest.len(), &*rest[2].subject), (10, 3, "run 0"));
    let by = |subject: &str| Filter { subject: Some(subject.into()), ..Filter::default() };
    assert_eq!(audit::page(&mut connection, &by("run 2"), None, 100).unwrap().len(), 6, "run 2, and 20 to 24");
    assert_eq!(audit::page(&mut connection, &by("run%"), None, 100).unwrap().len(), 0, "no pattern");
    assert_eq!(audit::actions(&mut connection).unwrap(), ["change", "start"]);
}
