//! Writes an extraction: one CSV per table (UTF-8, RFC 4180, header, `\n`), sealed, with line map and profile.

use super::past::Past;
use super::profiler::Profiler;
use super::sources::reading;
use crate::connectors::{Changes, ConnectionError, ConnectionRequest, Extraction, KnownRecord, SourceEnd};
use crate::model::extraction::{COMMAND, ExtractionFile, LineMap, PAIR_ROW, SourceSeal};
use crate::pipeline::index::{Indexer, Readers};
use crate::store::{Sealed, Store, StoreError, StoreWriter};
use csv::StringRecord;
use std::io::Write;
use std::ops::Range;

/// How many rows pass between two looks at the clock.
const TELL_EVERY: u64 = 1024;

/// The extraction of one connection, being written.
pub(super) struct ExtractionWriter<'a> {
    store: Store,
    prefix: &'a str,
    request: &'a ConnectionRequest,
    readers: &'a Readers,
    /// Hears of progress, and says when it is no use to go on.
    tell: &'a dyn Fn(&str, u64) -> Result<(), ConnectionError>,
    table: Option<TableWriter>,
    /// Tables of pairs that were begun with the current table or one before it.
    pairs: Vec<TableWriter>,
    files: Vec<ExtractionFile>,
    begun: usize,
    /// What the runs before have read.
    past: Option<Past>,
}

impl<'a> ExtractionWriter<'a> {
    pub(super) fn new(
        store: Store,
        prefix: &'a str,
        request: &'a ConnectionRequest,
        readers: &'a Readers,
        tell: &'a dyn Fn(&str, u64) -> Result<(), ConnectionError>,
    ) -> Self {
        let (pairs, files) = (Vec::new(), Vec::new());
        Self { store, prefix, request, readers, tell, table: None, pairs, files, begun: 0, past: None }
    }

    /// Knows what the runs before have read.
    pub(super) fn after(self, past: Option<Past>) -> Self {
        Self { past, ..self }
    }

    /// Seals everything. Every table of the request must have been read.
    pub(super) fn finish(mut self) -> Result<Vec<ExtractionFile>, ConnectionError> {
        self.seal_current()?;
        for table in std::mem::take(&mut self.pairs) {
            self.files.push(table.seal()?);
        }
        for table in &self.request.definition.tables {
            let source = self.request.source(&table.name).0;
            if !self.files.iter().any(|file| file.source_table == source) {
                return Err(ConnectionError::permanent(source, "was not read; nothing can be said about it"));
            }
        }
        Ok(self.files)
    }

    fn seal_current(&mut self) -> Result<(), ConnectionError> {
        if let Some(table) = self.table.take() {
            self.files.push(table.seal()?);
        }
        Ok(())
    }

    fn open(&mut self, table: &str, source_file: &str, columns: &[String]) -> Result<TableWriter, ConnectionError> {
        let source_table = self.request.source(table).0;
        let is_open = |other: &TableWriter| other.file.source_table == source_table;
        if self.files.iter().any(|file| file.source_table == source_table) || self.pairs.iter().any(is_open) {
            return Err(ConnectionError::permanent(source_table, "was read twice"));
        }
        let path = format!("{}-{:02}-{}.csv", self.prefix, self.begun, plain(table));
        self.begun += 1;
        TableWriter::begin(&self.store, self.readers, path, source_table, source_file, columns)
    }

    /// Begins a table and the pairs that stand in its rows; `more` columns follow the source's own.
    fn begin_table(
        &mut self,
        table: &str,
        source_file: &str,
        columns: &[String],
        command_column: Option<&str>,
    ) -> Result<(), ConnectionError> {
        self.seal_current()?;
        let mut header = columns.to_vec();
        header.extend(command_column.map(|_| COMMAND.to_owned()));
        let mut begun = self.open(table, source_file, &header)?;
        begun.file.command_column = command_column.map(str::to_owned);
        self.table = Some(begun);
        // A table of pairs is there even if no row has a value: no pairs is something else than no answer.
        for pair in self.request.pair_columns.get(table).into_iter().flatten() {
            let mut header = vec![pair.key_column.clone(), pair.column.clone()];
            header.extend(command_column.map(|_| PAIR_ROW.to_owned()));
            let begun = self.open(&format!("{table}.{}", pair.column), source_file, &header)?;
            self.pairs.push(begun);
        }
        Ok(())
    }

    /// One row, with its command in a table of changes.
    fn write_row(
        &mut self,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
        command: Option<&[u8]>,
    ) -> Result<(), ConnectionError> {
        let Some(table) = &mut self.table else {
            return Err(ConnectionError::permanent(&self.request.definition.name, "a row came before its table"));
        };
        table.row(line, values, command)?;
        if table.file.rows.is_multiple_of(TELL_EVERY) {
            (self.tell)(&table.file.source_table, table.file.rows)?;
        }
        Ok(())
    }
}

impl Extraction for ExtractionWriter<'_> {
    fn begin(&mut self, table: &str, source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        self.begin_table(table, source_file, columns, None)
    }

    fn row(&mut self, line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        self.write_row(line, values, None)
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        self.begin_table(table, source_file, changes.columns, Some(changes.command_column))
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        let word = command.trim();
        let command = match given {
            Some(given) if word.eq_ignore_ascii_case("merge") => format!("{word} {}", serde_json::json!(given)),
            _ => word.to_owned(),
        };
        self.write_row(line, values, Some(command.as_bytes()))
    }

    fn cursor(&mut self, cursor: serde_json::Value) {
        if let Some(table) = &mut self.table {
            table.file.cursor = Some(cursor);
        }
    }

    fn known(
        &mut self,
        table: &str,
        identity: &str,
        hear: &mut dyn FnMut(&KnownRecord<'_>) -> Result<(), ConnectionError>,
    ) -> Result<bool, ConnectionError> {
        match &self.past {
            Some(past) => past.records(&self.store, &self.request.source(table).0, identity, hear),
            None => Ok(false),
        }
    }

    fn was_read_from(&mut self, source: Sealed) {
        let Some(table) = &mut self.table else { return };
        let reading = reading(self.request, self.readers, &table.file.source_table, &table.file.source_file);
        let seal = SourceSeal { sha256: source.sha256, bytes: source.bytes, reading };
        let pairs = format!("{}.", table.file.source_table);
        let of_table = self.pairs.iter_mut().filter(|open| open.file.source_table.starts_with(&pairs));
        of_table.for_each(|open| open.file.source = Some(seal.clone()));
        table.file.source = Some(seal);
    }

    fn pair(
        &mut self,
        table: &str,
        columns: [&str; 2],
        line: Option<u64>,
        values: [&[u8]; 2],
    ) -> Result<(), ConnectionError> {
        let source_table = self.request.source(table).0;
        let position = match self.pairs.iter().position(|open| open.file.source_table == source_table) {
            Some(position) => position,
            None => {
                let source_file = self.table.as_ref().map_or(table, |table| &table.file.source_file).to_owned();
                let mut header = columns.map(str::to_owned).to_vec();
                let is_changes = self.table.as_ref().is_some_and(|table| table.file.command_column.is_some());
                header.extend(is_changes.then(|| PAIR_ROW.to_owned()));
                let begun = self.open(table, &source_file, &header)?;
                self.pairs.push(begun);
                self.pairs.len() - 1
            }
        };
        let row = self.table.as_ref().filter(|table| table.file.command_column.is_some());
        let row = row.map(|table| table.file.rows.saturating_sub(1).to_string());
        self.pairs[position].row(line, &mut values.into_iter(), row.as_ref().map(String::as_bytes))
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        let Some(table) = &mut self.table else {
            return Err(ConnectionError::permanent(&self.request.definition.name, "an end came before its table"));
        };
        table.file.source_end = end;
        Ok(())
    }
}

/// One table, being written.
pub(in crate::pipeline) struct TableWriter {
    object: StoreWriter,
    file: ExtractionFile,
    profiler: Profiler,
    indexers: Vec<Indexer>,
    /// The line of the extraction that the next row starts in.
    line: u64,
    row: Vec<u8>,
    /// Where the values stand in `row`, and which of them in quotes.
    places: Vec<(Range<usize>, bool)>,
    /// The row's values as prepare will read them.
    values: StringRecord,
}

impl TableWriter {
    /// Begins an object of the store with this header.
    pub(in crate::pipeline) fn begin(
        store: &Store,
        readers: &Readers,
        path: String,
        source_table: String,
        source_file: &str,
        columns: &[String],
    ) -> Result<Self, ConnectionError> {
        let object = store.writer(&path).map_err(store_failed)?;
        let file = ExtractionFile {
            source_table,
            path,
            source_file: source_file.to_owned(),
            sha256: String::new(),
            bytes: 0,
            rows: 0,
            header: columns.to_vec(),
            lines: LineMap::default(),
            profile: Default::default(),
            indexes: Vec::new(),
            source: None,
            source_end: SourceEnd::default(),
            command_column: None,
            cursor: None,
        };
        let mut begun = Self {
            object,
            file,
            profiler: Profiler::new(columns),
            indexers: Vec::new(),
            line: 1,
            row: Vec::new(),
            places: Vec::new(),
            values: StringRecord::new(),
        };
        if columns.is_empty() {
            let message = "has no columns; map at least one";
            return Err(ConnectionError::permanent(&begun.file.source_table, message));
        }
        for (position, column) in columns.iter().enumerate() {
            begun.field(position, column.as_bytes());
        }
        begun.end_record()?;
        let start = [begun.object.bytes(), begun.line];
        let ExtractionFile { source_table, path, header, .. } = &begun.file;
        begun.indexers = Indexer::all(readers, store, source_table, path, header, start).map_err(store_failed)?;
        Ok(begun)
    }

    /// One row. `line`: where it starts in the source; `last`: the value of a last column that is ours.
    pub(in crate::pipeline) fn row(
        &mut self,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
        last: Option<&[u8]>,
    ) -> Result<(), ConnectionError> {
        let width = self.file.header.len();
        self.profiler.begin_row();
        self.places.clear();
        let mut position = 0;
        for value in values {
            self.value(position, value);
            position += 1;
        }
        if let Some(value) = last {
            self.value(position, value);
            position += 1;
        }
        let at = line.unwrap_or(self.line);
        if position != width {
            let message = format!("this row has {position} values, but there are {width} columns");
            return Err(ConnectionError::permanent(format!("{}, line {at}", self.file.source_file), message));
        }
        // Once for the whole row: what stands between its values is ASCII, so one that is cut short is seen.
        let Ok(text) = std::str::from_utf8(&self.row) else {
            let message = "a value of this row is no UTF-8; if it is binary, say so in the mapping";
            return Err(ConnectionError::permanent(format!("{}, line {at}", self.file.source_file), message));
        };
        if !self.indexers.is_empty() {
            self.values.clear();
            for (place, is_quoted) in &self.places {
                match is_quoted {
                    false => self.values.push_field(&text[place.clone()]),
                    true => self.values.push_field(&text[place.start + 1..place.end - 1].replace("\"\"", "\"")),
                }
            }
        }
        self.file.lines.note(self.line, at);
        self.file.rows += 1;
        let (bytes, line) = (self.row.len() as u64 + 1, self.line);
        self.end_record()?;
        let lines = self.line - line;
        let mut failed = Ok(());
        self.indexers.retain_mut(|indexer| match indexer.row(&self.values, bytes, lines) {
            Ok(is_worth_it) => is_worth_it,
            Err(error) => {
                failed = Err(store_failed(error));
                true
            }
        });
        failed
    }

    fn value(&mut self, position: usize, value: &[u8]) {
        if position >= self.file.header.len() {
            return;
        }
        let is_quoted = self.field(position, value);
        let start = self.places.last().map_or(0, |(place, _)| place.end + 1);
        self.places.push((start..self.row.len(), is_quoted));
        self.profiler.value(position, value);
    }

    /// Writes a value; returns whether it stands in quotes.
    fn field(&mut self, position: usize, value: &[u8]) -> bool {
        if position > 0 {
            self.row.push(b',');
        }
        // Without the branch of an early exit this runs over many bytes at once.
        let special = value.iter().fold(false, |found, byte| found | matches!(byte, b',' | b'"' | b'\n' | b'\r'));
        // An empty value alone in its line would read as no record at all.
        let alone = value.is_empty() && self.file.header.len() == 1;
        if !special && !alone {
            self.row.extend_from_slice(value);
            return false;
        }
        self.row.push(b'"');
        let mut rest = value;
        while let Some(quote) = memchr::memchr(b'"', rest) {
            self.row.extend_from_slice(&rest[..=quote]);
            self.row.push(b'"');
            rest = &rest[quote + 1..];
        }
        self.row.extend_from_slice(rest);
        self.row.push(b'"');
        true
    }

    fn end_record(&mut self) -> Result<(), ConnectionError> {
        self.row.push(b'\n');
        self.line += memchr::memchr_iter(b'\n', &self.row).count() as u64;
        self.object.write_all(&self.row).map_err(store_failed)?;
        self.row.clear();
        Ok(())
    }

    /// Ends it: sealed and under its name.
    pub(in crate::pipeline) fn seal(self) -> Result<ExtractionFile, ConnectionError> {
        let sealed = self.object.finish().map_err(|error: StoreError| store_failed(error))?;
        let profile = self.profiler.finish(self.file.rows);
        let indexes = self.indexers.into_iter().map(Indexer::seal).collect::<Result<_, _>>().map_err(store_failed)?;
        Ok(ExtractionFile { sha256: sealed.sha256, bytes: sealed.bytes, profile, indexes, ..self.file })
    }
}

/// A full disk or a network that is down: not the source's fault, and it may be over later.
fn store_failed(error: impl std::fmt::Display) -> ConnectionError {
    ConnectionError::transient("extraction store", error.to_string())
}

/// A name as part of an object's name; a number before it keeps it apart from others.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    name.chars().take(40).map(plain).collect()
}

#[cfg(test)]
mod tests;
