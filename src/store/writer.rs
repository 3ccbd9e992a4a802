//! Writes one object: streamed in parts, sealed at the end.

use super::{Store, StoreError};
use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use tokio::task::JoinHandle;

/// Two parts in memory at a time: one is filled while the other is hashed and written. S3 takes parts from 5 MiB and up to 10,000 of them: 80 GB for an object.
const PART: usize = 8 << 20;

/// An object being written. Dropped before [`StoreWriter::finish`], nothing of it stays.
pub struct StoreWriter {
    store: Store,
    name: String,
    path: Path,
    part: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The part that is on its way, and has the digest with it.
    sending: Option<JoinHandle<(Sha256, object_store::Result<()>)>>,
    digest: Sha256,
    bytes: u64,
}

/// What was written: the seal of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// Makes the seal of bytes that pass.
#[derive(Default)]
pub struct Sealing {
    digest: Sha256,
    bytes: u64,
}

impl Sealing {
    /// The next bytes.
    pub fn add(&mut self, content: &[u8]) {
        self.digest.update(content);
        self.bytes += content.len() as u64;
    }

    /// The seal of what has passed so far.
    pub fn seal(&self) -> Sealed {
        Sealed { sha256: hex(&self.digest.clone().finalize()), bytes: self.bytes }
    }
}

impl StoreWriter {
    pub(super) fn begin(store: Store, name: &str) -> Result<Self, StoreError> {
        let path = store.path(name)?;
        let name = name.to_owned();
        let digest = Sha256::new();
        Ok(Self { store, name, path, part: Vec::new(), upload: None, sending: None, digest, bytes: 0 })
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.part.len() as u64
    }

    /// Seals the object: durable on disk, then under its name, all or nothing.
    pub fn finish(mut self) -> Result<Sealed, StoreError> {
        if self.upload.is_some() {
            self.send_part()?;
            self.settle()?;
            if let Some(mut upload) = self.upload.take() {
                self.store.run(&self.name, upload.complete())?;
            }
        } else {
            let content = self.take_part();
            self.digest.update(&content);
            self.store.run(&self.name, self.store.objects.put(&self.path, content.into()))?;
        }
        let digest = std::mem::take(&mut self.digest).finalize();
        Ok(Sealed { sha256: hex(&digest), bytes: self.bytes })
    }

    fn send_part(&mut self) -> Result<(), StoreError> {
        self.settle()?;
        if self.part.is_empty() {
            return Ok(());
        }
        let content = self.take_part();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            begun => begun.insert(self.store.run(&self.name, self.store.objects.put_multipart(&self.path))?),
        };
        let sent = upload.put_part(content.clone().into());
        let mut digest = std::mem::take(&mut self.digest);
        self.sending = Some(self.store.runtime.spawn(async move {
            digest.update(&content);
            (digest, sent.await)
        }));
        Ok(())
    }

    /// Waits for the part that is on its way.
    fn settle(&mut self) -> Result<(), StoreError> {
        let Some(sending) = self.sending.take() else { return Ok(()) };
        let (digest, sent) = self.store.runtime.block_on(sending).map_err(|error| StoreError::Io {
            location: self.store.location.0.clone(),
            source: io::Error::other(error),
        })?;
        self.digest = digest;
        sent.map_err(|error| self.store.error(&self.name, error))
    }

    fn take_part(&mut self) -> Bytes {
        self.bytes += self.part.len() as u64;
        std::mem::take(&mut self.part).into()
    }
}

impl Write for StoreWriter {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.part.len() + content.len() > PART {
            self.send_part()?;
            self.part = Vec::with_capacity(PART);
        }
        self.part.extend_from_slice(content);
        Ok(content.len())
    }

    /// Nothing to do: what is written becomes visible when the object is sealed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        // Whatever came of the last part: all of them are taken back.
        let _ = self.settle();
        let Some(mut upload) = self.upload.take() else { return };
        if let Err(error) = self.store.run(&self.name, upload.abort()) {
            tracing::warn!(object = self.name, %error, "an unfinished object could not be taken back");
        }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
