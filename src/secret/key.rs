//! The installation's key: what is keyed or sealed here, is so with it.

use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The installation's own key, kept in a file apart from the database: what is stored as digests keyed with it can't be
/// read from the database alone.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

impl Key {
    /// Reads the key from `file`, and makes it where there is none.
    pub fn open(file: &Path) -> io::Result<Self> {
        match std::fs::read(file) {
            Ok(key) if key.len() >= 32 => Ok(Self(Zeroizing::new(key))),
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is shorter than 32 bytes; remove it to have a new key made", file.display()),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(file),
            Err(error) => Err(error),
        }
    }

    /// The key of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Its bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// HMAC-SHA-256 (RFC 2104) of the parts, each with its length before it; another `purpose` gives other digests.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return [0; 32] };
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn create(file: &Path) -> io::Result<Self> {
        let mut key = vec![0_u8; 32];
        rand::rng().fill_bytes(&mut key);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
            Ok(mut open) => open.write_all(&key).and_then(|()| open.sync_all()).map(|()| Self(Zeroizing::new(key))),
            // Another process was faster: its key is the key.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::open(file),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}
