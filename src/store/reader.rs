//! Reads one object, and proves that it is the one that was sealed.

use super::writer::hex;
use super::{Sealed, Store, StoreError};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{GetResultPayload, ObjectStoreExt};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// An object being read. Files of this machine are read without a detour. Unbuffered: wrap it or read in large pieces.
pub struct StoreReader {
    source: Source,
}

enum Source {
    File(File),
    Stream { store: Store, name: String, parts: BoxStream<'static, object_store::Result<Bytes>>, part: Bytes },
}

impl StoreReader {
    pub(super) fn open(store: &Store, name: &str) -> Result<Self, StoreError> {
        let path = store.path(name)?;
        let source = match store.run(name, store.objects.get(&path))?.payload {
            GetResultPayload::File(file, _) => Source::File(file),
            GetResultPayload::Stream(parts) => {
                Source::Stream { store: store.clone(), name: name.to_owned(), parts, part: Bytes::new() }
            }
        };
        Ok(Self { source })
    }
}

impl Read for StoreReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::File(file) => file.read(buffer),
            Source::Stream { store, name, parts, part } => {
                while part.is_empty() {
                    let Some(next) = store.runtime.block_on(parts.next()) else { return Ok(0) };
                    *part = next.map_err(|error| store.error(name, error))?;
                }
                let taken = part.len().min(buffer.len());
                part.copy_to_slice(&mut buffer[..taken]);
                Ok(taken)
            }
        }
    }
}

/// Pieces of an object, one after the other as if nothing stood between them.
pub struct PieceReader {
    file: File,
    pieces: std::vec::IntoIter<Range<u64>>,
    current: Range<u64>,
}

impl PieceReader {
    pub(super) fn open(store: &Store, name: &str, pieces: Vec<Range<u64>>) -> Result<Option<Self>, StoreError> {
        match StoreReader::open(store, name)?.source {
            Source::File(file) => Ok(Some(Self { file, pieces: pieces.into_iter(), current: 0..0 })),
            Source::Stream { .. } => Ok(None),
        }
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            let Some(next) = self.pieces.next() else { return Ok(0) };
            self.current = next;
        }
        let wanted = usize::try_from(self.current.end - self.current.start).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..wanted], self.current.start)?;
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.current.start += read as u64;
        Ok(read)
    }
}

/// Hashes what passes through; at the end of the source it fails unless length and digest are those of the seal. So
/// whoever has read to the end has read what was sealed; whatever was taken from it before is not proven yet.
pub struct VerifyingReader<R> {
    inner: R,
    name: String,
    expected: Sealed,
    digest: Sha256,
    bytes: u64,
    verified: bool,
}

impl<R: Read> VerifyingReader<R> {
    /// Watches over `inner`; `name` is what the error calls it.
    pub fn new(inner: R, name: &str, expected: &Sealed) -> Self {
        Self {
            inner,
            name: name.to_owned(),
            expected: expected.clone(),
            digest: Sha256::new(),
            bytes: 0,
            verified: false,
        }
    }

    /// Whether the end was reached and everything was as sealed.
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    fn verify(&mut self) -> io::Result<()> {
        let actual = hex(&std::mem::take(&mut self.digest).finalize());
        if self.bytes == self.expected.bytes && actual == self.expected.sha256 {
            self.verified = true;
            return Ok(());
        }
        let message = format!(
            "{} was changed after it was sealed ({} bytes with SHA-256 {actual}; sealed were {} bytes with {}). \
             Extractions are never edited: export again",
            self.name, self.bytes, self.expected.bytes, self.expected.sha256
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read > 0 {
            self.digest.update(&buffer[..read]);
            self.bytes += read as u64;
        } else if !buffer.is_empty() && !self.verified {
            self.verify()?;
        }
        Ok(read)
    }
}
