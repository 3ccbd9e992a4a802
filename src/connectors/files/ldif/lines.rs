//! The lines of LDIF: folded ones are one, comments are passed over, places are known to the character.

use crate::connectors::files::fault::{Fault, characters};
use crate::connectors::files::window::{LARGEST_RECORD, Window};
use std::io::Read;

/// What comes next in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// A line with something in it: [`Lines::text`].
    Line,
    /// The end of a record.
    Blank,
    /// The end of the file.
    End,
}

/// Reads one line after the other.
pub(super) struct Lines<R> {
    window: Window<R>,
    text: String,
    /// Where each line of the file begins in `text`, and its number.
    pieces: Vec<(usize, u64)>,
    /// Bytes of the record so far.
    taken: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { window: Window::new(source), text: String::new(), pieces: Vec::new(), taken: 0 }
    }

    /// The current line, unfolded.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The number of the line in which the current one begins.
    pub(super) fn number(&self) -> u64 {
        self.pieces.first().map_or_else(|| self.window.line(), |(_, line)| *line)
    }

    /// A fault at a byte of the current line.
    pub(super) fn fault(&self, offset: usize, message: impl Into<String>) -> Fault {
        place(self.text.as_bytes(), &self.pieces, offset, message)
    }

    pub(super) fn next(&mut self) -> Result<Next, Fault> {
        loop {
            self.pieces.clear();
            let Some(length) = self.piece()? else { return Ok(self.between(Next::End)) };
            let first = self.window.data().first().copied();
            if matches!(&self.window.data()[..length], b"" | b"\r") {
                self.between(Next::Blank);
                self.window.advance(length + 1, 1);
                return Ok(Next::Blank);
            }
            if first == Some(b' ') {
                let message = "a line that begins with a space goes on with the line before it, and there is none";
                return Err(self.window.fault(0, message));
            }
            let mut line = std::mem::take(&mut self.text).into_bytes();
            line.clear();
            self.take(length, 0, &mut line);
            while self.goes_on()? {
                let length = self.piece()?.unwrap_or_default();
                self.take(length, 1, &mut line);
                if self.taken > LARGEST_RECORD {
                    return Err(self
                        .window
                        .fault(0, "this record is longer than 16 MiB; is the file what it should be?"));
                }
            }
            if first == Some(b'#') {
                self.text = String::new();
                continue;
            }
            self.text = self.checked(line)?;
            return Ok(Next::Line);
        }
    }

    /// Where no record is: faults are placed there.
    fn between(&mut self, next: Next) -> Next {
        self.text.clear();
        self.pieces.push((0, self.window.line()));
        self.taken = 0;
        next
    }

    /// Brings a line of the file in sight and gives its length, its line feed not counted; `None` at the end.
    fn piece(&mut self) -> Result<Option<usize>, Fault> {
        let mut looked_at = 0;
        loop {
            let data = self.window.data();
            if let Some(end) = memchr::memchr(b'\n', &data[looked_at..]) {
                return Ok(Some(looked_at + end));
            }
            looked_at = data.len();
            if self.window.is_at_end() {
                return match looked_at {
                    0 => Ok(None),
                    end => Err(self.window.fault(end, "the file ends within this line; it may be cut off")),
                };
            }
            if looked_at >= LARGEST_RECORD {
                return Err(self.window.fault(0, "this line is longer than 16 MiB; is the file what it should be?"));
            }
            self.window.more()?;
        }
    }

    /// Whether the next line of the file belongs to the current one.
    fn goes_on(&mut self) -> Result<bool, Fault> {
        while self.window.data().is_empty() && !self.window.is_at_end() {
            self.window.more()?;
        }
        Ok(self.window.data().first() == Some(&b' '))
    }

    /// Adds the line in sight, after its first `skipped` bytes, and goes on to the next.
    fn take(&mut self, length: usize, skipped: usize, line: &mut Vec<u8>) {
        self.pieces.push((line.len(), self.window.line()));
        let piece = &self.window.data()[..length];
        let piece = piece.strip_suffix(b"\r").unwrap_or(piece);
        line.extend_from_slice(piece.get(skipped..).unwrap_or_default());
        self.taken += length + 1;
        self.window.advance(length + 1, 1);
    }

    fn checked(&self, line: Vec<u8>) -> Result<String, Fault> {
        let wrong = |at: usize, message: String| Err(place(&line, &self.pieces, at, message));
        if let Err(error) = std::str::from_utf8(&line) {
            let at = error.valid_up_to();
            return wrong(at, format!("the byte 0x{:02X} is no UTF-8 here; such values stand in base64", line[at]));
        }
        if let Some(at) = line.iter().position(|byte| matches!(byte, 0 | b'\r')) {
            let message = match line[at] {
                0 => "a NUL character; such values stand in base64. If the file is UTF-16, set encoding = \"utf-16le\"",
                _ => "a CR stands within a line; lines end with LF or CR LF",
            };
            return wrong(at, message.to_owned());
        }
        Ok(String::from_utf8(line).unwrap_or_default())
    }
}

fn place(text: &[u8], pieces: &[(usize, u64)], offset: usize, message: impl Into<String>) -> Fault {
    let offset = offset.min(text.len());
    let piece = pieces.iter().rposition(|(start, _)| *start <= offset).unwrap_or_default();
    let (start, line) = pieces.get(piece).copied().unwrap_or((0, 1));
    let folded = u64::from(piece > 0);
    let column = 1 + folded + characters(text.get(start..offset).unwrap_or_default());
    Fault::At { line, column, message: message.into() }
}
