//! CSV for download, safe to open in a spreadsheet.

use actix_web::HttpResponse;
use actix_web::http::header;
use std::borrow::Cow;
use std::io::Read;

/// Rows of a file that are made safe at once.
const ROWS_AT_ONCE: usize = 100;

/// A file of rows that the browser saves under `name`.
pub fn download(name: &str, rows: impl IntoIterator<Item = Vec<String>>) -> HttpResponse {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory can't fail, and all rows of a file are made with the same number of columns.
        let _ = writer.write_record(row.iter().map(|cell| safe(cell).into_owned()));
    }
    let body = writer.into_inner().unwrap_or_default();
    attachment(name, "text/csv; charset=utf-8").body(body)
}

/// An answer that is saved, never shown. `name` holds only letters that need no escaping.
pub fn attachment(name: &str, content_type: &'static str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type(content_type)
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    response
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe. One that separates cells by something else
/// than a comma, as many do where the comma is in numbers, sees cells within ours: so do they.
pub fn safe(cell: &str) -> Cow<'_, str> {
    let begins_formula = |text: &str| {
        text.trim_start_matches([' ', '\u{a0}', '\u{feff}']).starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    };
    let mut safe = Cow::Borrowed("");
    for part in cell.split_inclusive([';', '\t', '\n', '\r']) {
        let at_start = safe.is_empty();
        let is_odd = at_start && part.starts_with(['\t', '\r', '\n', '\0']);
        if is_odd || (begins_formula(part) && (at_start || !part.starts_with(' '))) {
            safe.to_mut().push('\'');
        }
        safe.to_mut().push_str(part);
    }
    safe
}

/// CSV with every cell made safe, read from CSV as it comes.
pub struct Safe<R> {
    rows: csv::Reader<R>,
    row: csv::ByteRecord,
    ready: std::io::Cursor<Vec<u8>>,
}

impl<R: Read> Safe<R> {
    /// Whatever `source` holds.
    pub fn new(source: R) -> Self {
        let rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
        Self { rows, row: csv::ByteRecord::new(), ready: std::io::Cursor::default() }
    }

    /// Some more rows.
    fn refill(&mut self) -> std::io::Result<()> {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for _ in 0..ROWS_AT_ONCE {
            if !self.rows.read_byte_record(&mut self.row)? {
                break;
            }
            writer.write_record(self.row.iter().map(|cell| match std::str::from_utf8(cell) {
                Ok(cell) => safe(cell).into_owned().into_bytes(),
                Err(_) => cell.to_vec(),
            }))?;
        }
        let written = writer.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
        self.ready = std::io::Cursor::new(written);
        Ok(())
    }
}

impl<R: Read> Read for Safe<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.ready.read(buffer)? {
            0 if !buffer.is_empty() => {
                self.refill()?;
                self.ready.read(buffer)
            }
            read => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_made_safe_on_its_way() {
        let rows: String = (0..300).map(|row| format!("{row},\"=1+{row}\",\"a, \"\"b\"\"\"\n")).collect();
        let mut text = String::new();
        Safe::new(rows.as_bytes()).read_to_string(&mut text).unwrap();
        assert_eq!(text, rows.replace("\"=1+", "'=1+").replace("\",\"a", ",\"a"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+49 30", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(safe(bad).starts_with('\''), "{bad:?}");
        }
        for (bad, good) in [
            (" =1+1", "' =1+1"),
            ("\u{a0}=1", "'\u{a0}=1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("＝1", "'＝1"),
            ("\0=1", "'\0=1"),
            ("a;=1+1", "a;'=1+1"),
            ("a\t@x;+y\n-z", "a\t'@x;'+y\n'-z"),
            (";=1", ";'=1"),
            ("\";=1", "\";'=1"),
            ("=1;=2", "'=1;'=2"),
        ] {
            assert_eq!(safe(bad), good);
        }
        for fine in ["a=1", "a; - b", "jo-anne", "a@b.org", "x; y", "1+1"] {
            assert_eq!(safe(fine), fine);
        }
        assert_eq!(safe("Ada"), "Ada");
        assert_eq!(safe(""), "");
    }
}
