//! An extraction: the sealed CSV files that one export wrote, one per table.

mod lines;
mod query;

pub use lines::LineMap;
pub use query::{files, find, insert, last_applied, mark_deleted, newest, older_than};

use super::profile::TableProfile;
use super::run::RunId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Id of an extraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExtractionId(pub i64);

impl std::fmt::Display for ExtractionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What one export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extraction {
    /// Its id.
    pub id: ExtractionId,
    /// The connector.
    pub connector_id: i32,
    /// The run that exported it.
    pub run: RunId,
    /// The folder in the store that holds its files and nothing else.
    pub prefix: String,
    /// `sha256:…` over the digests of its files: equal for equal content.
    pub digest: String,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// When its files were deleted, by age.
    pub deleted_at: Option<DateTime<Utc>>,
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
}

impl ExtractionFile {
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
