//! The demonstration: no page of it is empty, and it is made once.

use crate::support::program::Program;
use serde_json::Value;
use std::time::{Duration, Instant};

fn runs(program: &Program) -> Vec<Value> {
    program.run(&["runs", "--limit", "100", "--json"]).succeeded().json()
}

fn runs_of<'r>(runs: &'r [Value], connector: &str) -> Vec<&'r Value> {
    runs.iter().filter(|run| run["connector"] == connector).collect()
}

fn sum(run: &Value, figure: &str) -> u64 {
    run["entity_types"].as_array().unwrap().iter().map(|counts| counts[figure].as_u64().unwrap()).sum()
}

#[test]
fn the_demonstration_tells_of_everything_that_happens_to_runs() {
    let program = Program::new();
    program.run(&["demo", "--no-serve"]).succeeded().says("the decision is yours");
    let runs = runs(&program);

    let newest = &runs_of(&runs, "hr")[0];
    assert_eq!(newest["state"], "blocked", "the swapped columns wait for a decision");
    assert!(newest["persons"]["updated"].as_u64().unwrap() > 2_000, "{newest:#}");
    assert_eq!(runs_of(&runs, "campus")[0]["state"], "failed", "a column is missing");
    let directory = runs_of(&runs, "directory");
    assert!(directory.iter().any(|run| run["state"] == "failed"), "the directory was down once");
    assert_eq!(directory[0]["state"], "completed", "and is back");
    assert!(directory.iter().any(|run| run["dry_run"] == true));

    assert!(runs_of(&runs, "campus").iter().any(|run| run["mode"] == "revert" && run["state"] == "completed"));
    let held = program.run(&["holds", "--json"]).succeeded().json();
    assert!(held.len() > 10 && held.iter().all(|hold| hold["entity_type"] == "hr_person"), "{held:#?}");

    let hr = runs_of(&runs, "hr");
    let is_quiet = |run: &&Value| ["inserted", "updated", "deleted"].iter().all(|figure| sum(run, figure) == 0);
    for (what, found) in [
        ("discarded", hr.iter().any(|run| run["state"] == "discarded")),
        ("with problems", hr.iter().any(|run| run["state"] == "completed_with_problems" && sum(run, "rejected") > 5)),
        ("without problems", hr.iter().any(|run| run["state"] == "completed")),
        ("without changes", hr.iter().any(is_quiet)),
        ("joiners", hr.iter().filter(|run| run["persons"]["created"].as_u64() > Some(0)).count() > 5),
        ("leavers", hr.iter().filter(|run| run["persons"]["blocked"].as_u64() > Some(0)).count() > 5),
        ("returners", hr.iter().any(|run| run["persons"]["unblocked"].as_u64() > Some(0))),
    ] {
        assert!(found, "no run {what}");
    }
    assert!(
        hr.iter().filter(|run| run["state"] == "blocked").count() == 1,
        "an ordinary night is not stopped by a guard"
    );

    program.run(&["demo", "--no-serve"]).succeeded();
    assert_eq!(self::runs(&program).len(), runs.len(), "what is there is not made again");
}

#[test]
fn the_demonstration_leaves_a_database_in_use_alone() {
    let program = Program::new();
    program.apply_example("hr.toml");
    program.run(&["demo", "--no-serve"]).exited(5).says("holds connectors already");
}

#[test]
fn an_interrupted_demonstration_goes_on() {
    let program = Program::new();
    let mut first = program.command(&["demo", "--no-serve"]).spawn().unwrap();
    let begun = Instant::now();
    while runs(&program).len() < 5 {
        assert!(begun.elapsed() < Duration::from_secs(120), "no story is told");
        std::thread::sleep(Duration::from_millis(100));
    }
    // SIGKILL: nothing is given back, and its directory server is left behind.
    first.kill().unwrap();
    first.wait().unwrap();
    program.run(&["demo", "--no-serve"]).succeeded().says("the decision is yours");
    let runs = runs(&program);
    assert_eq!(runs_of(&runs, "hr")[0]["state"], "blocked");
    let open = ["queued", "exporting", "preparing", "synchronizing"];
    assert!(runs.iter().all(|run| !open.contains(&run["state"].as_str().unwrap())), "a run was left behind");
}
