//! The rows of one file of an extraction, each with its position and the line of the source where it starts.

use super::commands::{Command, Commands};
use crate::model::extraction::ExtractionFile;
use crate::pipeline::TaskError;
use crate::pipeline::index::{Entry, IndexReader, Span};
use crate::pipeline::progress::Progress;
use crate::store::{Sealed, Store, StoreError};
use csv::StringRecord;
use std::io::{BufReader, Read};

/// How often a reader looks whether it should stop, in rows.
const LOOK_EVERY: u64 = 4096;

/// One row in so many is sought out where it stands; for more the whole file is read.
const MOST: u64 = 6;

/// Reads a file from its first row to its last, or some of its rows. The first pass over a file proves that it is the one
/// that was sealed.
pub struct Rows<'a> {
    file: &'a ExtractionFile,
    progress: &'a Progress,
    reader: csv::Reader<Box<dyn Read>>,
    row: StringRecord,
    ordinal: u64,
    picked: Option<Picked>,
    commands: Option<&'a Commands>,
    cell: String,
}

/// Rows out of a file, span by span.
struct Picked {
    spans: std::vec::IntoIter<Span>,
    current: Option<Span>,
    /// Rows of the current span that were read.
    read: u64,
    /// Where its first row stands among what is read.
    first_line: u64,
}

/// One row.
pub struct Row<'r> {
    /// Its position, counted from 0.
    pub ordinal: u32,
    /// Its line in the extraction; [`source_line`] makes it that of the source.
    pub extraction_line: u64,
    /// Its values.
    pub values: &'r StringRecord,
    /// In a table of changes: its command.
    pub change: Option<Change<'r>>,
}

/// What a row of a table of changes asks for.
#[derive(Clone, Copy)]
pub struct Change<'r> {
    /// The command; `None` if it can't be understood.
    pub command: Option<Command>,
    /// The cell it stands in.
    pub cell: &'r str,
    /// The row is rejected for its command, or for that of another row of its key.
    pub is_refused: bool,
    /// By column the row that gives it; `None`: the row is the whole record.
    pub given: Option<&'r [Option<u32>]>,
}

impl Row<'_> {
    /// Whether the record says anything about the column at that position, be it that it is empty.
    pub fn gives(&self, column: usize) -> bool {
        match self.change.and_then(|change| change.given) {
            Some(given) => given.get(column).is_some_and(Option::is_some),
            None => true,
        }
    }
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

    /// Opens the file for some of its rows, after a pass that has proved its seal or while [`Seals`](super::seals::Seals)
    /// do. `wanted` says which, as the index of `scope` in `version` has them. Without that index, or where most of the
    /// file is wanted, all rows come: the caller looks at each in any case.
    pub fn some(
        store: &Store,
        file: &'a ExtractionFile,
        [scope, version]: [&str; 2],
        progress: &'a Progress,
        wanted: impl FnMut(&Entry) -> bool,
    ) -> Result<Self, TaskError> {
        let Some(spans) = spans(store, file, [scope, version], progress, wanted)? else {
            return Self::again(store, file, progress);
        };
        Self::of_spans(store, file, spans, progress)
    }

    /// Opens the file for the rows in `spans`.
    pub fn of_spans(
        store: &Store,
        file: &'a ExtractionFile,
        spans: Vec<Span>,
        progress: &'a Progress,
    ) -> Result<Self, TaskError> {
        let pieces = spans.iter().map(|span| span.offset..span.offset + span.bytes).collect();
        let Some(reader) = store.pieces(&file.path, pieces).map_err(missing)? else {
            return Self::again(store, file, progress);
        };
        // Small pieces: nothing is read ahead that is not wanted.
        let reader: Box<dyn Read> = Box::new(reader);
        let reader = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1 << 14).from_reader(reader);
        let picked = Picked { spans: spans.into_iter(), current: None, read: 0, first_line: 0 };
        Ok(Self {
            file,
            progress,
            reader,
            row: StringRecord::new(),
            ordinal: 0,
            picked: Some(picked),
            commands: None,
            cell: String::new(),
        })
    }

    fn new(file: &'a ExtractionFile, progress: &'a Progress, reader: Box<dyn Read>) -> Self {
        let reader: Box<dyn Read> = Box::new(BufReader::with_capacity(1 << 18, reader));
        let reader = csv::ReaderBuilder::new().has_headers(true).buffer_capacity(1 << 16).from_reader(reader);
        Self {
            file,
            progress,
            reader,
            row: StringRecord::new(),
            ordinal: 0,
            picked: None,
            commands: None,
            cell: String::new(),
        }
    }

    /// Of a table of changes only the rows that count, each with its command apart from its values.
    pub fn of(mut self, commands: Option<&'a Commands>) -> Self {
        self.commands = commands;
        self
    }

    /// The next row; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Row<'_>>, TaskError> {
        let (ordinal, extraction_line) = loop {
            if self.ordinal.is_multiple_of(LOOK_EVERY) {
                self.progress.at(self.ordinal)?;
            }
            if !self.reader.read_record(&mut self.row).map_err(|error| changed(&self.file.path, &error))? {
                return Ok(None);
            }
            let line = self.row.position().map_or(0, csv::Position::line);
            let (ordinal, extraction_line) = match &mut self.picked {
                Some(picked) => picked.place(line),
                None => (self.ordinal, line),
            };
            // The export refuses more than 2^32 rows in a file.
            let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
            self.ordinal += 1;
            if self.commands.is_none_or(|commands| commands.is_kept(ordinal)) {
                break (ordinal, extraction_line);
            }
        };
        let Some(commands) = self.commands else {
            return Ok(Some(Row { ordinal, extraction_line, values: &self.row, change: None }));
        };
        self.cell.clear();
        self.cell.push_str(self.row.get(commands.width()).unwrap_or_default());
        self.row.truncate(commands.width());
        let change = Change {
            command: Command::parse(&self.cell),
            cell: &self.cell,
            is_refused: commands.is_refused(ordinal),
            given: commands.given(ordinal),
        };
        let values = commands.values(ordinal).unwrap_or(&self.row);
        Ok(Some(Row { ordinal, extraction_line, values, change: Some(change) }))
    }

    /// Rows read so far.
    pub fn count(&self) -> u64 {
        self.ordinal
    }
}

impl Picked {
    /// Position and line in the file of the next row, which stands at `line` of what is read.
    fn place(&mut self, line: u64) -> (u64, u64) {
        if self.current.is_none_or(|span| self.read == span.rows) {
            self.current = self.spans.next();
            self.read = 0;
            self.first_line = line;
        }
        let Some(span) = self.current else { return (u64::MAX, 0) };
        self.read += 1;
        (span.ordinal + self.read - 1, span.line + line - self.first_line)
    }
}

/// The rows that `wanted` asks for, if an index tells where they stand and it is worth while to go there.
fn spans(
    store: &Store,
    file: &ExtractionFile,
    [scope, version]: [&str; 2],
    progress: &Progress,
    mut wanted: impl FnMut(&Entry) -> bool,
) -> Result<Option<Vec<Span>>, TaskError> {
    let Some(mut index) = IndexReader::open(store, file, scope, version, progress)? else { return Ok(None) };
    let (mut spans, mut rows) = (Vec::new(), 0);
    while let Some(entry) = index.read()? {
        if wanted(&entry) {
            rows += entry.span.rows;
            if rows > file.rows / MOST {
                return Ok(None);
            }
            spans.push(entry.span);
        }
    }
    Ok(Some(spans))
}

/// The source line of a row, for messages.
pub fn source_line(file: &ExtractionFile, extraction_line: u64) -> u64 {
    file.lines.source_line(extraction_line)
}

/// The file is not the one that was sealed.
pub(super) fn changed(path: &str, error: &dyn std::fmt::Display) -> TaskError {
    TaskError::failed(
        path,
        format!("the extraction was changed or damaged since its export, nothing was written: {error}. Export again"),
    )
}

fn missing(error: StoreError) -> TaskError {
    TaskError::failed("extraction store", error.to_string())
}
