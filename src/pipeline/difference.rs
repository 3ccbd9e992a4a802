//! The difference: records read against resources stored, set-wise and streamed. Unchanged records never reach the
//! database: the digest of their raw columns tells. What it keeps in memory is one entry per key, whatever the width of
//! the records (see [`keys`]).
//!
//! ```text
//! stored keys + digests ─┐
//! extraction, 1st pass ──┴▶ keys: new, changed, unchanged, absent      (scan)
//! tables of pairs ────────▶ per owner the sum of its pairs' digests     (pairs)
//! extraction, 2nd pass ───▶ mapping of new and changed ─▶ changes, problems (records, unique)
//! absent keys ────────────▶ deletes                                     (absent)
//! owners that changed ────▶ links against what will be there            (links)
//! ```

pub mod absent;
pub mod asked;
pub mod blobs;
pub mod change_set;
pub mod commands;
pub mod keys;
pub mod links;
pub mod marks;
pub mod pairs;
mod read_ahead;
pub mod records;
pub mod rows;
pub mod scan;
pub mod seals;
pub mod snapshot;
pub mod suppress;
pub mod unique;
pub mod withhold;

use super::mapping::Mapper;
use super::pending::{Builds, Pending};
use super::people::newcomers::Newcomers;
use super::progress::Progress;
use crate::model::counters::EntityTypeCounters;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::extraction::ExtractionFile;
use crate::model::suppression::Suppressions;
use crate::store::Store;
use change_set::ChangeSet;
use commands::Commands;
use diesel::pg::PgConnection;
use keys::{Entry, Keys, Slot, flag};
use seals::Seals;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use withhold::Withholding;

/// What every pass works with.
pub struct Work<'a> {
    /// The run.
    pub run: i32,
    /// For questions to the stored state.
    pub connection: &'a mut PgConnection,
    /// Where the extraction is.
    pub store: &'a Store,
    /// Where the change set grows.
    pub pending: &'a Pending,
    /// The change set.
    pub changes: ChangeSet<'a>,
    /// What it leaves out.
    pub withholding: Withholding,
    /// What pending tables still need.
    pub builds: Builds,
    /// The persons that the connector makes first, if these are its first.
    pub newcomers: Option<Newcomers>,
    /// What the page sees meanwhile.
    pub progress: &'a Progress,
    /// Proves the seals of files that are read by their indexes.
    pub seals: Seals,
}

/// One entity type in a preparation.
pub struct Scope<'a> {
    /// Its id.
    pub id: i32,
    /// Its connector's id.
    pub connector: i32,
    /// Its definition.
    pub definition: &'a EntityTypeDefinition,
    /// What was read.
    pub file: &'a ExtractionFile,
    /// What was read is the whole truth: what is absent is gone.
    pub complete: bool,
    /// Mapped columns that a table of changes lacks.
    pub lacking: Vec<String>,
    /// What the rows come to, in a table of changes.
    pub commands: Option<Commands>,
    /// Its mapping.
    pub mapper: Mapper,
    /// Its keys.
    pub keys: Keys,
    /// Of the stored keys, only those that were asked for are among them.
    pub in_part: bool,
    /// Rows that the second pass has to look at.
    pub look: Rowset,
    /// Digests of further different records with the same key.
    pub conflicts: HashMap<Slot, Vec<u128>>,
    /// Its figures.
    pub counters: EntityTypeCounters,
    /// Nothing is stored yet: new rows go into a pending table.
    pub empty: bool,
    /// A pending table was made.
    pub pending: bool,
    /// It is the `from` end of a table of pairs.
    pub owns_pairs: bool,
    /// All pairs that it owns stood in columns of its rows.
    pub pairs_in_rows: bool,
    /// The id of the next new resource.
    pub next_id: i64,
    /// Digests of unique values that records whose change is left out would hold: references to them are no problems.
    pub withheld_values: HashSet<u128>,
    /// Persons who were anonymized, if there are any.
    pub suppressions: Option<Arc<Suppressions>>,
}

impl Scope<'_> {
    /// Whether the record in `entry` says anything about a column.
    pub fn gives(&self, entry: &Entry, column: usize) -> bool {
        match &self.commands {
            Some(commands) if entry.has(flag::PARTIAL) => commands.row_of(entry.ordinal, column).is_some(),
            _ => true,
        }
    }

    /// Whether all pairs that the owner in `entry` has were read, so that their sum is known.
    pub fn knows_pairs(&self, entry: &Entry) -> bool {
        knows_pairs(entry, self.complete, self.pairs_in_rows)
    }

    /// The slot of the record that a reference names by its key, in whatever form the key's type allows.
    pub fn find(&self, reference: &str) -> Option<Slot> {
        let key = self.mapper.key_property().reference(reference).ok()??;
        self.keys.find(scan::key_digest(&key))
    }
}

fn knows_pairs(entry: &Entry, complete: bool, pairs_in_rows: bool) -> bool {
    complete || pairs_in_rows && entry.has(flag::READ) && !entry.has(flag::PARTIAL)
}

/// A set of rows by position, one bit each.
#[derive(Default)]
pub struct Rowset {
    bits: Vec<u64>,
    count: u64,
}

impl Rowset {
    /// Adds a row.
    pub fn set(&mut self, ordinal: u32) {
        let (word, bit) = (ordinal as usize / 64, ordinal % 64);
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.count += u64::from(self.bits[word] & (1 << bit) == 0);
        self.bits[word] |= 1 << bit;
    }

    /// Whether a row is in it.
    pub fn get(&self, ordinal: u32) -> bool {
        self.bits.get(ordinal as usize / 64).is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
