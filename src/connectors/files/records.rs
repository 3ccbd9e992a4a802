//! Records of CSV and TSV, strictly after RFC 4180: one pass, no allocation per record.
//!
//! Line ends may be `\n` or `\r\n`; blank lines are passed over. Everything else that the RFC does not allow is a fault:
//! a quote within an unquoted field, text after a closing quote, a quote that is never closed, a record with another
//! number of fields than the one before.

use super::fault::Fault;
use super::window::{LARGEST_RECORD, Window};
use std::io::Read;
use std::ops::Range;

/// Reads one record after the other.
pub(super) struct Records<R> {
    window: Window<R>,
    separator: u8,
    /// The quote; without one, a comparison with the separator never finds it.
    quote: Option<u8>,
    /// How many fields each record has, once that is known.
    width: Option<usize>,
    fields: Vec<Field>,
    /// Bytes of the current record with its line end, and line ends in it.
    length: usize,
    line_ends: u64,
}

/// Where a field stands in the window.
struct Field {
    range: Range<usize>,
    /// Whether doubled quotes stand in it.
    doubled: bool,
}

/// How far a look at the window came.
enum Scan {
    /// The record ends there; its last field ended before.
    Complete { length: usize, multiline: bool },
    /// The record goes on beyond the window; a quote that was opened there is still open.
    Beyond { open_quote: Option<usize> },
}

impl<R: Read> Records<R> {
    pub(super) fn new(source: R, separator: u8, quote: Option<u8>) -> Self {
        let window = Window::new(source);
        Self { window, separator, quote, width: None, fields: Vec::new(), length: 0, line_ends: 0 }
    }

    /// From now on every record has as many fields.
    pub(super) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
    }

    /// Passes over lines, whatever stands in them.
    pub(super) fn skip_lines(&mut self, lines: u64) -> Result<(), Fault> {
        for _ in 0..lines {
            loop {
                if let Some(end) = memchr::memchr(b'\n', self.window.data()) {
                    self.window.advance(end + 1, 1);
                    break;
                }
                if self.window.is_at_end() {
                    let message = format!("the file ends within the {lines} lines that skip_lines passes over");
                    return Err(Fault::Whole(message));
                }
                let seen = self.window.data().len();
                self.window.advance(seen, 0);
                self.window.more()?;
            }
        }
        Ok(())
    }

    /// Goes to the next record; `false`: there is none, the end of the source was reached.
    pub(super) fn next(&mut self) -> Result<bool, Fault> {
        self.window.advance(std::mem::take(&mut self.length), self.line_ends);
        self.line_ends = 0;
        if !self.skip_blank_lines()? {
            return Ok(false);
        }
        let multiline = loop {
            match self.scan()? {
                Scan::Complete { length, multiline } => {
                    self.length = length;
                    break multiline;
                }
                Scan::Beyond { open_quote } if self.window.data().len() >= LARGEST_RECORD => {
                    let (at, message) = match open_quote {
                        Some(at) => (at, "this quote is not closed within 16 MiB"),
                        None => (0, "this record is longer than 16 MiB"),
                    };
                    return Err(self.window.fault(at, format!("{message}; is the file what it should be?")));
                }
                Scan::Beyond { .. } => self.window.more()?,
            }
        };
        self.check()?;
        let record = &self.window.data()[..self.length];
        self.line_ends = match multiline {
            true => memchr::memchr_iter(b'\n', record).count() as u64,
            false => u64::from(record.last() == Some(&b'\n')),
        };
        self.undouble();
        Ok(true)
    }

    /// The line in which the current record starts.
    pub(super) fn line(&self) -> u64 {
        self.window.line()
    }

    /// How many fields the current record has.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field of the current record, without quotes: UTF-8.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        &self.window.data()[self.fields[index].range.clone()]
    }

    fn skip_blank_lines(&mut self) -> Result<bool, Fault> {
        loop {
            match self.window.data() {
                [b'\n', ..] => self.window.advance(1, 1),
                [b'\r', b'\n', ..] => self.window.advance(2, 1),
                [] | [b'\r'] if !self.window.is_at_end() => self.window.more()?,
                [] => return Ok(false),
                _ => return Ok(true),
            }
        }
    }

    /// Looks for the fields of one record from the start of the window.
    fn scan(&mut self) -> Result<Scan, Fault> {
        let data = self.window.data();
        let at_end = self.window.is_at_end();
        self.fields.clear();
        let mut multiline = false;
        let mut at = 0;
        loop {
            if self.quote.is_some() && data.get(at) == self.quote.as_ref() {
                let opened = at;
                let mut from = at + 1;
                let mut doubled = false;
                let closed = loop {
                    let Some(quote) = memchr::memchr(b'"', &data[from..]).map(|found| from + found) else {
                        if at_end {
                            return Err(self
                                .window
                                .fault(opened, "this quote is never closed; the file may be cut off"));
                        }
                        return Ok(Scan::Beyond { open_quote: Some(opened) });
                    };
                    match data.get(quote + 1) {
                        Some(b'"') => {
                            doubled = true;
                            from = quote + 2;
                        }
                        None if !at_end => return Ok(Scan::Beyond { open_quote: Some(opened) }),
                        _ => break quote,
                    }
                };
                multiline = true;
                self.fields.push(Field { range: opened + 1..closed, doubled });
                at = closed + 1;
                match &data[at..] {
                    [byte, ..] if *byte == self.separator => at += 1,
                    [b'\n', ..] => return Ok(Scan::Complete { length: at + 1, multiline }),
                    [b'\r', b'\n', ..] => return Ok(Scan::Complete { length: at + 2, multiline }),
                    [] | [b'\r'] if !at_end => return Ok(Scan::Beyond { open_quote: None }),
                    [] | [b'\r'] => return Ok(Scan::Complete { length: data.len(), multiline }),
                    _ => {
                        let message = "after a closing quote only a separator or the end of the line may stand; a quote \
                                       within a quoted field is written twice";
                        return Err(self.window.fault(at, message));
                    }
                }
                continue;
            }
            let quote = self.quote.unwrap_or(self.separator);
            match memchr::memchr3(self.separator, b'\n', quote, &data[at..]).map(|found| at + found) {
                Some(end) if data[end] == self.separator => {
                    self.fields.push(Field { range: at..end, doubled: false });
                    at = end + 1;
                }
                Some(end) if data[end] == b'\n' => {
                    let text_end = if end > at && data[end - 1] == b'\r' { end - 1 } else { end };
                    self.fields.push(Field { range: at..text_end, doubled: false });
                    return Ok(Scan::Complete { length: end + 1, multiline });
                }
                Some(quote) => {
                    let message = "a quote stands within a field that does not begin with one; write the field in quotes \
                                   with the quote doubled, or set quotes = false if quotes mean nothing in this file";
                    return Err(self.window.fault(quote, message));
                }
                None if at_end => {
                    self.fields.push(Field { range: at..data.len(), doubled: false });
                    return Ok(Scan::Complete { length: data.len(), multiline });
                }
                None => return Ok(Scan::Beyond { open_quote: None }),
            }
        }
    }

    /// Characters and number of fields.
    fn check(&self) -> Result<(), Fault> {
        let record = &self.window.data()[..self.length];
        if let Err(error) = std::str::from_utf8(record) {
            let at = error.valid_up_to();
            let message = format!(
                "the byte 0x{:02X} is no UTF-8 here; if the file is written in another encoding, set it, such as \
                 encoding = \"windows-1252\"",
                record[at]
            );
            return Err(self.window.fault(at, message));
        }
        if let Some(at) = memchr::memchr(0, record) {
            let message = "a NUL character; if the file is UTF-16, set encoding = \"utf-16le\" or \"utf-16be\"";
            return Err(self.window.fault(at, message));
        }
        match self.width {
            Some(width) if width != self.fields.len() => {
                let line_end = record.strip_suffix(b"\n").unwrap_or(record);
                let line_end = line_end.strip_suffix(b"\r").unwrap_or(line_end);
                let at = match self.fields.get(width) {
                    Some(surplus) => surplus.range.start,
                    None => line_end.len(),
                };
                let message = format!(
                    "this row has {} fields, but there are {width} columns; is a separator missing, or a field with a \
                     separator without quotes?",
                    self.fields.len()
                );
                Err(self.window.fault(at, message))
            }
            _ => Ok(()),
        }
    }

    /// Makes one quote of two, in place.
    fn undouble(&mut self) {
        for field in self.fields.iter_mut().filter(|field| field.doubled) {
            let text = &mut self.window.data_mut()[field.range.clone()];
            let (mut read, mut written) = (0, 0);
            while read < text.len() {
                text[written] = text[read];
                written += 1;
                read += if text[read] == b'"' { 2 } else { 1 };
            }
            field.range.end = field.range.start + written;
        }
    }
}
