//! Decisions: bound to what was seen.

use super::office::{Office, breach, exported};
use muster::model::approval;
use muster::model::claim::{Ending, Failure};
use muster::model::decision::{self, Decider, DecisionError};
use muster::model::run::{RunId, RunState, Stage};

const ADA: Decider<'static> = Decider { name: "ada", comment: Some("checked with HR") };

fn resume(office: &Office, run: RunId, digest: &str) -> Result<(), DecisionError> {
    decision::resume(&mut office.connection(), run, digest, &ADA, &office.context.enqueue)
}

#[test]
fn a_resumed_run_is_synchronized_and_keeps_the_decision() {
    let office = Office::new();
    let run = office.blocked(&office.connector("hr", "")).id;
    assert!(office.claim(run).is_none(), "nothing happens before somebody decides");
    resume(&office, run, "sha256:00").unwrap();
    assert_eq!(office.claim(run).unwrap().stage, Stage::Synchronize);
    let decisions = decision::of(&mut office.connection(), run).unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!((decisions[0].decision.as_str(), decisions[0].decided_by.as_str()), ("resume", "ada"));
    assert_eq!(decisions[0].digest.as_deref(), Some("sha256:00"));
    assert_eq!(decisions[0].comment.as_deref(), Some("checked with HR"));
    assert_eq!(office.count("audit where action = 'resume' and account = 'ada'"), 1);
}

#[test]
fn another_digest_than_the_one_seen_is_refused() {
    let office = Office::new();
    let run = office.blocked(&office.connector("hr", "")).id;
    assert!(matches!(resume(&office, run, "sha256:11"), Err(DecisionError::OtherChanges(_))));
    assert_eq!(office.run(run).state, RunState::Blocked);
    assert_eq!(office.count("decisions"), 0);
}

#[test]
fn a_configuration_that_was_edited_since_prepares_anew_with_the_new_one_and_is_looked_at_again() {
    let office = Office::new();
    let run = office.blocked(&office.connector("hr", "")).id;
    office.configure("hr", "complete_job = \"not_used\"");
    let refused = resume(&office, run, "sha256:00");
    assert!(matches!(refused, Err(DecisionError::ConfigurationMoved { prepared: 1, now: 2, .. })), "{refused:?}");
    let again = office.run(run);
    assert_eq!((again.state, again.configuration_version, again.change_set_digest), (RunState::Preparing, 2, None));
    let approval = approval::of(&mut office.connection(), run).unwrap().unwrap();
    assert!(approval.look.unwrap().contains("configuration was edited"));
}

#[test]
fn a_state_that_moved_since_prepares_anew() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let dry = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    office.prepare(dry, Vec::new());
    // As if another run had been applied.
    office.execute("update connectors set state_version = state_version + 1");
    assert!(matches!(resume(&office, dry, "sha256:00"), Err(DecisionError::PreparesAnew(_))));
    let run = office.run(dry);
    assert_eq!((run.state, run.change_set_digest, run.standalone), (RunState::Preparing, None, true));
    assert_eq!(office.claim(dry).unwrap().stage, Stage::Prepare);
}

#[test]
fn a_dry_run_that_is_applied_holds_others_up_while_it_is() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let dry = office.try_start(&connector, |new| new.dry_run = true).unwrap();
    office.prepare(dry, vec![breach()]);
    let other = office.start(&connector);
    assert!(matches!(resume(&office, dry, "sha256:00"), Err(DecisionError::AlreadyRunning(run)) if run == other));
    decision::cancel(&mut office.connection(), other, &ADA).unwrap();
    resume(&office, dry, "sha256:00").unwrap();
    assert!(office.try_start(&connector, |_| {}).is_err());
}

#[test]
fn a_discarded_run_is_over() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let run = office.blocked(&connector).id;
    decision::discard(&mut office.connection(), run, &ADA).unwrap();
    let run = office.run(run);
    assert_eq!((run.state, run.finished_at.is_some()), (RunState::Discarded, true));
    assert!(matches!(resume(&office, run.id, "sha256:00"), Err(DecisionError::NotPossible { .. })));
    assert!(matches!(
        decision::discard(&mut office.connection(), run.id, &ADA),
        Err(DecisionError::NotPossible { .. })
    ));
}

#[test]
fn a_retry_goes_back_into_the_stage_that_failed() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let run = office.start(&connector);
    office.go(run, exported());
    let failure =
        Failure { stage: Stage::Prepare, place: "people.csv".into(), message: "no column Id".into(), transient: false };
    office.go(run, Ending::Failed(failure));
    decision::retry(&mut office.connection(), run, &ADA, &office.context.enqueue).unwrap();
    let again = office.run(run);
    assert_eq!((again.state, again.failure, again.finished_at), (RunState::Preparing, None, None));
    assert_eq!(office.claim(run).unwrap().stage, Stage::Prepare);
}

#[test]
fn a_failed_run_is_not_retried_over_a_newer_one() {
    let office = Office::new();
    let connector = office.connector("hr", "");
    let old = office.start(&connector);
    let failure = Failure { stage: Stage::Export, place: "x".into(), message: "y".into(), transient: true };
    office.go(old, Ending::Failed(failure));
    let newer = office.applied(&connector);
    let refused = decision::retry(&mut office.connection(), old, &ADA, &office.context.enqueue);
    assert!(matches!(refused, Err(DecisionError::Outdated { newer: run, .. }) if run == newer.id), "{refused:?}");
}
