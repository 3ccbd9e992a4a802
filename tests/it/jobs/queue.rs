//! The queue and its workers.

use super::office::{Office, passes};
use diesel::prelude::*;
use muster::db;
use muster::jobs::queue;
use muster::jobs::worker::Work;
use muster::model::run::{RunState, Stage};
use muster::model::{lease, task};
use muster::pipeline::TaskError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_run_goes_through_all_its_stages() {
    let office = Office::new();
    office.serve(passes(office.context.enqueue.clone()));
    let run = office.start(&office.connector("hr", ""));
    let ended = office.wait_for_state(run, RunState::Completed);
    assert_eq!(ended.epoch, 3, "each stage was claimed once");
}

#[test]
fn doubled_deliveries_do_no_harm() {
    let office = Office::new();
    let begun = Arc::new(AtomicUsize::new(0));
    let counted: Work = {
        let (begun, passes) = (begun.clone(), passes(office.context.enqueue.clone()));
        Arc::new(move |context, claim, progress| {
            begun.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(50));
            passes(context, claim, progress)
        })
    };
    let run = office.start(&office.connector("hr", ""));
    for _ in 0..10 {
        (office.context.enqueue)(&mut office.connection(), run, Duration::ZERO).unwrap();
    }
    office.serve(counted);
    office.wait_for_state(run, RunState::Completed);
    office.wait_for(run, |_| office.count("apalis.jobs where status <> 'Done'") == 0);
    assert_eq!(begun.load(Ordering::SeqCst), 3);
    assert_eq!(office.run(run).epoch, 3);
}

#[test]
fn an_entry_is_part_of_the_transaction_that_makes_it() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.execute("truncate apalis.jobs");
    let rolled_back: QueryResult<()> = office.connection().transaction(|conn| {
        (office.context.enqueue)(conn, run, Duration::ZERO)?;
        assert!(queue::waits(conn, run)?);
        Err(diesel::result::Error::RollbackTransaction)
    });
    assert!(rolled_back.is_err());
    assert!(!queue::waits(&mut office.connection(), run).unwrap());
}

#[test]
fn a_delayed_entry_is_delivered_when_its_time_has_come() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.execute("truncate apalis.jobs");
    office.serve(passes(office.context.enqueue.clone()));
    let asked = Instant::now();
    (office.context.enqueue)(&mut office.connection(), run, Duration::from_millis(700)).unwrap();
    office.wait_for_state(run, RunState::Completed);
    let passed = asked.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(5)).contains(&passed), "it took {passed:?}");
}

#[test]
fn a_panic_becomes_a_failure_of_the_run_and_the_worker_goes_on() {
    let office = Office::new();
    let passes = passes(office.context.enqueue.clone());
    let first = AtomicUsize::new(0);
    office.serve(Arc::new(move |context, claim, progress| {
        assert!(first.fetch_add(1, Ordering::SeqCst) > 0, "a defect");
        passes(context, claim, progress)
    }));
    let hr = office.start(&office.connector("hr", ""));
    let failed = office.wait_for_state(hr, RunState::Failed);
    assert!(failed.failure.unwrap().message.contains("a defect of Muster itself"));
    let campus = office.start(&office.connector("campus", ""));
    office.wait_for_state(campus, RunState::Completed);
}

#[test]
fn a_failed_task_is_told_with_its_place() {
    let office = Office::new();
    office.serve(Arc::new(|_, _, _| Err(TaskError::failed("people.csv line 3", "is cut off; send the file again"))));
    let run = office.start(&office.connector("hr", ""));
    let failure = office.wait_for_state(run, RunState::Failed).failure.unwrap().0;
    assert_eq!((failure.stage, failure.place.as_str()), (Stage::Export, "people.csv line 3"));
}

#[test]
fn a_lost_connection_is_no_failure_of_the_run() {
    let office = Office::new();
    let passes = passes(office.context.enqueue.clone());
    let lost = AtomicUsize::new(0);
    office.serve(Arc::new(move |context, claim, progress| {
        if lost.fetch_add(1, Ordering::SeqCst) == 0 {
            let mut conn = db::connect(&context.database_url, &claim.application_name())?;
            diesel::sql_query("select pg_terminate_backend(pg_backend_pid())").execute(&mut conn)?;
        }
        passes(context, claim, progress)
    }));
    let run = office.start(&office.connector("hr", ""));
    office.wait_for_state(run, RunState::Completed);
    assert_eq!(task::attempts(&mut office.connection(), run, Stage::Export).unwrap(), 2);
}

#[test]
fn progress_is_seen_while_the_work_is_going_on() {
    let office = Office::new();
    let passes = passes(office.context.enqueue.clone());
    office.serve(Arc::new(move |context, claim, progress| {
        if claim.stage == Stage::Export {
            progress.begin("reading people", 1000);
            for rows in 0..1000 {
                progress.at(rows)?;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        passes(context, claim, progress)
    }));
    let run = office.start(&office.connector("hr", ""));
    office.wait_for(run, |_| {
        lease::of(&mut office.connection(), run).unwrap().is_some_and(|lease| {
            let progress = &lease.progress;
            progress.step == "reading people" && progress.total == 1000 && progress.rows > 0 && progress.rate > 0.0
        })
    });
    office.wait_for_state(run, RunState::Completed);
}

#[test]
fn two_servers_begin_each_stage_once() {
    let office = Office::new();
    for _ in 0..2 {
        office.serve(passes(office.context.enqueue.clone()));
    }
    let runs: Vec<_> =
        (0..6).map(|number| office.start(&office.connector(&format!("connector{number}"), ""))).collect();
    for run in runs {
        assert_eq!(office.wait_for_state(run, RunState::Completed).epoch, 3);
    }
}

#[test]
fn a_server_outlives_its_connections() {
    let office = Office::new();
    office.serve(passes(office.context.enqueue.clone()));
    let before = office.start(&office.connector("hr", ""));
    office.wait_for_state(before, RunState::Completed);
    // As when PostgreSQL restarts.
    let mut conn = office.database.connect();
    diesel::sql_query(
        "select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&mut conn)
    .unwrap();
    let after = office.start(&office.connector("campus", ""));
    office.wait_for_state(after, RunState::Completed);
}
