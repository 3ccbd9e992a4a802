//! The keys of one entity type: those stored and those read, each with what is known about it. This is the memory of a
//! preparation: about 100 bytes a record, whatever its width.

use hashbrown::HashTable;

/// Position of a key in [`Keys`].
pub type Slot = u32;

/// What is known about a key, as bits.
pub mod flag {
    /// The extraction has a record with this key that is in scope.
    pub const READ: u32 = 1;
    /// The key is not stored yet.
    pub const NEW: u32 = 1 << 1;
    /// The record differs from the stored digest, or has none: it has to be looked at.
    pub const LOOK: u32 = 1 << 2;
    /// Different records have this key.
    pub const CONFLICT: u32 = 1 << 3;
    /// Rejected: what is stored under this key is protected.
    pub const REJECTED: u32 = 1 << 4;
    /// Stored, and absent from the extraction: to be deleted.
    pub const GONE: u32 = 1 << 5;
    /// The links of this record have to be worked out anew.
    pub const LINKS: u32 = 1 << 6;
    /// A consequence of this record stays open: its digest is not stored, so that the next run looks again.
    pub const OPEN: u32 = 1 << 7;
    /// The same for its sets of pairs.
    pub const LINKS_OPEN: u32 = 1 << 8;
    /// Stored without a digest of its sets of pairs.
    pub const LINKS_UNKNOWN: u32 = 1 << 9;
    /// A change row carries this record, so its digests need no mark.
    pub const WRITTEN: u32 = 1 << 10;
    /// Stored without a digest.
    pub const UNKNOWN: u32 = 1 << 11;
    /// What it is linked with is gone, or found under another value.
    pub const FORCED: u32 = 1 << 13;
    /// Its insert, update or delete is left out. A new one is `REJECTED` as well: it will not be there.
    pub const WITHHELD: u32 = 1 << 14;
    /// Without a correlation.
    pub const NOBODY: u32 = 1 << 12;
    /// The change row that carries this record correlates it.
    pub const SOMEBODY: u32 = 1 << 15;
    /// Stored, and the record read gives some columns only.
    pub const PARTIAL: u32 = 1 << 16;
    /// To be deleted because a row asks for it, not by absence.
    pub const COMMANDED: u32 = 1 << 17;
    /// A pair of this owner was read in a run that is not over the whole truth.
    pub const PAIRED: u32 = 1 << 18;
    /// Of a person who was anonymized: passed over. `REJECTED` and `WITHHELD` as well: it will not be there.
    pub const SUPPRESSED: u32 = 1 << 19;
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Digest of the key's text.
    pub key: u128,
    /// Digest of the raw record: the stored one, or that of the first record read where it differs.
    pub digest: u128,
    /// Sum of the digests of the pairs this record owns, less the stored sum: zero when nothing changed.
    pub links: u128,
    /// The stored digest; 0 if there is none.
    pub stored: u128,
    /// The stored sum of its pairs; 0 if there is none.
    pub stored_links: u128,
    /// The resource's id; 0 until a new one gets its own.
    pub id: i64,
    /// Position of the first record read, counted from 0.
    pub ordinal: u32,
    flags: u32,
}

impl Entry {
    /// Whether all of `flags` are set.
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// Whether any of `flags` is set.
    pub fn has_any(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Sets `flags`.
    pub fn set(&mut self, flags: u32) {
        self.flags |= flags;
    }

    /// Notes the stored sum of its pairs: what they add up to must come back to zero.
    pub fn expect_links(&mut self, sum: u128) {
        self.stored_links = sum;
        self.links = 0_u128.wrapping_sub(sum);
    }

    /// Notes that the change row which carries this record correlates it, if it does.
    pub fn correlate(&mut self, person: Option<i64>) {
        if person.is_some() {
            self.set(flag::SOMEBODY);
        }
    }

    /// Clears `flags`.
    pub fn clear(&mut self, flags: u32) {
        self.flags &= !flags;
    }

    /// Whether a resource with this key will be there after the run.
    pub fn will_exist(&self) -> bool {
        if self.has(flag::NEW) { !self.has_any(flag::REJECTED | flag::CONFLICT) } else { !self.has(flag::GONE) }
    }
}

/// All keys of an entity type.
#[derive(Default)]
pub struct Keys {
    index: HashTable<Slot>,
    entries: Vec<Entry>,
}

impl Keys {
    /// Room for this many keys.
    pub fn with_capacity(keys: usize) -> Self {
        Self { index: HashTable::with_capacity(keys), entries: Vec::with_capacity(keys) }
    }

    /// The slot of a key.
    pub fn find(&self, key: u128) -> Option<Slot> {
        self.index.find(hash(key), |&slot| self.entries[slot as usize].key == key).copied()
    }

    /// Adds a key that is not there yet.
    pub fn insert(&mut self, key: u128, digest: u128, id: i64, flags: u32) -> Slot {
        // More than 2^32 keys of one entity type would need 300 GB here; the extraction's row count is checked before.
        let slot = Slot::try_from(self.entries.len()).unwrap_or(Slot::MAX);
        self.entries.push(Entry {
            key,
            digest,
            links: 0,
            stored: digest,
            stored_links: 0,
            id,
            ordinal: u32::MAX,
            flags,
        });
        let entries = &self.entries;
        self.index.insert_unique(hash(key), slot, |&slot| hash(entries[slot as usize].key));
        slot
    }

    /// The entry in `slot`.
    pub fn get(&self, slot: Slot) -> &Entry {
        &self.entries[slot as usize]
    }

    /// The entry in `slot`, to change.
    pub fn get_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot as usize]
    }

    /// All entries with their slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Entry)> {
        (0..).zip(&self.entries)
    }

    /// All entries, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Finds keys that come, by and large, in the order in which they were entered, as those of a file do from day to day: the
/// next slot is tried first, and the jump through memory is spared.
#[derive(Debug, Default)]
pub struct Walk {
    next: Slot,
}

impl Walk {
    /// The slot of a key.
    pub fn find(&mut self, keys: &Keys, key: u128) -> Option<Slot> {
        let is_next = keys.entries.get(self.next as usize).is_some_and(|entry| entry.key == key);
        let slot = if is_next { Some(self.next) } else { keys.find(key) };
        self.next = slot.map_or(self.next, |slot| slot.saturating_add(1));
        slot
    }
}

/// A digest is already well mixed: its upper half is its hash.
fn hash(key: u128) -> u64 {
    (key >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_every_key_in_whatever_order_they_come() {
        let mut keys = Keys::default();
        for key in 0..100_u128 {
            keys.insert(key << 64 | key, 0, key as i64, 0);
        }
        let mut walk = Walk::default();
        let order = (0..100_u128).chain((0..100).rev()).chain([7, 7, 100, 8, 200, 9]);
        for key in order {
            let expected = (key < 100).then_some(key as Slot);
            assert_eq!(walk.find(&keys, key << 64 | key), expected, "{key}");
        }
    }
}
