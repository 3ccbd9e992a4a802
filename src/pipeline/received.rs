//! The raw record that a stored one was made of, verbatim, as the export wrote it. Personal data, and never logged.

use super::samples::SamplesError;
use crate::model::connection::SourceTable;
use crate::model::extraction::{self, ExtractionId};
use crate::model::run::{self, RunId};
use crate::store::Store;
use chrono::{DateTime, Utc};
use csv::ReaderBuilder;
use diesel::pg::PgConnection;
use std::io::BufReader;

/// A record as it was received.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// What messages call the file.
    pub file: String,
    /// When it was read.
    pub at: DateTime<Utc>,
    /// Its columns with their values, in the order of the file.
    pub values: Vec<(String, String)>,
}

/// The record that stood in that line of the source when the run read it; `None` if it is not kept any more.
pub fn of(
    store: &Store,
    conn: &mut PgConnection,
    source: &SourceTable,
    run: RunId,
    line: i32,
) -> Result<Option<Received>, SamplesError> {
    let Some(id) = run::by_id(conn, run)?.and_then(|run| run.extraction_id) else { return Ok(None) };
    let kept = extraction::find(conn, ExtractionId(id))?.filter(|extraction| extraction.deleted_at.is_none());
    let Some(extraction) = kept else { return Ok(None) };
    let files = extraction::files(conn, extraction.id)?;
    let Some(file) = files.into_iter().find(|file| file.source_table == source.0) else { return Ok(None) };
    let object = BufReader::new(store.reader(&file.path)?);
    for record in ReaderBuilder::new().flexible(true).from_reader(object).into_records() {
        let record = record?;
        let Some(position) = record.position() else { continue };
        if i32::try_from(file.lines.source_line(position.line())).is_ok_and(|at| at == line) {
            let values = file.header.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
            return Ok(Some(Received { file: file.source_file, at: extraction.created_at, values }));
        }
    }
    Ok(None)
}
