//! `scim.toml` as it stands, but for the service's address, against a real SCIM service: complete runs, incremental ones,
//! and services that give less than everything.

use super::stored::{apply, assert_figures, count, lines, report, rows, run, state};
use crate::support::documents::wide_open;
use crate::support::program::{Program, Ran, examples};
use crate::support::scim::{ScimServer, TOKEN, group, user};
use crate::support::web_responder::{Reply, WebResponder, answer, json};
use serde_json::{Value, json};
use std::fs;

/// A service with people and groups, and a database with its connector.
struct Company {
    muster: Program,
    server: ScimServer,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Company {
    /// Forty users, the first managing the others; two groups, the second within the first. Read once.
    fn read_once(options: Value) -> Self {
        let server = ScimServer::start(options);
        let first = server.create("Users", &user(0, None));
        let others: Vec<Value> = (1..40).map(|number| user(number, Some(&first))).collect();
        let mut users = vec![first];
        users.extend(server.create_all("Users", &others));
        let inner = server.create("Groups", &group("inner", &users[10..20]));
        let mut members = users[..5].to_vec();
        members.push(inner.clone());
        let outer = server.create("Groups", &group("outer", &members));
        let company = Self {
            muster: Program::new().with_environment("SCIM_TOKEN", TOKEN),
            server,
            users,
            groups: vec![outer, inner],
        };
        company.configure(&company.server.url());
        apply(&company.muster, "idp");
        company
    }

    fn configure(&self, url: &str) {
        let example = fs::read_to_string(examples().join("scim.toml")).unwrap();
        let document = example
            .replace("https://idp.example.org/scim/v2", url)
            .replace("page_size = 200", "page_size = 15\ntimeout_seconds = 2")
            .replace("[[connection]]", &format!("{}\n[[connection]]", wide_open!()));
        let path = self.muster.folder.path().join("idp.toml");
        fs::write(&path, document).unwrap();
        self.muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    }

    fn incremental(&self) -> Value {
        let ran = self.muster.run(&["run", "idp", "--mode", "incremental", "--wait", "--json"]);
        hides_the_token(&ran);
        report(&ran.succeeded())
    }

    fn complete(&self) -> Ran {
        let ran = run(&self.muster, "idp");
        hides_the_token(&ran);
        ran
    }

    /// A complete run finds that what is stored is what the service has.
    #[track_caller]
    fn has_no_drift(&self) {
        let before = (rows(&self.muster), state(&self.muster));
        let run = report(&self.complete().succeeded());
        assert_eq!(run["state"], "completed");
        assert_eq!((rows(&self.muster), state(&self.muster)), before);
    }

    /// A run fails with these words, and nothing has changed.
    #[track_caller]
    fn fails(&self, url: &str, words: &[&str]) {
        let before = (rows(&self.muster), state(&self.muster));
        self.configure(url);
        let run = report(&self.complete().exited(1));
        assert_eq!(run["state"], "failed", "{run}");
        let error = run["result"]["errors"][0].as_str().unwrap();
        for word in words {
            assert!(error.contains(word), "{word:?} in {error:?}");
        }
        assert_eq!((rows(&self.muster), state(&self.muster)), before);
    }
}

fn hides_the_token(ran: &Ran) {
    assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN), "{ran:?}");
}

#[test]
fn a_service_is_read_and_read_again_without_writing() {
    let company = Company::read_once(json!({ "cursor": true }));
    assert_eq!(count(&company.muster, "select count(*) from persons"), 40);
    let ada = lines(
        &company.muster,
        "select concat_ws(' ', fields ->> 'user_name', fields ->> 'display_name', fields ->> 'mail', fields ->> 'employee_id')
           from persons where fields ->> 'user_name' = 'user0007'",
    );
    assert_eq!(ada, ["user0007 Family7, G7 user0007@work.example 1007"]);
    let links = |name: &str| {
        count(
            &company.muster,
            &format!(
                "select count(*) from links l join associations a on a.id = l.association_id and a.name = '{name}'"
            ),
        )
    };
    assert_eq!((links("manager"), links("member")), (39, 16));
    assert_eq!(count(&company.muster, "select count(*) from group_closure"), 1);
    company.has_no_drift();
    let check = company.muster.run(&["check", "idp"]).succeeded();
    assert!(check.stdout.contains("SCIM 2.0: filter") && check.stdout.contains("3 resources of 40"), "{check:?}");
}

#[test]
fn incremental_runs_come_to_what_a_complete_one_would() {
    let company = Company::read_once(json!({}));
    let Company { server, users, groups, .. } = &company;
    server.set("Users", &users[3], "name.familyName", json!("Married"));
    let new = server.create("Users", &user(90, Some(&users[1])));
    server.patch("Groups", &groups[1], json!({ "op": "add", "path": "members", "value": [{ "value": new }] }));
    server.patch(
        "Groups",
        &groups[0],
        json!({ "op": "remove", "path": format!("members[value eq \"{}\"]", users[2]) }),
    );
    let run = company.incremental();
    assert_eq!(run["mode"], "incremental", "{run}");
    // All are younger than the overlap, and so are read again.
    let figures = [("read", 41), ("inserted", 1), ("updated", 1), ("unchanged", 39)];
    assert_figures(&run, "entity_types", "idp_user", &figures);
    assert_figures(&run, "associations", "member", &[("inserted", 1), ("deleted", 1)]);
    assert_figures(&run, "associations", "manager", &[("inserted", 1)]);
    company.has_no_drift();

    // SCIM can't tell who was deleted: the run becomes a complete one, which can, and says so.
    server.delete("Users", &users[30]);
    let run = company.incremental();
    assert_eq!(run["mode"], "complete", "{run}");
    assert_figures(&run, "entity_types", "idp_user", &[("read", 40), ("deleted", 1), ("unchanged", 40)]);
    let why = run["became_complete"].as_str().unwrap();
    assert!(why.contains("Users: there are 40 resources where 41 are expected"), "{why}");
    company.has_no_drift();
    let run = company.incremental();
    assert_eq!(run["mode"], "incremental", "{run}");
    assert_figures(&run, "entity_types", "idp_user", &[("read", 40), ("unchanged", 40)]);
}

#[test]
fn incremental_runs_by_versions_come_to_what_a_complete_one_would_deletions_included() {
    let company = Company::read_once(json!({}));
    let Company { server, users, groups, .. } = &company;
    let path = company.muster.folder.path().join("idp.toml");
    let document = fs::read_to_string(&path).unwrap();
    let by_version = |resource: &str| format!("resource = \"{resource}\"\nchanges = \"version\"");
    let document = ["Users", "Groups"].iter().fold(document, |document, resource| {
        document.replace(&format!("resource = \"{resource}\""), &by_version(resource))
    });
    assert_eq!(document.matches("changes = \"version\"").count(), 2, "{document}");
    fs::write(&path, document).unwrap();
    company.muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    // What was read before has no versions.
    let run = company.incremental();
    assert_eq!(run["mode"], "complete", "{run}");
    let why = run["became_complete"].as_str().unwrap();
    assert!(why.contains("no applied run has read it whole with the meta.version of every resource yet"), "{why}");

    let run = company.incremental();
    assert_eq!(run["mode"], "incremental", "{run}");
    assert_figures(&run, "entity_types", "idp_user", &[]);
    server.set("Users", &users[3], "name.familyName", json!("Married"));
    let new = server.create("Users", &user(90, Some(&users[1])));
    server.patch("Groups", &groups[1], json!({ "op": "add", "path": "members", "value": [{ "value": new }] }));
    server.delete("Users", &users[30]);
    let run = company.incremental();
    assert_eq!(run["mode"], "incremental", "{run}");
    let figures = [("read", 3), ("inserted", 1), ("updated", 1), ("deleted", 1), ("deleted_by_command", 1)];
    assert_figures(&run, "entity_types", "idp_user", &figures);
    assert_figures(&run, "associations", "member", &[("inserted", 1)]);

    // From there on: what was changed is changed again, what was new goes.
    server.set("Users", &users[3], "name.familyName", json!("Divorced"));
    server.delete("Users", &new);
    server.patch("Groups", &groups[1], json!({ "op": "remove", "path": format!("members[value eq \"{new}\"]") }));
    let run = company.incremental();
    assert_eq!(run["mode"], "incremental", "{run}");
    let figures = [("read", 2), ("updated", 1), ("deleted", 1), ("deleted_by_command", 1)];
    assert_figures(&run, "entity_types", "idp_user", &figures);
    company.has_no_drift();
}

#[test]
fn what_gives_less_than_everything_fails_and_changes_nothing() {
    let company = Company::read_once(json!({}));
    let list = |total: u64, resources: Value| {
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": total,
                "Resources": resources })
    };
    let answering = |users: fn(Value) -> Reply, list: Value| {
        WebResponder::start(move |_, request| match request.target.starts_with("/Users") {
            true => users(list.clone()),
            false => json(json!({ "filter": { "supported": true } })),
        })
    };
    let html = answering(|_| answer("200 OK", &[("Content-Type", "text/html")], "<html>Sign in"), Value::Null);
    company.fails(&html.url(), &["sign-in page", "table `users` (Users)", &html.url()]);
    let short = answering(json, list(40, json!([{ "id": "1", "userName": "a" }])));
    company.fails(&short.url(), &["a record came twice"]);
    let busy = answering(|_| answer("503 Service Unavailable", &[("Retry-After", "7200")], ""), Value::Null);
    company.fails(&busy.url(), &["too busy"]);
    let hang = answering(|_| Reply::Hang, Value::Null);
    company.fails(&hang.url(), &["within 2 s"]);
    let login = answering(|_| answer("302 Found", &[("Location", "https://login.example.org/")], ""), Value::Null);
    company.fails(&login.url(), &["https://login.example.org/"]);

    // A list that is empty and says so is proven; the guard for empty sources stops it.
    let empty = WebResponder::start(move |_, _| json(list(0, json!([]))));
    let before = state(&company.muster);
    company.configure(&empty.url());
    let run = report(&company.complete().exited(3));
    assert!(run["breaches"].as_array().unwrap().iter().any(|breach| breach["guard"] == "empty_source"), "{run}");
    assert_eq!(state(&company.muster), before);

    company.configure(&company.server.url());
    let run = report(&company.complete().succeeded());
    assert_figures(&run, "entity_types", "idp_user", &[("read", 40), ("unchanged", 40)]);
    assert_eq!(state(&company.muster), before);
}
