//! What a mechanism has found out.

use super::super::row::Row;
use super::identity::Identity;
use crate::connectors::ChangesError;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// More than this is not kept in memory: whoever has changed so much is read whole.
const MOST_BYTES: usize = 64 << 20;

/// What changed, as the server tells it.
#[derive(Default)]
pub struct Found {
    /// Entries that are new or changed, as they are now.
    pub changed: Changed,
    /// Entries that are gone, or no longer among those that the search finds.
    pub gone: HashSet<Identity>,
    /// All entries that are there, where they were listed: what is not among them, nor among `changed`, is gone.
    pub present: Option<Listed>,
    /// Where the table stands now; none: where it stood.
    pub position: Option<Value>,
    /// How the end is known, in words.
    pub end: String,
}

/// What a list of entries says of each.
pub type Listed = HashMap<Identity, Option<Mark>>;

/// What is listed of an entry that was not read: digests, so that a million are no burden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Of its name.
    pub name: u64,
    /// Of when it was last written; none where that does not matter.
    pub stamp: Option<u64>,
}

/// Rows of entries, by identity.
#[derive(Default)]
pub struct Changed {
    rows: Vec<(Identity, Row)>,
    by_identity: HashMap<Identity, usize>,
    bytes: usize,
}

impl Changed {
    /// Takes a row; of an entry that came before, it is what counts.
    pub fn add(&mut self, identity: Identity, row: Row) -> Result<(), ChangesError> {
        self.bytes += row.bytes() + 200;
        if self.bytes > MOST_BYTES {
            let why = format!("more than {} MiB of entries have changed, so that all are read", MOST_BYTES >> 20);
            return Err(ChangesError::Expired(why));
        }
        match self.by_identity.get(&identity) {
            Some(&at) => self.rows[at].1 = row,
            None => {
                self.by_identity.insert(identity, self.rows.len());
                self.rows.push((identity, row));
            }
        }
        Ok(())
    }

    /// Forgets an entry that turned out to be gone.
    pub fn remove(&mut self, identity: &Identity) {
        if let Some(at) = self.by_identity.remove(identity) {
            self.rows.swap_remove(at);
            if let Some((moved, _)) = self.rows.get(at) {
                self.by_identity.insert(*moved, at);
            }
        }
    }

    /// The row of an entry.
    pub fn get(&self, identity: &Identity) -> Option<&Row> {
        self.by_identity.get(identity).map(|&at| &self.rows[at].1)
    }

    /// Keeps the rows for which it holds.
    pub fn retain(&mut self, holds: impl Fn(&Row) -> bool) {
        self.rows.retain(|(_, row)| holds(row));
        self.by_identity = self.rows.iter().enumerate().map(|(at, (identity, _))| (*identity, at)).collect();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(Identity, Row)> {
        self.rows.iter()
    }

    /// All of them, in the order in which they came.
    pub fn into_rows(self) -> impl Iterator<Item = Row> {
        self.rows.into_iter().map(|(_, row)| row)
    }
}

/// The digest of a name or a stamp.
pub fn digest(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}
