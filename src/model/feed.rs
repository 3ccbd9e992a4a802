//! A feed: the files of one export, as they are listed, handed out and compared. What is kept of it is its extraction.

use super::connector::ConnectorId;
use super::extraction::ExtractionId;
use super::run::{RunId, RunState};
use crate::schema::{extraction_files, extractions, runs};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;

/// A feed whose files are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Feed {
    /// That of its extraction.
    pub id: ExtractionId,
    /// The run that read it.
    pub run: RunId,
    /// Where that run stands.
    pub run_state: RunState,
    /// When it was read.
    pub received_at: DateTime<Utc>,
    /// Whether it is the whole truth.
    pub complete: bool,
    /// Equal for equal content.
    pub digest: String,
    /// By table.
    pub files: Vec<FeedFile>,
}

/// One file of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable)]
pub struct FeedFile {
    #[serde(skip)]
    extraction_id: ExtractionId,
    /// `connection.table`; a table of pairs is `connection.table.column`.
    pub table: String,
    /// What its sender called it.
    pub file: String,
    /// Its length as CSV.
    pub bytes: i64,
    /// Records.
    pub rows: i64,
    /// SHA-256 of the CSV, lower-case hex.
    pub sha256: String,
    /// The object in the store.
    #[serde(skip)]
    pub path: String,
}

/// Up to `limit` feeds of a connector that are kept, the newest first; older than `before` where given. What was put
/// together without an export is none.
pub fn kept(
    conn: &mut PgConnection,
    connector: ConnectorId,
    before: Option<ExtractionId>,
    limit: i64,
) -> QueryResult<Vec<Feed>> {
    let mut query = extractions::table
        .inner_join(runs::table.on(runs::id.eq(extractions::run_id)))
        .filter(extractions::connector_id.eq(connector))
        .filter(extractions::deleted_at.is_null())
        .filter(extractions::assembled_from.is_null())
        .order(extractions::id.desc())
        .limit(limit)
        .select(COLUMNS)
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(extractions::id.lt(before));
    }
    let rows = query.load(conn)?;
    with_files(conn, rows)
}

/// One of a connector's feeds, if it is kept.
pub fn find(conn: &mut PgConnection, connector: ConnectorId, id: ExtractionId) -> QueryResult<Option<Feed>> {
    let row = extractions::table
        .inner_join(runs::table.on(runs::id.eq(extractions::run_id)))
        .filter(extractions::id.eq(id))
        .filter(extractions::connector_id.eq(connector))
        .filter(extractions::deleted_at.is_null())
        .select(COLUMNS)
        .first(conn)
        .optional()?;
    Ok(with_files(conn, row.into_iter().collect())?.pop())
}

type Row = (ExtractionId, RunId, RunState, DateTime<Utc>, bool, String);

const COLUMNS: (
    extractions::id,
    extractions::run_id,
    runs::state,
    extractions::created_at,
    extractions::complete,
    extractions::digest,
) = (
    extractions::id,
    extractions::run_id,
    runs::state,
    extractions::created_at,
    extractions::complete,
    extractions::digest,
);

/// All files in one statement, without the profiles and indexes that only runs need.
fn with_files(conn: &mut PgConnection, rows: Vec<Row>) -> QueryResult<Vec<Feed>> {
    let ids: Vec<ExtractionId> = rows.iter().map(|row| row.0).collect();
    let files: Vec<FeedFile> = extraction_files::table
        .filter(extraction_files::extraction_id.eq_any(ids))
        .order((extraction_files::extraction_id, extraction_files::source_table))
        .select((
            extraction_files::extraction_id,
            extraction_files::source_table,
            extraction_files::source_file,
            extraction_files::bytes,
            extraction_files::rows,
            extraction_files::sha256,
            extraction_files::path,
        ))
        .load(conn)?;
    let feed = |(id, run, run_state, received_at, complete, digest): Row| Feed {
        files: files.iter().filter(|file| file.extraction_id == id).cloned().collect(),
        id,
        run,
        run_state,
        received_at,
        complete,
        digest,
    };
    Ok(rows.into_iter().map(feed).collect())
}
