//! The HR example, to the letter: `hr.toml` and its feed as they stand in `tests/fixtures/examples`.

use crate::support::program::{Program, Ran, examples};
use diesel::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// The example with a copy of its feed, so that a test can change it.
struct Example {
    muster: Program,
    feed: PathBuf,
}

impl Example {
    fn applied() -> Self {
        let muster = Program::new();
        let feed = muster.folder.path().join("feeds/hr");
        fs::create_dir_all(&feed).unwrap();
        for name in ["people.csv", "departments.tsv"] {
            fs::copy(examples().join("feeds/hr").join(name), feed.join(name)).unwrap();
        }
        let document = muster.folder.path().join("hr.toml");
        fs::copy(examples().join("hr.toml"), &document).unwrap();
        muster.run(&["apply", document.to_str().unwrap()]).succeeded();
        Self { muster, feed }
    }

    fn run(&self) -> Ran {
        self.muster.run(&["run", "hr", "--wait", "--json"])
    }

    fn resume(&self, run: i64) -> Value {
        report(&self.muster.run(&["resume", &run.to_string(), "--wait", "--json"]).succeeded())
    }

    fn without_grace(&self) {
        let people = fs::read_to_string(self.feed.join("people.csv")).unwrap();
        let kept: Vec<&str> = people.lines().filter(|line| !line.starts_with("1002,")).collect();
        fs::write(self.feed.join("people.csv"), kept.join("\n") + "\n").unwrap();
    }

    fn with_everybody(&self) {
        fs::copy(examples().join("feeds/hr/people.csv"), self.feed.join("people.csv")).unwrap();
    }

    /// All rows that a run may write, with the transaction that wrote each.
    fn written(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            row: String,
        }
        let rows: Vec<Row> = diesel::sql_query(
            "select 'resource ' || key || ' ' || xmin as row from resources
             union all select 'link ' || from_id || ' ' || to_id || ' ' || xmin from links
             union all select 'person ' || id || ' ' || xmin from persons
             union all select 'old resource ' || id || ' ' || xmin from resources_history
             union all select 'old link ' || from_id || ' ' || xmin from links_history
             union all select 'old person ' || id || ' ' || xmin from persons_history
             order by 1",
        )
        .load(&mut self.muster.database.connect())
        .unwrap();
        rows.into_iter().map(|row| row.row).collect()
    }

    /// Id, state and display name of every person, by id.
    fn persons(&self) -> Vec<(i64, String, String)> {
        use muster::schema::persons::dsl::{id, persons, state};
        persons
            .select((id, state, diesel::dsl::sql::<diesel::sql_types::Text>("fields ->> 'display_name'")))
            .order(id)
            .load(&mut self.muster.database.connect())
            .unwrap()
    }
}

fn report(ran: &Ran) -> Value {
    ran.json().remove(0)
}

fn figures<'r>(report: &'r Value, list: &str, name: &str) -> &'r Value {
    report[list].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[track_caller]
fn assert_figures(report: &Value, list: &str, name: &str, expected: Value) {
    let found = figures(report, list, name);
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&found[field], value, "{field} of {name} in {found}");
    }
}

/// Limit, actual and base, where the guard has them.
fn breaches(report: &Value) -> Vec<(&str, &str, Value, Value, u64)> {
    report["breaches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|breach| {
            let guard = breach.get("setting").unwrap_or(&breach["guard"]).as_str().unwrap();
            let base = breach["base"].as_u64().unwrap();
            (guard, breach["scope"].as_str().unwrap(), breach["limit"].clone(), breach["actual"].clone(), base)
        })
        .collect()
}

#[test]
fn the_first_run_is_blocked_with_every_problem_named_and_nothing_written() {
    let example = Example::applied();
    let run = report(&example.run().exited(3));
    assert_eq!(
        (&run["state"], &run["mode"], &run["trigger"]),
        (&json!("blocked"), &json!("complete"), &json!("person"))
    );
    assert_figures(
        &run,
        "entity_types",
        "hr_department",
        json!({"read": 2, "inserted": 2, "updated": 0, "unchanged": 0, "rejected": 0, "duplicates_dropped": 0}),
    );
    assert_figures(
        &run,
        "entity_types",
        "hr_person",
        json!({"read": 11, "inserted": 5, "updated": 0, "unchanged": 0, "rejected": 5, "duplicates_dropped": 1}),
    );
    assert_figures(&run, "associations", "department", json!({"inserted": 4, "rejected": 1}));
    assert_figures(&run, "associations", "manager", json!({"inserted": 4, "rejected": 0}));
    assert_eq!(
        breaches(&run),
        [("first_run", "hr", Value::Null, Value::Null, 0), ("rejects", "hr_person", json!(5.0), json!(45.5), 11)]
    );
    assert_eq!(run["persons"]["created"], 5);

    let problems = example.muster.run(&["show", "1", "--problems", "--json"]).succeeded();
    let mut found: Vec<_> = problems
        .json()
        .iter()
        .map(|problem| {
            assert_eq!(problem["file"], "people.csv");
            (
                problem["line"].as_u64().unwrap(),
                problem["column"].as_str().unwrap().to_owned(),
                problem["code"].as_str().unwrap().to_owned(),
                problem["key"].as_str().map(str::to_owned),
            )
        })
        .collect();
    found.sort();
    let expected = [
        (5, "Department", "dangling_reference", Some("1004")),
        (6, "Email", "invalid_value", Some("1005")),
        (7, "EmployeeId", "duplicate_key", Some("1006")),
        (8, "EmployeeId", "duplicate_key", Some("1006")),
        (9, "EmployeeId", "missing_key", None),
        (10, "HireDate", "invalid_value", Some("1007")),
    ]
    .map(|(line, column, code, key)| (line, column.to_owned(), code.to_owned(), key.map(str::to_owned)));
    assert_eq!(found, expected);
    assert_eq!(example.written(), Vec::<String>::new(), "nothing is written before a person has seen it");
}

#[test]
fn resumed_it_is_applied_and_the_same_feed_again_writes_nothing() {
    let example = Example::applied();
    example.run().exited(3);
    let run = example.resume(1);
    assert_eq!(run["state"], "completed_with_problems");
    let names: Vec<String> = example.persons().into_iter().map(|(_, _, name)| name).collect();
    assert_eq!(names, ["Ada Lovelace", "Grace Hopper", "Wu, Dr. 健雄", "José García-Núñez", "Same Row"]);

    let before = example.written();
    let again = report(&example.run().succeeded());
    assert_eq!(again["state"], "completed_with_problems");
    assert_figures(&again, "entity_types", "hr_department", json!({"unchanged": 2, "inserted": 0, "updated": 0}));
    assert_figures(
        &again,
        "entity_types",
        "hr_person",
        json!({"unchanged": 5, "inserted": 0, "updated": 0, "rejected": 5, "duplicates_dropped": 1}),
    );
    assert_eq!(again["persons"]["updated"], 0);
    assert_eq!(example.written(), before, "the same feed again writes no row");
}

#[test]
fn a_leaver_is_blocked_and_past_and_returns_as_the_same_person() {
    let example = Example::applied();
    example.run().exited(3);
    example.resume(1);
    let before = example.persons();
    let everybody = example.written().iter().filter(|row| row.starts_with("link")).count();
    assert_eq!(everybody, 8);

    example.without_grace();
    let left = report(&example.run().exited(3));
    assert_figures(&left, "entity_types", "hr_person", json!({"deleted": 1, "unchanged": 4}));
    assert_eq!(
        breaches(&left),
        [
            ("max_percentage_deleted_lines", "hr", json!(3.0), json!(14.3), 7),
            ("max_percentage_link_deleted_lines", "hr", json!(5.0), json!(37.5), 8),
            ("max_percentage_deleted_lines", "persons", json!(3.0), json!(20.0), 5),
        ]
    );
    assert_eq!(left["persons"]["blocked"], 1);
    assert_eq!(example.persons(), before, "nothing has been written");

    let left = example.resume(2);
    assert_eq!(left["persons"]["blocked"], 1);
    assert_figures(&left, "associations", "manager", json!({"deleted": 2, "rejected": 1}));
    assert_figures(&left, "associations", "department", json!({"deleted": 1}));
    let grace = |state: &str| (before[1].0, state.to_owned(), "Grace Hopper".to_owned());
    assert_eq!(example.persons()[1], grace("past"));
    assert!(example.written().iter().all(|row| !row.starts_with("resource 1002 ")), "her resource is gone");
    let dangling = example.muster.run(&["show", "2", "--problems", "--json"]).succeeded();
    let manager = dangling.json().into_iter().find(|problem| problem["column"] == "ManagerId").unwrap();
    assert_eq!(
        (&manager["code"], &manager["key"], &manager["value"]),
        (&json!("dangling_reference"), &json!("1004"), &json!("1002"))
    );

    example.with_everybody();
    let back = report(&example.run().exited(3));
    assert_eq!(back["persons"], json!({"created": 0, "updated": 0, "blocked": 0, "unblocked": 1, "deleted": 0}));
    example.resume(3);
    assert_eq!(example.persons(), before, "the same person as before, current again");
    assert_eq!(example.written().iter().filter(|row| row.starts_with("link")).count(), 8);
}

#[test]
fn what_was_approved_is_what_is_applied() {
    let example = Example::applied();
    example.run().exited(3);
    let digest = report(&example.muster.run(&["show", "1", "--json"]).succeeded())["change_set_digest"].clone();
    assert!(digest.as_str().unwrap().starts_with("sha256:"), "{digest}");
    example.muster.run(&["discard", "1"]).succeeded();
    example.muster.run(&["resume", "1", "--wait"]).exited(5);
    assert_eq!(example.written(), Vec::<String>::new());
}
