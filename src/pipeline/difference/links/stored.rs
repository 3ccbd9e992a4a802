//! Stored links of owners, to be compared with those that are wanted.

use crate::pipeline::TaskError;
use crate::pipeline::difference::keys::{Keys, Slot, flag};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};

/// A link as it is stored.
#[derive(QueryableByName)]
pub(super) struct StoredLink {
    /// The owner.
    #[diesel(sql_type = BigInt)]
    pub(super) from_id: i64,
    /// The target.
    #[diesel(sql_type = BigInt)]
    pub(super) to_id: i64,
}

/// The links of one association, of these owners.
pub(super) fn read(connection: &mut PgConnection, association: i32, owners: &[i64]) -> QueryResult<Vec<StoredLink>> {
    diesel::sql_query("select from_id, to_id from links where association_id = $1 and from_id = any($2)")
        .bind::<Integer, _>(association)
        .bind::<Array<BigInt>, _>(owners)
        .load(connection)
}

pub(super) fn ended() -> TaskError {
    TaskError::failed("links", "the thread that reads stored links ended unexpectedly")
}

/// The ids of those owners that are stored.
pub(super) fn stored_ids(keys: &Keys, owners: &[Slot]) -> Vec<i64> {
    owners.iter().map(|&slot| keys.get(slot)).filter(|entry| !entry.has(flag::NEW)).map(|entry| entry.id).collect()
}
