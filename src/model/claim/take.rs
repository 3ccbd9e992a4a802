//! Taking a claim, holding it, giving it back.

use super::finish::tell_failed;
use super::{Claim, Enqueue, Failure, FinishError};
use crate::model::json::Json;
use crate::model::lease;
use crate::model::run::{Run, RunId, RunState, Stage, TaskState};
use crate::model::run_log::{self, Level};
use crate::model::task;
use crate::schema::{leases, runs, tasks};
use diesel::dsl::{now, sql};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Timestamptz};
use std::time::Duration;

/// How often a stage is begun anew because its worker or its connection was lost, before the run fails: a run that
/// takes its worker down must not do so for ever.
const ATTEMPTS: i32 = 30;

/// Claims the run's next stage for `worker`, with a lease of `lease_seconds` by the database's clock. `None`: there is
/// nothing to claim, because another worker holds it, or it is over, blocked or gone. Duplicate deliveries end here.
pub fn claim(conn: &mut PgConnection, run: RunId, worker: &str, lease_seconds: f64) -> QueryResult<Option<Claim>> {
    conn.transaction(|conn| {
        // Looked at before the row is locked, so that a duplicate delivery never waits for the work's transaction.
        if lease::is_live(conn, run)? {
            return Ok(None);
        }
        let Some(row) = locked(conn, run)? else { return Ok(None) };
        let Some(stage) = row.next_stage() else { return Ok(None) };
        if lease::is_live(conn, run)? {
            return Ok(None);
        }
        if lease::cancel_requested(conn, run)? {
            // Its worker died before it saw the wish.
            cancel_abandoned(conn, &row, stage)?;
            return Ok(None);
        }
        if task::attempts(conn, run, stage)? >= ATTEMPTS {
            fail_hopeless(conn, &row, stage)?;
            return Ok(None);
        }
        let epoch = row.epoch + 1;
        diesel::update(runs::table.find(run))
            .set((
                runs::epoch.eq(epoch),
                runs::state.eq(state_of(stage)),
                runs::started_at.eq(sql::<Nullable<Timestamptz>>("coalesce(started_at, now())")),
            ))
            .execute(conn)?;
        lease::take(conn, run, epoch, worker, stage, lease_seconds)?;
        diesel::update(tasks::table.find((run, stage)))
            .set((
                tasks::state.eq(TaskState::Running),
                tasks::attempts.eq(tasks::attempts + 1),
                tasks::started_at.eq(now),
                tasks::finished_at.eq(None::<chrono::DateTime<chrono::Utc>>),
                tasks::rows.eq(0),
            ))
            .execute(conn)?;
        run_log::notify(conn, run)?;
        Ok(Some(Claim { run, epoch, stage }))
    })
}

/// The guard for intermediate commits: locks the run against another claim until the transaction ends, or says that the
/// claim is lost. The caller rolls back then.
pub fn fence(conn: &mut PgConnection, claim: &Claim) -> Result<(), FinishError> {
    held(conn, claim).map(drop)
}

/// Gives the claim back unfinished (the server stops), so that another worker begins the stage anew at once.
pub fn give_back(conn: &mut PgConnection, claim: &Claim, enqueue: &Enqueue) -> Result<(), FinishError> {
    conn.transaction(|conn| {
        held(conn, claim)?;
        diesel::update(tasks::table.find((claim.run, claim.stage)))
            .set(tasks::state.eq(TaskState::Pending))
            .execute(conn)?;
        lease::drop(conn, claim)?;
        let message = "given back, because the server stops; another worker goes on";
        run_log::append(conn, claim.run, claim.stage, Level::Info, "gave-back-run", message)?;
        enqueue(conn, claim.run, Duration::ZERO)?;
        run_log::notify(conn, claim.run)?;
        Ok(())
    })
}

/// The run's row, locked, if the claim still holds. The lock leaves foreign keys free, so that decisions and problems
/// can be written meanwhile.
pub(super) fn held(conn: &mut PgConnection, claim: &Claim) -> Result<Run, FinishError> {
    match locked(conn, claim.run)? {
        Some(run) if run.epoch == claim.epoch => Ok(run),
        _ => Err(FinishError::Fenced),
    }
}

fn locked(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<Run>> {
    runs::table.find(run).select(Run::as_select()).for_no_key_update().first(conn).optional()
}

fn state_of(stage: Stage) -> RunState {
    match stage {
        Stage::Export => RunState::Exporting,
        Stage::Prepare => RunState::Preparing,
        Stage::Synchronize => RunState::Synchronizing,
    }
}

fn cancel_abandoned(conn: &mut PgConnection, run: &Run, stage: Stage) -> QueryResult<()> {
    run_log::append(conn, run.id, stage, Level::Warning, "cancelled-run", "cancelled; nothing was written")?;
    end_abandoned(conn, run, stage, RunState::Cancelled, TaskState::Cancelled, None)
}

fn fail_hopeless(conn: &mut PgConnection, run: &Run, stage: Stage) -> QueryResult<()> {
    let message = format!(
        "its worker or its connection was lost {ATTEMPTS} times; nothing was written. Look into the server's log, then \
         retry"
    );
    run_log::append(conn, run.id, stage, Level::Error, "failed-run", &message)?;
    if !run.standalone {
        tell_failed(conn, run, stage, None)?;
    }
    let failure = Failure { stage, place: format!("task {stage}"), message, transient: true };
    end_abandoned(conn, run, stage, RunState::Failed, TaskState::Failed, Some(Json(failure)))
}

/// Ends a run that nobody holds.
fn end_abandoned(
    conn: &mut PgConnection,
    run: &Run,
    stage: Stage,
    state: RunState,
    task_state: TaskState,
    failure: Option<Json<Failure>>,
) -> QueryResult<()> {
    diesel::delete(leases::table.find(run.id)).execute(conn)?;
    diesel::update(tasks::table.find((run.id, stage)))
        .set((tasks::state.eq(task_state), tasks::finished_at.eq(now)))
        .execute(conn)?;
    diesel::update(runs::table.find(run.id))
        .set((
            runs::state.eq(state),
            runs::epoch.eq(run.epoch + 1),
            runs::finished_at.eq(now),
            runs::failure.eq(failure),
        ))
        .execute(conn)?;
    run_log::notify(conn, run.id)
}
