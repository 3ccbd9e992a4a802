//! Columns with several values that leave as pairs, one per row.

use super::row::Row;
use super::session::Column;
use super::settings::{Database, SourceTable};
use crate::connectors::{ConnectionError, Extraction, PairColumn};
use crate::model::property::VALUE_SEPARATOR;

/// A column whose values leave as pairs.
pub struct Pairs<'a> {
    table: String,
    definition: &'a PairColumn,
    key: usize,
    column: usize,
}

impl<'a> Pairs<'a> {
    /// Those of a table. The columns that associations name must be there.
    pub fn of(database: &Database, table: &'a SourceTable, columns: &[Column]) -> Result<Vec<Self>, ConnectionError> {
        let position = |name: &str| {
            columns.iter().position(|column| column.name == name).ok_or_else(|| {
                let there: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                let message = format!("an association needs the column {name:?}; there are {}", there.join(", "));
                ConnectionError::permanent(&database.place, message)
            })
        };
        let pairs = table.pairs.iter().map(|definition| {
            Ok(Self {
                table: format!("{}.{}", table.name, definition.column),
                definition,
                key: position(&definition.key_column)?,
                column: position(&definition.column)?,
            })
        });
        pairs.collect()
    }

    /// Writes the pairs of a row.
    pub fn write(&self, row: &Row, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let columns = [self.definition.key_column.as_str(), self.definition.column.as_str()];
        let separator = self.definition.separator.as_deref().filter(|separator| !separator.is_empty());
        // Rows hold text that was checked to be UTF-8.
        let values = std::str::from_utf8(row.value(self.column)).unwrap_or_default();
        for value in values.split(VALUE_SEPARATOR) {
            let parts: &mut dyn Iterator<Item = &str> = match separator {
                Some(separator) => &mut value.split(separator),
                None => &mut std::iter::once(value),
            };
            for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
                extraction.pair(&self.table, columns, None, [row.value(self.key), part.as_bytes()])?;
            }
        }
        Ok(())
    }
}
