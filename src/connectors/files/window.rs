//! A sliding window over a source: what the readers of records look at.

use super::fault::{Fault, characters};
use std::io::{self, Read};

const CHUNK: usize = 256 << 10;

/// The most one record may take.
pub(super) const LARGEST_RECORD: usize = 16 << 20;

/// Bytes of the source from a position that moves forward, with that position's line.
pub(super) struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
    line: u64,
    column: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0, at_end: false, line: 1, column: 1 }
    }

    /// What is in sight.
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub(super) fn data_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Whether nothing follows what is in sight.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// The line of the source, from 1, in which the window begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Brings more in sight, unless the end is. The caller bounds what it keeps in sight.
    pub(super) fn more(&mut self) -> Result<(), Fault> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < self.end + CHUNK {
            self.buffer.resize((self.end * 2).max(CHUNK), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.at_end = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let (line, column) = self.place(self.end);
                    return Err(Fault::from(error).at(line, column));
                }
            }
            return Ok(());
        }
    }

    /// Moves forward over `bytes` that hold `line_ends` ends of lines, to the beginning of a line.
    pub(super) fn advance(&mut self, bytes: usize, line_ends: u64) {
        self.start += bytes;
        self.line += line_ends;
        self.column = 1;
    }

    /// Moves forward over `bytes`, to anywhere in a line.
    pub(super) fn pass(&mut self, bytes: usize) {
        (self.line, self.column) = self.place(bytes);
        self.start += bytes;
    }

    /// A fault at a place in sight.
    pub(super) fn fault(&self, offset: usize, message: impl Into<String>) -> Fault {
        let (line, column) = self.place(offset);
        Fault::At { line, column, message: message.into() }
    }

    /// Line and column, both from 1, of what stands at `offset` in the window.
    fn place(&self, offset: usize) -> (u64, u64) {
        let before = &self.data()[..offset.min(self.end - self.start)];
        match memchr::memrchr(b'\n', before) {
            Some(end) => {
                let line_ends = memchr::memchr_iter(b'\n', before).count() as u64;
                (self.line + line_ends, 1 + characters(&before[end + 1..]))
            }
            None => (self.line, self.column + characters(before)),
        }
    }
}
