//! The kind `files`: CSV, TSV, JSON, XML, XLSX and LDIF, plain or packed, from a folder or by upload.
//!
//! Reading is strict: a record with another number of fields, a quote that is never closed, a byte that is no character
//! of the encoding: each fails the task with file, line and column. A file that was read to its end without a doubt is
//! the only one that may say what is no longer there.

mod arrival;
mod decoding;
mod delta;
mod discover;
mod fault;
mod json;
mod json_lines;
mod ldif;
mod named;
mod packing;
mod pattern;
mod records;
mod rows;
mod settings;
mod sheet;
mod source;
#[cfg(test)]
mod tests;
mod window;
mod xml;

use super::{
    Arrival, Changes, ChangesError, ColumnSchema, ConnectionError, ConnectionKind, ConnectionRequest, Cursors,
    Extraction, Finding, PairColumn, Setting, SettingValue, TableSchema,
};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use crate::model::property::VALUE_SEPARATOR;
use crate::store::Sealed;
use rows::{Opened, Rows};
use serde_json::Value;
use settings::{ConnectionSettings, Format, TableSettings};

/// The kind itself.
pub struct Files;

impl ConnectionKind for Files {
    fn name(&self) -> &'static str {
        "files"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::CONNECTION
    }

    fn table_settings(&self) -> &'static [Setting] {
        settings::TABLE
    }

    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError> {
        let is_upload = ConnectionSettings::of(connection)?.upload;
        connection.definition.tables.iter().try_for_each(|table| {
            let settings = TableSettings::of(table)?;
            if settings.file.is_none() && !is_upload {
                let message = "say which file of the folder it is: file = \"…\"";
                return Err(ConnectionError::permanent(format!("table {:?}", table.name), message));
            }
            settings.check_file(&table.name)?;
            settings.check_delta(&table.name, is_upload)?;
            settings.dialect(settings.format(), &table.name).map(|_| ())
        })
    }

    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
        let finding = |table: &TableDefinition| {
            let subject = table.name.clone();
            if source::is_awaited(connection, table)? {
                let message = "no file has been received yet; send one by page, API or muster upload".to_owned();
                return Ok(Finding { subject, ok: true, message });
            }
            Ok(match read_samples(connection, table) {
                Ok((file, schema)) => Finding {
                    subject: file,
                    ok: true,
                    message: format!("{} columns: {}", schema.columns.len(), names(&schema.columns)),
                },
                Err(error) => Finding { subject, ok: false, message: error.to_string() },
            })
        };
        connection.definition.tables.iter().map(finding).collect()
    }

    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
        let schema = |table: &TableDefinition| match source::is_awaited(connection, table)? {
            true => Ok(TableSchema { table: table.name.clone(), columns: Vec::new(), samples: Vec::new() }),
            false => read_samples(connection, table).map(|(_, schema)| schema),
        };
        connection.definition.tables.iter().map(schema).collect()
    }

    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        connection.definition.tables.iter().try_for_each(|table| export_table(connection, table, extraction))
    }

    fn reads_tables_apart(&self) -> bool {
        true
    }

    fn is_same_source(
        &self,
        connection: &ConnectionRequest,
        table: &TableDefinition,
        name: &str,
        sealed: &Sealed,
        cursor: Option<&Value>,
    ) -> Result<bool, ConnectionError> {
        if !delta::stands_at(connection, table, cursor)? {
            return Ok(false);
        }
        let (source, bytes) = source::open(connection, table, &TableSettings::of(table)?)?;
        // Another file that is called as the pattern says; what was read from an archive has its member's name as well.
        let is_called_so = name.strip_prefix(&source.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_same = is_called_so && source.is(bytes, sealed)?;
        source.confirm()?;
        Ok(is_same)
    }

    fn check_instead(&self, connection: &ConnectionRequest, since: &Cursors) -> Result<(), ConnectionError> {
        let tables = connection.definition.tables.iter();
        tables
            .filter_map(|table| Some((table, since.get(&table.name)?)))
            .try_for_each(|(table, since)| delta::check_instead(connection, table, since))
    }

    fn arrival(&self, connection: &ConnectionDefinition) -> Result<Option<Arrival>, ConnectionError> {
        arrival::look(connection)
    }

    fn columns_are_mapped(&self, table: &TableDefinition) -> bool {
        TableSettings::of(table).is_ok_and(|settings| {
            settings.columns.is_empty()
                && matches!(settings.format(), Format::Json | Format::Ndjson | Format::Ldif | Format::Xml)
        })
    }

    fn discover(&self, connection: &ConnectionRequest) -> Result<Vec<TableDefinition>, ConnectionError> {
        discover::tables(connection)
    }

    fn tells_changes(&self, _: &ConnectionDefinition, table: &TableDefinition) -> bool {
        TableSettings::of(table).is_ok_and(|settings| settings.delta_file.is_some())
    }

    fn changes(
        &self,
        connection: &ConnectionRequest,
        since: &Cursors,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        connection.definition.tables.iter().try_for_each(|table| {
            match self.tells_changes(&connection.definition, table) {
                true => delta::export_changes(connection, table, since.get(&table.name), extraction),
                false => Ok(export_table(connection, table, extraction)?),
            }
        })
    }
}

fn export_table(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let mapped = connection.mapped_columns.get(&table.name).map(Vec::as_slice).unwrap_or_default();
    // Before the file is read: changes that come meanwhile are read again, rather than missed.
    let position = delta::position(connection, table)?;
    let Opened { source, mut rows } = rows::open(connection, table, Some(mapped))?;
    let width = rows.columns().len();
    extraction.begin(&table.name, &source.name, rows.columns())?;
    if let Some(position) = position {
        extraction.cursor(position);
    }
    let pairs = Pairs::of(connection, table, &source.name, rows.as_ref())?;
    while rows.next().map_err(|fault| fault.within(&source.name))? {
        let line = Some(rows.line());
        extraction.row(line, &mut (0..width).map(|column| rows.value(column)))?;
        for pair in &pairs {
            pair.write(rows.as_ref(), extraction)?;
        }
    }
    source.confirm()?;
    if let Some(sealed) = source.seal() {
        extraction.was_read_from(sealed);
    }
    extraction.end(source.end())
}

/// A column whose values leave as pairs.
struct Pairs<'a> {
    table: String,
    definition: &'a PairColumn,
    key: usize,
    column: usize,
}

impl<'a> Pairs<'a> {
    fn of(
        connection: &'a ConnectionRequest,
        table: &TableDefinition,
        file: &str,
        rows: &dyn Rows,
    ) -> Result<Vec<Self>, ConnectionError> {
        let definitions = connection.pair_columns.get(&table.name).map(Vec::as_slice).unwrap_or_default();
        let position = |name: &String| {
            rows.columns().iter().position(|column| column == name).ok_or_else(|| {
                let message = format!("there is no column {name:?}; there are {}", rows.columns().join(", "));
                ConnectionError::permanent(format!("{file}, header"), message)
            })
        };
        let pairs = definitions.iter().map(|definition| {
            Ok(Self {
                table: format!("{}.{}", table.name, definition.column),
                definition,
                key: position(&definition.key_column)?,
                column: position(&definition.column)?,
            })
        });
        pairs.collect()
    }

    /// Of a table of changes, whose rows may give some columns only.
    fn of_changes(connection: &'a ConnectionRequest, table: &TableDefinition, rows: &dyn Rows) -> Vec<Self> {
        let definitions = connection.pair_columns.get(&table.name).map(Vec::as_slice).unwrap_or_default();
        let position = |name: &String| rows.columns().iter().position(|column| column == name);
        let pairs = definitions.iter().filter_map(|definition| {
            let table = format!("{}.{}", table.name, definition.column);
            let (key, column) = (position(&definition.key_column)?, position(&definition.column)?);
            Some(Self { table, definition, key, column })
        });
        pairs.collect()
    }

    fn write(&self, rows: &dyn Rows, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let columns = [self.definition.key_column.as_str(), self.definition.column.as_str()];
        let separator = self.definition.separator.as_deref().unwrap_or(VALUE_SEPARATOR);
        // Rows hold text that was checked to be UTF-8.
        let values = std::str::from_utf8(rows.value(self.column)).unwrap_or_default();
        let split: &mut dyn Iterator<Item = &str> =
            if separator.is_empty() { &mut std::iter::once(values) } else { &mut values.split(separator) };
        for value in split.map(str::trim).filter(|value| !value.is_empty()) {
            extraction.pair(&self.table, columns, Some(rows.line()), [rows.value(self.key), value.as_bytes()])?;
        }
        Ok(())
    }
}

/// The columns of a table and its first three rows.
fn read_samples(
    connection: &ConnectionRequest,
    table: &TableDefinition,
) -> Result<(String, TableSchema), ConnectionError> {
    let Opened { source, mut rows } = rows::open(connection, table, None)?;
    let mut samples: Vec<Vec<String>> = Vec::new();
    while samples.len() < 3 && rows.next().map_err(|fault| fault.within(&source.name))? {
        let values = (0..rows.columns().len()).map(|column| String::from_utf8_lossy(rows.value(column)).into_owned());
        samples.push(values.collect());
    }
    let columns = rows.columns().iter().enumerate().map(|(column, name)| ColumnSchema {
        name: name.clone(),
        native_type: None,
        multivalued: samples.iter().any(|sample| sample[column].contains(VALUE_SEPARATOR)),
    });
    let schema = TableSchema { table: table.name.clone(), columns: columns.collect(), samples };
    Ok((source.name, schema))
}

fn names(columns: &[ColumnSchema]) -> String {
    columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ")
}
