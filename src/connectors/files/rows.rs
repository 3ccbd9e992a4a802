//! One way to look at all formats: columns, then one row after the other.

use super::fault::Fault;
use super::json::JsonRecords;
use super::json_lines::JsonLines;
use super::ldif::LdifRecords;
use super::named::NamedRows;
use super::records::Records;
use super::settings::{Format, TableSettings};
use super::sheet::SheetRows;
use super::source::{self, Source};
use super::xml::{Record, XmlRecords};
use super::{ConnectionError, ConnectionRequest, decoding, packing};
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

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Records.
    Records,
    /// Changes of records.
    Changes,
}

/// Opens a table. `mapped`: the columns that the connector maps, which are the header of formats without one; `None`:
/// whatever columns are found.
pub(super) fn open(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    mapped: Option<&[String]>,
) -> Result<Opened, ConnectionError> {
    open_as(connection, table, &TableSettings::of(table)?, mapped, Content::Records)
}

/// The same with other settings than the table's own, such as another file.
pub(super) fn open_as(
    connection: &ConnectionRequest,
    table: &TableDefinition,
    settings: &TableSettings,
    mapped: Option<&[String]>,
    content: Content,
) -> Result<Opened, ConnectionError> {
    let (mut source, file) = source::open(connection, table, settings)?;
    // A spreadsheet is a zip archive itself.
    let is_sheet = settings.format_of(&source.name) == Format::Xlsx && !is_packed(&source.name);
    let bytes: Box<dyn Read> = if is_sheet {
        Box::new(file)
    } else {
        let unpacked = packing::unpack(file, &source.name, settings.member.as_deref());
        let unpacked = unpacked.map_err(|fault| fault.within(&source.name))?;
        if let Some(member) = unpacked.member {
            source.name = format!("{}/{member}", source.name);
        }
        unpacked.content
    };
    let format = settings.format_of(&source.name);
    let rows = read_as(format, bytes, table, settings, mapped, content).map_err(|refused| match refused {
        Refused::File(fault) => fault.within(&source.name),
        Refused::Settings(error) => error,
    })?;
    Ok(Opened { source, rows })
}

/// Why rows can't be read.
enum Refused {
    File(Fault),
    Settings(ConnectionError),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::File(fault)
    }
}

impl From<ConnectionError> for Refused {
    fn from(error: ConnectionError) -> Self {
        Self::Settings(error)
    }
}

fn read_as(
    format: Format,
    bytes: Box<dyn Read>,
    table: &TableDefinition,
    settings: &TableSettings,
    mapped: Option<&[String]>,
    content: Content,
) -> Result<Box<dyn Rows>, Refused> {
    if format == Format::Xlsx {
        return Ok(Box::new(SheetRows::begin(bytes, settings)?));
    }
    let decoded = match (settings.encoding.as_deref(), format) {
        (None, Format::Xml) => decoding::xml(bytes),
        (encoding, _) => decoding::utf8(bytes, encoding),
    };
    let decoded = decoded.map_err(|error| Fault::from(error).at(1, 1))?;
    let text = decoded.text;
    let declared = if settings.columns.is_empty() { mapped } else { Some(settings.columns.as_slice()) };
    Ok(match format {
        Format::Csv | Format::Tsv | Format::Xlsx => {
            let (separator, quote) = settings.dialect(format, &table.name)?;
            let records = Records::new(text, separator, quote);
            Box::new(Table::begin(records, settings.skip_lines, &settings.columns)?)
        }
        Format::Json => {
            let records = match settings.single_record {
                true => JsonRecords::of_one(text),
                false => JsonRecords::begin(text, settings.record.as_deref())?,
            };
            Box::new(NamedRows::begin(records, declared)?)
        }
        Format::Ndjson => Box::new(NamedRows::begin(JsonLines::new(text), declared)?),
        Format::Ldif => {
            let command = (content == Content::Changes).then(|| settings.command_column());
            Box::new(NamedRows::begin(LdifRecords::new(text, declared, command), declared)?)
        }
        Format::Xml => {
            let record = match settings.record.as_deref() {
                _ if settings.single_record => Record::Root,
                Some("*") => Record::Children,
                Some(name) => Record::Named(name.to_owned()),
                None => {
                    let message =
                        "say which element is a record: record = \"…\"; \"*\" for each one in the root element";
                    return Err(ConnectionError::permanent(format!("table {:?}", table.name), message).into());
                }
            };
            // A setting wins over what the document says of itself.
            let encoding = if settings.encoding.is_some() { None } else { Some(decoded.encoding) };
            let records = XmlRecords::new(text, encoding, record, settings.values.unwrap_or_default());
            Box::new(NamedRows::begin(records, declared)?)
        }
    })
}

fn is_packed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".gz", ".zip"].iter().any(|ending| name.ends_with(ending))
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
