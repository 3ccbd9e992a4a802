//! A file that comes in pieces, over connections that break: what has arrived stays where it is, and the next piece goes
//! behind it. One at a time for each place; whoever comes second is told so.

use super::LARGEST_FILE;
use super::received::{pass_on, settle};
use super::writer::{Sealed, hex};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The place of a file that is yet to be whole, and the right to write there.
pub struct Pieces {
    file: Flock<File>,
    path: PathBuf,
}

/// Why a piece was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PieceError {
    /// Somebody else is sending the same file.
    #[error("another piece of this file is just being received; wait until it is there")]
    Busy,
    /// The piece does not begin where the last one ended.
    #[error("{there} bytes of this file are there; go on from there, or begin anew at 0")]
    Elsewhere {
        /// How much is there.
        there: u64,
    },
    /// What arrived is not what was sent.
    #[error("what arrived is not what was sent: its SHA-256 is {actual}, not {expected}; send it again")]
    OtherContent {
        /// As the sender has it.
        expected: String,
        /// As it is here.
        actual: String,
    },
    /// The disk, or the connection.
    #[error("the file could not be taken in: {0}")]
    Io(#[from] io::Error),
}

impl Pieces {
    /// How much of the file for `what` has arrived; 0 where nothing has.
    pub fn length(data_dir: &Path, folder: &str, what: &str) -> io::Result<u64> {
        match std::fs::metadata(place(data_dir, folder, what)) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Opens the file for `what`, which is any text: the name on disk is ours.
    pub fn open(data_dir: &Path, folder: &str, what: &str) -> Result<Self, PieceError> {
        let path = place(data_dir, folder, what);
        if let Some(within) = path.parent() {
            std::fs::create_dir_all(within)?;
        }
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| PieceError::Busy)?;
        // It may have become whole, and moved on, between the two steps: then what we hold is no longer ours to write.
        match std::fs::metadata(&path) {
            Ok(found) if found.ino() == file.metadata()?.ino() => Ok(Self { file, path }),
            _ => Err(PieceError::Busy),
        }
    }

    /// Takes a piece that begins at `offset`; 0 begins anew. What arrived of a piece that broke off stays, unless its
    /// digest was told: then a piece is there as a whole or not at all. Gives how much is there now.
    pub fn append(&mut self, offset: u64, source: &mut dyn Read, sha256: Option<&str>) -> Result<u64, PieceError> {
        let there = self.file.metadata()?.len();
        if offset != 0 && offset != there {
            return Err(PieceError::Elsewhere { there });
        }
        self.file.set_len(offset)?;
        self.file.seek(SeekFrom::Start(offset))?;
        let mut digest = Sha256::new();
        let passed = pass_on(source, &mut *self.file, &mut digest, LARGEST_FILE.saturating_sub(offset));
        let taken = match (passed, sha256) {
            (Ok(_), Some(expected)) => same(expected, &hex(&digest.finalize())),
            (passed, _) => passed.map(drop).map_err(PieceError::from),
        };
        if taken.is_err() && sha256.is_some() {
            self.file.set_len(offset)?;
        }
        self.file.sync_all()?;
        taken?;
        Ok(self.file.metadata()?.len())
    }

    /// Gives the whole file a name of its own in `folder`, once its digest is seen to be the one that was told. If it is
    /// not, nothing stays.
    pub fn finish(
        mut self,
        data_dir: &Path,
        folder: &str,
        sha256: Option<&str>,
    ) -> Result<(String, Sealed), PieceError> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut digest = Sha256::new();
        let bytes = pass_on(&mut *self.file, &mut io::sink(), &mut digest, LARGEST_FILE)?;
        let sealed = Sealed { sha256: hex(&digest.finalize()), bytes };
        if let Some(expected) = sha256
            && let Err(error) = same(expected, &sealed.sha256)
        {
            std::fs::remove_file(&self.path)?;
            return Err(error);
        }
        Ok((settle(data_dir, folder, &self.path)?, sealed))
    }
}

fn place(data_dir: &Path, folder: &str, what: &str) -> PathBuf {
    let name: String = hex(&Sha256::digest(what)).chars().take(32).collect();
    data_dir.join(folder).join("pieces").join(name)
}

fn same(expected: &str, actual: &str) -> Result<(), PieceError> {
    match expected == actual {
        true => Ok(()),
        false => Err(PieceError::OtherContent { expected: expected.to_owned(), actual: actual.to_owned() }),
    }
}

/// Deletes pieces of files that nobody has gone on with since `before`, and what was being taken in when a server died.
pub fn forget_pieces(data_dir: &Path, before: SystemTime) -> io::Result<()> {
    for connector in entries(data_dir.join("uploads"))? {
        let halves =
            entries(connector.clone())?.into_iter().filter(|path| path.extension().is_some_and(|it| it == "part"));
        for path in entries(connector.join("pieces"))?.into_iter().chain(halves) {
            let is_old = std::fs::metadata(&path).and_then(|found| found.modified()).is_ok_and(|at| at < before);
            if is_old {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}

/// Whole files that were received, as their paths relative to the data directory, which nobody has touched since `before`.
pub fn received_before(data_dir: &Path, before: SystemTime) -> io::Result<Vec<String>> {
    let before = before.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut found = Vec::new();
    for folder in entries(data_dir.join("uploads"))?.into_iter().filter(|folder| folder.is_dir()) {
        for path in entries(folder)? {
            // When it was given its name counts as well: what it holds may have come long before.
            let is_old = |seen: &Metadata| {
                let last = seen.mtime().max(seen.ctime());
                u64::try_from(last).is_ok_and(|last| last < before)
            };
            if !std::fs::symlink_metadata(&path).is_ok_and(|seen| seen.is_file() && is_old(&seen)) {
                continue;
            }
            found.extend(path.strip_prefix(data_dir).ok().and_then(Path::to_str).map(str::to_owned));
        }
    }
    Ok(found)
}

/// What a folder holds; nothing where there is none.
fn entries(folder: PathBuf) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives some bytes, then breaks off.
    struct Breaking(&'static [u8]);

    impl Read for Breaking {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn a_file_becomes_whole_whatever_breaks_on_the_way() {
        let data = tempfile::tempdir().unwrap();
        let open = || Pieces::open(data.path(), "uploads/1", "feed.people").unwrap();
        assert!(open().append(0, &mut Breaking(b"Id\n1"), None).is_err());
        assert_eq!(Pieces::length(data.path(), "uploads/1", "feed.people").unwrap(), 4);
        assert!(matches!(open().append(2, &mut &b"x"[..], None), Err(PieceError::Elsewhere { there: 4 })));
        let wrong = "0".repeat(64);
        assert!(matches!(open().append(4, &mut &b"xx"[..], Some(&wrong)), Err(PieceError::OtherContent { .. })));
        let mut pieces = open();
        assert!(matches!(Pieces::open(data.path(), "uploads/1", "feed.people"), Err(PieceError::Busy)));
        assert_eq!(pieces.append(4, &mut &b"\n2\n"[..], None).unwrap(), 7);
        let (path, sealed) = pieces.finish(data.path(), "uploads/1", None).unwrap();
        assert_eq!(std::fs::read(data.path().join(path)).unwrap(), b"Id\n1\n2\n");
        assert_eq!(sealed.bytes, 7);
        assert_eq!(Pieces::length(data.path(), "uploads/1", "feed.people").unwrap(), 0);
    }

    #[test]
    fn what_is_not_what_was_sent_does_not_stay() {
        let data = tempfile::tempdir().unwrap();
        let mut pieces = Pieces::open(data.path(), "uploads/1", "../people").unwrap();
        pieces.append(0, &mut &b"Id\n1\n"[..], None).unwrap();
        let finished = pieces.finish(data.path(), "uploads/1", Some(&"0".repeat(64)));
        assert!(matches!(finished, Err(PieceError::OtherContent { .. })));
        assert_eq!(Pieces::length(data.path(), "uploads/1", "../people").unwrap(), 0);
        assert_eq!(std::fs::read_dir(data.path().join("uploads/1")).unwrap().count(), 1, "the folder of pieces alone");
    }

    #[test]
    fn what_nobody_goes_on_with_is_forgotten() {
        let data = tempfile::tempdir().unwrap();
        Pieces::open(data.path(), "uploads/1", "a").unwrap().append(0, &mut &b"1"[..], None).unwrap();
        std::fs::write(data.path().join("uploads/1/dead.part"), "x").unwrap();
        std::fs::write(data.path().join("uploads/1/waits"), "x").unwrap();
        forget_pieces(data.path(), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(Pieces::length(data.path(), "uploads/1", "a").unwrap(), 1);
        forget_pieces(data.path(), SystemTime::now() + std::time::Duration::from_secs(5)).unwrap();
        assert_eq!(Pieces::length(data.path(), "uploads/1", "a").unwrap(), 0);
        assert_eq!(std::fs::read_dir(data.path().join("uploads/1")).unwrap().count(), 2, "what waits stays");
    }
}
