//! A decision of a person about a run: resume, resume without, hold, discard, cancel, retry. Who decided what, when, with
//! which words and over which figures stays on the run; the audit log has it too.

mod without;

pub use without::{LeftOut, MOST, Rest, Without, leave_out};

use super::approval;
use super::audit;
use super::claim::{Enqueue, FinishError, reset_preparation};
use super::json::Json;
use super::lease;
use super::retry;
use super::run::{self, Mode, Run, RunId, RunState, Stage, TaskState};
use super::run_log::{self, Level};
use crate::schema::{connectors, decisions, runs, tasks};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use std::time::Duration;

/// A decision as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = decisions, check_for_backend(diesel::pg::Pg))]
pub struct Decision {
    /// `resume`, `resume_without`, `hold`, `discard`, `cancel` or `retry`.
    pub decision: String,
    /// The account.
    pub decided_by: String,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// The change set that was seen.
    pub digest: Option<String>,
    /// The words that were given.
    pub comment: Option<String>,
    /// The figures: `changes` seen, `left_out`, `held_until`.
    pub detail: Json<serde_json::Value>,
}

/// Who decides, and with which words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decider<'a> {
    /// The account.
    pub name: &'a str,
    /// The words, if any.
    pub comment: Option<&'a str>,
}

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// There is no such run.
    #[error("there is no run {0}")]
    NotFound(RunId),
    /// The run's state does not allow it.
    #[error("run {run} is {state}: it can't be {wish}")]
    NotPossible {
        /// The run.
        run: RunId,
        /// Where it stands.
        state: RunState,
        /// What was asked for, as a participle with what to do instead.
        wish: &'static str,
    },
    /// The change set is not the one that was looked at.
    #[error("the changes of run {0} are no longer those you looked at; look again, then decide")]
    OtherChanges(RunId),
    /// The connector was edited meanwhile: the run is being prepared anew with what is in use now.
    #[error(
        "run {run} was prepared with version {prepared} of the connector's configuration; version {now} is in use \
         now. It is being prepared anew with that, look at it again then"
    )]
    ConfigurationMoved {
        /// The run.
        run: RunId,
        /// The version that it used.
        prepared: i32,
        /// The version in use.
        now: i32,
    },
    /// Nothing was chosen, or nothing that is there matches.
    #[error("no change of run {0} matches; nothing was left out, nothing was decided")]
    NothingChosen(RunId),
    /// More was chosen than can be left out.
    #[error(
        "more than {most} changes match; that many are not left out of a run. Discard run {run}, or narrow the filter"
    )]
    TooMany {
        /// The run.
        run: RunId,
        /// The most there may be.
        most: u64,
    },
    /// Another run was applied meanwhile: this one is being prepared anew.
    #[error("another run was applied since run {0} was prepared; it is being prepared anew, look at it again then")]
    PreparesAnew(RunId),
    /// A newer run was applied; what this one has read is old.
    #[error("run {newer} was applied after run {run} failed; start a new run instead")]
    Outdated {
        /// The failed run.
        run: RunId,
        /// The newer one.
        newer: RunId,
    },
    /// Another run of the connector is not finished.
    #[error("run {0} of this connector is still going on; wait until it is over, or cancel it")]
    AlreadyRunning(RunId),
    /// The database failed us.
    #[error("the decision can't be written: {0}")]
    Database(#[from] Error),
}

impl From<FinishError> for DecisionError {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::Database(error) => Self::Database(error),
            FinishError::Fenced => Self::Database(Error::NotFound),
        }
    }
}

/// Whether a cancelled run is already over, or its worker has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// Nobody was at work: it is over.
    AtOnce,
    /// Its worker stops within a second.
    WorkerTold,
}

/// The decisions about a run, oldest first.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Vec<Decision>> {
    decisions::table.filter(decisions::run_id.eq(run)).order(decisions::id).select(Decision::as_select()).load(conn)
}

/// Applies the change set that was looked at, `seen` being its digest: of a blocked run, or of a dry run or single
/// preparation that stands ready. If the connector's state or its configuration moved meanwhile, the run is prepared
/// anew instead and the answer is [`DecisionError::PreparesAnew`] or [`DecisionError::ConfigurationMoved`]. With an
/// edited configuration it then waits for another look, whatever comes out.
pub fn resume(
    conn: &mut PgConnection,
    id: RunId,
    seen: &str,
    by: &Decider<'_>,
    enqueue: &Enqueue,
) -> Result<(), DecisionError> {
    let moved = exclusively(conn, id, |conn, run| {
        let moved = seen_and_decidable(conn, &run, seen)?;
        record(conn, &run, "resume", by, figures(&run))?;
        match moved {
            None => {
                become_at_work(conn, &run, RunState::Ready, false)?;
                pending_task(conn, run.id, Stage::Synchronize)?;
                tell(conn, &run, Stage::Synchronize, "resumed-run", &format!("resumed by {}", by.name))?;
            }
            Some(moved) => {
                if let Moved::Configuration { .. } = moved {
                    approval::give(conn, &run, by.name, Some(moved.why()))?;
                }
                prepare_anew(conn, &run, moved, run.standalone)?;
            }
        }
        enqueue(conn, run.id, Duration::ZERO)?;
        Ok(moved)
    })?;
    match moved {
        None => Ok(()),
        Some(Moved::State) => Err(DecisionError::PreparesAnew(id)),
        Some(Moved::Configuration { prepared, now }) => {
            Err(DecisionError::ConfigurationMoved { run: id, prepared, now })
        }
    }
}

/// What is no longer as it was when a run was prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    /// The connector's state: another run was applied.
    State,
    /// Its configuration was edited.
    Configuration { prepared: i32, now: i32 },
}

impl Moved {
    fn why(self) -> &'static str {
        match self {
            Self::State => "another run was applied since it was looked at",
            Self::Configuration { .. } => "the connector's configuration was edited since it was looked at",
        }
    }
}

/// That the run waits for a decision and its changes are the ones that were seen; and what moved meanwhile. The
/// connector stays locked, so that nothing moves between this look and the decision.
fn seen_and_decidable(conn: &mut PgConnection, run: &Run, seen: &str) -> Result<Option<Moved>, DecisionError> {
    let decidable = run.state == RunState::Blocked || (run.state == RunState::Ready && run.standalone);
    let digest = match &run.change_set_digest {
        Some(digest) if decidable => digest,
        _ => return Err(impossible(run, "resumed; only a run that is blocked, or a dry run that is ready, can")),
    };
    if digest != seen {
        return Err(DecisionError::OtherChanges(run.id));
    }
    let (state_version, now): (i64, i32) = connectors::table
        .find(run.connector_id)
        .select((connectors::state_version, connectors::configuration_version))
        .for_no_key_update()
        .first(conn)?;
    // A replay may have a configuration of its own.
    Ok(if now != run.configuration_version && !run.own_configuration {
        Some(Moved::Configuration { prepared: run.configuration_version, now })
    } else {
        (run.state_version != Some(state_version)).then_some(Moved::State)
    })
}

/// Sends the run back to prepare because something moved, with the configuration that is in use.
fn prepare_anew(conn: &mut PgConnection, run: &Run, moved: Moved, standalone: bool) -> Result<(), DecisionError> {
    reset_preparation(conn, run)?;
    if let Moved::Configuration { now, .. } = moved {
        diesel::update(runs::table.find(run.id)).set(runs::configuration_version.eq(now)).execute(conn)?;
    }
    become_at_work(conn, run, RunState::Preparing, standalone)?;
    tell(conn, run, Stage::Prepare, "prepare-again", &format!("{}; preparing anew", moved.why()))?;
    Ok(())
}

/// What a decision is about, in figures.
fn figures(run: &Run) -> serde_json::Value {
    serde_json::json!({ "changes": run.counters.changes() })
}

/// Refuses the change set of a blocked run, or of a dry run or single preparation that stands ready. Nothing is written.
pub fn discard(conn: &mut PgConnection, id: RunId, by: &Decider<'_>) -> Result<(), DecisionError> {
    exclusively(conn, id, |conn, run| {
        if !(run.state == RunState::Blocked || (run.state == RunState::Ready && run.standalone)) {
            return Err(impossible(&run, "discarded; only a run that waits for a decision can"));
        }
        record(conn, &run, "discard", by, figures(&run))?;
        end(conn, &run, RunState::Discarded)?;
        tell(conn, &run, Stage::Prepare, "discarded-run", &format!("discarded by {}", by.name))?;
        Ok(())
    })
}

/// Stops a run: at once if nobody is at work, else by telling its worker. Never waits for the work's transaction.
pub fn cancel(conn: &mut PgConnection, id: RunId, by: &Decider<'_>) -> Result<Cancelled, DecisionError> {
    let Some(seen) = run::by_id(conn, id)? else { return Err(DecisionError::NotFound(id)) };
    if !seen.rests() {
        let told = conn.transaction(|conn| {
            let told = lease::ask_cancel(conn, id, by.name)?;
            if told {
                record(conn, &seen, "cancel", by, serde_json::json!({}))?;
                run_log::notify(conn, id)?;
            }
            QueryResult::Ok(told)
        })?;
        if told {
            return Ok(Cancelled::WorkerTold);
        }
    }
    exclusively(conn, id, |conn, run| {
        if run.state == RunState::Failed && retry::forget(conn, run.id)? {
            record(conn, &run, "cancel", by, serde_json::json!({}))?;
            let stage = run.failure.as_ref().map_or(Stage::Export, |failure| failure.stage);
            tell(conn, &run, stage, "cancelled-run", &format!("not tried again; cancelled by {}", by.name))?;
            return Ok(Cancelled::AtOnce);
        }
        if run.rests() {
            return Err(impossible(&run, "cancelled; one that waits for a decision can be discarded"));
        }
        // Claimed between our two looks: then its worker is told after all.
        if lease::ask_cancel(conn, id, by.name)? {
            record(conn, &run, "cancel", by, serde_json::json!({}))?;
            return Ok(Cancelled::WorkerTold);
        }
        record(conn, &run, "cancel", by, serde_json::json!({}))?;
        let stage = run.next_stage().unwrap_or(Stage::Export);
        diesel::update(tasks::table.find((run.id, stage))).set(tasks::state.eq(TaskState::Cancelled)).execute(conn)?;
        end(conn, &run, RunState::Cancelled)?;
        tell(conn, &run, stage, "cancelled-run", &format!("cancelled by {}", by.name))?;
        Ok(Cancelled::AtOnce)
    })
}

/// Takes a failed run up again at the stage in which it failed.
pub fn retry(conn: &mut PgConnection, id: RunId, by: &Decider<'_>, enqueue: &Enqueue) -> Result<(), DecisionError> {
    exclusively(conn, id, |conn, run| {
        let stage = match (&run.failure, run.state) {
            (Some(failure), RunState::Failed) => failure.stage,
            _ => return Err(impossible(&run, "retried; only a failed run can")),
        };
        let newer: Option<RunId> = runs::table
            .filter(runs::connector_id.eq(run.connector_id))
            .filter(runs::id.gt(run.id))
            .filter(runs::applied_at.is_not_null())
            .filter(runs::mode.ne(Mode::Correlate))
            .select(runs::id)
            .first(conn)
            .optional()?;
        if let Some(newer) = newer {
            return Err(DecisionError::Outdated { run: run.id, newer });
        }
        record(conn, &run, "retry", by, serde_json::json!({}))?;
        retry::forget(conn, run.id)?;
        let state = match stage {
            Stage::Export => RunState::Queued,
            Stage::Prepare => RunState::Preparing,
            Stage::Synchronize => RunState::Ready,
        };
        become_at_work(conn, &run, state, run.standalone)?;
        pending_task(conn, run.id, stage)?;
        tell(conn, &run, stage, "retried-run", &format!("taken up again by {}", by.name))?;
        enqueue(conn, run.id, Duration::ZERO)?;
        Ok(())
    })
}

/// Runs `decide` on the locked run in one transaction; another run at work is told by its id.
fn exclusively<T>(
    conn: &mut PgConnection,
    id: RunId,
    decide: impl FnOnce(&mut PgConnection, Run) -> Result<T, DecisionError>,
) -> Result<T, DecisionError> {
    let mut connector_id = None;
    let decided = conn.transaction(|conn| {
        let run: Run = runs::table
            .find(id)
            .select(Run::as_select())
            .for_no_key_update()
            .first(conn)
            .optional()?
            .ok_or(DecisionError::NotFound(id))?;
        connector_id = Some(run.connector_id);
        decide(conn, run)
    });
    match (decided, connector_id) {
        (
            Err(DecisionError::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details))),
            Some(connector_id),
        ) => match run::at_work(conn, connector_id)? {
            Some(running) => Err(DecisionError::AlreadyRunning(running)),
            None => Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details).into()),
        },
        (decided, _) => decided,
    }
}

fn impossible(run: &Run, wish: &'static str) -> DecisionError {
    DecisionError::NotPossible { run: run.id, state: run.state, wish }
}

fn become_at_work(conn: &mut PgConnection, run: &Run, state: RunState, standalone: bool) -> Result<(), DecisionError> {
    // The unique index would say the same, but only after waiting for a run that is just being written.
    if let Some(running) = run::at_work(conn, run.connector_id)? {
        return Err(DecisionError::AlreadyRunning(running));
    }
    diesel::update(runs::table.find(run.id))
        .set((
            runs::state.eq(state),
            runs::standalone.eq(standalone),
            runs::finished_at.eq(None::<DateTime<Utc>>),
            runs::failure.eq(None::<serde_json::Value>),
        ))
        .execute(conn)?;
    Ok(())
}

fn end(conn: &mut PgConnection, run: &Run, state: RunState) -> QueryResult<()> {
    // The epoch rises so that a worker which still believes to hold the run commits nothing.
    diesel::update(runs::table.find(run.id))
        .set((runs::state.eq(state), runs::epoch.eq(run.epoch + 1), runs::finished_at.eq(diesel::dsl::now)))
        .execute(conn)
        .map(drop)
}

fn pending_task(conn: &mut PgConnection, run: RunId, stage: Stage) -> QueryResult<()> {
    diesel::insert_into(tasks::table)
        .values((tasks::run_id.eq(run), tasks::stage.eq(stage), tasks::state.eq(TaskState::Pending)))
        .on_conflict((tasks::run_id, tasks::stage))
        .do_update()
        .set((tasks::state.eq(TaskState::Pending), tasks::attempts.eq(0)))
        .execute(conn)
        .map(drop)
}

fn record(
    conn: &mut PgConnection,
    run: &Run,
    decision: &str,
    by: &Decider<'_>,
    mut detail: serde_json::Value,
) -> QueryResult<()> {
    diesel::insert_into(decisions::table)
        .values((
            decisions::run_id.eq(run.id),
            decisions::decision.eq(decision),
            decisions::decided_by.eq(by.name),
            decisions::digest.eq(&run.change_set_digest),
            decisions::comment.eq(by.comment),
            decisions::detail.eq(&detail),
        ))
        .execute(conn)?;
    detail["digest"] = serde_json::json!(run.change_set_digest);
    detail["comment"] = serde_json::json!(by.comment);
    audit::record(conn, by.name, decision, &format!("run {}", run.id), detail)
}

fn tell(conn: &mut PgConnection, run: &Run, stage: Stage, event: &str, message: &str) -> QueryResult<()> {
    run_log::append(conn, run.id, stage, Level::Info, event, message)?;
    run_log::notify(conn, run.id)
}
