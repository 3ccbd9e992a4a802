//! Runs by command line: what they write and how they exit.

use crate::support::program::{Program, examples};
use serde_json::{Value, json};
use std::fs;

fn program() -> Program {
    let muster = Program::new();
    let folder = muster.folder.path();
    fs::create_dir_all(folder.join("feeds/hr")).unwrap();
    for name in ["hr.toml", "feeds/hr/people.csv", "feeds/hr/departments.tsv"] {
        fs::copy(examples().join(name), folder.join(name)).unwrap();
    }
    muster.run(&["apply", "hr.toml"]).succeeded();
    muster
}

#[test]
fn a_blocked_run_exits_with_3_and_resumes_to_0() {
    let muster = program();
    let blocked = muster.run(&["run", "hr", "--wait", "--json"]).exited(3).json();
    assert_eq!(blocked.len(), 1);
    assert_eq!((&blocked[0]["id"], &blocked[0]["state"]), (&json!(1), &json!("blocked")));
    let shown = muster.run(&["show", "1", "--json"]).succeeded().json();
    assert_eq!(shown, blocked, "the same from `run` and `show`");
    muster.run(&["show", "1"]).succeeded().shows("Nothing has been written").shows("muster resume 1");

    muster.run(&["resume", "1", "--digest", "sha256:other"]).exited(5).says("no longer those you looked at");
    let resumed = muster.run(&["resume", "1", "--wait", "--json"]).succeeded().json();
    assert_eq!(resumed[0]["state"], "completed_with_problems");
    assert_eq!(resumed[0]["change_set_digest"], blocked[0]["change_set_digest"]);
    muster.run(&["resume", "1"]).exited(5).says("completed_with_problems");
    muster.run(&["runs"]).succeeded().shows("completed with problems").shows("hr");
}

#[test]
fn problems_and_changes_are_listed_one_a_line() {
    let muster = program();
    muster.run(&["run", "hr", "--wait"]).exited(3).shows("guard: Initial load");
    let problems = muster.run(&["show", "1", "--problems", "--json"]).succeeded().json();
    let places: Vec<(&Value, &Value)> = problems.iter().map(|problem| (&problem["line"], &problem["code"])).collect();
    assert!(places.contains(&(&json!(9), &json!("missing_key"))), "{places:?}");
    assert_eq!(problems.len(), 6);
    muster.run(&["show", "1", "--problems"]).succeeded().shows("people.csv:9");
    let changes = muster.run(&["show", "1", "--changes", "--json"]).succeeded().json();
    assert_eq!(changes.iter().filter(|change| change["entity_type"] == "hr_person").count(), 5);
    assert!(changes.iter().all(|change| change["operation"] == "insert"));
    muster.run(&["show", "1", "--changes"]).succeeded().shows("insert hr_department");
}

#[test]
fn a_dry_run_exits_with_3_and_can_be_discarded() {
    let muster = program();
    let dry = muster.run(&["run", "hr", "--dry-run", "--wait", "--json"]).exited(3).json();
    assert_eq!((&dry[0]["dry_run"], &dry[0]["tasks"][1]["stage"]), (&json!(true), &json!("prepare")));
    assert!(dry[0]["finished_at"].is_string(), "it holds nothing up");
    muster.run(&["run", "hr", "--task", "synchronize"]).exited(5).says("run 1 is blocked");
    muster.run(&["discard", "1"]).succeeded().shows("nothing has been written");
    muster.run(&["discard", "1"]).exited(5);
    muster.run(&["run", "hr", "--task", "synchronize"]).exited(5).says("stands ready");
}

#[test]
fn tasks_can_be_launched_singly() {
    let muster = program();
    muster.run(&["run", "hr", "--task", "prepare"]).exited(5).says("no extraction");
    let export = muster.run(&["run", "hr", "--task", "export", "--wait", "--json"]).succeeded().json();
    assert_eq!((&export[0]["state"], &export[0]["tasks"][0]["rows"]), (&json!("ready"), &json!(13)));
    let prepare = muster.run(&["run", "hr", "--task", "prepare", "--wait", "--json"]).exited(3).json();
    assert_eq!(prepare[0]["tasks"].as_array().unwrap().len(), 1);
    muster.run(&["resume", "2", "--wait"]).succeeded().shows("Applied");
}

#[test]
fn what_is_in_the_way_exits_with_5_and_what_is_not_there_with_4() {
    let muster = program();
    muster.run(&["run", "hr"]).succeeded().shows("run 1 of hr is queued");
    muster.run(&["run", "hr"]).exited(5).says("run 1 of this connector is still going on");
    muster.run(&["cancel", "1"]).succeeded().shows("is cancelled");
    muster.run(&["cancel", "1"]).exited(5);
    muster.run(&["run", "hr", "--mode", "incremental"]).exited(5).says("start a complete run");
    for missing in [&["run", "nobody"][..], &["show", "9"], &["resume", "9"], &["discard", "9"], &["cancel", "9"]] {
        muster.run(missing).exited(4);
    }
    for wrong in [&["run"][..], &["run", "hr", "--mode", "sideways"], &["show", "one"]] {
        muster.run(wrong).exited(2);
    }
}

#[test]
fn a_failed_run_exits_with_1_and_says_where() {
    let muster = program();
    fs::remove_file(muster.folder.path().join("feeds/hr/people.csv")).unwrap();
    let failed = muster.run(&["run", "hr", "--wait", "--json"]).exited(1).json();
    assert_eq!(failed[0]["state"], "failed");
    assert!(failed[0]["result"]["errors"][0].as_str().unwrap().contains("people.csv"));
}
