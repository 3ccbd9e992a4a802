//! The rows of one file of an extraction, each with its position and the line of the source where it starts.

use crate::model::extraction::ExtractionFile;
use crate::pipeline::TaskError;
use crate::pipeline::progress::Progress;
use crate::store::{Sealed, Store, StoreError};
use csv::StringRecord;
use std::io::{BufReader, Read};

/// How often a reader looks whether it should stop, in rows.
const LOOK_EVERY: u64 = 4096;

/// Reads a file from its first row to its last. The first pass over a file proves that it is the one that was sealed.
pub struct Rows<'a> {
    file: &'a ExtractionFile,
    progress: &'a Progress,
    reader: csv::Reader<Box<dyn Read>>,
    row: StringRecord,
    ordinal: u64,
}

/// One row.
pub struct Row<'r> {
    /// Its position, counted from 0.
    pub ordinal: u32,
    /// Its line in the extraction; [`source_line`] makes it that of the source.
    pub extraction_line: u64,
    /// Its values.
    pub values: &'r StringRecord,
}

impl<'a> Rows<'a> {
    /// Opens the file for the pass that proves its seal.
    pub fn verified(store: &Store, file: &'a ExtractionFile, progress: &'a Progress) -> Result<Self, TaskError> {
        let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes };
        let reader = store.verified(&file.path, &sealed).map_err(missing)?;
        Ok(Self::new(file, progress, Box::new(reader)))
    }

    /// Opens the file again, after a pass that has proved its seal.
    pub fn again(store: &Store, file: &'a ExtractionFile, progress: &'a Progress) -> Result<Self, TaskError> {
        let reader = store.reader(&file.path).map_err(missing)?;
        Ok(Self::new(file, progress, Box::new(reader)))
    }

    fn new(file: &'a ExtractionFile, progress: &'a Progress, reader: Box<dyn Read>) -> Self {
        let reader: Box<dyn Read> = Box::new(BufReader::with_capacity(1 << 18, reader));
        let reader = csv::ReaderBuilder::new().has_headers(true).buffer_capacity(1 << 16).from_reader(reader);
        Self { file, progress, reader, row: StringRecord::new(), ordinal: 0 }
    }

    /// The next row; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Row<'_>>, TaskError> {
        if self.ordinal.is_multiple_of(LOOK_EVERY) {
            self.progress.at(self.ordinal)?;
        }
        if !self.reader.read_record(&mut self.row).map_err(|error| changed(self.file, &error))? {
            return Ok(None);
        }
        // The export refuses more than 2^32 rows in a file.
        let ordinal = u32::try_from(self.ordinal).unwrap_or(u32::MAX);
        self.ordinal += 1;
        let extraction_line = self.row.position().map_or(0, csv::Position::line);
        Ok(Some(Row { ordinal, extraction_line, values: &self.row }))
    }

    /// Rows read so far.
    pub fn count(&self) -> u64 {
        self.ordinal
    }
}

/// The source line of a row, for messages.
pub fn source_line(file: &ExtractionFile, extraction_line: u64) -> u64 {
    file.lines.source_line(extraction_line)
}

fn changed(file: &ExtractionFile, error: &csv::Error) -> TaskError {
    TaskError::failed(
        &file.path,
        format!("the extraction was changed or damaged since its export, nothing was written: {error}. Export again"),
    )
}

fn missing(error: StoreError) -> TaskError {
    TaskError::failed("extraction store", error.to_string())
}
