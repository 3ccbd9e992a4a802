//! Claims: one worker at a time, and nothing from a worker whose claim is lost.

use super::office::{LEASE, Office, counters, exported, prepared};
use diesel::prelude::*;
use muster::model::claim::{self, Ending, Failure, FinishError};
use muster::model::connector;
use muster::model::run::{RunState, Stage, TaskState};
use muster::model::task;
use std::collections::BTreeMap;

#[test]
fn a_worker_that_wakes_up_late_commits_nothing() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let zombie = office.claim(run).unwrap();
    office.expire_lease(run);
    let successor = office.claim(run).unwrap();
    assert_eq!((zombie.epoch, successor.epoch), (1, 2));

    let late = office.connection().transaction(|conn| {
        diesel::sql_query("insert into blobs (sha256, content) values ('x', '')").execute(conn)?;
        claim::finish(conn, &zombie, exported(), &office.context.enqueue)
    });
    assert!(matches!(late, Err(FinishError::Fenced)));
    assert!(matches!(claim::fence(&mut office.connection(), &zombie), Err(FinishError::Fenced)));
    assert_eq!(office.count("blobs"), 0);
    assert_eq!(office.run(run).state, RunState::Exporting);

    office.finish(&successor, exported()).unwrap();
    assert_eq!(office.run(run).state, RunState::Preparing);
}

#[test]
fn a_live_lease_can_not_be_claimed_and_nobody_waits_for_the_works_transaction() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let held = office.claim(run).unwrap();
    office
        .connection()
        .transaction(|conn| {
            claim::fence(conn, &held).unwrap();
            // The row is locked: a duplicate delivery must see the lease without waiting.
            assert!(office.claim(run).is_none());
            QueryResult::Ok(())
        })
        .unwrap();
}

#[test]
fn of_many_workers_one_gets_the_claim() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let claims = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..12).map(|_| scope.spawn(|| office.claim(run))).collect();
        tries.into_iter().filter_map(|claim| claim.join().unwrap()).count()
    });
    assert_eq!(claims, 1);
}

#[test]
fn an_applied_run_raises_the_connectors_state_in_the_same_transaction() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let run = office.applied(&connector);
    assert_eq!(run.state, RunState::Completed);
    assert!(run.applied_at.is_some() && run.finished_at.is_some());
    let after = connector::by_id(&mut office.connection(), connector.id).unwrap().unwrap();
    assert_eq!((after.state_version, after.applied_run_id), (connector.state_version + 1, Some(run.id.0)));
    let tasks = task::of(&mut office.connection(), run.id).unwrap();
    assert!(tasks.iter().all(|task| task.state == TaskState::Completed && task.finished_at.is_some()));
    assert_eq!(office.count("leases"), 0);
    assert!(office.claim(run.id).is_none(), "it is over");
}

#[test]
fn problems_show_in_the_state() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.prepare(run, Vec::new());
    let problems = BTreeMap::from([("missing_key".to_owned(), 1)]);
    let ended =
        office.go(run, Ending::Applied { counters: muster::model::counters::Counters { problems, ..counters() } });
    assert_eq!(ended.state, RunState::CompletedWithProblems);
}

#[test]
fn a_busy_synchronization_comes_back_and_is_no_attempt() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.prepare(run, Vec::new());
    office.execute("truncate apalis.jobs");
    let busy = office.go(run, Ending::Busy);
    assert_eq!(busy.state, RunState::Synchronizing);
    assert_eq!(office.count("leases"), 0);
    assert_eq!(
        office.count(
            "apalis.jobs where run_at > clock_timestamp() and run_at < clock_timestamp() + interval '500 milliseconds'"
        ),
        1
    );
    assert_eq!(task::attempts(&mut office.connection(), run, Stage::Synchronize).unwrap(), 0);
    assert_eq!(office.claim(run).unwrap().stage, Stage::Synchronize);
}

#[test]
fn a_state_that_moved_sends_the_run_back_to_prepare() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.prepare(run, Vec::new());
    let again = office.go(run, Ending::PrepareAgain);
    assert_eq!((again.state, again.change_set_digest), (RunState::Preparing, None));
    let ready = office.go(run, prepared(0, Vec::new()));
    assert_eq!(ready.state, RunState::Ready);
}

#[test]
fn a_failure_stays_on_the_run() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let failure =
        Failure { stage: Stage::Export, place: "people.csv".into(), message: "is missing".into(), transient: false };
    let failed = office.go(run, Ending::Failed(failure.clone()));
    assert_eq!((failed.state, failed.failure.map(|failure| failure.0)), (RunState::Failed, Some(failure)));
    assert!(failed.finished_at.is_some());
}

#[test]
fn a_claim_that_is_given_back_is_taken_by_the_next_worker_at_once() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let first = office.claim(run).unwrap();
    claim::give_back(&mut office.connection(), &first, &office.context.enqueue).unwrap();
    let second = claim::claim(&mut office.connection(), run, "another", LEASE).unwrap().unwrap();
    assert_eq!((second.stage, second.epoch), (Stage::Export, 2));
}
