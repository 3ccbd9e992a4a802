//! What changed since the last time, and the proof that nothing is gone.

use super::Document;
use crate::support::scim::{ScimServer, group, user};
use crate::support::web_responder::{WebResponder, answer};
use muster::connectors::{ChangesError, kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

fn people(count: usize) -> Vec<Value> {
    (0..count).map(|number| user(number, None)).collect()
}

#[track_caller]
fn expired(document: &Document, since: &BTreeMap<String, Value>, words: &str) {
    match document.changes(since) {
        Err(ChangesError::Expired(why)) => assert!(why.contains(words), "{words:?} in {why}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the changes were told"),
    }
}

/// Old enough that the overlap does not show everything again.
fn later(cursors: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut cursors = cursors.clone();
    for cursor in cursors.values_mut() {
        cursor["from"] = cursor["modified"].clone();
    }
    cursors
}

#[test]
fn changed_and_new_resources_are_told_and_the_rest_is_not_read() {
    for options in [json!({}), json!({ "cursor": true, "most": 7 })] {
        let server = ScimServer::start(options);
        let ids = server.create_all("Users", &people(40));
        let club = server.create("Groups", &group("club", &ids[..3]));
        let document = Document::new(&server.url()).users(&["id", "userName", "title"]).groups();
        let first = document.export().unwrap();

        server.set("Users", &ids[5], "title", json!("Lead"));
        let new = server.create("Users", &user(90, None));
        server.patch("Groups", &club, json!({ "op": "add", "path": "members", "value": [{ "value": new }] }));
        let changes = document.changes(&later(&first.cursors)).unwrap();
        let mut told: Vec<&[String]> = changes.rows("users").iter().map(Vec::as_slice).collect();
        told.sort_by_key(|row| row[2].clone());
        // The overlap shows the newest once more.
        let told: Vec<&[String]> = told.into_iter().filter(|row| row[1] == ids[5] || row[1] == new).collect();
        assert_eq!(told[0], ["update", &ids[5], "user0005", "Lead"]);
        assert_eq!(told[1], ["update", &new, "user0090", "Clerk"]);
        assert!(changes.rows("users").len() <= 3, "{:?}", changes.rows("users"));
        assert_eq!(changes.rows("groups.members.value").len(), 4);
        let end = &changes.ends["users"];
        assert!(end.words.contains("41 ids read, none is gone"), "{end:?}");

        let again = document.changes(&later(&changes.cursors)).unwrap();
        assert!(again.rows("users").len() <= 1, "{:?}", again.rows("users"));
    }
}

#[test]
fn what_the_overlap_shows_again_does_not_upset_the_proof() {
    let server = ScimServer::start(json!({}));
    server.create_all("Users", &people(12));
    let document = Document::new(&server.url()).users(&["id"]);
    let first = document.export().unwrap();
    let changes = document.changes(&first.cursors).unwrap();
    assert_eq!(changes.rows("users").len(), 12, "all are younger than the overlap");
    assert_eq!(changes.cursors["users"]["known"], first.cursors["users"]["known"]);
}

#[test]
fn a_deletion_or_another_key_asks_for_a_complete_run() {
    let server = ScimServer::start(json!({}));
    let ids = server.create_all("Users", &people(10));
    let document = Document::new(&server.url()).users(&["id", "userName"]);
    let first = document.export().unwrap();

    server.set("Users", &ids[2], "userName", json!("renamed"));
    expired(&document, &first.cursors, "have other keys");
    let document = Document::new(&server.url()).users(&["id", "title"]);
    let first = document.export().unwrap();
    server.set("Users", &ids[2], "userName", json!("again"));
    document.changes(&first.cursors).unwrap();

    server.delete("Users", &ids[4]);
    expired(&document, &first.cursors, "there are 9 resources where 10 are expected");
    server.create("Users", &user(77, None));
    // Ten again; but other ones.
    expired(&document, &first.cursors, "there are 10 resources where 11 are expected");
}

#[test]
fn a_changed_key_asks_for_a_complete_run_whatever_it_is_made_of() {
    let server = ScimServer::start(json!({}));
    let ids = server.create_all("Users", &people(10));
    let number = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
    let mail = "emails[type eq \"work\"].value";
    for (key, attribute, value) in
        [(number, number, json!("2000")), (mail, "emails", json!([{ "value": "new@work.example", "type": "work" }]))]
    {
        let document = Document::new(&server.url()).users(&["id", "title", number, mail]).key("users", key);
        let first = document.export().unwrap();
        server.set("Users", &ids[1], "title", json!("Lead"));
        assert!(!document.changes(&first.cursors).unwrap().rows("users").is_empty());
        server.set("Users", &ids[2], attribute, value);
        expired(&document, &first.cursors, "have other keys");
    }
}

/// A service of these users whose clock shows that (RFC 9110), or does not say.
fn by_clock(users: Arc<Mutex<(Option<&'static str>, Vec<Value>)>>) -> WebResponder {
    WebResponder::start(move |_, request| {
        let (date, users) = &*users.lock().unwrap();
        let since = request.parameter("filter").and_then(|filter| filter.split("%22").nth(1));
        let since = since.unwrap_or_default().replace("%3A", ":");
        let body = match request.target.starts_with("/Users") {
            false => json!({ "filter": { "supported": true } }),
            true => {
                let shown: Vec<&Value> =
                    users.iter().filter(|user| user["meta"]["lastModified"].as_str().unwrap() >= &since[..]).collect();
                json!({
                    "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                    "totalResults": shown.len(), "Resources": shown,
                })
            }
        };
        let date = date.map(|date| ("Date", date));
        let headers: Vec<_> = date.into_iter().chain([("Content-Type", "application/json")]).collect();
        answer("200 OK", &headers, &body.to_string())
    })
}

#[test]
fn a_date_in_the_future_hides_no_change() {
    let user = |id: &str, created: &str, modified: &str| json!({ "id": id, "title": "Clerk", "meta": { "created": created, "lastModified": modified } });
    let (long_ago, far) = ("2026-11-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let users = vec![user("1", long_ago, long_ago), user("2", long_ago, far), user("3", far, far)];
    let state = Arc::new(Mutex::new((None, users)));
    let service = by_clock(state.clone());
    let document = Document::new(&service.url()).users(&["id", "title"]);
    let untold = document.export().unwrap();
    assert!(untold.cursors.is_empty(), "nobody knows what lies in the future");
    expired(&document, &untold.cursors, "the service's own time");

    state.lock().unwrap().0 = Some("Sun, 29 Nov 2026 18:00:00 GMT");
    let first = document.export().unwrap();
    assert_eq!(first.cursors["users"]["modified"], "2026-11-29T18:00:01Z");
    {
        let (date, users) = &mut *state.lock().unwrap();
        *date = Some("Sun, 29 Nov 2026 19:00:00 GMT");
        users[0]["title"] = "Lead".into();
        users[0]["meta"]["lastModified"] = "2026-11-29T18:30:00Z".into();
        users.push(user("4", "2026-11-29T18:40:00Z", "2026-11-29T18:40:00Z"));
    }
    let changes = document.changes(&first.cursors).unwrap();
    assert_eq!(changes.lines("users"), ["update|1|Lead", "update|2|Clerk", "update|3|Clerk", "update|4|Clerk"]);
    assert_eq!(changes.cursors["users"]["modified"], "2026-11-29T19:00:01Z");
    document.changes(&changes.cursors).unwrap();

    state.lock().unwrap().0 = Some("Sun, 29 Nov 2026 12:00:00 GMT");
    expired(&document, &changes.cursors, "clock is behind");
}

#[test]
fn leaving_or_entering_the_filter_asks_for_a_complete_run() {
    let server = ScimServer::start(json!({}));
    let ids = server.create_all("Users", &people(6));
    let table = "name = \"users\"\nresource = \"Users\"\nfilter = \"active eq true\"\n";
    let document = Document::new(&server.url()).table(table, &["id"]);
    let first = document.export().unwrap();
    server.set("Users", &ids[1], "active", json!(false));
    expired(&document, &first.cursors, "there are 5 resources where 6 are expected");
    let second = document.export().unwrap();
    server.set("Users", &ids[1], "active", json!(true));
    expired(&document, &second.cursors, "there are 6 resources where 5 are expected");
}

#[test]
fn a_cursor_of_another_source_or_a_service_without_filters_is_no_use() {
    let server = ScimServer::start(json!({ "filter": false }));
    server.create_all("Users", &people(3));
    let document = Document::new(&server.url()).users(&["id"]);
    let first = document.export().unwrap();
    assert!(first.cursors.is_empty(), "there is nothing to go by");
    expired(&document, &first.cursors, "no applied run has read it whole");

    let server = ScimServer::start(json!({}));
    server.create_all("Users", &people(3));
    let document = Document::new(&server.url()).users(&["id"]);
    let first = document.export().unwrap();
    let other = "name = \"users\"\nresource = \"Users\"\nfilter = \"active eq true\"\n";
    expired(&Document::new(&server.url()).table(other, &["id"]), &first.cursors, "filter");
    expired(
        &document,
        &BTreeMap::from([("users".to_owned(), json!({ "odd": 1 }))]),
        "no applied run has read it whole",
    );

    let table = "name = \"users\"\nresource = \"Users\"\nincremental = false\n";
    let request = Document::new(&server.url()).table(table, &["id"]).request();
    let scim = kind("scim").unwrap();
    assert!(!scim.tells_changes(&request.definition, &request.definition.tables[0]));
    let request = document.request();
    assert!(scim.tells_changes(&request.definition, &request.definition.tables[0]));
}
