//! Stored links of owners, batch by batch, on a connection and a thread of their own: read while prepare reads the pairs
//! that they are compared with.

use crate::pipeline::TaskError;
use crate::pipeline::pending::Pending;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};
use std::sync::mpsc::{Receiver, sync_channel};

/// Batches that wait to be compared: what bounds the memory.
const WAITING: usize = 32;

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

/// A reading under way. Dropped, it ends at its next batch.
pub(super) struct ReadAhead {
    batches: Receiver<Result<Vec<StoredLink>, TaskError>>,
}

impl ReadAhead {
    /// Begins to read the links of one association, of these owners.
    pub(super) fn begin(pending: &Pending, association: i32, owners: Vec<Vec<i64>>) -> Self {
        let (sender, batches) = sync_channel(WAITING);
        let pending = pending.clone();
        std::thread::spawn(move || {
            let mut connection = match pending.connect() {
                Ok(connection) => connection,
                Err(error) => return drop(sender.send(Err(error.into()))),
            };
            for owners in owners {
                let links = read(&mut connection, association, &owners).map_err(TaskError::from);
                let is_over = links.is_err();
                if sender.send(links).is_err() || is_over {
                    return;
                }
            }
        });
        Self { batches }
    }

    /// The links of the next batch, in the order in which they were asked for.
    pub(super) fn next(&self) -> Result<Vec<StoredLink>, TaskError> {
        let ended = |_| TaskError::failed("links", "the thread that reads stored links ended unexpectedly");
        self.batches.recv().map_err(ended)?
    }
}

/// The links of one association, of these owners.
pub(super) fn read(connection: &mut PgConnection, association: i32, owners: &[i64]) -> QueryResult<Vec<StoredLink>> {
    diesel::sql_query("select from_id, to_id from links where association_id = $1 and from_id = any($2)")
        .bind::<Integer, _>(association)
        .bind::<Array<BigInt>, _>(owners)
        .load(connection)
}
