//! XLSX: the rows of one sheet, with values as people see them there.
//!
//! A spreadsheet can't be read piece by piece: its texts stand apart from its cells. So it is read whole, and bounded:
//! [`LARGEST_FILE`], [`LARGEST_CONTENT`] once unpacked, [`MOST_CELLS`]. Rows without a value are passed over.

use super::fault::Fault;
use super::packing;
use super::rows::Rows;
use super::settings::TableSettings;
use calamine::{DataRef, ExcelDateTime, Reader, SheetType, Xlsx, XlsxError};
use quick_xml::events::Event;
use std::io::{self, BufReader, Cursor, Read};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The most a file may have, packed as it is.
const LARGEST_FILE: u64 = 64 << 20;
/// The most all its parts may have.
const LARGEST_CONTENT: u64 = 512 << 20;
/// How deep elements may stand in each other.
const DEEPEST: usize = 256;
/// The most cells with a value that a sheet may have.
const MOST_CELLS: usize = 5_000_000;
/// The most text that those may hold.
const MOST_TEXT: usize = 256 << 20;

/// The rows of a sheet.
pub(super) struct SheetRows {
    columns: Vec<String>,
    cells: Cells,
    /// Of each row its number, and where its cells begin.
    rows: Vec<(u32, usize)>,
    /// How many rows were gone to.
    at: usize,
    /// Where each column's text stands in the current row.
    current: Vec<(usize, usize)>,
}

/// Cells with a value, one after the other.
#[derive(Default)]
struct Cells {
    text: String,
    /// Column, and where its text ends.
    ends: Vec<(u32, usize)>,
}

impl SheetRows {
    pub(super) fn begin(content: impl Read, settings: &TableSettings) -> Result<Self, Fault> {
        let mut file = Vec::new();
        content.take(LARGEST_FILE + 1).read_to_end(&mut file)?;
        if file.len() as u64 > LARGEST_FILE {
            let message = format!("has more than {} MiB; send it as CSV, which has no such limit", LARGEST_FILE >> 20);
            return Err(Fault::Whole(message));
        }
        if !file.starts_with(b"PK") {
            let message = "is no XLSX file; older and other formats are not read: save it as XLSX or CSV";
            return Err(Fault::Whole(message.into()));
        }
        packing::check_archive(&file, LARGEST_CONTENT, well_formed)?;
        // It comes from anywhere, and the library has places where it trusts it.
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| read_sheet(file, settings)));
        read.unwrap_or_else(|_| Err(Fault::Whole("can't be read as XLSX: its parts do not fit together".into())))
    }

    fn cells_of(&self, row: usize) -> std::ops::Range<usize> {
        let start = self.rows.get(row).map_or(self.cells.ends.len(), |(_, start)| *start);
        start..self.rows.get(row + 1).map_or(self.cells.ends.len(), |(_, start)| *start)
    }
}

impl Rows for SheetRows {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next(&mut self) -> Result<bool, Fault> {
        if self.at >= self.rows.len() {
            return Ok(false);
        }
        self.current.fill((0, 0));
        for cell in self.cells_of(self.at) {
            let (column, end) = self.cells.ends[cell];
            let start = self.cells.start_of(cell);
            if let Some(place) = self.current.get_mut(column as usize) {
                *place = (start, end);
            }
        }
        self.at += 1;
        Ok(true)
    }

    fn line(&self) -> u64 {
        let row = self.at.checked_sub(1).and_then(|at| self.rows.get(at));
        row.map_or(1, |(number, _)| u64::from(*number) + 1)
    }

    fn value(&self, column: usize) -> &[u8] {
        let (start, end) = self.current[column];
        &self.cells.text.as_bytes()[start..end]
    }
}

impl Cells {
    fn start_of(&self, cell: usize) -> usize {
        cell.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(_, end)| *end)
    }
}

/// Refuses a part that is no XML: the library passes over much that is missing.
fn well_formed(part: &str, content: &mut dyn Read) -> Result<(), Fault> {
    if !part.ends_with(".xml") && !part.ends_with(".rels") {
        return Ok(());
    }
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(64 << 10, content));
    let (mut buffer, mut depth) = (Vec::new(), 0_usize);
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(quick_xml::Error::Io(error)) => {
                let error = Arc::try_unwrap(error).unwrap_or_else(|shared| io::Error::other(shared.to_string()));
                return Err(error.into());
            }
            Err(error) => return Err(Fault::Whole(format!("its part {part} is no XML: {error}"))),
        };
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) => {
                return Err(Fault::Whole(format!("its part {part} has a DOCTYPE, which is not accepted")));
            }
            Event::Eof if depth > 0 => {
                return Err(Fault::Whole(format!("its part {part} ends too early; the file may be cut off")));
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Fault::Whole(format!(
                "elements stand more than {DEEPEST} deep in each other in its part {part}"
            )));
        }
    }
}

fn read_sheet(file: Vec<u8>, settings: &TableSettings) -> Result<SheetRows, Fault> {
    let broken = |error: XlsxError| Fault::Whole(format!("can't be read as XLSX: {error}"));
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(file)).map_err(broken)?;
    let sheets: Vec<String> = workbook
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect();
    let sheet = match &settings.sheet {
        Some(name) => sheets
            .iter()
            .find(|sheet| *sheet == name)
            .ok_or_else(|| Fault::Whole(format!("there is no sheet {name:?}; there are {}", sheets.join(", "))))?,
        None => sheets.first().ok_or_else(|| Fault::Whole("there is no sheet with cells in the file".into()))?,
    };
    let fault = |(row, column): (u32, u32), message: String| Fault::Cell {
        sheet: sheet.clone(),
        cell: format!("{}{}", letters(column), u64::from(row) + 1),
        message,
    };
    let mut reader = workbook.worksheet_cells_reader(sheet).map_err(broken)?;
    let formats: Vec<Option<usize>> = reader.styles().iter().map(|style| zeros(style.number_format.as_ref())).collect();
    let mut header = Header::of(settings);
    let mut cells = Cells::default();
    let mut rows: Vec<(u32, usize)> = Vec::new();
    let mut last = None;
    while let Some((cell, style)) = reader
        .next_cell_with_style_id()
        .map_err(|error| fault(last.unwrap_or_default(), format!("can't be read, or what comes after it: {error}")))?
    {
        let place = cell.get_position();
        if last.is_some_and(|last| last >= place) {
            return Err(fault(place, "stands twice, or before the cells that come before it".into()));
        }
        last = Some(place);
        let padded = formats.get(style).copied().flatten();
        let value = as_seen(cell.get_value(), padded).map_err(|message| fault(place, message))?;
        if value.is_empty() || u64::from(place.0) < settings.skip_lines {
            continue;
        }
        if header.takes(place, &value).map_err(|message| fault(place, message))? {
            continue;
        }
        let Some(column) = header.column(place.1) else {
            return Err(fault(place, "stands under no column of the header; give it a name there, or empty it".into()));
        };
        if rows.last().is_none_or(|(row, _)| *row != place.0) {
            rows.push((place.0, cells.ends.len()));
        }
        cells.text.push_str(&value);
        cells.ends.push((column, cells.text.len()));
        if cells.ends.len() > MOST_CELLS || cells.text.len() > MOST_TEXT {
            let message = format!(
                "is one too many: a sheet may have {MOST_CELLS} cells and {} MiB of text; send it as CSV, which has no \
                 such limit",
                MOST_TEXT >> 20
            );
            return Err(fault(place, message));
        }
    }
    let columns = header.names().map_err(|(place, message)| match place {
        Some(place) => fault(place, message),
        None => Fault::Whole(message),
    })?;
    let current = vec![(0, 0); columns.len()];
    Ok(SheetRows { columns, cells, rows, at: 0, current })
}

/// The columns: declared, or the first row with a value.
struct Header {
    declared: Option<Vec<String>>,
    row: Option<u32>,
    /// Column in the sheet and name.
    found: Vec<(u32, String)>,
}

/// What is wrong with a header, and in which cell.
type HeaderFault = (Option<(u32, u32)>, String);

impl Header {
    fn of(settings: &TableSettings) -> Self {
        let declared = (!settings.columns.is_empty()).then(|| settings.columns.clone());
        Self { declared, row: None, found: Vec::new() }
    }

    /// Whether the cell is one of the header.
    fn takes(&mut self, (row, column): (u32, u32), value: &str) -> Result<bool, String> {
        if self.declared.is_some() || *self.row.get_or_insert(row) != row {
            return Ok(false);
        }
        let name = value.trim().to_owned();
        if let Some((first, _)) = self.found.iter().find(|(_, found)| *found == name) {
            return Err(format!(
                "columns {} and {} of the header are both called {name:?}",
                letters(*first),
                letters(column)
            ));
        }
        if let Some((last, _)) = self.found.last().filter(|(last, _)| last + 1 != column) {
            return Err(format!("column {} of the header has no name", letters(last + 1)));
        }
        self.found.push((column, name));
        Ok(true)
    }

    /// The place among the columns of a column in the sheet.
    fn column(&self, column: u32) -> Option<u32> {
        let (first, count) = match &self.declared {
            Some(declared) => (0, declared.len()),
            None => (self.found.first()?.0, self.found.len()),
        };
        column.checked_sub(first).filter(|place| (*place as usize) < count)
    }

    fn names(self) -> Result<Vec<String>, HeaderFault> {
        if let Some(declared) = self.declared {
            return Ok(declared);
        }
        if self.found.is_empty() {
            return Err((None, "is empty, without even a header row".into()));
        }
        Ok(self.found.into_iter().map(|(_, name)| name).collect())
    }
}

/// How many digits a whole number has at least, where its format is nothing but zeros (`00000`).
fn zeros(format: Option<&calamine::NumberFormat>) -> Option<usize> {
    let code = &format?.format_code;
    (code.len() > 1 && code.bytes().all(|byte| byte == b'0')).then_some(code.len())
}

fn as_seen(value: &DataRef<'_>, padded: Option<usize>) -> Result<String, String> {
    Ok(match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::Int(value) => pad(value.to_string(), padded),
        DataRef::Float(value) => pad(number(*value)?, padded),
        DataRef::DateTime(moment) if moment.is_duration() => duration(moment.as_f64())?,
        DataRef::DateTime(moment) => date(moment)?,
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => {
            return Err(format!("holds the error {error} instead of a value; mend its formula, or empty it"));
        }
    })
}

/// The digits that spreadsheets keep: 15. A whole number has no point.
fn number(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        return Err("holds a number that is none".into());
    }
    let kept: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    Ok(if kept == 0.0 { "0".to_owned() } else { kept.to_string() })
}

fn pad(digits: String, width: Option<usize>) -> String {
    match width {
        Some(width) if digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("{digits:0>width$}"),
        _ => digits,
    }
}

fn date(moment: &ExcelDateTime) -> Result<String, String> {
    let days = moment.as_f64();
    if !(0.0..2_958_466.0).contains(&days) {
        return Err(format!("holds {days}, which is no date"));
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let date = format!("{year:04}-{month:02}-{day:02}");
    Ok(match (days < 1.0, days.fract() == 0.0) {
        (true, _) => time,
        (false, true) => date,
        (false, false) => format!("{date}T{time}"),
    })
}

/// Hours, minutes, seconds: also more than a day.
fn duration(days: f64) -> Result<String, String> {
    let seconds = (days * 86_400.0).round();
    if !(0.0..1e12).contains(&seconds) {
        return Err(format!("holds {days} days, which is no length of time"));
    }
    let seconds = seconds as u64;
    Ok(format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
}

/// A column as spreadsheets call it: A, B, …, Z, AA.
fn letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.insert(0, char::from(b'A' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_as_people_see_them() {
        for (value, seen) in [(1001.0, "1001"), (0.1 + 0.2, "0.3"), (-0.0, "0"), (1e21, "1000000000000000000000")] {
            assert_eq!(number(value).unwrap(), seen);
        }
        assert_eq!(pad("123".into(), Some(5)), "00123");
        assert_eq!(pad("1.5".into(), Some(5)), "1.5");
        assert_eq!(duration(1.5).unwrap(), "36:00:00");
        assert_eq!([0, 25, 26, 701, 702].map(letters), ["A", "Z", "AA", "ZZ", "AAA"]);
    }
}
