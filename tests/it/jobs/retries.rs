//! Trying again: a run that failed for a reason which may pass is taken up again by itself, a few times.

use super::office::{Office, passes};
use chrono::{DateTime, TimeDelta, Utc};
use muster::jobs::retries;
use muster::model::claim::{Ending, Failure};
use muster::model::decision::{self, Decider};
use muster::model::retry::{self, Retry};
use muster::model::run::{Run, RunId, RunState, Stage};
use muster::model::{job_slot, run_log};

const ADA: Decider<'_> = Decider { name: "ada", comment: None };

fn fails(stage: Stage, transient: bool) -> Ending {
    Ending::Failed(Failure { stage, place: "ldap://127.0.0.1".into(), message: "can't connect".into(), transient })
}

fn of(office: &Office, run: RunId) -> Option<Retry> {
    retry::of(&mut office.connection(), run).unwrap()
}

fn now(office: &Office) -> DateTime<Utc> {
    job_slot::clock(&mut office.connection()).unwrap()
}

fn take_up(office: &Office, run: RunId, now: DateTime<Utc>) -> Run {
    retries::take_up(&mut office.connection(), now, &office.context.enqueue).unwrap();
    office.run(run)
}

#[test]
fn a_run_that_failed_for_a_passing_reason_is_tried_again_three_times() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    let mut waits = Vec::new();
    loop {
        let failed = office.go(run, fails(Stage::Export, true));
        assert_eq!(failed.state, RunState::Failed);
        let Some(next) = of(&office, run).unwrap().next_at else { break };
        let wait = next - failed.finished_at.unwrap();
        waits.push((wait.num_milliseconds() + 500) / 60_000);
        assert_eq!(take_up(&office, run, next - TimeDelta::seconds(1)).state, RunState::Failed, "not yet");
        assert_eq!(take_up(&office, run, next).state, RunState::Queued);
        assert_eq!(of(&office, run).unwrap().next_at, None);
    }
    assert_eq!(waits, [1, 5, 15]);
    assert_eq!(take_up(&office, run, now(&office) + TimeDelta::days(1)).state, RunState::Failed, "it is over");
    let decisions = decision::of(&mut office.connection(), run).unwrap();
    assert_eq!(decisions.iter().map(|one| one.decided_by.as_str()).collect::<Vec<_>>(), ["Muster"; 3]);
    assert_eq!(decisions[2].comment.as_deref(), Some("try 3 of 3"));
    assert_eq!(office.count("announcements where occasion = 'failed'"), 1, "told once");
}

#[test]
fn it_goes_on_in_the_stage_in_which_it_failed() {
    let office = Office::new();
    office.serve(passes(office.context.enqueue.clone()));
    let hr = office.connector("hr", "");
    office.execute("update connectors set active = true");
    let run = office.start(&hr);
    office.wait_for_state(run, RunState::Completed);
    // The last stage failed after all.
    office.execute(&format!(
        "update runs set state = 'failed', applied_at = null, failure = '{{\"stage\": \"synchronize\",
        \"place\": \"x\", \"message\": \"y\", \"transient\": true}}' where id = {run}"
    ));
    retry::plan(&mut office.connection(), run).unwrap();
    retries::take_up(&mut office.connection(), now(&office) + TimeDelta::minutes(2), &office.context.enqueue).unwrap();
    office.wait_for_state(run, RunState::Completed);
    let mut conn = office.connection();
    let tasks = muster::model::task::of(&mut conn, run).unwrap();
    assert_eq!(tasks.iter().map(|task| task.attempts).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(run_log::lines(&mut conn, run, 0, 100).unwrap().iter().any(|line| line.event == "retried-run"));
}

#[test]
fn what_stays_wrong_until_somebody_changes_it_is_not_tried_again() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.go(run, fails(Stage::Export, false));
    assert_eq!(of(&office, run), None);
    assert_eq!(take_up(&office, run, now(&office) + TimeDelta::days(1)).state, RunState::Failed);
}

#[test]
fn a_newer_run_or_a_switched_off_connector_ends_the_trying() {
    let office = Office::new();
    let (hr, campus) = (office.connector("hr", ""), office.connector("campus", ""));
    let runs = [office.start(&hr), office.start(&campus)];
    for run in runs {
        office.go(run, fails(Stage::Export, true));
    }
    office.applied(&hr);
    office.execute("update connectors set active = false where name = 'campus'");
    for run in runs {
        assert_eq!(take_up(&office, run, now(&office) + TimeDelta::minutes(2)).state, RunState::Failed);
        assert_eq!(of(&office, run).unwrap().next_at, None);
    }
}

#[test]
fn a_person_may_be_faster_or_call_it_off() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.go(run, fails(Stage::Export, true));
    decision::retry(&mut office.connection(), run, &ADA, &office.context.enqueue).unwrap();
    assert_eq!(of(&office, run).unwrap(), Retry { tries: 0, next_at: None });
    office.go(run, fails(Stage::Export, true));
    decision::cancel(&mut office.connection(), run, &ADA).unwrap();
    assert_eq!(take_up(&office, run, now(&office) + TimeDelta::days(1)).state, RunState::Failed);
    assert!(decision::cancel(&mut office.connection(), run, &ADA).is_err(), "there is nothing left to call off");
}

#[test]
fn several_servers_take_a_run_up_once() {
    let office = Office::new();
    let run = office.start(&office.connector("hr", ""));
    office.go(run, fails(Stage::Export, true));
    let due = now(&office) + TimeDelta::minutes(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| take_up(&office, run, due));
        }
    });
    assert_eq!(decision::of(&mut office.connection(), run).unwrap().len(), 1);
    assert_eq!(of(&office, run).unwrap().tries, 1);
}
