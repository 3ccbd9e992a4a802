//! The schedule: each slot once, on any number of servers.

use super::office::Office;
use chrono::{DateTime, TimeDelta, Utc};
use muster::jobs::schedule::{JobTimes, Schedule};
use muster::model::job::Job;
use muster::model::job_slot::{self, Slot};
use muster::model::run::{Mode, RunState, Trigger};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(office: &Office, server: &str) -> Schedule {
    Schedule::new(server, office.context.enqueue.clone())
}

fn slots(office: &Office, job: &str) -> Vec<Slot> {
    job_slot::newest(&mut office.connection(), Some(job), 100).unwrap()
}

/// A schedule that has been running since noon of the day before.
fn running(office: &Office) -> Schedule {
    let mut schedule = schedule(office, "one");
    schedule.tick(&mut office.connection(), at("2026-11-19T12:00:00Z")).unwrap();
    schedule
}

#[test]
fn two_servers_start_each_slot_once() {
    let office = Office::new();
    let connectors: Vec<_> = ["hr", "campus", "directory"].map(|name| office.connector(name, "")).into();
    let mut servers: Vec<_> = (0..4).map(|number| schedule(&office, &format!("server {number}"))).collect();
    for server in &mut servers {
        server.tick(&mut office.connection(), at("2026-11-19T12:00:00Z")).unwrap();
    }
    std::thread::scope(|scope| {
        for server in &mut servers {
            let office = &office;
            scope.spawn(move || {
                for second in 0..5 {
                    let now = at("2026-11-20T00:00:00Z") + TimeDelta::seconds(second);
                    server.tick(&mut office.connection(), now).unwrap();
                }
            });
        }
    });
    assert_eq!(office.count("runs where trigger = 'schedule' and job = 'complete' and mode = 'complete'"), 3);
    assert_eq!(office.count("runs"), 3);
    let slot = &slots(&office, "complete")[0];
    assert_eq!(slot.due_at, at("2026-11-20T00:00:00Z"));
    assert_eq!(slot.outcome.iter().filter(|outcome| outcome.run.is_some()).count(), connectors.len());
}

#[test]
fn who_does_not_take_part_is_not_started() {
    let office = Office::new();
    office.connector("hr", "");
    office.connector("campus", "complete_job = \"not_used\"");
    office.connector("asleep", "");
    office.execute("update connectors set active = false where name = 'asleep'");
    running(&office).tick(&mut office.connection(), at("2026-11-20T00:00:30Z")).unwrap();
    let slot = &slots(&office, "complete")[0];
    let started: Vec<_> = slot.outcome.iter().map(|outcome| outcome.connector.as_str()).collect();
    assert_eq!(started, ["hr"]);
    let run = office.run(slot.outcome[0].run.unwrap());
    assert_eq!((run.trigger, run.job.as_deref()), (Trigger::Schedule, Some("complete")));
}

#[test]
fn where_two_are_due_at_once_the_complete_run_wins() {
    let office = Office::new();
    office.connector("hr", "");
    office.connector("campus", "complete_job = \"not_used\"");
    running(&office).tick(&mut office.connection(), at("2026-11-20T00:00:01Z")).unwrap();
    let outcome = &slots(&office, "incremental")[0].outcome;
    let reason =
        |name: &str| outcome.iter().find(|outcome| outcome.connector == name).unwrap().skipped.clone().unwrap();
    assert_eq!(reason("hr"), "the complete run of the same time wins");
    assert!(reason("campus").contains("can't tell what changed"), "{}", reason("campus"));
}

#[test]
fn a_slot_missed_while_all_servers_were_down_runs_once_if_it_is_less_than_a_day_old() {
    let office = Office::new();
    office.connector("hr", "");
    drop(running(&office));
    schedule(&office, "two").tick(&mut office.connection(), at("2026-11-20T09:00:00Z")).unwrap();
    schedule(&office, "three").tick(&mut office.connection(), at("2026-11-20T09:00:01Z")).unwrap();
    assert_eq!(office.count("runs where job = 'complete'"), 1);
    assert_eq!(slots(&office, "complete")[0].due_at, at("2026-11-20T00:00:00Z"));
}

#[test]
fn nothing_is_missed_on_the_first_day() {
    let office = Office::new();
    office.connector("hr", "");
    running(&office);
    assert_eq!(office.count("runs"), 0);
}

#[test]
fn a_job_that_was_changed_is_not_due_in_the_past() {
    let office = Office::new();
    office.connector("hr", "");
    let mut schedule = running(&office);
    office.execute("update jobs set cron = '0 11 * * *' where name = 'complete'");
    schedule.tick(&mut office.connection(), at("2026-11-19T12:00:10Z")).unwrap();
    assert_eq!(office.count("runs"), 0);
    schedule.tick(&mut office.connection(), at("2026-11-20T11:00:01Z")).unwrap();
    assert_eq!(office.count("runs where job = 'complete'"), 1);
}

#[test]
fn one_connectors_trouble_does_not_stop_the_others() {
    let office = Office::new();
    let busy = office.connector("busy", "");
    office.connector("broken", "");
    office.connector("hr", "");
    let running_run = office.start(&busy);
    office.execute(
        "update configurations set document = 'name = ' where connector_id = (select id from connectors where name = 'broken')",
    );
    running(&office).tick(&mut office.connection(), at("2026-11-20T00:00:01Z")).unwrap();
    let outcome = slots(&office, "complete")[0].outcome.0.clone();
    let of = |name: &str| outcome.iter().find(|outcome| outcome.connector == name).unwrap().clone();
    assert!(of("busy").skipped.unwrap().contains(&format!("run {running_run}")));
    assert!(of("broken").skipped.unwrap().contains("configuration"));
    assert!(of("hr").run.is_some());
}

#[test]
fn a_scheduled_complete_run_waits_for_a_running_incremental_one() {
    let office = Office::new();
    let hr = office.connector("hr", "");
    let mut schedule = running(&office);
    let incremental = office.start(&hr);
    // No connection can do it yet: made by hand.
    office.execute(&format!("update runs set mode = 'incremental' where id = {incremental}"));
    schedule.tick(&mut office.connection(), at("2026-11-20T00:00:01Z")).unwrap();
    assert_eq!(slots(&office, "complete")[0].outcome[0].waits_for, Some(incremental));
    schedule.tick(&mut office.connection(), at("2026-11-20T00:00:03Z")).unwrap();
    assert_eq!(office.count("runs"), 1, "it still waits");
    office.execute(&format!("update runs set state = 'completed' where id = {incremental}"));
    schedule.tick(&mut office.connection(), at("2026-11-20T00:00:05Z")).unwrap();
    let run = slots(&office, "complete")[0].outcome[0].run.unwrap();
    assert_eq!((office.run(run).mode, office.run(run).state), (Mode::Complete, RunState::Queued));
}

#[test]
fn due_times_are_those_of_the_jobs_time_zone() {
    let job = Job {
        name: "nightly".into(),
        cron: "30 2 * * *".into(),
        time_zone: "Europe/Zurich".into(),
        mode: "complete".into(),
        enabled: true,
    };
    let times = JobTimes::of(&job).unwrap();
    assert_eq!(times.last_until(at("2026-11-20T12:00:00Z")), Some(at("2026-11-20T01:30:00Z")));
    let next: Vec<String> = times.next(at("2026-11-20T12:00:00Z"), 3).iter().map(|time| time.to_rfc3339()).collect();
    assert_eq!(next, ["2026-11-21T02:30:00+01:00", "2026-11-22T02:30:00+01:00", "2026-11-23T02:30:00+01:00"]);
    assert!(times.is_due(at("2026-11-20T01:30:00Z")));
    assert!(!times.is_due(at("2026-11-20T01:31:00Z")));
}
