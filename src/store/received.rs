//! Files that come from outside, put down in the data directory under names of ours.

use super::writer::{Sealed, hex};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use uuid::Uuid;

/// The largest file that is taken in: 8 GiB.
pub const LARGEST_FILE: u64 = 8 << 30;

/// Takes a file in: durable, under a new name in `folder` of the data directory. Gives its path relative to the data
/// directory. If the source breaks off or is too large, nothing stays.
pub fn take_in(data_dir: &Path, folder: &str, source: &mut dyn Read) -> io::Result<(String, Sealed)> {
    let part = data_dir.join(folder).join(format!("{}.part", Uuid::new_v4()));
    std::fs::create_dir_all(data_dir.join(folder))?;
    let taken = copy(source, &part).and_then(|sealed| Ok((settle(data_dir, folder, &part)?, sealed)));
    if taken.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    taken
}

/// Gives a file that is whole and synced a new name in `folder`; the path is relative to the data directory.
pub(super) fn settle(data_dir: &Path, folder: &str, file: &Path) -> io::Result<String> {
    let path = format!("{folder}/{}", Uuid::new_v4());
    std::fs::rename(file, data_dir.join(&path))?;
    File::open(data_dir.join(folder))?.sync_all()?;
    Ok(path)
}

fn copy(source: &mut dyn Read, part: &Path) -> io::Result<Sealed> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(part)?;
    let mut digest = Sha256::new();
    let bytes = pass_on(source, &mut file, &mut digest, LARGEST_FILE)?;
    file.sync_all()?;
    Ok(Sealed { sha256: hex(&digest.finalize()), bytes })
}

/// Copies at most `most` bytes, and hashes them on their way; gives how many there were.
pub(super) fn pass_on(
    source: &mut dyn Read,
    target: &mut dyn Write,
    digest: &mut Sha256,
    most: u64,
) -> io::Result<u64> {
    let mut bytes = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes += read as u64;
        if bytes > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 8 GiB; split its table"));
        }
        digest.update(&buffer[..read]);
        target.write_all(&buffer[..read])?;
    }
}
