//! Looks at the tables of a connection to propose a mapping: reads as an export does, keeps nothing but what columns are
//! like, and stops after so many rows.

use crate::connectors::{
    Changes, ColumnSchema, ConnectionError, ConnectionKind, ConnectionRequest, Extraction, SourceEnd,
};
use crate::pipeline::proposal::facts::{Observed, TableObserver, observed};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long all tables may be read; then what was seen has to do.
const LONGEST: Duration = Duration::from_secs(30);

/// Looks at `most` rows of each table.
pub(super) fn observe(
    kind: &dyn ConnectionKind,
    request: &ConnectionRequest,
    most: u64,
) -> Result<Observed, ConnectionError> {
    let mut observers = Vec::new();
    let tables = kind.tables(request)?;
    let each = LONGEST / u32::try_from(tables.len().max(1)).unwrap_or(u32::MAX);
    for schema in tables.into_iter().filter(|schema| !schema.columns.is_empty()) {
        let mut one = request.clone();
        one.definition.tables.retain(|table| table.name == schema.table);
        // Sources without a header show the columns that are asked for.
        let names = schema.columns.iter().map(|column| column.name.clone()).collect();
        one.mapped_columns = [(schema.table.clone(), names)].into();
        let mut looking =
            Looking { known: schema.columns, most, until: Instant::now() + each, enough: false, observer: None };
        let read = kind.export(&one, &mut looking);
        let (enough, observer) = (looking.enough, looking.observer.take());
        match read {
            Err(error) if !enough => return Err(error),
            read => observers.extend(observer.map(|mut observer| {
                observer.complete = read.is_ok();
                observer
            })),
        }
    }
    Ok(observed(&observers))
}

/// An extraction that is written nowhere.
struct Looking {
    known: Vec<ColumnSchema>,
    most: u64,
    until: Instant,
    enough: bool,
    observer: Option<TableObserver>,
}

impl Extraction for Looking {
    fn begin(&mut self, table: &str, _source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        self.observer = Some(TableObserver::new(table, columns, &self.known));
        Ok(())
    }

    fn row(&mut self, line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        let Some(observer) = &mut self.observer else { return Ok(()) };
        if observer.rows() >= self.most || (observer.rows().is_multiple_of(64) && Instant::now() >= self.until) {
            self.enough = true;
            return Err(ConnectionError::permanent("proposal", "enough was read"));
        }
        observer.row(line, values);
        Ok(())
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        self.begin(table, source_file, changes.columns)
    }

    fn change(
        &mut self,
        _command: &str,
        _given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        self.row(line, values)
    }

    fn cursor(&mut self, _cursor: Value) {}

    fn pair(
        &mut self,
        _table: &str,
        _columns: [&str; 2],
        _line: Option<u64>,
        _values: [&[u8]; 2],
    ) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn end(&mut self, _end: SourceEnd) -> Result<(), ConnectionError> {
        Ok(())
    }
}
