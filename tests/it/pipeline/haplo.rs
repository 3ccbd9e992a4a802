//! Haplo control files: imported, applied as they stand, and run on real feeds.

use crate::support::program::{Program, Ran};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// Imports a control file and applies what comes out of it.
fn imported(control: &Value, arguments: &[&str]) -> (Program, Ran) {
    let muster = Program::new();
    fs::write(muster.folder.path().join("people.json"), control.to_string()).unwrap();
    let arguments = [&["import", "haplo", "people.json"], arguments].concat();
    let ran = muster.run(&arguments).succeeded();
    muster.run_with_stdin(&["apply"], &ran.stdout).succeeded().shows("connector people: created");
    (muster, ran)
}

/// Sends the files of a feed; the run that starts by itself ends like that.
fn feed(muster: &Program, files: &[(&str, &[u8])], code: i32) -> Value {
    let mut arguments = vec!["upload".to_owned(), "people".to_owned(), "--wait".to_owned(), "--json".to_owned()];
    for (table, content) in files {
        let name = format!("{table}.feed");
        fs::write(muster.folder.path().join(&name), content).unwrap();
        arguments.push(format!("{table}={name}"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    muster.run(&arguments).exited(code).json().pop().unwrap()
}

/// The first feed waits for a look.
fn first_feed(muster: &Program, files: &[(&str, &[u8])]) -> Value {
    let blocked = feed(muster, files, 3);
    assert_eq!(blocked["breaches"][0]["guard"], "first_run");
    let run = blocked["id"].to_string();
    muster.run(&["resume", &run, "--wait", "--json"]).succeeded().json().pop().unwrap()
}

/// What went wrong, with how often.
fn problems(run: &Value) -> Vec<String> {
    let counts = run["problems"].as_object().unwrap().iter().filter(|(_, count)| **count != 0);
    counts.map(|(code, count)| format!("{code}: {count}")).collect()
}

/// Users by user name: their fields, whether they are blocked, and their groups.
fn users(muster: &Program) -> BTreeMap<String, Value> {
    let users = muster.run(&["user", "list", "--json"]).succeeded().json();
    users
        .into_iter()
        .map(|mut user| {
            let groups: Vec<Value> =
                user["groups"].as_array().unwrap().iter().map(|group| group["name"].clone()).collect();
            let name = user["fields"]["user_name"].as_str().unwrap().to_owned();
            user["fields"].as_object_mut().unwrap().remove("user_name");
            (name, json!({"fields": user["fields"], "blocked": user["blocked"], "groups": groups}))
        })
        .collect()
}

fn basics() -> Vec<Value> {
    vec![
        json!({"source": "id", "destination": "user", "name": "username"}),
        json!({"source": "first", "destination": "user", "name": "nameFirst"}),
        json!({"source": "last", "destination": "user", "name": "nameLast"}),
        json!({"source": "mail", "destination": "user", "name": "email", "filters": ["haplo:to-lower-case"]}),
    ]
}

fn control(files: Value, more: Vec<Value>) -> Value {
    let instructions = [basics(), more].concat();
    json!({"dataImportControlFileVersion": 0, "model": "haplo:user-sync", "files": files, "instructions": instructions})
}

fn group(value: &str) -> Value {
    json!({"action": "set-value", "destination": "user", "name": "groups", "value": value, "multivalue": true})
}

#[test]
fn a_json_feed_makes_users_groups_and_managers_and_follows_them() {
    let control = control(
        json!({"staff": {"read": "json"}}),
        vec![
            json!({"source": "salutation", "destination": "user", "name": "title", "mapInputValue": {"M": "Mr", "F": "Ms"}}),
            group("Group:Everybody"),
            json!({"action": "if-value-one-of", "source": "kind", "values": ["S", "T"],
                   "then": [group("Group:Staff")], "else": [group("Group:Guests")]}),
            json!({"action": "for-each", "source": "labs", "wrapValues": true, "instructions": [
                {"source": "value", "destination": "user", "name": "groups", "multivalue": true,
                 "mapInputValue": {"p": "Group:Physics", "c": "Group:Chemistry"}, "mapInputValueDefault": "Group:Other"}]}),
            json!({"source": "started", "destination": "profile", "name": "std:attribute:start-date", "dateFormat": "dd/MM/yyyy"}),
            json!({"action": "within", "source": "phone", "instructions": [
                {"source": "work", "destination": "profile", "name": "std:attribute:telephone"},
                {"source": "mobile", "destination": "profile", "name": "std:attribute:telephone", "qualifier": "std:qualifier:mobile"}]}),
            json!({"source": "boss", "destination": "profile", "name": "std:attribute:manager", "filters": ["haplo:username-to-ref"]}),
            json!({"action": "if-value-one-of", "source": "kind", "values": ["X"],
                   "then": [{"action": "abort-record", "message": "X is no kind of person"}]}),
            json!({"source": "level", "destination": "user:tags", "name": "level"}),
        ],
    );
    let (muster, ran) = imported(&control, &[]);
    assert_eq!(ran.stderr, "");
    let record = |id: &str, kind: &str, more: Value| {
        let mut record =
            json!({"id": id, "first": id, "last": "Test", "mail": format!("{id}@Example.org"), "kind": kind});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let ada = json!({"salutation": "F", "labs": ["p", "c"], "started": "10/12/2019", "phone": {"work": "1", "mobile": "2"}, "level": 0});
    let feed_of = |records: &[Value]| json!(records).to_string().into_bytes();
    let first = feed_of(&[
        record("Ada", "S", ada.clone()),
        record("Bob", "G", json!({"boss": "ADA", "labs": ["z"], "salutation": "Mx"})),
        record("Cy", "X", json!({})),
        json!({"id": "Dan", "first": "Dan", "last": "Test", "mail": "no address", "kind": "S"}),
        json!({"first": "Nobody", "last": "Test", "mail": "a@b", "kind": "S"}),
    ]);
    let applied = first_feed(&muster, &[("staff", &first)]);
    assert_eq!(problems(&applied), ["invalid_value: 2", "missing_key: 1"]);
    let problems = muster.run(&["show", "1", "--problems", "--json"]).succeeded().json();
    assert!(
        problems.iter().any(|problem| problem["message"].as_str().unwrap().contains("X is no kind of person")),
        "{problems:?}"
    );
    assert_eq!(
        users(&muster),
        BTreeMap::from([
            (
                "ada".to_owned(),
                json!({"fields": {"given_name": "Ada", "family_name": "Test", "mail": "ada@example.org", "title": "Ms",
                                  "start_date": "2019-12-10", "phone": "1", "mobile": "2", "level": "0"},
                       "blocked": false, "groups": ["Group:Chemistry", "Group:Everybody", "Group:Physics", "Group:Staff"]})
            ),
            (
                "bob".to_owned(),
                json!({"fields": {"given_name": "Bob", "family_name": "Test", "mail": "bob@example.org", "title": "Mx"},
                       "blocked": false, "groups": ["Group:Everybody", "Group:Guests", "Group:Other"]})
            ),
        ])
    );
    let bob = muster.run(&["user", "export", "bob"]).succeeded();
    let bob: Value = serde_json::from_str(&bob.stdout).unwrap();
    let boss = json!({"association": "manager", "direction": "to", "entity_type": "user", "key": "ada"});
    assert!(bob["resources"][0]["links"].as_array().unwrap().contains(&boss), "{bob:#}");

    // The same feed again: nothing is written.
    let again = feed(&muster, &[("staff", &first)], 0);
    assert_eq!((&again["entity_types"][0]["unchanged"], &again["entity_types"][0]["updated"]), (&json!(2), &json!(0)));
    assert_eq!(again["entity_types"][0]["read"], 5);
    // Another kind and other labs, fewer values; one leaves and would be blocked: that needs a look at so few.
    let second = feed_of(&[record("ada", "G", json!({"labs": ["c"], "started": ""})), record("Cy", "S", json!({}))]);
    let blocked = feed(&muster, &[("staff", &second)], 3);
    muster.run(&["resume", &blocked["id"].to_string(), "--wait"]).succeeded();
    let after = users(&muster);
    assert_eq!(
        after["ada"],
        json!({"fields": {"given_name": "ada", "family_name": "Test", "mail": "ada@example.org"}, "blocked": false,
               "groups": ["Group:Chemistry", "Group:Everybody", "Group:Guests"]})
    );
    assert_eq!(after["bob"]["blocked"], true);
    assert_eq!(after["cy"]["groups"], json!(["Group:Everybody", "Group:Staff"]));
}

#[test]
fn xml_and_lines_in_their_own_encodings_are_read_as_they_stand() {
    let control = control(
        json!({"staff": {"read": "xml-text-of-children"}, "guests": {"read": "xml-attributes"},
               "students": {"read": "tsv-with-name-row", "charset": "windows-1252", "separator": "|"},
               "rector": {"read": "json", "singleRecord": true}}),
        vec![json!({"action": "if-exists", "source": "faculty",
                   "then": [{"source": "faculty", "destination": "user:tags", "name": "faculty", "filters": ["haplo:to-upper-case"]}],
                   "else": [{"action": "set-value", "destination": "user:tags", "name": "faculty", "value": "none"}]})],
    );
    let (muster, ran) = imported(&control, &[]);
    assert!(
        ran.stderr.contains("people.json: $.files: a user that leaves one file is blocked by it"),
        "{}",
        ran.stderr
    );
    let staff = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<all>\n <p><id>A1</id><first>Andr\xe9</first><last>X</last>\
                  <mail>a@b</mail><faculty>law</faculty></p>\n <q><id>A2</id><first>B</first><last>Y</last><mail>b@b</mail></q>\n</all>";
    let guests = "<g><x id='G1' first='Zoë' last='Z' mail='z@b'/></g>".as_bytes();
    let students = b"id|first|last|mail|faculty\nS1|J\xfcrgen \"J\"|M|j@b|arts\n\nS2|K|N|k@b|\n";
    let rector = br#"{"id": "R1", "first": "R", "last": "Q", "mail": "r@b"}"#;
    first_feed(&muster, &[("staff", staff), ("guests", guests), ("students", students), ("rector", rector)]);
    let told: Vec<(String, Value, Value)> = users(&muster)
        .into_iter()
        .map(|(name, user)| (name, user["fields"]["given_name"].clone(), user["fields"]["faculty"].clone()))
        .collect();
    let told: Vec<(&str, &str, &str)> = told
        .iter()
        .map(|(name, first, faculty)| (name.as_str(), first.as_str().unwrap(), faculty.as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("a1", "André", "LAW"),
            ("a2", "B", "none"),
            ("g1", "Zoë", "none"),
            ("r1", "R", "none"),
            ("s1", "Jürgen \"J\"", "ARTS"),
            ("s2", "K", "none"),
        ]
    );
}

#[test]
fn groups_in_the_records_are_those_named_on_the_command_line() {
    let groups = json!({"source": "groups", "destination": "user", "name": "groups", "multivalue": true});
    let control = control(json!({"staff": {"read": "json"}}), vec![groups]);
    let (muster, ran) = imported(&control, &["--group", "Group:A", "--group", "Group:B"]);
    assert_eq!(ran.stderr, "");
    let records = json!([
        {"id": "a", "first": "A", "last": "A", "mail": "a@b", "groups": ["Group:A", "Group:B"]},
        {"id": "b", "first": "B", "last": "B", "mail": "b@b", "groups": "Group:B"},
        {"id": "c", "first": "C", "last": "C", "mail": "c@b", "groups": ["Group:Unknown"]},
    ]);
    let applied = first_feed(&muster, &[("staff", records.to_string().as_bytes())]);
    assert_eq!(problems(&applied), ["dangling_reference: 1"]);
    let of = |name: &str| users(&muster)[name]["groups"].clone();
    assert_eq!((of("a"), of("b"), of("c")), (json!(["Group:A", "Group:B"]), json!(["Group:B"]), json!([])));
}

#[test]
fn the_command_tells_what_it_could_not_translate_and_what_is_wrong() {
    let muster = Program::new();
    let write = |text: &str| fs::write(muster.folder.path().join("c.json"), text).unwrap();
    let log = json!({"action": "log-error", "message": "odd"});
    write(&control(json!({"staff": {"read": "json"}}), vec![log]).to_string());
    let ran = muster.run(&["import", "haplo", "c.json", "--name", "Staff feed", "--json"]).succeeded();
    let [imported] = &ran.json()[..] else { panic!("{ran:?}") };
    assert_eq!(imported["notes"][0]["path"], "$.instructions[4]");
    assert!(imported["document"].as_str().unwrap().contains("name = \"Staff feed\""));
    assert!(ran.stderr.starts_with("c.json: $.instructions[4]: "), "{}", ran.stderr);
    muster.run(&["import", "haplo", "nowhere.json"]).exited(4).says("there is no such file");
    write("{\n  oops");
    muster.run(&["import", "haplo", "c.json"]).exited(1).says("c.json:2:3: is no JSON");
    write("{}");
    let ran = muster.run(&["import", "haplo", "c.json"]).exited(1).says("c.json: $: model is missing; add it");
    assert_eq!(ran.stdout, "");
    let piped =
        muster.run_with_stdin(&["import", "haplo", "-"], &control(json!({"s": {"read": "json"}}), vec![]).to_string());
    piped.succeeded().shows("name = \"haplo\"");
    muster.run(&["import", "haplo", "c.json", "--name", " bad "]).exited(1);
}
