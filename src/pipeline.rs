//! What a run does: export, prepare, synchronize. [`run_task`] is the one entry.

pub mod anonymizing;
pub mod authority;
pub mod causes;
pub mod cleaning;
pub mod consequences;
pub mod difference;
pub mod export;
pub mod feed_comparison;
pub mod groups;
pub mod guards;
pub mod index;
pub mod local_groups;
pub mod mapping;
pub mod pending;
pub mod people;
pub mod photos;
pub mod prepare;
pub mod profile_fields;
pub mod progress;
pub mod proof;
pub mod proposal;
pub mod provenance;
pub mod received;
pub mod revert;
pub mod samples;
pub mod sign_in;
pub mod source_columns;
pub mod synchronize;
pub mod upload;
pub mod user_export;
pub mod user_record;

use crate::db::{Db, DbError};
use crate::model::claim::{Claim, Enqueue, FinishError};
use crate::model::run::Stage;
use crate::store::Store;
use progress::{Progress, Stopped};
use std::path::PathBuf;

/// What every stage works with.
#[derive(Clone)]
pub struct Context {
    /// For short statements.
    pub db: Db,
    /// For connections of its own (long transactions, COPY).
    pub database_url: String,
    /// Extractions.
    pub store: Store,
    /// Uploads and staging.
    pub data_dir: PathBuf,
    /// The installation's key: what digests of suppressed persons are made with.
    pub key_file: PathBuf,
    /// The program that exports run in.
    pub program: PathBuf,
    /// Wakes a worker for the next stage.
    pub enqueue: Enqueue,
}

/// Why a stage did not come to its own end. A stage that succeeds has written its ending itself, in the transaction of
/// its work.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Something the page must tell: where, what, what to do.
    #[error("{place}: {message}")]
    Failed {
        /// Server, file with line and column, or setting.
        place: String,
        /// What is wrong, and the next step.
        message: String,
        /// Whether the same attempt may succeed later.
        transient: bool,
    },
    /// Told to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The claim is no longer ours: somebody else has taken the run over. Nothing was committed.
    #[error("the run was taken over by another worker")]
    Fenced,
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
    /// The database is out of reach.
    #[error(transparent)]
    Connection(#[from] DbError),
    /// Reading or writing failed.
    #[error("reading or writing: {0}")]
    Io(#[from] std::io::Error),
}

impl From<FinishError> for TaskError {
    fn from(error: FinishError) -> Self {
        match error {
            FinishError::Fenced => Self::Fenced,
            FinishError::Database(error) => Self::Database(error),
        }
    }
}

impl TaskError {
    /// A failure that stays until somebody changes something.
    pub fn failed(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Failed { place: place.into(), message: message.into(), transient: false }
    }
}

/// Works on the claimed stage to its end. `Ok`: the stage has written how it ended.
pub fn run_task(context: &Context, claim: &Claim, progress: &Progress) -> Result<(), TaskError> {
    match claim.stage {
        Stage::Export => export::run(context, claim, progress),
        Stage::Prepare if revert::is_revert(context, claim)? => revert::prepare(context, claim, progress),
        Stage::Prepare => prepare::run(context, claim, progress),
        Stage::Synchronize => synchronize::run(context, claim, progress),
    }
}
