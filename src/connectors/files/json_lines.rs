//! Newline-delimited JSON: an object on each line. Blank lines are passed over.

use super::fault::Fault;
use super::json;
use super::named::NamedRecords;
use super::window::{LARGEST_RECORD, Window};
use std::io::Read;

/// The objects of the lines.
pub(super) struct JsonLines<R> {
    window: Window<R>,
}

impl<R: Read> JsonLines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { window: Window::new(source) }
    }

    /// Brings a whole line in sight and gives its length, its line feed not counted; `None` at the end.
    fn line(&mut self) -> Result<Option<usize>, Fault> {
        let mut looked_at = 0;
        loop {
            let data = self.window.data();
            if let Some(end) = memchr::memchr(b'\n', &data[looked_at..]) {
                return Ok(Some(looked_at + end));
            }
            looked_at = data.len();
            if self.window.is_at_end() {
                return Ok((looked_at > 0).then_some(looked_at));
            }
            if looked_at >= LARGEST_RECORD {
                return Err(self.window.fault(0, "this line is longer than 16 MiB; is the file what it should be?"));
            }
            self.window.more()?;
        }
    }
}

impl<R: Read> NamedRecords for JsonLines<R> {
    fn next(&mut self, values: &mut Vec<(String, String)>) -> Result<Option<u64>, Fault> {
        values.clear();
        while let Some(length) = self.line()? {
            let ended = usize::from(self.window.data().len() > length);
            let line = &self.window.data()[..length];
            let blank = line.iter().take_while(|byte| json::is_space(**byte)).count();
            let text = &line[blank..];
            if text.is_empty() {
                self.window.advance(length + ended, ended as u64);
                continue;
            }
            let number = self.window.line();
            json::check(text).map_err(|(at, message)| match at >= text.trim_ascii_end().len() && ended == 0 {
                true => self.window.fault(length, "the file ends here, before the JSON does; it may be cut off"),
                false => self.window.fault(blank + at, message),
            })?;
            if text.first() != Some(&b'{') {
                return Err(self.window.fault(blank, "here should be a record: an object on a line of its own"));
            }
            // It was checked to be JSON, which is UTF-8.
            let text = std::str::from_utf8(text).unwrap_or_default();
            json::flatten(text.trim_end(), values).map_err(|message| self.window.fault(blank, message))?;
            self.window.advance(length + ended, ended as u64);
            return Ok(Some(number));
        }
        Ok(None)
    }
}
