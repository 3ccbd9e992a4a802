//! The rescue of runs that nobody works on.

use super::office::{Office, exported, passes};
use diesel::prelude::*;
use muster::db;
use muster::jobs::rescue::Rescue;
use muster::model::claim;
use muster::model::decision::{self, Decider};
use muster::model::run::RunState;

#[test]
fn a_dead_workers_run_goes_on_and_its_connections_are_ended_first() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let dead = office.claim(run).unwrap();
    office.execute("truncate apalis.jobs");
    // The dead worker's backend still holds the run's row in an open transaction.
    let mut backend = db::connect(office.database.url(), &dead.application_name()).unwrap();
    diesel::sql_query("begin").execute(&mut backend).unwrap();
    claim::fence(&mut backend, &dead).unwrap();
    let sweep = |rescue: &mut Rescue| rescue.sweep(&mut office.connection(), &office.context.enqueue).unwrap();
    let mut rescue = Rescue::default();
    assert!(sweep(&mut rescue).is_empty(), "its lease is still live");
    office.expire_lease(run);
    assert_eq!(sweep(&mut rescue), [run]);
    assert!(diesel::sql_query("select 1").execute(&mut backend).is_err(), "the backend is gone");
    assert!(sweep(&mut rescue).is_empty(), "it already waits in the queue");
    assert_eq!(office.claim(run).unwrap().epoch, dead.epoch + 1);
}

#[test]
fn connections_of_a_newer_claim_or_another_run_are_left_alone() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.claim(run).unwrap();
    office.expire_lease(run);
    let mut newer = db::connect(office.database.url(), &format!("muster run {run} epoch 2")).unwrap();
    let mut other = db::connect(office.database.url(), &format!("muster run {run}1 epoch 1")).unwrap();
    Rescue::default().sweep(&mut office.connection(), &office.context.enqueue).unwrap();
    diesel::sql_query("select 1").execute(&mut newer).unwrap();
    diesel::sql_query("select 1").execute(&mut other).unwrap();
}

#[test]
fn a_run_that_the_queue_has_lost_goes_on() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.execute("truncate apalis.jobs");
    let mut rescue = Rescue::default();
    let mut sweep = || rescue.sweep(&mut office.connection(), &office.context.enqueue).unwrap();
    assert!(sweep().is_empty(), "between two stages that is normal for a moment");
    assert_eq!(sweep(), [run]);
    office.serve(passes(office.context.enqueue.clone()));
    office.wait_for_state(run, RunState::Completed);
}

#[test]
fn a_run_that_takes_its_worker_down_does_not_do_so_for_ever() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let mut attempts = 0;
    while office.claim(run).is_some() {
        attempts += 1;
        office.expire_lease(run);
    }
    assert_eq!(attempts, 30);
    let failed = office.run(run);
    assert_eq!(failed.state, RunState::Failed);
    assert!(failed.failure.unwrap().message.contains("was lost 30 times"));
    assert_eq!(office.count("leases"), 0);
    let ada = Decider { name: "ada", comment: None };
    decision::retry(&mut office.connection(), run, &ada, &office.context.enqueue).unwrap();
    assert!(office.claim(run).is_some(), "a person may ask for more");
}

#[test]
fn what_waits_for_a_person_is_left_alone() {
    let office = Office::new();
    office.blocked(&office.connector("hr", ""));
    let campus = office.connector("campus", "");
    let dry = office.try_start(&campus, |new| new.dry_run = true).unwrap();
    office.go(dry, exported());
    office.go(dry, super::office::prepared(0, Vec::new()));
    let mut rescue = Rescue::default();
    for _ in 0..3 {
        assert!(rescue.sweep(&mut office.connection(), &office.context.enqueue).unwrap().is_empty());
    }
}
