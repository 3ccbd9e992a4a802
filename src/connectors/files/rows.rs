//! One way to look at all formats: columns, then one row after the other.

use super::fault::Fault;
use super::json::JsonRecords;
use super::named::NamedRows;
use super::records::Records;
use super::settings::{Format, TableSettings};
use super::source::{self, Source};
use super::xml::{Record, XmlRecords};
use super::{ConnectionError, ConnectionRequest, decoding};
use crate::model::connection::TableDefinition;
use std::io::Read;

/// The rows of a table, in the order of the file.
pub(super) trait Rows {
    /// Its columns.
    fn columns(&self) -> &[String];

    /// Goes to the next row; `false`: the end was reached, and reached without a doubt.
    fn next(&mut self) -> Result<bool, Fault>;

    /// The line in which the current row starts.
    fn line(&self) -> u64;

    /// The current row's value in a column: UTF-8.
    fn value(&self, column: usize) -> &[u8];

    /// Whether the current row says anything about a column, be it that it is empty.
    fn is_given(&self, _column: usize) -> bool {
        true
    }
}

/// A table's file and its rows.
pub(super) struct Opened {
    pub(super) source: Source,
    pub(super) rows: Box<dyn Rows>,
}

/// Opens a table. `mapped`: the columns that the connector maps, which are the header of formats without one; `None`:
/// whatever columns are found.
pub(super) fn open(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    mapped: Option<&[String]>,
) -> Result<Opened, ConnectionError> {
    open_as(connection, table, &TableSettings::of(table)?, mapped)
}

/// The same with other settings than the table's own, such as another file.
pub(super) fn open_as(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    settings: &TableSettings,
    mapped: Option<&[String]>,
) -> Result<Opened, ConnectionError> {
    let (source, file) = source::open(connection, table, settings)?;
    let within = |fault: Fault| fault.within(&source.name);
    let is_xml = settings.format() == Format::Xml;
    let decoded = match (settings.encoding.as_deref(), is_xml) {
        (None, true) => decoding::xml(file),
        (encoding, _) => decoding::utf8(file, encoding),
    }
    .map_err(|error| within(error.into()))?;
    let text = decoded.text;
    let declared = if settings.columns.is_empty() { mapped } else { Some(settings.columns.as_slice()) };
    let rows: Box<dyn Rows> = match settings.format() {
        Format::Csv | Format::Tsv => {
            let (separator, quote) = settings.dialect(&table.name)?;
            let records = Records::new(text, separator, quote);
            Box::new(Table::begin(records, settings.skip_lines, &settings.columns).map_err(within)?)
        }
        Format::Json => {
            let records = match settings.single_record {
                true => JsonRecords::of_one(text),
                false => JsonRecords::begin(text, settings.record.clone()).map_err(within)?,
            };
            Box::new(NamedRows::begin(records, declared).map_err(within)?)
        }
        Format::Xml => {
            let record = match settings.record.as_deref() {
                _ if settings.single_record => Record::Root,
                Some("*") => Record::Children,
                Some(name) => Record::Named(name.to_owned()),
                None => {
                    let message =
                        "say which element is a record: record = \"…\"; \"*\" for each one in the root element";
                    return Err(ConnectionError::permanent(format!("table {:?}", table.name), message));
                }
            };
            // A setting wins over what the document says of itself.
            let encoding = if settings.encoding.is_some() { None } else { Some(decoded.encoding) };
            let records = XmlRecords::new(text, encoding, record, settings.values.unwrap_or_default());
            Box::new(NamedRows::begin(records, declared).map_err(within)?)
        }
    };
    Ok(Opened { source, rows })
}

/// CSV or TSV with its header.
struct Table<R> {
    columns: Vec<String>,
    records: Records<R>,
}

impl<R: Read> Table<R> {
    fn begin(mut records: Records<R>, skip_lines: u64, declared: &[String]) -> Result<Self, Fault> {
        records.skip_lines(skip_lines)?;
        let columns = if declared.is_empty() { read_header(&mut records)? } else { declared.to_vec() };
        records.expect_width(columns.len());
        Ok(Self { columns, records })
    }
}

fn read_header<R: Read>(records: &mut Records<R>) -> Result<Vec<String>, Fault> {
    if !records.next()? {
        return Err(Fault::Whole("is empty, without even a header row".into()));
    }
    let line = records.line();
    let fault = |message: String| Err(Fault::At { line, column: 1, message });
    let mut columns: Vec<String> = Vec::with_capacity(records.len());
    for index in 0..records.len() {
        let name = String::from_utf8_lossy(records.field(index)).trim().to_owned();
        if name.is_empty() {
            return fault(format!("column {} of the header has no name", index + 1));
        }
        if name.contains('\r') {
            return fault("lines end with CR alone; write the file with LF or CR LF".into());
        }
        if let Some(first) = columns.iter().position(|column| *column == name) {
            return fault(format!("columns {} and {} of the header are both called {name:?}", first + 1, index + 1));
        }
        columns.push(name);
    }
    Ok(columns)
}

impl<R: Read> Rows for Table<R> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self) -> Result<bool, Fault> {
        self.records.next()
    }

    fn line(&self) -> u64 {
        self.records.line()
    }

    fn value(&self, column: usize) -> &[u8] {
        self.records.field(column)
    }
}
