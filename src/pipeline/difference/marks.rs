//! Digests: written for what is settled, withheld from what stays open.

use super::keys::{Entry, flag};
use super::{Scope, Work};
use crate::pipeline::TaskError;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};

const BATCH: usize = 5000;

/// Withholds the digests of records that turned out to leave something open after they were written, and marks stored
/// records whose digests changed although their values did not.
pub fn settle(work: &mut Work<'_>, scope: &Scope<'_>) -> Result<(), TaskError> {
    withhold(work, scope, flag::OPEN, "digest")?;
    withhold(work, scope, flag::LINKS_OPEN, "links_digest")?;
    mark(work, scope)
}

fn withhold(work: &mut Work<'_>, scope: &Scope<'_>, open: u32, column: &str) -> Result<(), TaskError> {
    let written = |entry: &&Entry| entry.has(open | flag::WRITTEN) && !entry.has(flag::REJECTED);
    let ids: Vec<i64> = scope.keys.iter().map(|(_, entry)| entry).filter(written).map(|entry| entry.id).collect();
    let schema = &work.pending.schema;
    let statement = if scope.pending {
        format!("update {schema}.resources_{} set {column} = null where id = any($1)", scope.id)
    } else {
        format!("update {schema}.changes set {column} = null where resource_id = any($1)")
    };
    for ids in ids.chunks(BATCH) {
        diesel::sql_query(&statement).bind::<Array<BigInt>, _>(ids).execute(work.connection)?;
    }
    Ok(())
}

/// Digests that differ from the stored ones, which the first pass has read.
fn mark(work: &mut Work<'_>, scope: &Scope<'_>) -> Result<(), TaskError> {
    let owns_pairs = scope.owns_pairs;
    let doubtful = |entry: &&Entry| {
        let own = entry.has(flag::LOOK) && !entry.has(flag::UNKNOWN | flag::OPEN)
            || entry.has(flag::OPEN) && !entry.has(flag::UNKNOWN);
        let links = owns_pairs && (entry.links != 0 || entry.has(flag::LINKS_OPEN) != entry.has(flag::LINKS_UNKNOWN));
        !entry.has_any(flag::NEW | flag::WRITTEN | flag::GONE)
            && if is_protected(entry) || !entry.has(flag::READ) {
                entry.has_any(flag::OPEN | flag::LINKS_OPEN)
            } else {
                own || links
            }
    };
    for entry in scope.keys.iter().map(|(_, entry)| entry).filter(doubtful) {
        let was = Some(entry.stored).filter(|_| !entry.has(flag::UNKNOWN));
        let links_was = Some(entry.stored_links).filter(|_| !entry.has(flag::LINKS_UNKNOWN));
        // What was read of a protected record counts for nothing.
        let (digest, links) = if is_protected(entry) || !entry.has(flag::READ) {
            (was, links_was)
        } else {
            let digest = if entry.has(flag::PARTIAL) { was } else { Some(entry.digest) };
            let links = match scope.knows_pairs(entry) {
                true => owns_pairs.then(|| entry.stored_links.wrapping_add(entry.links)),
                false => links_was,
            };
            (digest, links)
        };
        let digest = digest.filter(|_| !entry.has(flag::OPEN));
        let links = links.filter(|_| !entry.has(flag::LINKS_OPEN));
        if (digest, links) != (was, links_was) {
            work.changes.mark(scope.id, entry.id, digest, links)?;
        }
    }
    Ok(())
}

fn is_protected(entry: &Entry) -> bool {
    entry.has_any(flag::REJECTED | flag::CONFLICT)
}
