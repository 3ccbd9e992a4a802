//! An extraction that keeps what it is told, and holds it against what it promises.

use muster::connectors::{Changes, ConnectionError, Extraction, SourceEnd};
use serde_json::Value;

/// What was read of one table.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// Its columns.
    pub columns: Vec<String>,
    /// Line, command (of changes) and values.
    pub rows: Vec<(Option<u64>, Option<String>, Vec<String>)>,
    begun: usize,
    ended: usize,
}

impl Kept {
    /// The values alone.
    pub fn values(&self) -> impl Iterator<Item = &[String]> {
        self.rows.iter().map(|(_, _, values)| values.as_slice())
    }

    /// Holds at the end of a reading that said it was complete.
    pub fn assert_ended(&self) {
        assert_eq!((self.begun, self.ended), (1, 1), "one table, begun and ended once");
        let mut sorted = self.columns.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), self.columns.len(), "a column stands once: {:?}", self.columns);
    }

    fn keep(&mut self, line: Option<u64>, command: Option<&str>, values: &mut dyn Iterator<Item = &[u8]>) {
        assert_eq!((self.begun, self.ended), (1, 0), "a row stands within its table");
        let values: Vec<String> =
            values.map(|value| String::from_utf8(value.to_vec()).expect("a value is UTF-8")).collect();
        assert_eq!(values.len(), self.columns.len(), "a row has as many values as there are columns");
        assert!(line.is_none_or(|line| line >= 1), "lines count from 1");
        let before = self.rows.last().and_then(|(line, ..)| *line);
        assert!(line >= before, "lines go on: {before:?}, then {line:?}");
        self.rows.push((line, command.map(str::to_owned), values));
    }
}

impl Extraction for Kept {
    fn begin(&mut self, _: &str, source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        assert!(!source_file.is_empty(), "a source has a name");
        self.begun += 1;
        self.columns = columns.to_vec();
        Ok(())
    }

    fn row(&mut self, line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        self.keep(line, None, values);
        Ok(())
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        self.begin(table, source_file, changes.columns)
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        for column in given.unwrap_or_default() {
            assert!(self.columns.iter().any(|known| known == column), "{column:?} is given, but no column");
        }
        self.keep(line, Some(command), values);
        Ok(())
    }

    fn cursor(&mut self, _: Value) {}

    fn pair(&mut self, _: &str, _: [&str; 2], _: Option<u64>, _: [&[u8]; 2]) -> Result<(), ConnectionError> {
        unreachable!("no pairs are asked for")
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        assert!(!end.words.is_empty(), "an end says how it is known");
        self.ended += 1;
        Ok(())
    }
}
