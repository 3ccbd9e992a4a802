//! Indexes of an extraction's files: where each row stands, with the digests that the difference asks for.
//!
//! The export has every row in hand; digesting it there costs little, and spares prepare to read and parse the file again
//! only to find that nothing changed. An index is made for one reader, an entity type or an association, and says how it
//! was made ([`FileIndex::version`](crate::model::extraction::FileIndex)): whoever reads the file in another way, after
//! another mapping or with another program, does not find it and reads the file itself. It is sealed like the file.
//!
//! ```text
//! "MUSTIDX1", bytes of the header row (u64), line of the first row (u64), all little-endian; then for each row, or each
//! unbroken sequence of pairs with the same owner:
//!   flags (u8)   1: it has a key  2: `where` leaves it out  4: several rows
//!   key (u128)   digest of the key, or of the owner's       only with flag 1
//!   digest (u128) of the mapped columns; of pairs, the sum
//!   rows         as LEB128                                  only with flag 4
//!   bytes, lines as LEB128
//! ```

mod reader;
mod writer;

pub use reader::{Entry, IndexReader, Span};
pub use writer::Indexer;
pub(crate) use writer::columns_of;

use super::mapping::{CompiledProperty, MAPPER_VERSION};
use crate::model::association::AssociationDefinition;
use crate::model::connection::SourceTable;
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::values::digest::Digest;
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

const SIGNATURE: &[u8; 8] = b"MUSTIDX1";
const KEYED: u8 = 1;
const OUT_OF_SCOPE: u8 = 2;
const SEVERAL: u8 = 4;

/// Seeds digests of keys, so that they never pass for digests of anything else.
const KEY_SEED: u64 = 0x006b_6579;

/// The digest under which a key is kept.
pub fn key_digest(key: &str) -> u128 {
    Digest::of_fields(KEY_SEED, std::iter::once(key.as_bytes())).0
}

/// Who will read the files of an extraction: what an export makes indexes for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Readers {
    /// The entity types.
    pub entity_types: Vec<EntityTypeDefinition>,
    /// The associations.
    pub associations: Vec<AssociationDefinition>,
}

/// A table of pairs as an association reads it.
#[derive(Debug, Clone, Copy)]
pub struct PairReader<'a> {
    /// The association.
    pub association: &'a AssociationDefinition,
    /// Its `from` end.
    pub from: &'a EntityTypeDefinition,
    /// The column with the owner's key.
    pub from_column: &'a str,
    /// The column that finds the `to` end.
    pub to_column: &'a str,
}

impl Readers {
    /// All that a connector has.
    pub fn of(definition: &ConnectorDefinition) -> Self {
        Self { entity_types: definition.entity_types.clone(), associations: definition.associations.clone() }
    }

    /// Those of a table, `connection.table` or, for pairs, `connection.table.column`. An association's `from` end is
    /// among them, whatever its own table.
    pub fn of_table(&self, source_table: &str) -> Self {
        let associations: Vec<_> =
            self.associations.iter().filter(|one| self.reads(one, source_table)).cloned().collect();
        let is_read = |entity_type: &&EntityTypeDefinition| {
            entity_type.source.0 == source_table || associations.iter().any(|one| one.from == entity_type.name)
        };
        Self { entity_types: self.entity_types.iter().filter(is_read).cloned().collect(), associations }
    }

    fn reads(&self, association: &AssociationDefinition, source_table: &str) -> bool {
        let of_rows = self.entity_types.iter().any(|one| one.name == association.from && one.source.0 == source_table);
        of_rows || self.pairs(association, source_table).is_some()
    }

    /// How an association reads a table of pairs, if it reads this one.
    fn pairs<'a>(&'a self, association: &'a AssociationDefinition, source_table: &str) -> Option<PairReader<'a>> {
        let from = self.entity_types.iter().find(|one| one.name == association.from)?;
        let (from_column, to_column) = match (&association.source, &association.column) {
            (Some(SourceTable(table)), _) if table == source_table => {
                (association.from_column.as_deref()?, association.to_column.as_deref()?)
            }
            (None, Some(column)) if !association.cardinality.is_single_valued() => {
                let table = source_table.strip_suffix(column.as_str())?.strip_suffix('.')?;
                // The export has written the key first, whatever its column is called.
                (table == from.source.0).then_some(("", column.as_str()))?
            }
            _ => return None,
        };
        Some(PairReader { association, from, from_column, to_column })
    }
}

/// Seeds the digests of an association's pairs: another association, or another way to match, makes other digests.
pub fn pair_seed(association: &AssociationDefinition) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for part in std::iter::once(association.name.as_str())
        .chain(association.to.names())
        .chain(association.match_property.as_deref())
    {
        hasher.write(part.as_bytes());
        hasher.write_u8(0);
    }
    hasher.finish()
}

/// The digest of a pair's `to` side.
pub fn pair_digest(seed: u64, value: &str) -> u128 {
    Digest::of_fields(seed, std::iter::once(value.trim().as_bytes())).0
}

/// The digest of a pair's owner; `None` if the text is no key.
pub fn owner_digest(key: &CompiledProperty, owner: &str) -> Option<u128> {
    key.reference(owner.trim()).ok()?.map(|key| key_digest(&key))
}

/// What an index of rows says of how it was made: the mapper's own version.
pub fn rows_version(mapper: u64) -> String {
    format!("{mapper:016x}")
}

/// What an index of pairs says of how it was made.
pub fn pairs_version(association: &AssociationDefinition, from: &EntityTypeDefinition, columns: [usize; 2]) -> String {
    let key = serde_json::to_vec(&from.key()).unwrap_or_default();
    let numbers = [MAPPER_VERSION, pair_seed(association), columns[0] as u64, columns[1] as u64];
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    format!("{:032x}", Digest::of_fields(3, [key.as_slice(), &numbers].into_iter()).0)
}
