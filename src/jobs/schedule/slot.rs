//! Starting the runs of one slot.

use crate::db::DbConnection;
use crate::document;
use crate::model::claim::Enqueue;
use crate::model::configuration;
use crate::model::connector::{self, Connector, JobUse};
use crate::model::job::Job;
use crate::model::job_slot::{self, SlotOutcome};
use crate::model::run::{self, Mode, NewRun, RunId, StartError, Trigger};
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// Takes the slot and starts the runs of all active connectors that take part, in one transaction. `complete_wins`: a
/// complete job is due at the same time, so that connectors which take part in those are left to it.
pub(super) fn start(
    conn: &mut DbConnection,
    job: &Job,
    due_at: DateTime<Utc>,
    complete_wins: bool,
    server: &str,
    enqueue: &Enqueue,
) -> QueryResult<()> {
    let Ok(mode) = job.mode.parse::<Mode>() else { return Ok(()) };
    conn.transaction(|conn| {
        if !job_slot::take(conn, &job.name, due_at, server)? {
            return Ok(());
        }
        let mut outcome = Vec::new();
        for connector in connector::list(conn)?.into_iter().filter(|connector| connector.active) {
            let in_words = |reason: String| SlotOutcome {
                connector: connector.name.clone(),
                skipped: Some(reason),
                ..SlotOutcome::default()
            };
            outcome.push(match part_of(conn, &connector, mode)? {
                Err(reason) => in_words(reason),
                Ok(Part { taken: false, .. }) => continue,
                Ok(Part { in_complete: true, .. }) if complete_wins => {
                    in_words("the complete run of the same time wins".to_owned())
                }
                Ok(_) => start_one(conn, job, mode, &connector, enqueue)?,
            });
        }
        tracing::info!(job.name = job.name, job.due_at = %due_at, "the job is due");
        job_slot::write(conn, &job.name, due_at, outcome)
    })
}

/// Starts complete runs that waited for an incremental one, where that is over.
pub(super) fn start_waiting(
    conn: &mut DbConnection,
    now: DateTime<Utc>,
    jobs: &[Job],
    enqueue: &Enqueue,
) -> QueryResult<()> {
    conn.transaction(|conn| {
        for slot in job_slot::waiting(conn, now)? {
            let job = jobs.iter().find(|job| job.name == slot.job);
            let mut outcome = slot.outcome.0.clone();
            for waiting in outcome.iter_mut().filter(|outcome| outcome.waits_for.is_some()) {
                let connector = connector::by_name(conn, &waiting.connector)?.filter(|connector| connector.active);
                *waiting = match (job, connector) {
                    (Some(job), Some(connector)) => start_one(conn, job, Mode::Complete, &connector, enqueue)?,
                    _ => SlotOutcome {
                        skipped: Some("the job or the connector was switched off meanwhile".to_owned()),
                        waits_for: None,
                        ..waiting.clone()
                    },
                };
            }
            if outcome != slot.outcome.0 {
                job_slot::write(conn, &slot.job, slot.due_at, outcome)?;
            }
        }
        Ok(())
    })
}

/// Which scheduled jobs a connector takes part in.
struct Part {
    taken: bool,
    in_complete: bool,
}

fn part_of(conn: &mut PgConnection, connector: &Connector, mode: Mode) -> QueryResult<Result<Part, String>> {
    let document = configuration::current(conn, connector)?.document;
    Ok(match document::connector(&document) {
        Ok(definition) => {
            let in_complete = definition.complete_job == JobUse::Used;
            let in_incremental = definition.incremental_job == JobUse::Used;
            Ok(Part { taken: if mode == Mode::Complete { in_complete } else { in_incremental }, in_complete })
        }
        Err(errors) => Err(format!("its configuration can't be read any more: {errors}")),
    })
}

fn start_one(
    conn: &mut PgConnection,
    job: &Job,
    mode: Mode,
    connector: &Connector,
    enqueue: &Enqueue,
) -> QueryResult<SlotOutcome> {
    let mut outcome = SlotOutcome { connector: connector.name.clone(), ..SlotOutcome::default() };
    let new = NewRun { job: Some(&job.name), ..NewRun::new(connector.id, mode, Trigger::Schedule) };
    match run::start(conn, &new, enqueue) {
        Ok(run) => outcome.run = Some(run),
        Err(StartError::AlreadyRunning(running)) if mode == Mode::Complete && is_incremental(conn, running)? => {
            outcome.waits_for = Some(running);
        }
        Err(StartError::Database(error)) => return Err(error),
        Err(reason) => outcome.skipped = Some(reason.to_string()),
    }
    Ok(outcome)
}

fn is_incremental(conn: &mut PgConnection, run: RunId) -> QueryResult<bool> {
    Ok(run::by_id(conn, run)?.is_some_and(|run| run.mode == Mode::Incremental))
}
