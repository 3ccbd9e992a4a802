//! An extraction in memory.

use muster::connectors::{Changes, ConnectionError, Extraction, KnownRecord, SourceEnd};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a kind has read.
#[derive(Default)]
pub struct Recorder {
    /// By name: header and rows. Of changes, the command is the first value.
    pub tables: BTreeMap<String, Recorded>,
    /// By table: where its source stood.
    pub cursors: BTreeMap<String, Value>,
    /// By table: how its end is known.
    pub ends: BTreeMap<String, SourceEnd>,
    /// By table: what the applied runs have read, for kinds that ask.
    pub known: BTreeMap<String, Recorded>,
    /// Called with the number of rows of the current table so far.
    pub on_row: Option<Box<dyn FnMut(usize)>>,
    current: String,
}

/// A table in memory.
#[derive(Default, Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Column names.
    pub header: Vec<String>,
    /// Cells as text.
    pub rows: Vec<Vec<String>>,
}

impl Recorder {
    /// The rows of a table.
    #[track_caller]
    pub fn rows(&self, table: &str) -> &[Vec<String>] {
        &self.tables[table].rows
    }

    /// A column of a table.
    #[track_caller]
    pub fn column(&self, table: &str, column: &str) -> Vec<&str> {
        let Recorded { header, rows } = &self.tables[table];
        let place = header.iter().position(|name| name == column).unwrap_or_else(|| panic!("{column} in {header:?}"));
        rows.iter().map(|row| row[place].as_str()).collect()
    }

    /// The rows of a table, each with `|` between its values.
    pub fn lines(&self, table: &str) -> Vec<String> {
        self.tables[table].rows.iter().map(|row| row.join("|").replace('\u{1f}', "+")).collect()
    }
}

impl Extraction for Recorder {
    fn begin(&mut self, table: &str, _source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        self.current = table.to_owned();
        let before = self.tables.insert(table.to_owned(), Recorded { header: columns.to_vec(), rows: Vec::new() });
        assert!(before.is_none(), "{table} begins twice");
        Ok(())
    }

    fn row(&mut self, _line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        let row: Vec<String> = values.map(text).collect();
        let table = self.tables.get_mut(&self.current).unwrap();
        assert_eq!(row.len(), table.header.len());
        table.rows.push(row);
        if let Some(on_row) = &mut self.on_row {
            on_row(table.rows.len());
        }
        Ok(())
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        let columns = [vec![changes.command_column.to_owned()], changes.columns.to_vec()].concat();
        self.begin(table, source_file, &columns)
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        let word = given.map_or_else(|| command.to_owned(), |given| format!("{command} {}", given.join(" ")));
        let row: Vec<Vec<u8>> = std::iter::once(word.into_bytes()).chain(values.map(<[u8]>::to_vec)).collect();
        self.row(line, &mut row.iter().map(Vec::as_slice))
    }

    fn cursor(&mut self, cursor: Value) {
        self.cursors.insert(self.current.clone(), cursor);
    }

    fn pair(
        &mut self,
        table: &str,
        columns: [&str; 2],
        _line: Option<u64>,
        values: [&[u8]; 2],
    ) -> Result<(), ConnectionError> {
        let pairs = self.tables.entry(table.to_owned()).or_default();
        pairs.header = columns.map(str::to_owned).to_vec();
        pairs.rows.push(values.map(text).to_vec());
        Ok(())
    }

    fn known(
        &mut self,
        table: &str,
        identity: &str,
        hear: &mut dyn FnMut(&KnownRecord<'_>) -> Result<(), ConnectionError>,
    ) -> Result<bool, ConnectionError> {
        let Some(Recorded { header, rows }) =
            self.known.get(table).filter(|one| one.header.iter().any(|it| it == identity))
        else {
            return Ok(false);
        };
        for row in rows {
            hear(&KnownRecord { columns: header, values: &csv::StringRecord::from(row.clone()) })?;
        }
        Ok(true)
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        self.ends.insert(self.current.clone(), end);
        Ok(())
    }
}

/// What stands in a cell.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("an extraction is text")
}
