//! An extraction: the sealed CSV files that one export wrote, one per table.

mod cleaning;
mod lines;
mod query;
mod stored;

pub use cleaning::{doubt, doubt_all, doubtful, is_clean, objects, replace, rests};
pub use lines::LineMap;
pub use query::{
    NewExtraction, applied_before, files, find, give_up, insert, last_applied, needed, newest, older_than, share,
};
pub use stored::{NotSaid, Stored, last_said, of_runs, stored, stored_after};

use super::connector::ConnectorId;
use super::id::id;
use super::profile::TableProfile;
use super::run::RunId;
use crate::schema::extractions;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

id! {
    /// Id of an extraction.
    ExtractionId(i64) as BigInt
}

/// What one export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = extractions, check_for_backend(diesel::pg::Pg))]
pub struct Extraction {
    /// Its id.
    pub id: ExtractionId,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The run that exported it.
    pub run_id: RunId,
    /// The folder in the store that was made for it. Files whose source had not changed stand in that of an older one.
    pub prefix: String,
    /// `sha256:…` over the digests of its files: equal for equal content.
    pub digest: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When its files were deleted, by age.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Whether it is the whole truth: what is absent from it is gone. What an incremental run exports is not.
    pub complete: bool,
    /// The runs of whose extractions it was made, without an export.
    pub assembled_from: Option<Vec<Option<i32>>>,
}

/// One table of an extraction: UTF-8, RFC 4180, a header row, `\n`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractionFile {
    /// `connection.table`; a table of pairs is `connection.table.column`.
    pub source_table: String,
    /// The object in the store.
    pub path: String,
    /// What messages call it: the file as its sender named it, or the table.
    pub source_file: String,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// Records, without the header.
    pub rows: u64,
    /// The columns in order.
    pub header: Vec<String>,
    /// From lines of this file to lines of the source.
    pub lines: LineMap,
    /// What its columns look like.
    pub profile: TableProfile,
    /// Where its rows stand, with their digests: one for each entity type and association that reads it. None where the
    /// export could not know how it is read.
    #[serde(default)]
    pub indexes: Vec<FileIndex>,
    /// What it was read from, where that is a file that can be told to be the same again.
    #[serde(default)]
    pub source: Option<SourceSeal>,
    /// How the reading of the source reached its end; empty for extractions that are older than this.
    #[serde(default)]
    pub source_end: SourceEnd,
    /// Its rows are changes: the last column holds the command (see [`COMMAND`]). What the source calls that column.
    #[serde(default)]
    pub command_column: Option<String>,
    /// Where the source stood when this was read, in the words of its kind.
    #[serde(default)]
    pub cursor: Option<serde_json::Value>,
}

/// An index of a file, as one entity type or association reads it: an object of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIndex {
    /// The entity type or association.
    pub scope: String,
    /// What was read how: of use only to whoever reads the same.
    pub version: String,
    /// The object in the store.
    pub path: String,
    /// SHA-256 of the object, lower-case hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// What a file of an extraction was read from, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSeal {
    /// SHA-256 of the source's bytes, lower-case hex.
    pub sha256: String,
    /// How many they are.
    pub bytes: u64,
    /// SHA-256 over everything else that decides what is written: settings, columns, mapping, exporter. Lower-case hex.
    pub reading: String,
}

/// How the reading of a table reached its end: what proves that nothing is missing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceEnd {
    /// In words: `end of file after 1204 bytes`.
    pub words: String,
    /// In figures, as the kind has them: bytes, pages, entries, result code.
    pub figures: BTreeMap<String, serde_json::Value>,
}

/// The last column of a table of changes: `insert`, `update`, `delete`, or `merge`, which a list of columns may follow
/// where a record gives only some (`merge ["id","mail"]`).
pub const COMMAND: &str = "command";

/// The last column of the pairs that stood in a table of changes: the position of the row they stood in, from 0.
pub const PAIR_ROW: &str = "row";

impl ExtractionFile {
    /// Whether it holds the pairs of a multi-valued column: `connection.table.column`.
    pub fn is_pairs(&self) -> bool {
        self.source_table.splitn(3, '.').count() == 3
    }

    /// The source's own columns.
    pub fn columns(&self) -> &[String] {
        match &self.command_column {
            Some(_) => &self.header[..self.header.len().saturating_sub(1)],
            None => &self.header,
        }
    }

    /// Where a column stands.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name == column)
    }
}

/// `sha256:…` over files: the same for the same tables with the same content, whatever their order and place.
pub fn digest(files: &[ExtractionFile]) -> String {
    use sha2::{Digest, Sha256};
    let mut parts: Vec<_> = files.iter().map(|file| (&file.source_table, &file.sha256)).collect();
    parts.sort();
    let mut digest = Sha256::new();
    for (table, sha256) in parts {
        // Lengths go in too, so that no two lists of names read alike.
        digest.update((table.len() as u64).to_be_bytes());
        digest.update(table);
        digest.update(sha256);
    }
    digest.finalize().iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
