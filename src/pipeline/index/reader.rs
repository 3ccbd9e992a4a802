//! Reads an index from its first entry to its last.

use super::{KEYED, OUT_OF_SCOPE, SEVERAL, SIGNATURE};
use crate::model::extraction::{ExtractionFile, FileIndex};
use crate::pipeline::TaskError;
use crate::pipeline::progress::Progress;
use crate::store::{Sealed, Store, StoreReader, VerifyingReader};
use std::io::{self, BufRead, BufReader, Read};

/// How often a reader looks whether it should stop, in entries.
const LOOK_EVERY: u64 = 65_536;

/// An index, being read. Reaching the end proves that it is the one that was sealed, and that it covers the whole file.
pub struct IndexReader<'a> {
    file: &'a ExtractionFile,
    progress: &'a Progress,
    input: BufReader<VerifyingReader<StoreReader>>,
    entries: u64,
    rows: u64,
    offset: u64,
    line: u64,
}

/// A row, or an unbroken sequence of pairs with the same owner.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The digest of its key, or of the owner's; `None`: it has none, or none that can be read.
    pub key: Option<u128>,
    /// The digest of its mapped columns; of pairs, the sum.
    pub digest: u128,
    /// Whether `where` lets it in.
    pub in_scope: bool,
    /// Where it stands.
    pub span: Span,
}

/// A piece of a file: whole rows.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Position of its first row, counted from 0.
    pub ordinal: u64,
    /// How many rows.
    pub rows: u64,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// The line of the extraction in which it begins.
    pub line: u64,
}

impl<'a> IndexReader<'a> {
    /// Opens the index that was made for `scope` in this version; `None` if there is none, or if it was lost: then the
    /// file itself tells.
    pub fn open(
        store: &Store,
        file: &'a ExtractionFile,
        scope: &str,
        version: &str,
        progress: &'a Progress,
    ) -> Result<Option<Self>, TaskError> {
        let Some(index) = find(file, scope, version) else { return Ok(None) };
        let sealed = Sealed { sha256: index.sha256.clone(), bytes: index.bytes };
        let Ok(reader) = store.verified(&index.path, &sealed) else { return Ok(None) };
        let mut input = BufReader::with_capacity(1 << 18, reader);
        let mut head = [0; 24];
        if input.read_exact(&mut head).is_err() || head[..8] != *SIGNATURE {
            return Ok(None);
        }
        let number = |from: usize| u64::from_le_bytes(std::array::from_fn(|byte| head[from + byte]));
        let (offset, line) = (number(8), number(16));
        Ok(Some(Self { file, progress, input, entries: 0, rows: 0, offset, line }))
    }

    /// The next entry; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Entry>, TaskError> {
        if self.entries.is_multiple_of(LOOK_EVERY) {
            self.progress.at(self.rows)?;
        }
        self.entries += 1;
        match self.entry() {
            Ok(Some(entry)) => Ok(Some(entry)),
            Ok(None) if self.rows == self.file.rows && self.offset == self.file.bytes => Ok(None),
            Ok(None) => Err(damaged(self.file, &"it does not cover the whole file")),
            Err(error) => Err(damaged(self.file, &error)),
        }
    }

    fn entry(&mut self) -> io::Result<Option<Entry>> {
        let Some(&flags) = self.input.fill_buf()?.first() else { return Ok(None) };
        self.input.consume(1);
        let key = if flags & KEYED != 0 { Some(self.digest()?) } else { None };
        let digest = self.digest()?;
        let rows = if flags & SEVERAL != 0 { self.number()? } else { 1 };
        let (bytes, lines) = (self.number()?, self.number()?);
        let span = Span { ordinal: self.rows, rows, offset: self.offset, bytes, line: self.line };
        self.rows += rows;
        self.offset += bytes;
        self.line += lines;
        Ok(Some(Entry { key, digest, in_scope: flags & OUT_OF_SCOPE == 0, span }))
    }

    fn digest(&mut self) -> io::Result<u128> {
        let mut bytes = [0; 16];
        self.input.read_exact(&mut bytes)?;
        Ok(u128::from_le_bytes(bytes))
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.input.read_exact(&mut byte)?;
            number |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

fn find<'a>(file: &'a ExtractionFile, scope: &str, version: &str) -> Option<&'a FileIndex> {
    file.indexes.iter().find(|index| index.scope == scope && index.version == version)
}

fn damaged(file: &ExtractionFile, error: &dyn std::fmt::Display) -> TaskError {
    TaskError::failed(
        &file.path,
        format!(
            "an index of the extraction was changed or damaged since its export, nothing was written: {error}. Export again"
        ),
    )
}
