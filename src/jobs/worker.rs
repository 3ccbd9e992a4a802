//! A worker: claims what the queue delivers, works on it under a heartbeat, and writes how it ended where the stage
//! could not do so itself.

use super::heartbeat::{Heartbeat, LEASE, StopReason};
use super::queue::Handler;
use super::stop::Stop;
use crate::db::{DbConnection, DbError, backend};
use crate::model::claim::{self, Claim, Ending, Failure, FinishError};
use crate::model::run::{self, Run, RunId, Stage};
use crate::pipeline::progress::Progress;
use crate::pipeline::{self, Context, TaskError};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

/// From how many rows on a preparation counts as large: those go one at a time, so that memory stays bounded.
const LARGE: i64 = 200_000;
const LARGE_AGAIN: Duration = Duration::from_secs(1);

/// What works on a claimed stage: [`pipeline::run_task`].
pub type Work = Arc<dyn Fn(&Context, &Claim, &Progress) -> Result<(), TaskError> + Send + Sync>;

/// The worker of this process. It works on as many runs side by side as the queue delivers to it.
pub struct Worker {
    /// Its name in leases: new for each process.
    pub name: String,
    context: Context,
    work: Work,
    stop: Stop,
    large: Mutex<()>,
}

impl Worker {
    /// A worker that goes through the pipeline's stages.
    pub fn new(context: Context, stop: Stop) -> Arc<Self> {
        Self::with_work(context, stop, Arc::new(pipeline::run_task))
    }

    /// A worker that does something else instead, for faults that can't be caused otherwise.
    pub fn with_work(context: Context, stop: Stop, work: Work) -> Arc<Self> {
        Arc::new(Self { name: server_name(), context, work, stop, large: Mutex::new(()) })
    }

    /// What the queue calls.
    pub fn handler(self: &Arc<Self>) -> Handler {
        let worker = self.clone();
        Arc::new(move |run| {
            let worker = worker.clone();
            Box::pin(async move {
                let worked = tokio::task::spawn_blocking(move || worker.work_on(run)).await;
                match worked {
                    Ok(Ok(_)) => {}
                    // Nothing is lost: the rescue looks at the run's row.
                    Ok(Err(error)) => tracing::warn!(run.id = run.0, error = %error, "could not work on the run"),
                    Err(_) => tracing::error!(run.id = run.0, "working on the run ended unexpectedly"),
                }
            })
        })
    }

    /// Works on the run's next stage. `false`: there was nothing to claim.
    pub fn work_on(&self, run: RunId) -> Result<bool, WorkError> {
        if self.stop.is_asked() {
            return Ok(false);
        }
        let mut conn = self.context.db.get().map_err(DbError::from)?;
        let Some(row) = run::by_id(&mut conn, run)? else { return Ok(false) };
        let turn = if is_large(&mut conn, &row)? {
            match self.large.try_lock() {
                Ok(turn) => Some(turn),
                Err(TryLockError::Poisoned(turn)) => Some(turn.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    (self.context.enqueue)(&mut conn, run, LARGE_AGAIN)?;
                    return Ok(false);
                }
            }
        } else {
            None
        };
        let Some(claim) = claim::claim(&mut conn, run, &self.name, LEASE.as_secs_f64())? else {
            return Ok(false);
        };
        drop(conn);
        let ended = self.work_under(&claim);
        drop(turn);
        ended.map(|()| true)
    }

    fn work_under(&self, claim: &Claim) -> Result<(), WorkError> {
        tracing::info!(run.id = claim.run.0, task.stage = claim.stage.as_str(), run.epoch = claim.epoch, "task begins");
        let progress = Arc::new(Progress::default());
        let heartbeat = Heartbeat::start(&self.context.database_url, claim, progress.clone(), self.stop.clone())?;
        let worked = std::panic::catch_unwind(AssertUnwindSafe(|| (self.work)(&self.context, claim, &progress)));
        let reason = heartbeat.end();
        let error = match worked {
            Ok(Ok(())) => {
                tracing::info!(run.id = claim.run.0, task.stage = claim.stage.as_str(), "task ends");
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => TaskError::failed(
                format!("task {}", claim.stage),
                "a defect of Muster itself ended the task; nothing was written. Please report it with the server's log",
            ),
        };
        self.end(claim, error, reason)
    }

    /// Writes how a stage ended that did not come to its own end.
    fn end(&self, claim: &Claim, error: TaskError, reason: Option<StopReason>) -> Result<(), WorkError> {
        let end = match (reason, &error) {
            (Some(StopReason::Lost), _) | (_, TaskError::Fenced) => {
                tracing::warn!(run.id = claim.run.0, "the claim was lost; nothing was written under it");
                return Ok(());
            }
            (Some(StopReason::Cancelled), _) => End::Finish(Ending::Cancelled),
            (Some(StopReason::Shutdown), _) | (None, TaskError::Stopped(_)) => End::GiveBack,
            // What befalls a worker or its connection is no failure of the run; a claim counts how often.
            (None, error) if is_lost_connection(error) => End::GiveBack,
            (None, error) => End::Finish(Ending::Failed(failure(claim, error))),
        };
        let mut conn = self.context.db.get().map_err(DbError::from)?;
        let enqueue = &self.context.enqueue;
        let written = match end {
            End::GiveBack => claim::give_back(&mut conn, claim, enqueue),
            End::Finish(ending) => {
                tracing::info!(run.id = claim.run.0, task.stage = claim.stage.as_str(), "task stopped or failed");
                claim::finish_alone(&mut conn, claim, ending, enqueue)
            }
        };
        match written {
            Ok(()) | Err(FinishError::Fenced) => Ok(()),
            Err(FinishError::Database(error)) => Err(error.into()),
        }
    }
}

/// Why a worker could not work on a run. The run is as it was; the rescue takes it up again.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database is out of reach.
    #[error(transparent)]
    Connection(#[from] DbError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
    /// No thread for the heartbeat.
    #[error("the heartbeat can't be started: {0}")]
    Heartbeat(#[from] std::io::Error),
}

enum End {
    Finish(Ending),
    GiveBack,
}

fn failure(claim: &Claim, error: &TaskError) -> Failure {
    let (place, message, transient) = match error {
        TaskError::Failed { place, message, transient } => (place.clone(), message.clone(), *transient),
        other => (format!("task {}", claim.stage), format!("{other}. Retry the run once that is mended"), true),
    };
    Failure { stage: claim.stage, place, message, transient }
}

fn is_lost_connection(error: &TaskError) -> bool {
    match error {
        TaskError::Connection(_) => true,
        TaskError::Database(error) => backend::is_lost(error),
        _ => false,
    }
}

fn is_large(conn: &mut DbConnection, run: &Run) -> Result<bool, WorkError> {
    match (run.next_stage(), run.extraction_id) {
        (Some(Stage::Prepare), Some(extraction)) => Ok(run::extraction_rows(conn, extraction)? >= LARGE),
        _ => Ok(false),
    }
}

/// Machine, process and start: never used twice.
fn server_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = if machine.trim().is_empty() { "server" } else { machine.trim() };
    let start = uuid::Uuid::new_v4().simple().to_string();
    format!("{machine}-{}-{}", std::process::id(), &start[..8])
}
