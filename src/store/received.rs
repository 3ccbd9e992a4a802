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
    let path = format!("{folder}/{}", Uuid::new_v4());
    let (place, within) = (data_dir.join(&path), data_dir.join(folder));
    std::fs::create_dir_all(&within)?;
    let part = place.with_extension("part");
    let taken = copy(source, &part).and_then(|sealed| {
        std::fs::rename(&part, &place)?;
        File::open(&within)?.sync_all()?;
        Ok(sealed)
    });
    if taken.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    taken.map(|sealed| (path, sealed))
}

fn copy(source: &mut dyn Read, part: &Path) -> io::Result<Sealed> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(part)?;
    let mut digest = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes += read as u64;
        if bytes > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than 8 GiB; send it in parts"));
        }
        digest.update(&buffer[..read]);
        file.write_all(&buffer[..read])?;
    }
    file.sync_all()?;
    Ok(Sealed { sha256: hex(&digest.finalize()), bytes })
}
