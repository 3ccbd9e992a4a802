//! Cancel: within a second, whatever the task is doing.

use super::office::{Office, exported};
use diesel::prelude::*;
use muster::db;
use muster::jobs::worker::Work;
use muster::model::claim::Claim;
use muster::model::decision::{self, Cancelled, Decider};
use muster::model::run::{RunState, TaskState};
use muster::model::task;
use muster::pipeline::progress::Progress;
use muster::pipeline::{Context, TaskError};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ADA: Decider<'static> = Decider { name: "ada", comment: None };

#[test]
fn a_queued_run_is_cancelled_at_once() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    assert_eq!(decision::cancel(&mut office.connection(), run, &ADA).unwrap(), Cancelled::AtOnce);
    assert_eq!(office.run(run).state, RunState::Cancelled);
    assert!(office.claim(run).is_none());
}

#[test]
fn a_wish_that_comes_while_a_stage_ends_is_not_lost() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let claim = office.claim(run).unwrap();
    assert_eq!(decision::cancel(&mut office.connection(), run, &ADA).unwrap(), Cancelled::WorkerTold);
    office.finish(&claim, exported()).unwrap();
    assert_eq!(office.run(run).state, RunState::Cancelled);
}

#[test]
fn a_wish_whose_worker_died_is_not_lost() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.claim(run).unwrap();
    decision::cancel(&mut office.connection(), run, &ADA).unwrap();
    office.expire_lease(run);
    assert!(office.claim(run).is_none());
    assert_eq!(office.run(run).state, RunState::Cancelled);
}

#[test]
fn a_task_that_computes_stops_within_a_second() {
    fn computes(_: &Context, _: &Claim, progress: &Progress) -> Result<(), TaskError> {
        progress.begin("counting", 0);
        for rows in 0.. {
            progress.at(rows)?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
    cancelled_within_a_second(Arc::new(computes));
}

#[test]
fn a_task_that_waits_for_a_statement_stops_within_a_second() {
    fn waits(context: &Context, claim: &Claim, _: &Progress) -> Result<(), TaskError> {
        let mut conn = db::connect(&context.database_url, &claim.application_name())?;
        diesel::sql_query("select pg_sleep(60)").execute(&mut conn)?;
        Ok(())
    }
    cancelled_within_a_second(Arc::new(waits));
}

#[track_caller]
fn cancelled_within_a_second(work: Work) {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.serve(work);
    office.wait_for_state(run, RunState::Exporting);
    // Let the task get to where it stays.
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    assert_eq!(decision::cancel(&mut office.connection(), run, &ADA).unwrap(), Cancelled::WorkerTold);
    let cancelled = office.wait_for_state(run, RunState::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(1), "it took {:?}", asked.elapsed());
    assert!(cancelled.finished_at.is_some());
    assert_eq!(task::of(&mut office.connection(), run).unwrap()[0].state, TaskState::Cancelled);
    assert_eq!(office.count("decisions where decision = 'cancel' and decided_by = 'ada'"), 1);
}
