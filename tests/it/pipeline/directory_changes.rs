//! Incremental runs over a directory, through the program: a sequence of them comes to what a complete run finds; what
//! is deleted passes the guards; a cookie that has expired makes a complete run.

use super::stored::{assert_figures, count, lines, report, state};
use crate::support::changing::Changing;
use crate::support::directory::{Directory, Organization, PASSWORD, SUFFIX, user_dn};
use crate::support::documents::wide_open;
use crate::support::program::{Program, Ran};
use serde_json::Value;
use std::fs;

/// People and groups with their members; `KEY` stands for the column of both keys, `HOW` for the mechanism.
const DOCUMENT: &str = concat!(
    r#"
name = "staff"

"#,
    wide_open!(),
    r#"
[guards]
first_run = false
reject_percentage = 0
volume_percentage = 0

[[connection]]
name = "ldap"
kind = "ldap"
servers = ["ADDRESS"]
bind_dn = "cn=admin,dc=example,dc=org"
bind_password = { env = "DIRECTORY_PASSWORD" }

[[connection.table]]
name = "people"
base = "ou=people,dc=example,dc=org"
filter = "(&(objectClass=inetOrgPerson)(!(employeeType=left)))"
attributes = ["uid", "cn", "mail"]
changes = "HOW"

[[connection.table]]
name = "groups"
base = "ou=groups,dc=example,dc=org"
filter = "(objectClass=groupOfNames)"
attributes = ["cn", "description", "member"]
changes = "HOW"

[[entity_type]]
name = "person"
source = "ldap.people"
represents = "users"

  [[entity_type.property]]
  name = "id"
  column = "KEY"
  key = true

  [[entity_type.property]]
  name = "name"
  column = "dn"
  unique = true

  [[entity_type.property]]
  name = "cn"
  column = "cn"

  [[entity_type.property]]
  name = "mail"
  column = "mail"
  multivalued = true

  [entity_type.users]
  correlate = [{ property = "id", field = "employee_id" }]
  on_missing = "delete"

    [entity_type.users.fields]
    employee_id = "id"
    display_name = "cn"

[[entity_type]]
name = "group"
source = "ldap.groups"
represents = "groups"

  [[entity_type.property]]
  name = "id"
  column = "cn"
  key = true

  [[entity_type.property]]
  name = "name"
  column = "dn"
  unique = true

  [entity_type.groups]
  name = "id"

[[association]]
name = "member"
from = "group"
to = ["person", "group"]
column = "member"
match = "name"
cardinality = "many_to_many"
membership = true
"#
);

fn program(directory: &Directory, how: &str, key: &str) -> Program {
    let muster = Program::new().with_environment("DIRECTORY_PASSWORD", PASSWORD);
    apply(&muster, &document(directory, how, key));
    muster
}

fn document(directory: &Directory, how: &str, key: &str) -> String {
    DOCUMENT.replace("ADDRESS", &directory.url()).replace("HOW", how).replace("KEY", key)
}

fn apply(muster: &Program, document: &str) {
    fs::write(muster.folder.path().join("staff.toml"), document).unwrap();
    muster.run(&["apply", "staff.toml"]).succeeded();
}

fn start(muster: &Program, mode: &str) -> Ran {
    muster.run(&["run", "staff", "--mode", mode, "--wait", "--json"])
}

#[track_caller]
fn incremental(muster: &Program) -> Value {
    let run = report(&start(muster, "incremental").succeeded());
    assert_eq!(run["mode"], "incremental", "{run}");
    assert!(run["tasks"][0]["became_complete"].is_null(), "{run}");
    run
}

#[track_caller]
fn complete_finds_nothing(muster: &Program) {
    let before = state(muster);
    let run = report(&start(muster, "complete").succeeded());
    for one in run["entity_types"].as_array().unwrap().iter().chain(run["associations"].as_array().unwrap()) {
        for figure in ["inserted", "updated", "deleted"] {
            assert_eq!(one[figure], 0, "{figure} in {run}");
        }
    }
    assert_eq!(state(muster), before);
}

/// Runs over a directory that changes by chance, and one over all of it in the end.
fn follow(directory: Directory, how: &str, key: &str, seed: u64) {
    let mut changing = Changing::new(directory, seed, true);
    let muster = program(&changing.directory, how, key);
    start(&muster, "complete").succeeded();
    for _ in 0..8 {
        changing.step();
        incremental(&muster);
    }
    assert!(count(&muster, "select count(*) from resources_history") > 10, "much has happened");
    complete_finds_nothing(&muster);
}

#[test]
fn runs_by_content_synchronization_come_to_what_a_complete_run_finds() {
    follow(Directory::builder().synchronized(1000).start(), "syncrepl", "uid", 5);
    follow(Directory::builder().synchronized(4).start(), "syncrepl", "entryUUID", 6);
}

#[test]
fn runs_by_stamps_come_to_what_a_complete_run_finds() {
    follow(Directory::start(), "timestamp", "uid", 7);
    follow(Directory::start(), "timestamp", "dn", 8);
}

const SMALL: Organization = Organization { users: 60, groups: 12, staff: 40 };

#[test]
fn deletes_of_an_incremental_run_pass_the_guards() {
    for (directory, how) in [
        (Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start(), "syncrepl"),
        (Directory::builder().entries(&SMALL.ldif()).start(), "timestamp"),
    ] {
        let muster = program(&directory, how, "uid");
        start(&muster, "complete").succeeded();
        let guarded =
            document(&directory, how, "uid").replace("maximum_deleted_lines = 1000", "maximum_deleted_lines = 3");
        apply(&muster, &guarded);
        start(&muster, "complete").succeeded();
        (50..54).for_each(|user| directory.delete(&user_dn(user)));
        let before = state(&muster);
        let blocked = start(&muster, "incremental").exited(3);
        let run = report(&blocked);
        assert_eq!(run["breaches"][0]["setting"], "maximum_deleted_lines", "{run}");
        let figures = [("read", 4), ("deleted", 4), ("deleted_by_command", 4)];
        assert_figures(&run, "entity_types", "person", &figures);
        assert_eq!(state(&muster), before);

        // Nobody decided, and the position has not moved: the next run proposes the same, and more.
        directory.delete(&user_dn(54));
        let id = run["id"].to_string();
        muster.run(&["discard", &id]).succeeded();
        let run = report(&start(&muster, "incremental").exited(3));
        assert_figures(&run, "entity_types", "person", &[("read", 5), ("deleted", 5), ("deleted_by_command", 5)]);
        let id = run["id"].to_string();
        muster.run(&["resume", &id, "--wait", "--json"]).succeeded();
        let again = incremental(&muster);
        assert_figures(&again, "entity_types", "person", &[]);
        complete_finds_nothing(&muster);
    }
}

#[test]
fn another_way_to_tell_changes_is_no_other_header() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let muster = program(&directory, "timestamp", "uid");
    start(&muster, "complete").succeeded();
    for how in ["syncrepl", "timestamp", "none", "syncrepl"] {
        apply(&muster, &document(&directory, how, "uid"));
        let run = report(&start(&muster, "complete").succeeded());
        assert_eq!(run["state"], "completed", "{how}: {run}");
    }
    // Columns that the document names are another matter.
    let fewer = document(&directory, "syncrepl", "uid").replace(", \"description\"", "");
    apply(&muster, &fewer);
    let blocked = start(&muster, "complete").exited(3).stdout;
    assert!(blocked.contains("the header of ldap.groups is not what it was: without description"), "{blocked}");
}

#[test]
fn a_cookie_of_another_search_makes_a_complete_run_that_says_so() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let muster = program(&directory, "auto", "uid");
    start(&muster, "complete").succeeded();
    directory.delete(&user_dn(50));
    let narrower = document(&directory, "auto", "uid").replace("(!(employeeType=left))", "(uid=u000*)");
    apply(&muster, &narrower);
    let run = report(&start(&muster, "incremental").succeeded());
    assert_eq!(run["mode"], "complete", "{run}");
    let why = lines(&muster, &format!("select became_complete from runs where id = {}", run["id"]));
    assert_eq!(why, ["base, scope, filter or attributes of the table people are not what they were"]);
    assert_figures(&run, "entity_types", "person", &[("read", 59), ("unchanged", 59), ("deleted", 1)]);

    // From there on it goes by the new cookie.
    directory.modify(&format!("dn: {}\nchangetype: modify\nreplace: cn\ncn: Other\n", user_dn(3)));
    let run = incremental(&muster);
    assert_figures(&run, "entity_types", "person", &[("read", 1), ("updated", 1)]);
}

#[test]
fn extractions_that_are_gone_make_a_complete_run() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let muster = program(&directory, "auto", "uid");
    start(&muster, "complete").succeeded();
    assert_figures(&incremental(&muster), "entity_types", "person", &[]);
    super::stored::execute(&muster, "update extractions set deleted_at = now() where complete");
    directory.delete(&format!("cn=group11,ou=groups,{SUFFIX}"));
    let run = report(&start(&muster, "incremental").succeeded());
    assert_eq!(run["mode"], "complete", "{run}");
    assert_figures(&run, "entity_types", "group", &[("read", 11), ("unchanged", 11), ("deleted", 1)]);
}
