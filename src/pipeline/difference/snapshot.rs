//! The state of a connector as it is once a run is applied: keys, digests and ids, as an object beside the extractions.
//!
//! Prepare knows at its end what will be stored; the next one takes it from here instead of reading it out of the database.
//! It is a cache: [`model::snapshot`](crate::model::snapshot) says when it holds, and without it nothing is lost.
//!
//! ```text
//! "MUSTSNP1"; entity types (u32), associations (u32); for each entity type: id (i32), keys (u64), and for each key
//!   key (u128), digest (u128), sum of the pairs (u128), id of the resource (i64), flags (u8);
//! for each association: id (i32), stored links (u64). All little-endian.
//! ```

use super::Scope;
use super::keys::{Entry, Keys, flag};
use super::pairs::Association;
use crate::model::snapshot::Snapshot;
use crate::pipeline::progress::{Progress, Stopped};
use crate::store::{Sealed, Store};
use std::io::{self, BufReader, Read, Write};

const SIGNATURE: &[u8; 8] = b"MUSTSNP1";
const ENTRY: usize = 57;
const UNKNOWN: u8 = 1;
const LINKS_UNKNOWN: u8 = 2;
const NOBODY: u8 = 4;
/// Keys that are read at once. As often it is looked whether to stop.
const AT_ONCE: usize = 4096;

/// Fills in what is stored of all scopes and associations. `false`, and nothing is filled in: the object is not there, is
/// not the one that was sealed, or tells of other scopes.
pub fn restore(
    store: &Store,
    snapshot: &Snapshot,
    scopes: &mut [Scope<'_>],
    associations: &mut [Association<'_>],
    progress: &Progress,
) -> Result<bool, Stopped> {
    match read(store, snapshot, scopes, associations, progress) {
        Ok(()) => return Ok(true),
        Err(error) => tracing::warn!(object = snapshot.path, %error, "a snapshot is of no use; reading the database"),
    }
    progress.go_on()?;
    scopes.iter_mut().for_each(|scope| scope.keys = Keys::default());
    associations.iter_mut().for_each(|association| association.counters.stored = 0);
    Ok(false)
}

fn read(
    store: &Store,
    snapshot: &Snapshot,
    scopes: &mut [Scope<'_>],
    associations: &mut [Association<'_>],
    progress: &Progress,
) -> io::Result<()> {
    let sealed = Sealed { sha256: snapshot.sha256.clone(), bytes: snapshot.bytes };
    let mut input = BufReader::with_capacity(1 << 18, store.verified(&snapshot.path, &sealed)?);
    if bytes::<8>(&mut input)? != *SIGNATURE {
        return Err(invalid("it is of another version"));
    }
    let counts = [number(&mut input)?, number(&mut input)?];
    if counts != [scopes.len(), associations.len()].map(|count| count as u32) {
        return Err(invalid("it tells of other entity types or associations"));
    }
    let mut block = vec![0; AT_ONCE * ENTRY];
    for scope in scopes.iter_mut() {
        if number(&mut input)? != scope.id.cast_unsigned() {
            return Err(invalid("it tells of other entity types"));
        }
        let keys = u64::from_le_bytes(bytes(&mut input)?);
        if keys > snapshot.bytes / ENTRY as u64 {
            return Err(invalid("it is longer than it is"));
        }
        let expected = usize::try_from(keys.max(scope.file.rows)).unwrap_or(usize::MAX);
        scope.keys = Keys::with_capacity(expected + expected / 100);
        let mut left = keys;
        while left > 0 {
            progress.go_on().map_err(io::Error::other)?;
            let entries = left.min(AT_ONCE as u64) as usize;
            let block = &mut block[..entries * ENTRY];
            input.read_exact(block)?;
            for entry in block.chunks_exact(ENTRY) {
                take_in(&mut scope.keys, entry);
            }
            left -= entries as u64;
        }
    }
    for association in associations {
        if number(&mut input)? != association.id.cast_unsigned() {
            return Err(invalid("it tells of other associations"));
        }
        association.counters.stored = u64::from_le_bytes(bytes(&mut input)?);
    }
    // The end is what proves the seal.
    if input.read(&mut [0])? != 0 {
        return Err(invalid("it goes on after its end"));
    }
    scopes.iter_mut().for_each(|scope| scope.counters.stored = scope.keys.len() as u64);
    Ok(())
}

/// An entry of [`ENTRY`] bytes.
fn take_in(keys: &mut Keys, entry: &[u8]) {
    let Some(entry) = entry.first_chunk::<ENTRY>() else { return };
    let digest = |from: usize| u128::from_le_bytes(std::array::from_fn(|byte| entry[from + byte]));
    let id = i64::from_le_bytes(std::array::from_fn(|byte| entry[48 + byte]));
    let mut flags = 0;
    for (bit, flag) in [(UNKNOWN, flag::UNKNOWN), (LINKS_UNKNOWN, flag::LINKS_UNKNOWN), (NOBODY, flag::NOBODY)] {
        flags |= if entry[56] & bit != 0 { flag } else { 0 };
    }
    let slot = keys.insert(digest(0), digest(16), id, flags);
    keys.get_mut(slot).expect_links(digest(32));
}

/// What of a scope is kept.
pub struct Kept<'a> {
    id: i32,
    keys: &'a Keys,
    owns_pairs: bool,
    complete: bool,
    pairs_in_rows: bool,
    /// Not all that is stored is known, so that nobody could rely on it.
    pub in_part: bool,
}

impl<'a> Kept<'a> {
    /// Of this one.
    pub fn of(scope: &'a Scope<'_>) -> Self {
        let Scope { id, ref keys, owns_pairs, complete, pairs_in_rows, in_part, .. } = *scope;
        Self { id, keys, owns_pairs, complete, pairs_in_rows, in_part }
    }

    /// What will be stored under a key: the same that change rows and marks write.
    fn after(&self, entry: &Entry) -> [u8; ENTRY] {
        let owns_pairs = self.owns_pairs;
        let stored = Some(entry.stored).filter(|_| !entry.has(flag::UNKNOWN));
        let stored_links = Some(entry.stored_links).filter(|_| !entry.has(flag::LINKS_UNKNOWN));
        let (digest, links) = if entry.has(flag::NEW) {
            (Some(entry.digest), owns_pairs.then_some(entry.links))
        } else if !entry.has(flag::READ) || entry.has_any(flag::REJECTED | flag::CONFLICT) {
            (stored, stored_links)
        } else {
            let is_written = entry.has(flag::WRITTEN);
            let digest = match entry.has(flag::PARTIAL) {
                // The digest is that of a whole record.
                true => stored.filter(|_| !is_written),
                false => Some(entry.digest),
            };
            let links = match (owns_pairs, super::knows_pairs(entry, self.complete, self.pairs_in_rows)) {
                (true, true) => Some(entry.stored_links.wrapping_add(entry.links)),
                (true, false) => stored_links,
                (false, _) => stored_links.filter(|_| !entry.has_any(flag::WRITTEN | flag::LOOK | flag::OPEN)),
            };
            (digest, links)
        };
        let digest = digest.filter(|_| !entry.has(flag::OPEN));
        let links = links.filter(|_| !entry.has(flag::LINKS_OPEN));
        let is_somebody = !entry.has(flag::NOBODY) || entry.has(flag::SOMEBODY | flag::WRITTEN);
        let flags = [(digest.is_none(), UNKNOWN), (links.is_none(), LINKS_UNKNOWN), (!is_somebody, NOBODY)];
        let mut bytes = [0; ENTRY];
        bytes[..16].copy_from_slice(&entry.key.to_le_bytes());
        bytes[16..32].copy_from_slice(&digest.unwrap_or(0).to_le_bytes());
        bytes[32..48].copy_from_slice(&links.unwrap_or(0).to_le_bytes());
        bytes[48..56].copy_from_slice(&entry.id.to_le_bytes());
        bytes[56] = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
        bytes
    }
}

/// Writes the state as it will be when the change set is applied. `links`: by association, how many there will be.
pub fn save(store: &Store, path: &str, scopes: &[Kept<'_>], links: &[(i32, u64)]) -> io::Result<Sealed> {
    let mut output = store.writer(path)?;
    output.write_all(SIGNATURE)?;
    output.write_all(&(scopes.len() as u32).to_le_bytes())?;
    output.write_all(&(links.len() as u32).to_le_bytes())?;
    for scope in scopes {
        let stays = || scope.keys.iter().map(|(_, entry)| entry).filter(|entry| entry.will_exist());
        output.write_all(&scope.id.to_le_bytes())?;
        output.write_all(&(stays().count() as u64).to_le_bytes())?;
        for entry in stays() {
            output.write_all(&scope.after(entry))?;
        }
    }
    for (association, count) in links {
        output.write_all(&association.to_le_bytes())?;
        output.write_all(&count.to_le_bytes())?;
    }
    Ok(output.finish()?)
}

fn bytes<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(input: &mut impl Read) -> io::Result<u32> {
    bytes(input).map(u32::from_le_bytes)
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
