//! `run_at_start`: a connector that must be there at first start.

use crate::support::program::{Program, examples};
use crate::support::site::Site;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The HR example with these guards; its rejected rows stop nobody.
fn hr(first_run: bool) -> Program {
    let program = Program::new();
    let folder = examples().join("feeds/hr");
    let document = std::fs::read_to_string(examples().join("hr.toml")).unwrap();
    let document = document
        .replacen("name = \"hr\"", "name = \"hr\"\nrun_at_start = true", 1)
        .replace("folder = \"feeds/hr\"", &format!("folder = {:?}", folder.to_str().unwrap()))
        .replace("first_run = true", &format!("first_run = {first_run}"))
        .replace("reject_percentage = 5", "reject_percentage = 0");
    std::fs::write(program.folder.path().join("hr.toml"), document).unwrap();
    program.run(&["apply", "hr.toml"]).succeeded();
    program
}

/// The only run, once it is in one of these states.
fn wait_for(site: &Site, states: &[&str]) -> Value {
    let since = Instant::now();
    loop {
        let runs = site.program.run(&["runs", "hr", "--json"]).succeeded().json();
        assert!(runs.len() < 2, "{runs:#?}");
        if let Some(run) = runs.iter().find(|run| states.iter().any(|state| run["state"] == *state)) {
            return run.clone();
        }
        assert!(since.elapsed() < Duration::from_secs(40), "{runs:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_connector_that_never_applied_a_run_starts_one_when_muster_starts_and_needs_nobody() {
    let site = Site::start(hr(false));
    let run = wait_for(&site, &["completed", "completed_with_problems"]);
    assert_eq!((&run["id"], &run["trigger"]), (&1.into(), &"start".into()));
    let program = site.stop();
    let again = Site::start(program);
    std::thread::sleep(Duration::from_secs(3));
    wait_for(&again, &["completed", "completed_with_problems"]);
}

#[test]
fn with_the_first_run_guard_it_waits_for_a_person_and_is_not_started_again() {
    let site = Site::start(hr(true));
    wait_for(&site, &["blocked"]);
    let program = site.stop();
    let again = Site::start(program);
    std::thread::sleep(Duration::from_secs(3));
    wait_for(&again, &["blocked"]);
}
