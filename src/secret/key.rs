//! The installation's key: what is keyed or sealed here, is so with it.

use rand::Rng;
use std::fs::OpenOptions;
use std::io::{Error, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use zeroize::Zeroizing;

/// The key in `file`, at least 32 bytes; it is made where there is none.
pub fn installation_key(file: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    match std::fs::read(file) {
        Ok(key) if key.len() >= 32 => Ok(Zeroizing::new(key)),
        Ok(_) => Err(Error::new(
            ErrorKind::InvalidData,
            format!("{} is shorter than 32 bytes; remove it to have a new key made", file.display()),
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => create(file),
        Err(error) => Err(error),
    }
}

fn create(file: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0_u8; 32]);
    rand::rng().fill_bytes(&mut key);
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(mut open) => open.write_all(&key).and_then(|()| open.sync_all()).map(|()| key),
        // Another process was faster: its key is the key.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => installation_key(file),
        Err(error) => Err(error),
    }
}
