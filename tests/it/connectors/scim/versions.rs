//! What changed, by the versions (ETags) of resources.

use super::Document;
use crate::support::recorder::Recorder;
use crate::support::scim::{ScimServer, group, user};
use crate::support::web_responder::{Reply, Request, WebResponder, answer, json};
use muster::connectors::{ChangesError, kind};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

const USERS: &str = "name = \"users\"\nresource = \"Users\"\nchanges = \"version\"\n";
const GROUPS: &str = "name = \"groups\"\nresource = \"Groups\"\nchanges = \"version\"\n";

/// Users by their names, told by their versions.
fn users(url: &str) -> Document {
    Document::new(url).table(USERS, &["userName", "title"]).key("users", "userName")
}

fn people(count: usize) -> Vec<Value> {
    (0..count).map(|number| user(number, None)).collect()
}

/// Command, user name and title of each change, sorted.
fn told(changes: &Recorder) -> Vec<[&str; 3]> {
    let mut told: Vec<[&str; 3]> =
        changes.rows("users").iter().map(|row| [row[0].as_str(), row[1].as_str(), row[2].as_str()]).collect();
    told.sort_unstable();
    told
}

#[track_caller]
fn expired(result: Result<Recorder, ChangesError>, words: &str) {
    match result {
        Err(ChangesError::Expired(why)) => assert!(why.contains(words), "{words:?} in {why}"),
        Err(other) => panic!("{other}"),
        Ok(changes) => panic!("the changes were told: {:?}", changes.tables),
    }
}

#[test]
fn what_changed_and_what_is_gone_is_told_and_the_rest_is_not_read() {
    for options in [json!({}), json!({ "cursor": true, "most": 7 }), json!({ "filter": false })] {
        let server = ScimServer::start(options);
        let ids = server.create_all("Users", &people(40));
        let club = server.create("Groups", &group("club", &ids[..3]));
        server.create("Groups", &group("others", &ids[3..5]));
        let mut document = users(&server.url()).groups();
        document.definition.tables.pop();
        let document = document.table(GROUPS, &["id", "displayName", "members.value"]).key("groups", "id");
        let first = document.export().unwrap();
        assert_eq!(first.tables["users"].header, ["userName", "title", "id", "meta.version"]);
        assert_eq!(first.tables["groups"].header, ["id", "displayName", "meta.version"]);
        assert!(first.column("users", "meta.version").iter().all(|version| version.starts_with("W/\"")));

        let nothing = document.changes_after(&first).unwrap();
        assert!(nothing.rows("users").is_empty() && nothing.rows("groups").is_empty(), "{:?}", nothing.tables);
        assert_eq!(nothing.cursors, first.cursors);

        server.set("Users", &ids[5], "title", json!("Lead"));
        server.set("Users", &ids[7], "userName", json!("renamed"));
        server.delete("Users", &ids[6]);
        let new = server.create("Users", &user(90, None));
        server.patch("Groups", &club, json!({ "op": "add", "path": "members", "value": [{ "value": new }] }));
        let changes = document.changes_after(&first).unwrap();
        let expected = [
            ["delete", "user0006", "Clerk"],
            ["delete", "user0007", "Clerk"],
            ["update", "renamed", "Clerk"],
            ["update", "user0005", "Lead"],
            ["update", "user0090", "Clerk"],
        ];
        assert_eq!(told(&changes), expected);
        assert_eq!(changes.rows("users")[0][0], "delete", "deletes stand first");
        let [row] = changes.rows("groups") else { panic!("{:?}", changes.rows("groups")) };
        assert_eq!(row[..3], ["update", &club, "club"]);
        assert_eq!(changes.rows("groups.members.value").len(), 4, "all members of the one that changed");
        let end = &changes.ends["users"].words;
        assert!(end.contains("by their versions 3 new or changed, 2 keys gone"), "{end}");
    }
}

#[test]
fn check_says_whether_there_are_versions() {
    let server = ScimServer::start(json!({}));
    server.create_all("Users", &people(3));
    let check = |document: Document| kind("scim").unwrap().check(&document.request()).unwrap().remove(1).message;
    assert_eq!(check(users(&server.url())), "3 resources of 3 read to try; changes are told by meta.version");
    let without = service(|_| json(list(&[(1, None)])), |_, _| unreachable!());
    assert!(check(users(&without.url())).contains("without meta.version, so incremental runs become complete ones"));
}

/// A service that does not date anything: its list is `users(number of the request)`, one user `one(id, request)`.
fn service(
    users: impl Fn(usize) -> Reply + Send + Sync + 'static,
    one: impl Fn(&str, &Request) -> Reply + Send + Sync + 'static,
) -> WebResponder {
    let count = AtomicUsize::new(0);
    WebResponder::start(move |_, request| match request.target.strip_prefix("/Users") {
        Some(rest) if rest.starts_with('/') => one(&rest[1..], request),
        Some(_) => users(count.fetch_add(1, Ordering::SeqCst)),
        None => answer("404 Not Found", &[], ""),
    })
}

fn resource(id: usize, version: Option<&str>) -> Value {
    json!({ "id": id.to_string(), "userName": format!("u{id}"), "title": version, "meta": { "version": version } })
}

fn list(users: &[(usize, Option<&str>)]) -> Value {
    let resources: Vec<Value> = users.iter().map(|(id, version)| resource(*id, *version)).collect();
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": resources.len(),
            "Resources": resources })
}

const OLD: Option<&str> = Some("\"1\"");
const NEW: Option<&str> = Some("\"2\"");

#[test]
fn each_resource_is_asked_for_unless_it_is_what_is_known() {
    let service = service(
        |number| match number {
            0 => json(list(&[(1, OLD), (2, OLD), (3, OLD), (4, OLD)])),
            _ => json(list(&[(1, OLD), (2, NEW), (3, NEW), (4, NEW), (5, NEW)])),
        },
        |id, _| match id {
            "2" | "5" => json(resource(id.parse().unwrap(), NEW)),
            "3" => answer("304 Not Modified", &[("ETag", "\"1\"")], ""),
            "4" => answer("404 Not Found", &[], ""),
            other => panic!("{other} was asked for"),
        },
    );
    let document = users(&service.url());
    let first = document.export().unwrap();
    let changes = document.changes_after(&first).unwrap();
    // What is gone since it was listed, the next run will not find listed.
    assert_eq!(told(&changes), [["update", "u2", "\"2\""], ["update", "u5", "\"2\""]]);
    let asked: Vec<Request> =
        service.requests().into_iter().filter(|request| request.target.starts_with("/Users/")).collect();
    assert_eq!(asked.len(), 4);
    for request in asked {
        let is_new = request.target.ends_with("/5");
        assert_eq!(request.head.contains("if-none-match: \"1\"\r\n"), !is_new, "{}", request.head);
    }
}

#[test]
fn versions_that_are_no_entity_tags_are_not_sent_as_such() {
    let service = service(
        |number| json(list(&[(1, Some(if number == 0 { "v1" } else { "v2" }))])),
        |_, request| {
            assert!(!request.head.contains("if-none-match"), "{}", request.head);
            json(resource(1, Some("v2")))
        },
    );
    let document = users(&service.url());
    let changes = document.changes_after(&document.export().unwrap()).unwrap();
    assert_eq!(told(&changes), [["update", "u1", "v2"]]);
}

#[test]
fn what_is_doubtful_is_an_error_or_for_a_complete_run() {
    // Without versions nothing can be told.
    let without = service(|_| json(list(&[(1, OLD), (2, None)])), |_, _| unreachable!());
    let first = users(&without.url()).export().unwrap();
    assert!(first.cursors.is_empty());
    expired(users(&without.url()).changes_after(&first), "no applied run has read it whole with the meta.version");
    let fewer = service(|number| json(list(&[(1, if number == 0 { OLD } else { None })])), |_, _| unreachable!());
    let first = users(&fewer.url()).export().unwrap();
    expired(users(&fewer.url()).changes_after(&first), "a resource has no meta.version any more");

    // A list that is empty now: a right that was taken away looks like this.
    let many: Vec<(usize, Option<&str>)> = (0..20).map(|id| (id, OLD)).collect();
    let empty = service(move |number| json(list(if number == 0 { &many[..] } else { &[] })), |_, _| unreachable!());
    let first = users(&empty.url()).export().unwrap();
    expired(users(&empty.url()).changes_after(&first), "shows no resource at all any more");
    let few = service(|number| json(list(if number == 0 { &[(1, OLD)][..] } else { &[] })), |_, _| unreachable!());
    let first = users(&few.url()).export().unwrap();
    assert_eq!(told(&users(&few.url()).changes_after(&first).unwrap()), [["delete", "u1", "\"1\""]]);

    // Another filter, another column, extractions that are gone.
    let filtered =
        Document::new(&few.url()).table(&format!("{USERS}filter = \"active eq true\""), &["userName", "title"]);
    expired(filtered.changes_after(&first), "its address, filter or columns are others");
    let wider = Document::new(&few.url()).table(USERS, &["userName", "title", "nickName"]);
    expired(wider.changes_after(&first), "its address, filter or columns are others");
    let mut forgotten = Recorder::default();
    forgotten.cursors = first.cursors.clone();
    expired(users(&few.url()).changes_after(&forgotten), "extractions are gone");
    forgotten.tables = first.tables.clone();
    forgotten.tables.get_mut("users").unwrap().rows[0][3].clear();
    expired(users(&few.url()).changes_after(&forgotten), "read without its versions");

    // Somebody takes a name that another still has.
    let twice = service(
        |number| json(list(&[(1, OLD), (2, if number == 0 { OLD } else { NEW })])),
        |_, _| json(json!({ "id": "2", "userName": "u1", "meta": { "version": NEW } })),
    );
    let first = users(&twice.url()).export().unwrap();
    expired(users(&twice.url()).changes_after(&first), "several resources have one key");

    // One that is about somebody else, or breaks off.
    for (body, words, transient) in
        [("{\"id\": \"7\"}", "not about the resource that was asked for", false), ("{\"id\": \"1", "is no JSON", true)]
    {
        let other = service(
            |number| json(list(&[(1, if number == 0 { OLD } else { NEW })])),
            move |_, _| answer("200 OK", &[("Content-Type", "application/json")], body),
        );
        let first = users(&other.url()).export().unwrap();
        match users(&other.url()).changes_after(&first) {
            Err(ChangesError::Failed(error)) => {
                assert!(error.message.contains(words) && error.place.ends_with("/Users/{id}"), "{error}");
                assert_eq!(error.transient, transient, "{error}");
            }
            _ => panic!("{body} was taken for the resource"),
        }
    }
}
