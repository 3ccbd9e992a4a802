//! Privacy: everything that is held on a user as one file; a user taken out of everything; runs that pass over who was;
//! and leavers by age.

use crate::support::program::Program;
use crate::support::town::Town;
use crate::support::traces::{clean, count, left_of};
use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::model::change;
use serde_json::{Value, json};

/// What names Ada, in any case.
const ADA: [&str; 6] = ["lovelace", "ada.l", "ada@example", "\"1001\"", "+44 20", "Countess"];

/// Everybody but one, as the command line tells them.
fn everybody_but(muster: &Program, id: i64) -> Vec<Value> {
    let users = muster.run(&["user", "list", "--json"]).succeeded().json();
    users.into_iter().filter(|user| user["id"] != id).collect()
}

fn digests(muster: &Program) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Digest {
        #[diesel(sql_type = Text)]
        digest: String,
    }
    let question = "select coalesce(change_set_digest, '') as digest from runs order by id";
    let rows: Vec<Digest> = diesel::sql_query(question).load(&mut muster.database.connect()).unwrap();
    rows.into_iter().map(|row| row.digest).collect()
}

#[test]
fn an_export_holds_everything_with_the_record_as_it_was_received() {
    let town = Town::synchronized();
    town.a_day_later();
    let id = town.user("alovelace").to_string();
    let ran = town.muster.run(&["user", "export", &id]).succeeded();
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    let received = &all["resources"][0]["received"];
    assert_eq!((&received["file"], &received["line"], &received["run"]), (&json!("people.csv"), &json!(2), &json!(3)));
    assert_eq!(received["columns"]["EmployeeId"], "1001");
    assert!(all["changes"].as_array().unwrap().iter().any(|one| one["operation"] == "update"), "{all:#}");
    for part in ["history", "problems", "holds", "audit", "fields", "provenance", "groups", "blocks"] {
        assert!(!all[part].is_null(), "{part} is missing");
    }
    // Who asked is in the log, and in the next export.
    let ran = town.muster.run(&["user", "export", &id]).succeeded();
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(all["audit"][0]["action"], "export");
}

#[test]
fn nothing_is_left_of_who_was_anonymized_and_nobody_else_is_touched() {
    let town = Town::synchronized();
    town.a_day_later();
    let muster = &town.muster;
    let ada = town.user("alovelace");
    assert!(!left_of(muster, &ADA).is_empty(), "the search finds her while she is there");
    let (before, sealed) = (everybody_but(muster, ada), digests(muster));

    muster.run(&["user", "anonymize", &ada.to_string()]).exited(2).says("--yes");
    let done = muster.run(&["user", "anonymize", "alovelace", "--yes", "--json"]).succeeded().json();
    assert_eq!((&done[0]["records"], &done[0]["extractions_postponed"]), (&json!(2), &json!(0)), "{done:#?}");

    let left = left_of(muster, &ADA);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));
    assert_eq!(everybody_but(muster, ada), before, "nobody else is changed");
    assert_eq!(digests(muster), sealed, "the seals of change sets stay");
    for id in 1..=3 {
        let mut connection = muster.database.connect();
        let run = muster::model::run::by_id(&mut connection, muster::model::run::RunId(id)).unwrap().unwrap();
        assert_eq!(change::seal_holds(&mut connection, &run).unwrap(), Some(true), "run {id}: and hold");
    }
    diesel::sql_query("update changes set seal = gen_random_uuid() where run_id = 3 and seq = 1")
        .execute(&mut muster.database.connect())
        .unwrap();
    let mut connection = muster.database.connect();
    let run = muster::model::run::by_id(&mut connection, muster::model::run::RunId(3)).unwrap().unwrap();
    assert_eq!(change::seal_holds(&mut connection, &run).unwrap(), Some(false), "a change that is another is seen");
    muster.run(&["user", "show", &ada.to_string()]).exited(4);
    muster.run(&["user", "anonymize", &ada.to_string(), "--yes"]).exited(4);
    // That it was done is in the log, without her.
    let log = muster::model::audit::newest(&mut muster.database.connect(), None, 1).unwrap();
    assert_eq!((log[0].action.as_str(), log[0].subject.as_str()), ("anonymize", &*format!("user {ada}")));
}

#[test]
fn the_same_feed_again_passes_her_over_and_the_books_balance() {
    let town = Town::synchronized();
    let muster = &town.muster;
    let ada = town.user("alovelace");
    muster.run(&["user", "anonymize", "alovelace", "--yes"]).succeeded();
    let before = everybody_but(muster, ada);
    for (connector, entity_type, table) in [("hr", "hr_person", "hr"), ("directory", "account", "directory")] {
        for round in 0..2 {
            let ran = muster.run(&["run", connector, "--wait", "--json"]);
            let run = &ran.json()[0];
            assert_eq!(run["state"], if table == "hr" { "completed_with_problems" } else { "completed" }, "{run:#}");
            let types = run["entity_types"].as_array().unwrap();
            let counts = types.iter().find(|one| one["name"] == entity_type).unwrap();
            assert_eq!(counts["suppressed"], 1, "{connector}, round {round}: {counts:#}");
            assert_eq!(
                (&counts["inserted"], &counts["updated"], &counts["deleted"]),
                (&json!(0), &json!(0), &json!(0))
            );
            let sum: u64 = [
                "inserted",
                "updated",
                "unchanged",
                "rejected",
                "duplicates_dropped",
                "out_of_scope",
                "withheld",
                "suppressed",
            ]
            .iter()
            .map(|name| counts[name].as_u64().unwrap())
            .sum();
            assert_eq!(counts["read"].as_u64().unwrap(), sum, "the books balance: {counts:#}");
            assert_eq!(run["persons"]["created"], 0);
        }
    }
    assert_eq!(everybody_but(muster, ada), before, "nobody came back, nobody changed");
    assert_eq!(count(muster, "persons where fields ->> 'mail' ilike 'ada%'"), 0);
    // What the source still sends is taken out of the files as well.
    assert!(!left_of(muster, &["ada@example.org"]).is_empty());
    assert_eq!(clean(muster), 4);
    let left = left_of(muster, &ADA);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));
}

#[test]
fn who_comes_under_another_key_is_known_by_what_persons_are_correlated_by() {
    let town = Town::synchronized();
    let muster = &town.muster;
    muster.run(&["user", "anonymize", "alovelace", "--yes"]).succeeded();
    let path = muster.folder.path().join("directory/users.csv");
    let users = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, users.replace("ada.l,", "countess,").replace("ada@example.org", "ADA@Example.org")).unwrap();
    let groups = muster.folder.path().join("directory/groups.csv");
    let text = std::fs::read_to_string(&groups).unwrap();
    std::fs::write(&groups, text.replace("ada.l;", "countess;")).unwrap();
    let run = muster.run(&["run", "directory", "--wait", "--json"]).succeeded().json().remove(0);
    let counts = &run["entity_types"][0];
    assert_eq!((&counts["suppressed"], &counts["inserted"]), (&json!(1), &json!(0)), "{run:#}");
    assert_eq!(run["persons"]["created"], 0);
}

#[test]
fn what_was_erased_can_not_be_reverted_and_says_so() {
    let town = Town::synchronized();
    town.a_day_later();
    let muster = &town.muster;
    muster.run(&["user", "anonymize", "alovelace", "--yes"]).succeeded();
    assert!(count(muster, "erasures where run_id = 3") > 0);
    let before = count(muster, "persons");
    // Grace comes back; of Ada's mail nothing is known any more.
    let ran = muster.run(&["revert", "3", "--wait", "--json"]);
    assert!(matches!(ran.code, 0 | 3), "{ran:#?}");
    assert_eq!(count(muster, "persons"), before);
    assert_eq!(count(muster, "resources where key = '(erased)'"), 0);
}

#[test]
fn a_connector_at_work_has_to_rest_first() {
    let town = Town::synchronized();
    let muster = &town.muster;
    let ada = town.user("alovelace");
    diesel::sql_query("update runs set state = 'exporting', applied_at = null where id = 2")
        .execute(&mut muster.database.connect())
        .unwrap();
    muster.run(&["user", "anonymize", &ada.to_string(), "--yes"]).exited(5).says("wait until it is over");
    muster.run(&["user", "show", &ada.to_string()]).succeeded();
}

#[test]
fn leavers_are_anonymized_when_they_have_been_away_long_enough() {
    use muster::jobs::cleanup;
    let town = Town::synchronized();
    town.a_day_later();
    let muster = &town.muster;
    let grace = town.user("ghopper");
    let store = muster::store::Store::at(&muster::store::StoreLocation::folder(&muster.folder.path().join("store")));
    let (store, key) = (store.unwrap(), muster.folder.path().join("secret.key"));
    let mut connection = muster::db::pool(muster.database.url(), 2).unwrap().get().unwrap();
    let mut clean = |days: i64| {
        cleanup::forget_persons(&mut connection, &store, &key, chrono::Utc::now() + chrono::TimeDelta::days(days))
            .unwrap();
    };
    clean(400);
    muster.run(&["user", "show", &grace.to_string()]).succeeded();
    std::fs::write(muster.folder.path().join("settings.toml"), "[retention]\nleavers_days = 30\n").unwrap();
    muster.run(&["apply", "settings.toml"]).succeeded();
    clean(29);
    muster.run(&["user", "show", &grace.to_string()]).succeeded();
    clean(31);
    muster.run(&["user", "show", &grace.to_string()]).exited(4);
    assert_eq!(count(muster, "persons"), 65, "only she had left");
    let left = left_of(muster, &["ghopper", "grace@example.org", "Grace Hopper"]);
    assert!(left.is_empty(), "left of her:\n{}", left.join("\n"));
}

/// Tables whose text says nothing about anybody, or is somebody's in Muster itself; all others that have text are
/// cleaned when a person is anonymized. A new table stands in one of the two lists, or this test fails.
const NOTHING_OF_PERSONS: &[&str] = &[
    "accounts",
    "approvals",
    "arrivals",
    "associations",
    "configurations",
    "connectors",
    "cursors",
    "entity_types",
    "extractions",
    "groups",
    "groups_history",
    "installation",
    "jobs",
    "leases",
    "local_nesting",
    "outbox",
    "profile_fields",
    "sign_in_failures",
    "snapshots",
    "settings_versions",
    "source_schemas",
    "recovery_codes",
    "second_factors",
    "suppressions",
    "tasks",
    "tokens",
    "uploads",
];
const CLEANED: &[&str] = &[
    "announcements",
    "anonymizations",
    "audit",
    "blobs",
    "changes",
    "correlation_decisions",
    "decisions",
    "deliveries",
    "departures",
    "doubts",
    "exclusions",
    "extraction_files",
    "holds",
    "job_slots",
    "local_edits",
    "local_memberships",
    "local_memberships_history",
    "merges",
    "moves",
    "overrides",
    "persons",
    "persons_history",
    "photo_renditions",
    "problems",
    "resources",
    "resources_history",
    "run_holds",
    "run_log",
    "rule_failures",
    "run_proofs",
    "runs",
    "sessions",
];

#[test]
fn of_every_table_it_is_known_what_it_holds_of_persons() {
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let database = crate::support::database::TestDatabase::new();
    let tables: Vec<Table> = diesel::sql_query(
        "select distinct c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
           join pg_type t on t.oid = a.atttypid
          where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
            and t.typname in ('text', 'jsonb', 'json', 'bytea', '_text') and c.relname not like '\\_\\_%'
          order by 1",
    )
    .load(&mut database.connect())
    .unwrap();
    let unknown: Vec<String> = tables
        .into_iter()
        .map(|table| table.name)
        .filter(|name| !NOTHING_OF_PERSONS.contains(&name.as_str()) && !CLEANED.contains(&name.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "say whether these hold anything of persons; if so, pipeline/anonymizing has to take it out: {unknown:?}"
    );
}

#[test]
fn every_column_that_says_who_did_something_is_cleaned_of_the_accounts_of_who_is_gone() {
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let database = crate::support::database::TestDatabase::new();
    let columns: Vec<Column> = diesel::sql_query(
        "select distinct c.relname || '.' || a.attname as name from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
           join pg_type t on t.oid = a.atttypid
          where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and t.typname = 'text'
            and (a.attname like '%\\_by' or a.attname = 'account') order by 1",
    )
    .load(&mut database.connect())
    .unwrap();
    let cleaned = muster::pipeline::anonymizing::WHO;
    let unknown: Vec<String> = columns
        .into_iter()
        .map(|column| column.name)
        .filter(|name| !["profile_fields.editable_by", "profile_fields.declared_by"].contains(&name.as_str()))
        .filter(|name| !cleaned.iter().any(|(table, column)| *name == format!("{table}.{column}")))
        .collect();
    assert!(unknown.is_empty(), "pipeline/anonymizing/accounts has to name these as well: {unknown:?}");
}
