//! Starting a run: the row, its tasks and the queue entry in one transaction.

use super::row::stages_of;
use super::{Afterwards, Mode, RunId, RunState, TaskChoice, TaskState, Trigger, query};
use crate::model::claim::Enqueue;
use crate::model::connector::{self, ConnectorId};
use crate::model::decision::{self, Decider};
use crate::model::run_log::{self, Level};
use crate::schema::{extractions, runs, tasks};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use std::time::Duration;

/// A run that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun<'a> {
    /// The connector.
    pub connector_id: ConnectorId,
    /// How much of the source it looks at.
    pub mode: Mode,
    /// What starts it.
    pub trigger: Trigger,
    /// The account, where a person starts it.
    pub started_by: Option<&'a str>,
    /// The job, where a schedule starts it.
    pub job: Option<&'a str>,
    /// Which tasks it goes through.
    pub task: TaskChoice,
    /// Whether it stops after prepare.
    pub dry_run: bool,
    /// The extraction to prepare; a single preparation takes the newest, a replay that of the run it replays.
    pub extraction_id: Option<i64>,
    /// The run to revert, and what else a revert does.
    pub reverts: Option<(RunId, Option<Afterwards>)>,
    /// The run to replay.
    pub replays: Option<RunId>,
    /// Whether a replay uses the configuration of the run that it replays.
    pub own_configuration: bool,
}

impl NewRun<'_> {
    /// A run through all tasks, not dry.
    pub fn new(connector_id: ConnectorId, mode: Mode, trigger: Trigger) -> Self {
        Self {
            connector_id,
            mode,
            trigger,
            started_by: None,
            job: None,
            task: TaskChoice::All,
            dry_run: false,
            extraction_id: None,
            reverts: None,
            replays: None,
            own_configuration: false,
        }
    }
}

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another run of the connector is not finished.
    #[error("run {0} of this connector is still going on; wait until it is over, or cancel it")]
    AlreadyRunning(RunId),
    /// Incremental runs wait until somebody has decided about a blocked run.
    #[error("run {0} of this connector is blocked; resume or discard it, or start a complete run")]
    BlockedWaits(RunId),
    /// A table can't tell what changed.
    #[error(
        "{0} can't tell what changed since the last run: give that table a delta_file if its source writes one, or set \
         compare = true on the connector; until then, start a complete run"
    )]
    NoIncremental(String),
    /// There is nothing stored that expressions could be computed over.
    #[error(
        "no run of this connector was applied yet, so there are no values to compute expressions over; start a complete run"
    )]
    NothingStored,
    /// What is to be replayed can't be.
    #[error("run {run} can't be replayed: {why}")]
    NoReplay {
        /// The run whose extraction was asked for.
        run: RunId,
        /// Why, and what to do.
        why: &'static str,
    },
    /// There is no such connector.
    #[error("there is no connector with the id {0}")]
    NoConnector(ConnectorId),
    /// There is nothing to prepare.
    #[error("this connector has no extraction to prepare; start the export first")]
    NoExtraction,
    /// There is nothing to synchronize.
    #[error("no run of this connector stands ready to be applied; start a dry run or the preparation first")]
    NothingReady,
    /// What would be synchronized was stopped by a guard.
    #[error("run {0} is blocked: look at it, then resume or discard it")]
    StandsBlocked(RunId),
    /// What would be synchronized no longer fits.
    #[error(transparent)]
    Decision(#[from] Box<decision::DecisionError>),
    /// The database failed us.
    #[error("the run can't be started: {0}")]
    Database(#[from] Error),
}

/// Starts a run: queued, with the connector's configuration as it is now, its tasks pending, and a worker woken up.
///
/// That no other run of the connector is at work is said by a partial unique index, not by looking first. A single
/// synchronization makes no new run: it applies the newest dry run or single preparation that stands ready, and returns
/// its id.
pub fn start(conn: &mut PgConnection, new: &NewRun<'_>, enqueue: &Enqueue) -> Result<RunId, StartError> {
    if new.task == TaskChoice::Synchronize {
        return apply_ready(conn, new, enqueue);
    }
    let waits = new.mode == Mode::Incremental || (new.mode == Mode::UpdateExpressions && !new.dry_run);
    if waits && let Some(blocked) = query::blocked(conn, new.connector_id)? {
        return Err(StartError::BlockedWaits(blocked));
    }
    let started = conn.transaction(|conn| {
        let run = insert(conn, new)?;
        enqueue(conn, run, Duration::ZERO)?;
        run_log::notify(conn, run)?;
        Ok(run)
    });
    match started {
        Err(StartError::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details))) => {
            match query::at_work(conn, new.connector_id)? {
                Some(running) => Err(StartError::AlreadyRunning(running)),
                // It was over before we could look: the person may simply ask again.
                None => Err(StartError::Database(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, details))),
            }
        }
        other => other,
    }
}

fn insert(conn: &mut PgConnection, new: &NewRun<'_>) -> Result<RunId, StartError> {
    let connector = connector::by_id(conn, new.connector_id)?.ok_or(StartError::NoConnector(new.connector_id))?;
    let applied = connector.applied_run_id.is_some();
    let (mut mode, mut became_complete) = (new.mode, None);
    match mode {
        Mode::Incremental if !connector.incremental => {
            return Err(StartError::NoIncremental(connector.whole_table.unwrap_or_else(|| "a table".to_owned())));
        }
        // Changes are changes to something.
        Mode::Incremental if !applied && new.task != TaskChoice::Prepare => {
            mode = Mode::Complete;
            became_complete = Some("no run of this connector was applied yet");
        }
        Mode::UpdateExpressions if !applied => return Err(StartError::NothingStored),
        _ => {}
    }
    let mut version = connector.configuration_version;
    let extraction_id = match (new.replays, new.task, new.extraction_id) {
        (Some(run), ..) => {
            let (extraction, used) = replayed(conn, new.connector_id, run)?;
            version = if new.own_configuration { used } else { version };
            Some(extraction)
        }
        (None, TaskChoice::Prepare, None) => Some(newest_extraction(conn, new.connector_id)?),
        (None, _, given) => given,
    };
    let dry_run = new.dry_run || mode == Mode::Replay;
    let run: RunId = diesel::insert_into(runs::table)
        .values((
            runs::connector_id.eq(new.connector_id),
            runs::mode.eq(mode),
            runs::trigger.eq(new.trigger),
            runs::started_by.eq(new.started_by),
            runs::job.eq(new.job),
            runs::task.eq(new.task),
            runs::dry_run.eq(dry_run),
            runs::standalone.eq(dry_run || matches!(new.task, TaskChoice::Export | TaskChoice::Prepare)),
            runs::state.eq(RunState::Queued),
            runs::configuration_version.eq(version),
            runs::extraction_id.eq(extraction_id),
            runs::reverts_run_id.eq(new.reverts.map(|(run, _)| run)),
            runs::afterwards.eq(new.reverts.and_then(|(_, afterwards)| afterwards)),
            runs::replays_run_id.eq(new.replays),
            runs::own_configuration.eq(new.own_configuration),
            runs::became_complete.eq(became_complete),
        ))
        .returning(runs::id)
        .get_result(conn)?;
    let stages = stages_of(mode, new.task, dry_run);
    let rows: Vec<_> = stages
        .iter()
        .map(|stage| (tasks::run_id.eq(run), tasks::stage.eq(*stage), tasks::state.eq(TaskState::Pending)))
        .collect();
    diesel::insert_into(tasks::table).values(rows).execute(conn)?;
    let kind = if dry_run { "dry run" } else { "run" };
    let by = new.started_by.or(new.job).unwrap_or(new.trigger.as_str());
    let of = new.replays.map(|run| format!(" of run {run}")).unwrap_or_default();
    let first = stages.first().copied().unwrap_or(super::Stage::Export);
    if let Some(who) = new.started_by {
        let detail = serde_json::json!({ "connector": connector.name, "mode": mode, "task": new.task, "dry_run": dry_run,
                                         "trigger": new.trigger, "replays": new.replays,
                                         "reverts": new.reverts.map(|(run, _)| run) });
        super::super::audit::record(conn, who, "start", &format!("run {run}"), detail)?;
    }
    run_log::append(conn, run, first, Level::Info, "started-run", &format!("{mode} {kind}{of} started by {by}"))?;
    if let Some(why) = became_complete {
        run_log::became_complete(conn, run, why)?;
    }
    Ok(run)
}

fn newest_extraction(conn: &mut PgConnection, connector_id: ConnectorId) -> Result<i64, StartError> {
    extractions::table
        .filter(extractions::connector_id.eq(connector_id))
        .filter(extractions::deleted_at.is_null())
        .select(extractions::id)
        .order(extractions::id.desc())
        .first(conn)
        .optional()?
        .ok_or(StartError::NoExtraction)
}

/// The extraction of a run that is to be replayed, and the version of the configuration that it used.
fn replayed(conn: &mut PgConnection, connector_id: ConnectorId, id: RunId) -> Result<(i64, i32), StartError> {
    let refused = |why| StartError::NoReplay { run: id, why };
    let run = query::by_id(conn, id)?.filter(|run| run.connector_id == connector_id);
    let run = run.ok_or_else(|| refused("this connector has no such run"))?;
    let extraction = run.extraction_id.ok_or_else(|| refused("it has no extraction"))?;
    let deleted: Option<chrono::DateTime<chrono::Utc>> =
        extractions::table.find(extraction).select(extractions::deleted_at).first(conn)?;
    match deleted {
        Some(_) => Err(refused("the files of its extraction were deleted by age; replay a newer one")),
        None => Ok((extraction, run.configuration_version)),
    }
}

fn apply_ready(conn: &mut PgConnection, new: &NewRun<'_>, enqueue: &Enqueue) -> Result<RunId, StartError> {
    let Some(run) = query::ready_to_apply(conn, new.connector_id)? else {
        return Err(match query::at_work(conn, new.connector_id)? {
            Some(running) => StartError::AlreadyRunning(running),
            None => StartError::NothingReady,
        });
    };
    if run.state == RunState::Blocked {
        return Err(StartError::StandsBlocked(run.id));
    }
    let by = Decider { name: new.started_by.unwrap_or(new.trigger.as_str()), comment: None };
    let seen = run.change_set_digest.as_deref().unwrap_or_default();
    decision::resume(conn, run.id, seen, &by, enqueue).map_err(Box::new)?;
    Ok(run.id)
}
