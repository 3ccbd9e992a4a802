//! The fenced end of a stage: state, task, figures, lease, log, queue entry, all in the transaction of the work.

use super::take::held;
use super::{Claim, Ending, Enqueue, Failure, FinishError, Prepared};
use crate::model::announcement::{self, Facts};
use crate::model::approval;
use crate::model::cause::Cause;
use crate::model::counters::Counters;
use crate::model::hold;
use crate::model::json::Json;
use crate::model::lease;
use crate::model::notification::Occasion;
use crate::model::retry;
use crate::model::run::{Mode, Run, RunState, Stage, TaskState};
use crate::model::run_log::{self, Level};
use crate::schema::{connectors, runs, tasks};
use chrono::{DateTime, Utc};
use diesel::dsl::{now, sql};
use diesel::expression::SqlLiteral;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use std::time::Duration;

/// Between two tries to synchronize while another connector does.
const BUSY: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];

/// Writes how the claimed stage ended. Called inside the caller's transaction as its last statement: whoever calls it
/// rolls back on an error, and commits at once on success. Its own last statement writes the run by id and epoch.
pub fn finish(conn: &mut PgConnection, claim: &Claim, ending: Ending, enqueue: &Enqueue) -> Result<(), FinishError> {
    let run = held(conn, claim)?;
    let asked_to_cancel = lease::drop(conn, claim)?;
    let after = match ending {
        // The wish came while the stage was ending: it must not get lost between two stages.
        ending if asked_to_cancel && !matches!(ending, Ending::Applied { .. }) => cancelled(conn, &run, claim.stage)?,
        Ending::Exported { extraction_id, rows, became_complete } => {
            exported(conn, &run, extraction_id, rows, became_complete)?
        }
        Ending::Prepared(prepared) => self::prepared(conn, &run, &prepared)?,
        Ending::Applied { counters } => applied(conn, &run, counters)?,
        Ending::PrepareAgain => prepare_again(conn, &run)?,
        Ending::Busy => busy(conn, &run)?,
        Ending::Failed(failure) => failed(conn, &run, claim.stage, failure)?,
        Ending::Cancelled => cancelled(conn, &run, claim.stage)?,
    };
    if let Some(delay) = after.enqueue {
        enqueue(conn, claim.run, delay)?;
    }
    run_log::notify(conn, claim.run)?;
    let over = after.over.then(|| runs::finished_at.eq(clock()));
    let written = diesel::update(runs::table.find(claim.run).filter(runs::epoch.eq(claim.epoch)))
        .set((runs::state.eq(after.state), over))
        .execute(conn)?;
    if written == 1 { Ok(()) } else { Err(FinishError::Fenced) }
}

/// Writes how a stage ended that has no transaction of its own: it failed, was cancelled, or wrote to the store only.
pub fn finish_alone(
    conn: &mut PgConnection,
    claim: &Claim,
    ending: Ending,
    enqueue: &Enqueue,
) -> Result<(), FinishError> {
    conn.transaction(|conn| finish(conn, claim, ending, enqueue))
}

/// Writes why a stage that is about to fail probably does. Its only statement is fenced; taken up again, the run's
/// preparation writes anew.
pub fn note_causes(conn: &mut PgConnection, claim: &Claim, causes: &[Cause]) -> Result<(), FinishError> {
    let written = diesel::update(runs::table.find(claim.run).filter(runs::epoch.eq(claim.epoch)))
        .set(runs::causes.eq(Json(causes.to_vec())))
        .execute(conn)?;
    if written == 1 { Ok(()) } else { Err(FinishError::Fenced) }
}

/// Where the run stands after a stage.
struct After {
    state: RunState,
    /// Whether the run ends here.
    over: bool,
    /// When a worker goes on, if one does.
    enqueue: Option<Duration>,
}

impl After {
    fn rest(state: RunState, over: bool) -> Self {
        Self { state, over, enqueue: None }
    }

    fn go_on(state: RunState) -> Self {
        Self { state, over: false, enqueue: Some(Duration::ZERO) }
    }
}

fn exported(
    conn: &mut PgConnection,
    run: &Run,
    extraction_id: i64,
    rows: u64,
    became_complete: Option<String>,
) -> QueryResult<After> {
    diesel::update(runs::table.find(run.id)).set(runs::extraction_id.eq(extraction_id)).execute(conn)?;
    if let Some(why) = became_complete {
        diesel::update(runs::table.find(run.id))
            .set((runs::mode.eq(Mode::Complete), runs::became_complete.eq(&why)))
            .execute(conn)?;
        run_log::became_complete(conn, run.id, &why)?;
    }
    end_task(conn, run, Stage::Export, TaskState::Completed, Some(rows))?;
    log(conn, run, Stage::Export, Level::Info, "exported", &format!("{rows} rows exported and sealed"))?;
    Ok(match run.stages().contains(&Stage::Prepare) {
        true => After::go_on(RunState::Preparing),
        false => After::rest(RunState::Ready, true),
    })
}

fn prepared(conn: &mut PgConnection, run: &Run, prepared: &Prepared) -> QueryResult<After> {
    supersede(conn, run)?;
    diesel::update(runs::table.find(run.id))
        .set((
            runs::state_version.eq(prepared.state_version),
            runs::change_set_digest.eq(&prepared.change_set_digest),
            runs::pending_schema.eq(&prepared.pending_schema),
            runs::counters.eq(Json(prepared.counters.clone())),
            runs::breaches.eq(Json(prepared.breaches.clone())),
            runs::causes.eq(Json(prepared.causes.clone())),
            runs::consequences.eq(Json(prepared.consequences.clone())),
        ))
        .execute(conn)?;
    approval::take(conn, run.id)?;
    if prepared.breaches.is_empty() || prepared.approved_by.is_some() {
        end_task(conn, run, Stage::Prepare, TaskState::Completed, Some(prepared.rows))?;
        let message = format!("{} changes prepared", prepared.counters.changes());
        log(conn, run, Stage::Prepare, Level::Info, "prepared", &message)?;
        if let Some(by) = &prepared.approved_by {
            let message = format!("all of it was approved by {by}; it is applied without asking again");
            log(conn, run, Stage::Prepare, Level::Info, "approved-run", &message)?;
        }
        return Ok(match run.standalone {
            true => After::rest(RunState::Ready, true),
            false => After::go_on(RunState::Ready),
        });
    }
    end_task(conn, run, Stage::Prepare, TaskState::Blocked, Some(prepared.rows))?;
    for breach in &prepared.breaches {
        log(conn, run, Stage::Prepare, Level::Warning, "guard-exceeded", &breach.message)?;
    }
    log(conn, run, Stage::Prepare, Level::Warning, "blocked-run", "blocked; nothing has been written")?;
    if !run.standalone {
        let (breaches, changes) = (prepared.breaches.clone(), Some(prepared.counters.changes()));
        let facts = Facts { breaches, changes, ..Facts::default() };
        announcement::trouble(conn, run.connector_id, Occasion::Blocked, Some(run.id), facts, None)?;
    }
    Ok(After::rest(RunState::Blocked, run.standalone))
}

fn applied(conn: &mut PgConnection, run: &Run, counters: Counters) -> QueryResult<After> {
    let state = if counters.problems.is_empty() { RunState::Completed } else { RunState::CompletedWithProblems };
    let changes = counters.changes();
    diesel::update(connectors::table.find(run.connector_id))
        .set((connectors::state_version.eq(connectors::state_version + 1), connectors::applied_run_id.eq(run.id)))
        .execute(conn)?;
    diesel::update(runs::table.find(run.id))
        .set((runs::counters.eq(Json(counters)), runs::applied_at.eq(now)))
        .execute(conn)?;
    hold::end_over(conn, run.id)?;
    end_task(conn, run, Stage::Synchronize, TaskState::Completed, Some(changes))?;
    log(conn, run, Stage::Synchronize, Level::Info, "synchronized", &format!("{changes} changes applied"))?;
    announcement::recovered(conn, run.connector_id, Some(run.id), None)?;
    Ok(After::rest(state, true))
}

fn prepare_again(conn: &mut PgConnection, run: &Run) -> QueryResult<After> {
    reset_preparation(conn, run)?;
    let message = "the connector's state is no longer the one that was prepared against; preparing anew";
    log(conn, run, Stage::Synchronize, Level::Warning, "prepare-again", message)?;
    Ok(After::go_on(RunState::Preparing))
}

fn busy(conn: &mut PgConnection, run: &Run) -> QueryResult<After> {
    // A try is no attempt: nothing was begun.
    diesel::update(tasks::table.find((run.id, Stage::Synchronize)))
        .set((tasks::state.eq(TaskState::Pending), tasks::attempts.eq(tasks::attempts - 1)))
        .execute(conn)?;
    let delay = rand::random_range(BUSY[0]..BUSY[1]);
    Ok(After { state: RunState::Synchronizing, over: false, enqueue: Some(delay) })
}

fn failed(conn: &mut PgConnection, run: &Run, stage: Stage, failure: Failure) -> QueryResult<After> {
    end_task(conn, run, stage, TaskState::Failed, None)?;
    log(conn, run, stage, Level::Error, "failed-run", &format!("{}: {}", failure.place, failure.message))?;
    // Whoever looks at a dry run or a single task is there: it is not tried again, and nobody is told.
    if !run.standalone {
        let again_at = if failure.transient { retry::plan(conn, run.id)? } else { None };
        if let Some(at) = again_at {
            let message = format!("tried again by itself at {} UTC", at.format("%Y-%m-%d %H:%M:%S"));
            log(conn, run, stage, Level::Info, "will-try-again", &message)?;
        }
        tell_failed(conn, run, stage, again_at)?;
    }
    diesel::update(runs::table.find(run.id)).set(runs::failure.eq(Json(failure))).execute(conn)?;
    Ok(After::rest(RunState::Failed, true))
}

/// Announces that a run failed, in the transaction that says so.
pub(super) fn tell_failed(
    conn: &mut PgConnection,
    run: &Run,
    stage: Stage,
    again_at: Option<DateTime<Utc>>,
) -> QueryResult<()> {
    let facts = Facts { stage: Some(stage), again_at, ..Facts::default() };
    announcement::trouble(conn, run.connector_id, Occasion::Failed, Some(run.id), facts, None).map(drop)
}

fn cancelled(conn: &mut PgConnection, run: &Run, stage: Stage) -> QueryResult<After> {
    end_task(conn, run, stage, TaskState::Cancelled, None)?;
    log(conn, run, stage, Level::Warning, "cancelled-run", "cancelled; nothing was written")?;
    Ok(After::rest(RunState::Cancelled, true))
}

/// Forgets what prepare had frozen, so that it can be done again.
pub fn reset_preparation(conn: &mut PgConnection, run: &Run) -> QueryResult<()> {
    diesel::update(tasks::table.filter(tasks::run_id.eq(run.id)).filter(tasks::stage.ne(Stage::Export)))
        .set(tasks::state.eq(TaskState::Pending))
        .execute(conn)?;
    diesel::update(runs::table.find(run.id))
        .set((
            runs::change_set_digest.eq(None::<String>),
            runs::pending_schema.eq(None::<String>),
            runs::counters.eq(Json(Counters::default())),
            runs::breaches.eq(serde_json::json!([])),
            runs::causes.eq(serde_json::json!([])),
            runs::consequences.eq(serde_json::json!([])),
        ))
        .execute(conn)
        .map(drop)
}

/// A run that stands prepared takes the place of the connector's older ones: of dry runs and single tasks always, of a
/// blocked run unless it is itself one of those.
fn supersede(conn: &mut PgConnection, run: &Run) -> QueryResult<()> {
    let replaceable: &[bool] = if run.standalone { &[true] } else { &[true, false] };
    let standing = runs::state.eq_any([RunState::Ready, RunState::Blocked]);
    let older: Vec<crate::model::run::RunId> =
        diesel::update(runs::table.filter(runs::connector_id.eq(run.connector_id)).filter(runs::id.lt(run.id)))
            .filter(standing)
            .filter(runs::standalone.eq_any(replaceable))
            .set((runs::state.eq(RunState::Superseded), runs::finished_at.eq(now)))
            .returning(runs::id)
            .get_results(conn)?;
    for id in older {
        run_log::append(
            conn,
            id,
            Stage::Prepare,
            Level::Info,
            "superseded-run",
            &format!("run {} took its place", run.id),
        )?;
        run_log::notify(conn, id)?;
    }
    Ok(())
}

fn end_task(conn: &mut PgConnection, run: &Run, stage: Stage, state: TaskState, rows: Option<u64>) -> QueryResult<()> {
    let rows = rows.map(|rows| tasks::rows.eq(i64::try_from(rows).unwrap_or(i64::MAX)));
    diesel::update(tasks::table.find((run.id, stage)))
        .set((tasks::state.eq(state), tasks::finished_at.eq(clock()), rows))
        .execute(conn)
        .map(drop)
}

/// The clock, not the transaction's start: a stage lasts as long as its transaction took.
fn clock() -> SqlLiteral<Nullable<Timestamptz>> {
    sql("clock_timestamp()")
}

fn log(conn: &mut PgConnection, run: &Run, stage: Stage, level: Level, event: &str, message: &str) -> QueryResult<()> {
    run_log::append(conn, run.id, stage, level, event, message)
}
