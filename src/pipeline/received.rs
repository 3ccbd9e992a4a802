//! The raw record that a stored one was made of, verbatim, as the export wrote it. Personal data, and never logged.

use super::samples::SamplesError;
use crate::model::connection::SourceTable;
use crate::model::extraction::{self, ExtractionId};
use crate::model::run::{self, RunId};
use crate::store::Store;
use chrono::{DateTime, Utc};
use csv::ReaderBuilder;
use diesel::pg::PgConnection;
use std::io::{self, BufRead, BufReader};

/// Bytes that are looked through together.
const PIECE: usize = 1 << 18;

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
    let mut object = BufReader::with_capacity(PIECE, store.reader(&file.path)?);
    let is_it = |extraction_line| i32::try_from(file.lines.source_line(extraction_line)).is_ok_and(|at| at == line);
    if !skip_to_record(&mut object, is_it).map_err(csv::Error::from)? {
        return Ok(None);
    }
    let mut records = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(object).into_records();
    let Some(record) = records.next().transpose()? else { return Ok(None) };
    let values = file.header.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
    Ok(Some(Received { file: file.source_file, at: extraction.created_at, values }))
}

/// Passes over all before the record that begins in such a line, the header first; `false`: there is none. Where records
/// begin is told by quotes and line ends alone, so that nothing has to be taken apart on the way: several times as fast.
fn skip_to_record(input: &mut impl BufRead, is_it: impl Fn(u64) -> bool) -> io::Result<bool> {
    let (mut line, mut quoted) = (1, false);
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            return Ok(false);
        }
        let mut found = None;
        for at in memchr::memchr2_iter(b'"', b'\n', piece) {
            if piece.get(at) == Some(&b'"') {
                // One that stands for itself comes twice, which changes nothing.
                quoted = !quoted;
                continue;
            }
            line += 1;
            if !quoted && is_it(line) {
                found = Some(at + 1);
                break;
            }
        }
        let taken = found.unwrap_or(piece.len());
        input.consume(taken);
        if found.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::Writer;
    use proptest::prelude::*;
    use std::io::Read;

    proptest! {
        #[test]
        fn each_record_is_found_where_a_reader_of_csv_finds_it(
            rows in prop::collection::vec(prop::collection::vec("[a\"\n, \r]{0,6}", 3), 1..20),
            capacity in 1usize..40,
        ) {
            let mut writer = Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let file = writer.into_inner().unwrap();
            let reader = ReaderBuilder::new().from_reader(file.as_slice());
            for record in reader.into_records().map(Result::unwrap) {
                let position = record.position().unwrap().clone();
                let mut input = BufReader::with_capacity(capacity, file.as_slice());
                prop_assert!(skip_to_record(&mut input, |line| line == position.line()).unwrap());
                let mut rest = Vec::new();
                input.read_to_end(&mut rest).unwrap();
                let whole = ReaderBuilder::new().has_headers(false).from_reader(rest.as_slice());
                prop_assert_eq!(whole.into_records().next().unwrap().unwrap(), record);
            }
            let mut input = file.as_slice();
            prop_assert!(!skip_to_record(&mut input, |_| false).unwrap());
        }
    }
}
