//! Starting runs.

use super::office::{Office, breach};
use muster::model::run::{Mode, RunState, StartError, TaskChoice};
use muster::model::task;

#[test]
fn of_twenty_starts_at_once_one_begins_and_the_others_name_it() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let results: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..20).map(|_| scope.spawn(|| office.try_start(&connector, |_| {}))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let started: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(started.len(), 1);
    for refused in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(refused, StartError::AlreadyRunning(running) if running == started[0]), "{refused}");
    }
    assert_eq!(office.count("runs"), 1);
    assert_eq!(office.count("apalis.jobs"), 1);
}

#[test]
fn connectors_do_not_hold_each_other_up() {
    let office = Office::new();
    office.start(&office.connector("hr", ""));
    office.start(&office.connector("campus", ""));
    assert_eq!(office.count("runs where state = 'queued'"), 2);
}

#[test]
fn a_run_has_its_tasks_from_the_start() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let dry = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    let stages: Vec<_> =
        task::of(&mut office.connection(), dry).unwrap().iter().map(|task| task.stage.as_str()).collect();
    assert_eq!(stages, ["export", "prepare"]);
    assert!(office.run(dry).standalone);
}

#[test]
fn an_incremental_run_waits_for_the_decision_about_a_blocked_one() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let blocked = office.blocked(&connector);
    let refused = office.try_start(&connector, |new| new.mode = Mode::Incremental).unwrap_err();
    assert!(matches!(refused, StartError::BlockedWaits(run) if run == blocked.id), "{refused}");
}

#[test]
fn a_complete_run_supersedes_a_blocked_one_once_it_is_blocked_itself() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let old = office.blocked(&connector);
    let new = office.start(&connector);
    office.go(new, super::office::exported());
    assert_eq!(office.run(old.id).state, RunState::Blocked, "not before the new one is prepared");
    office.go(new, super::office::prepared(0, vec![breach()]));
    assert_eq!(office.run(old.id).state, RunState::Superseded);
    assert_eq!(office.run(new).state, RunState::Blocked);
}

#[test]
fn a_dry_run_holds_nothing_up_and_supersedes_no_blocked_run() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let blocked = office.blocked(&connector);
    let first = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    assert_eq!(office.prepare(first, Vec::new()).state, RunState::Ready);
    let second = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    assert_eq!(office.prepare(second, vec![breach()]).state, RunState::Blocked);
    assert_eq!(office.run(first).state, RunState::Superseded);
    assert_eq!(office.run(blocked.id).state, RunState::Blocked);
    office.start(&connector);
}

#[test]
fn a_single_synchronization_applies_the_dry_run_that_stands_ready() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let nothing = office.try_start(&connector, |new| new.task = TaskChoice::Synchronize).unwrap_err();
    assert!(matches!(nothing, StartError::NothingReady), "{nothing}");
    let dry = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    office.prepare(dry, Vec::new());
    let applied = office.try_start(&connector, |new| new.task = TaskChoice::Synchronize).unwrap();
    assert_eq!(applied, dry);
    assert_eq!(office.claim(dry).unwrap().stage.as_str(), "synchronize");
}

#[test]
fn a_single_preparation_needs_an_extraction() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let refused = office.try_start(&connector, |new| new.task = TaskChoice::Prepare).unwrap_err();
    assert!(matches!(refused, StartError::NoExtraction), "{refused}");
    let export = office.try_start(&connector, |new| new.task = TaskChoice::Export).unwrap();
    office.execute(&format!(
        "insert into extractions (connector_id, run_id, prefix, digest) values ({}, {export}, 'p', 'd')",
        connector.id
    ));
    let exported = office.go(export, super::office::exported());
    assert_eq!((exported.state, exported.finished_at.is_some()), (RunState::Ready, true));
    let prepare = office.try_start(&connector, |new| new.task = TaskChoice::Prepare).unwrap();
    assert_eq!(office.run(prepare).extraction_id, Some(1));
    assert_eq!(office.claim(prepare).unwrap().stage.as_str(), "prepare");
}
