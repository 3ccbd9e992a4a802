//! Persons that a connector makes first are worked out by prepare, beside, and attached when the run is applied.

use super::stored::{apply, count, lines, report, resume, run};
use crate::support::program::{Program, Ran};
use serde_json::Value;
use std::fs;

/// Two kinds of users in one connector: an account is matched with the employee of the same mail, be it as old as the
/// account or older. Phones are unique: who has another's is rejected, and no person is made for it.
const SITE: &str = r#"
name = "site"

[[connection]]
name = "feed"
kind = "files"
folder = "site"

[[connection.table]]
name = "employees"
file = "employees.csv"

[[connection.table]]
name = "accounts"
file = "accounts.csv"

[[entity_type]]
name = "employee"
source = "feed.employees"
represents = "users"

  [[entity_type.property]]
  name = "number"
  column = "number"
  key = true

  [[entity_type.property]]
  name = "name"
  column = "name"

  [[entity_type.property]]
  name = "mail"
  column = "mail"

  [[entity_type.property]]
  name = "phone"
  column = "phone"
  unique = true

  [entity_type.users]
  correlate = [{ property = "mail", field = "mail", ignore_case = true }]

    [entity_type.users.fields]
    employee_id = "number"
    display_name = "name"
    mail = "mail"
    phone = "phone"

[[entity_type]]
name = "account"
source = "feed.accounts"
represents = "users"

  [[entity_type.property]]
  name = "login"
  column = "login"
  key = true

  [[entity_type.property]]
  name = "mail"
  column = "mail"

  [[entity_type.property]]
  name = "title"
  column = "title"

  [entity_type.users]
  correlate = [{ property = "mail", field = "mail", ignore_case = true }]

    [entity_type.users.fields]
    user_name = "login"
    mail = "mail"
    title = "title"
"#;

const EMPLOYEES: &str = "number,name,mail,phone\n\
    1,Ada \"\"Countess\"\" Lovelace,ada@example.org,100\n\
    2,Grace Hopper,grace@example.org,200\n\
    3,Alan Turing,alan@example.org,300\n\
    4,Allan Turing,allan@example.org,300\n\
    5,Ünsal Þór,unsal@example.org,\n";

const ACCOUNTS: &str = "login,mail,title\n\
    ada,ADA@example.org,Analyst\n\
    allan,allan@example.org,Guest\n\
    robot,robot@example.org,\n";

/// Another source of the same people, with other things to say.
const PHONES: &str = r#"
name = "phones"

[[connection]]
name = "feed"
kind = "files"
folder = "phones"

[[connection.table]]
name = "book"
file = "book.csv"

[[entity_type]]
name = "entry"
source = "feed.book"
represents = "users"

  [[entity_type.property]]
  name = "mail"
  column = "mail"
  key = true

  [[entity_type.property]]
  name = "name"
  column = "name"

  [entity_type.users]
  correlate = [{ property = "mail", field = "mail", ignore_case = true }]

    [entity_type.users.fields]
    mail = "mail"
    display_name = "name"
"#;

const BOOK: &str = "mail,name\ngrace@example.org,Amazing Grace\nnobody@example.org,Nobody\n";

/// Both connectors, `site` created first.
fn house() -> Program {
    let muster = Program::new();
    for (name, document, feeds) in [
        ("site", SITE, &[("employees.csv", EMPLOYEES), ("accounts.csv", ACCOUNTS)][..]),
        ("phones", PHONES, &[("book.csv", BOOK)][..]),
    ] {
        let folder = muster.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in feeds {
            fs::write(folder.join(file), text.replace("\"\"Countess\"\"", "Countess")).unwrap();
        }
        let document_path = muster.folder.path().join(format!("{name}.toml"));
        fs::write(&document_path, document).unwrap();
        muster.run(&["apply", document_path.to_str().unwrap()]).succeeded();
    }
    muster
}

/// All that a run decides about persons, but when.
fn persons(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select concat_ws(' ', id, state, created_by, created_run_id, run_id, fields, provenance, local, blocks, search)
           from persons",
    )
}

/// Connectors that have a partition of persons.
fn partitions(muster: &Program) -> Vec<String> {
    lines(muster, "select inhrelid::regclass::text from pg_inherits where inhparent = 'persons'::regclass")
}

/// Tables of persons that prepare has made, with their schemas.
fn pending(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select schemaname || '.' || tablename from pg_tables where schemaname like 'run%' and tablename like 'persons%'",
    )
}

fn block(muster: &Program, connector: &str) -> Ran {
    run(muster, connector).exited(3)
}

fn execute(muster: &Program, statement: &str) {
    use diesel::connection::SimpleConnection;
    muster.database.connect().batch_execute(statement).unwrap();
}

fn created(run: &Value) -> u64 {
    run["persons"]["created"].as_u64().unwrap()
}

#[test]
fn what_prepare_works_out_is_what_synchronize_would() {
    let [ahead, then] = [house(), house()];
    let [waiting, other] = [&ahead, &then].map(|muster| block(muster, "site"));
    for muster in [&ahead, &then] {
        assert_eq!(partitions(muster), ["persons_by_hand"], "prepare publishes nothing");
        assert_eq!(count(muster, "select count(*) from persons"), 0);
        assert_eq!(pending(muster).len(), 1);
    }
    // Without what prepare has worked out, synchronize does all of it.
    for table in pending(&then) {
        execute(&then, &format!("drop table {table}"));
    }
    let [ahead_run, then_run] = [resume(&ahead, &waiting), resume(&then, &other)];
    assert_eq!(persons(&ahead), persons(&then));
    assert_eq!(ahead_run["persons"], then_run["persons"]);
    // Ada, Grace, Ünsal; the two Turings share a phone and are rejected; Allan and the robot have accounts.
    assert_eq!(created(&ahead_run), 5);
    assert_eq!(report(&waiting)["persons"], ahead_run["persons"], "as forecast");
    let ada = lines(
        &ahead,
        "select concat_ws(' ', fields ->> 'employee_id', fields ->> 'user_name', fields ->> 'title',
                                    coalesce(provenance -> 'mail', provenance -> '') ->> 1,
                                    coalesce(provenance -> 'title', provenance -> '') ->> 1)
                               from persons where fields ->> 'mail' ilike 'ada@%'",
    );
    assert_eq!(ada, ["1 ada Analyst 1 2"]);
    for muster in [&ahead, &then] {
        assert_eq!(partitions(muster), ["persons_1", "persons_by_hand"]);
        let applied = "select count(*) from persons p join runs r on r.id = p.run_id where p.valid_from = r.applied_at";
        assert_eq!(count(muster, applied), 5, "valid from the moment of the run");
    }
    // The same indexes, and the next run changes nothing, whichever way they came.
    let indexes = "select regexp_replace(indexdef, '^.* USING', '') from pg_indexes where tablename = 'persons_1'";
    assert_eq!(lines(&ahead, indexes), lines(&then, indexes));
    for muster in [&ahead, &then] {
        let before = persons(muster);
        assert_eq!(apply(muster, "site")["persons"]["updated"], 0);
        assert_eq!(persons(muster), before);
    }
}

#[test]
fn a_run_that_rested_while_another_source_was_applied_is_right() {
    let rested = house();
    let waiting = block(&rested, "site");
    // Grace is made by the phone book meanwhile: the run that rested must find her.
    apply(&rested, "phones");
    let id = report(&waiting)["id"].to_string();
    let prepared_again = rested.run(&["resume", &id, "--wait", "--json"]).exited(3);
    assert_eq!(count(&rested, "select count(*) from persons where created_by = 1"), 0);
    let again = resume(&rested, &prepared_again);
    assert_eq!(created(&again), 4, "{again}");
    assert_eq!(count(&rested, "select count(*) from persons where fields ->> 'mail' = 'grace@example.org'"), 1);

    let straight = house();
    apply(&straight, "phones");
    apply(&straight, "site");
    let fields = "select fields::text from persons";
    assert_eq!(lines(&rested, fields), lines(&straight, fields));
    assert_eq!(partitions(&rested), ["persons_1", "persons_2", "persons_by_hand"]);
}

#[test]
fn a_run_that_rested_while_settings_changed_is_right() {
    let [rested, straight] = [house(), house()];
    let settings = "[[profile_field]]\nname = \"mail\"\nsources = [\"phones\", \"site\"]\n";
    for muster in [&rested, &straight] {
        fs::write(muster.folder.path().join("settings.toml"), settings).unwrap();
    }
    let change = |muster: &Program| muster.run(&["apply", "settings.toml"]).succeeded();
    let waiting = block(&rested, "site");
    change(&rested);
    resume(&rested, &waiting);
    change(&straight);
    apply(&straight, "site");
    for muster in [&rested, &straight] {
        apply(muster, "phones");
    }
    let fields = "select concat_ws(' ', fields, provenance) from persons";
    assert_eq!(lines(&rested, fields), lines(&straight, fields));
}

#[test]
fn a_field_that_is_correlated_by_meanwhile_is_indexed_for_newcomers_too() {
    let muster = house();
    let waiting = block(&muster, "site");
    let document = PHONES.replace("field = \"mail\", ignore", "field = \"title\", ignore");
    fs::write(muster.folder.path().join("phones.toml"), document).unwrap();
    muster.run(&["apply", "phones.toml"]).succeeded();
    resume(&muster, &waiting);
    let indexed = "select count(*) from pg_indexes where tablename = 'persons_1' and indexdef like '%''title''%'";
    assert_eq!(count(&muster, indexed), 1);
}
