//! A claim: one worker's right to work on one stage of one run, and the fenced end of that work.
//!
//! A claim raises the run's epoch. The last statement before each commit checks and writes run and epoch, so a paused
//! worker that wakes up late commits nothing.

mod finish;
mod take;

pub(super) use finish::reset_preparation;
pub use finish::{finish, finish_alone, note_causes};
pub use take::{claim, fence, give_back};

use super::cause::Cause;
use super::consequence::Consequence;
use super::counters::Counters;
use super::guard::Breach;
use super::run::{RunId, Stage};
use diesel::pg::PgConnection;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The right to work on `stage` of `run` as long as `epoch` is the run's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The run.
    pub run: RunId,
    /// The run's epoch when it was claimed.
    pub epoch: i32,
    /// What is to be done.
    pub stage: Stage,
}

impl Claim {
    /// What connections that work under this claim call themselves in `pg_stat_activity`.
    pub fn application_name(&self) -> String {
        format!("{}{}", Self::application_prefix(self.run), self.epoch)
    }

    /// What connections call themselves that do what is left to do once the stage has ended. Those under the claim are no
    /// good for it: the claim is over with the stage, and their statements are interrupted from then on.
    pub fn afterwards_name(&self) -> String {
        format!("muster after {} of run {}", self.stage, self.run)
    }

    /// What [`Claim::application_name`] begins with for all claims of a run; the epoch follows.
    pub fn application_prefix(run: RunId) -> String {
        format!("muster run {run} epoch ")
    }

    /// The schema in which prepare builds tables under this claim; nobody else writes there.
    pub fn pending_schema(&self) -> String {
        format!("run_{}_{}", self.run, self.epoch)
    }
}

/// Puts "work on this run" into the queue, not before the delay is over, inside the caller's transaction. `jobs`
/// provides it.
pub type Enqueue = Arc<dyn Fn(&mut PgConnection, RunId, Duration) -> diesel::QueryResult<()> + Send + Sync>;

/// Why work under a claim can't be committed.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The claim is no longer ours: roll back.
    #[error("the run was taken over by another worker")]
    Fenced,
    /// The database failed us: roll back.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// How a stage ended; `finish` writes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The export is sealed.
    Exported {
        /// What was written.
        extraction_id: i64,
        /// Rows of all tables.
        rows: u64,
        /// Why the run, started as incremental, had to read its source whole.
        became_complete: Option<String>,
    },
    /// The change set is frozen.
    Prepared(Box<Prepared>),
    /// The change set is applied, in the transaction that calls `finish`.
    Applied {
        /// Figures with those of persons as they really were.
        counters: Counters,
    },
    /// The connector's state is no longer the one that prepare saw: prepare anew.
    PrepareAgain,
    /// Another connector synchronizes: put back in the queue.
    Busy,
    /// Something went wrong; nothing was written.
    Failed(Failure),
    /// A person stopped it; nothing was written.
    Cancelled,
}

/// What prepare decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prepared {
    /// The connector's state version that the difference was taken against.
    pub state_version: i64,
    /// `sha256:…` over all changes.
    pub change_set_digest: String,
    /// The schema with tables to attach, if there are any.
    pub pending_schema: Option<String>,
    /// All figures.
    pub counters: Counters,
    /// The guards that were exceeded; none: the run is ready.
    pub breaches: Vec<Breach>,
    /// Why they probably were.
    pub causes: Vec<Cause>,
    /// Who approved all of it beforehand: then guards do not stop it.
    pub approved_by: Option<String>,
    /// What would become of others.
    pub consequences: Vec<Consequence>,
    /// Rows read.
    pub rows: u64,
}

/// Why a stage failed, for `runs.failure` and the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stage.
    pub stage: Stage,
    /// Server, file with line and column, or setting.
    pub place: String,
    /// What is wrong, and the next step.
    pub message: String,
    /// Whether a retry may succeed without anybody changing anything.
    pub transient: bool,
}
