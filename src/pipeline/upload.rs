//! A feed's files as they come, by page, API or command line: one for each table, a later one in place of the one
//! before, until the feed starts.

use crate::model::claim::Enqueue;
use crate::model::connection::SourceTable;
use crate::model::connector::{ConnectorDefinition, ConnectorId};
use crate::model::run::{self, Mode, NewRun, RunId, StartError, Trigger};
use crate::model::upload::{self, Upload};
use crate::store::{self, PieceError, Sealed};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::io::Read;
use std::path::Path;

/// The longest name of a sender's file that is kept, in characters.
const LONGEST_NAME: usize = 200;

/// Who sends what, and when.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// The table it is for: `connection.table`, or the table's name alone where that says it.
    pub table: &'a str,
    /// What the sender calls the file; for messages, never a path.
    pub file_name: &'a str,
    /// The account.
    pub by: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
}

/// A file was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The file.
    pub upload: Upload,
    /// Tables whose file has yet to come; none: the feed is ready.
    pub missing: Vec<SourceTable>,
    /// Whether a ready feed starts a run by itself.
    pub auto_apply: bool,
}

/// Why a file was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The connector reads no files that are sent to it.
    #[error("connector {0:?} takes no files; only connections with upload = true do")]
    TakesNone(String),
    /// There is no such table among those fed by upload.
    #[error("there is no table {table:?} that takes files; there are {known}")]
    NoTable {
        /// As it was named.
        table: String,
        /// Those there are.
        known: String,
    },
    /// The name fits several tables.
    #[error("{table:?} stands for several tables; write {known}")]
    Ambiguous {
        /// As it was named.
        table: String,
        /// Those it may mean.
        known: String,
    },
    /// What arrived is not what was sent, or not what comes next.
    #[error(transparent)]
    Piece(PieceError),
    /// The file could not be read or written.
    #[error("the file could not be taken in: {0}")]
    Io(#[from] std::io::Error),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

impl From<PieceError> for UploadError {
    fn from(error: PieceError) -> Self {
        match error {
            PieceError::Io(error) => Self::Io(error),
            other => Self::Piece(other),
        }
    }
}

/// Why a feed was not started.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Files have yet to come.
    #[error("the feed is not complete yet; missing: {}", listed(.0.iter()))]
    Incomplete(Vec<SourceTable>),
    /// No run can be started.
    #[error("the files wait for their run: {0}")]
    Start(#[from] StartError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Takes a file in for a table of the connector.
pub fn receive(
    connection: &mut PgConnection,
    data_dir: &Path,
    connector_id: ConnectorId,
    definition: &ConnectorDefinition,
    sending: &Sending<'_>,
    source: &mut dyn Read,
) -> Result<Received, UploadError> {
    let source_table = table_of(definition, sending.table)?;
    let taken = take_in(data_dir, connector_id, source, None)?;
    record(connection, data_dir, connector_id, definition, source_table, sending, taken)
}

/// Puts a file down, without a word to the database: it may take hours to come. With the digest that its sender has of
/// it (SHA-256, lower-case hex) it is taken only if it is that.
pub fn take_in(
    data_dir: &Path,
    connector_id: ConnectorId,
    source: &mut dyn Read,
    sha256: Option<&str>,
) -> Result<(String, Sealed), UploadError> {
    let (path, sealed) = store::take_in(data_dir, &folder(connector_id), source)?;
    match sha256 {
        Some(expected) if expected != sealed.sha256 => {
            let _ = std::fs::remove_file(data_dir.join(path));
            let other = PieceError::OtherContent { expected: expected.to_owned(), actual: sealed.sha256 };
            Err(UploadError::Piece(other))
        }
        _ => Ok((path, sealed)),
    }
}

/// Where the received files of a connector lie, in the data directory.
pub fn folder(connector_id: ConnectorId) -> String {
    format!("uploads/{connector_id}")
}

/// Puts a file that was taken in on the list, in place of the one before it.
pub fn record(
    connection: &mut PgConnection,
    data_dir: &Path,
    connector_id: ConnectorId,
    definition: &ConnectorDefinition,
    source_table: SourceTable,
    sending: &Sending<'_>,
    (path, sealed): (String, Sealed),
) -> Result<Received, UploadError> {
    let upload = Upload {
        connector_id,
        source_table,
        path,
        file_name: plain_name(sending.file_name),
        bytes: sealed.bytes,
        sha256: sealed.sha256,
        uploaded_at: sending.at,
        uploaded_by: sending.by.to_owned(),
    };
    let replaced = match upload::replace(connection, &upload) {
        Ok(replaced) => replaced,
        Err(error) => {
            let _ = std::fs::remove_file(data_dir.join(&upload.path));
            return Err(error.into());
        }
    };
    // An export that reads it right now holds it by a link of its own.
    if let Some(replaced) = replaced {
        let _ = std::fs::remove_file(data_dir.join(replaced));
    }
    let missing = missing(connection, connector_id, definition)?;
    Ok(Received { upload, missing, auto_apply: auto_applies(definition) })
}

/// Starts the run of a feed, if all of its files are there.
pub fn start(
    connection: &mut PgConnection,
    connector_id: ConnectorId,
    definition: &ConnectorDefinition,
    trigger: Trigger,
    by: &str,
    enqueue: &Enqueue,
) -> Result<RunId, FeedError> {
    let missing = missing(connection, connector_id, definition)?;
    if !missing.is_empty() {
        return Err(FeedError::Incomplete(missing));
    }
    let new = NewRun { started_by: Some(by), ..NewRun::new(connector_id, Mode::Complete, trigger) };
    Ok(run::start(connection, &new, enqueue)?)
}

/// Starts the run of a feed that a file has made complete, where the connector applies its feeds by itself. While a run
/// is at work the feed waits, and `jobs/feeds` starts it.
pub fn apply_by_itself(
    connection: &mut PgConnection,
    received: &Received,
    by: &str,
    enqueue: &Enqueue,
) -> Option<Result<RunId, StartError>> {
    let is_ready = received.auto_apply && received.missing.is_empty();
    let connector_id = received.upload.connector_id;
    let new = NewRun { started_by: Some(by), ..NewRun::new(connector_id, Mode::Complete, Trigger::Upload) };
    is_ready.then(|| run::start(connection, &new, enqueue))
}

/// Tables whose file has yet to come; none: the feed is ready.
pub fn missing(
    connection: &mut PgConnection,
    connector_id: ConnectorId,
    definition: &ConnectorDefinition,
) -> QueryResult<Vec<SourceTable>> {
    let waiting = upload::waiting(connection, connector_id)?;
    let mut expected = upload::expected(definition);
    expected.retain(|table| !waiting.iter().any(|upload| upload.source_table == *table));
    Ok(expected)
}

/// Whether a feed that is ready starts a run by itself.
pub fn auto_applies(definition: &ConnectorDefinition) -> bool {
    definition.connections.iter().any(|connection| {
        ["upload", "auto_apply"].iter().all(|key| connection.settings.get(*key).is_some_and(|value| value == true))
    })
}

/// The table that a name stands for, among those fed by upload.
pub fn table_of(definition: &ConnectorDefinition, name: &str) -> Result<SourceTable, UploadError> {
    let expected = upload::expected(definition);
    if expected.is_empty() {
        return Err(UploadError::TakesNone(definition.name.clone()));
    }
    let fits = |table: &&SourceTable| table.0 == name || table.parts().is_some_and(|(_, table)| table == name);
    let fitting: Vec<&SourceTable> = expected.iter().filter(fits).collect();
    match fitting[..] {
        [table] => Ok(table.clone()),
        [] => Err(UploadError::NoTable { table: name.to_owned(), known: listed(expected.iter()) }),
        _ => Err(UploadError::Ambiguous { table: name.to_owned(), known: listed(fitting.into_iter()) }),
    }
}

fn listed<'a>(tables: impl Iterator<Item = &'a SourceTable>) -> String {
    tables.map(|table| table.0.as_str()).collect::<Vec<_>>().join(", ")
}

/// The last part of a sender's path, without control characters.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if plain.trim().is_empty() { "unnamed".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_senders_path_is_only_a_name() {
        for (sent, kept) in [
            ("people.csv", "people.csv"),
            ("../../etc/passwd", "passwd"),
            ("C:\\feeds\\people of today.csv", "people of today.csv"),
            ("a\u{0}b\n.csv", "ab.csv"),
            ("..//", "unnamed"),
        ] {
            assert_eq!(plain_name(sent), kept);
        }
    }
}
