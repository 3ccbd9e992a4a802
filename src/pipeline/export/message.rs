//! What server and child process tell each other: one JSON object a line, through pipes.

use super::past::Past;
use crate::connectors::sign_in::{SignInRequest, SignedIn};
use crate::connectors::{ConnectionError, ConnectionRequest, Cursors, Finding, TableSchema};
use crate::model::connection::TableDefinition;
use crate::model::extraction::{ExtractionFile, SourceSeal};
use crate::pipeline::index::Readers;
use crate::pipeline::proposal::facts::Observed;
use crate::store::StoreLocation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The one thing that a child is asked to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) operation: Operation,
    pub(super) request: ConnectionRequest,
    pub(super) limits: Limits,
    /// The process that asks; the child ends with it.
    pub(super) parent: u32,
}

impl Task {
    pub(super) fn new(operation: Operation, request: ConnectionRequest, limits: Limits) -> Self {
        Self { operation, request, limits, parent: std::process::id() }
    }
}

/// What to do with the connection.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    Check,
    Tables,
    /// Which tables there could be.
    Discover,
    /// Whether a name and a password belong together.
    SignIn(SignInRequest),
    /// What the columns are like, by so many rows of each table.
    Observe {
        rows: u64,
    },
    /// Write all tables to the store, each an object whose name begins with `prefix`.
    Export {
        store: StoreLocation,
        prefix: String,
        /// Who will read what is written.
        readers: Readers,
        /// What was written last time.
        known: Vec<Known>,
        /// In place of what changed since these cursors, which can't be told any more.
        instead: Option<Cursors>,
    },
    /// The same with what changed since the cursors, where tables can tell.
    Changes {
        store: StoreLocation,
        prefix: String,
        since: Cursors,
        /// What the runs before have read; none: it can't be told any more.
        past: Option<Past>,
    },
}

/// A table as it was written last time.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Known {
    /// `connection.table`.
    pub(super) table: String,
    /// What messages call its source.
    pub(super) file: String,
    pub(super) source: SourceSeal,
    /// Where its changes stood, of a table that can tell what changed.
    pub(super) cursor: Option<Value>,
    /// The objects that were written, with their lengths.
    pub(super) objects: Vec<(String, u64)>,
}

/// What a child may use of this machine.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Limits {
    /// Address space in bytes. Far more than the few MB it needs: libraries reserve what they never touch.
    pub(super) memory: u64,
    /// Open files and sockets.
    pub(super) files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 2 << 30, files: 256 }
    }
}

/// One line of the child's.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    Progress(News),
    Answer(Answer),
    Error(ConnectionError),
}

/// How far a table was read.
#[derive(Serialize, Deserialize)]
pub(super) struct News {
    /// `connection.table`.
    pub(super) table: String,
    pub(super) rows: u64,
}

/// What came of the task.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Findings(Vec<Finding>),
    Tables(Vec<TableSchema>),
    Discovered(Vec<TableDefinition>),
    Observed(Observed),
    SignedIn(Option<SignedIn>),
    Exported {
        files: Vec<ExtractionFile>,
        /// Tables whose source is still what it was: what was written of them last time holds.
        unchanged: Vec<String>,
    },
    /// What changed can't be told: why.
    Expired(String),
}
