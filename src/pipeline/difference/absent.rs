//! What is stored and was not read, or is to be deleted by command: deletes. Only what was read over the whole truth, to
//! its end, says that something is absent.

use super::change_set::ResourceChange;
use super::keys::{Entry, flag};
use super::{Scope, Work};
use crate::model::guard::Operation;
use crate::pipeline::TaskError;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

const BATCH: usize = 5000;

/// Marks the absent keys. A key that was read but rejected is not absent: it is protected.
pub fn find(scope: &mut Scope<'_>) {
    if !scope.complete {
        return;
    }
    for entry in scope.keys.iter_mut() {
        if !entry.has_any(flag::READ | flag::NEW | flag::REJECTED) {
            entry.set(flag::GONE);
        }
    }
}

/// Freezes their deletes.
pub fn delete(work: &mut Work<'_>, scope: &mut Scope<'_>) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct Stored {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Integer)]
        line: i32,
        #[diesel(sql_type = Nullable<BigInt>)]
        person_id: Option<i64>,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Jsonb)]
        attributes: Value,
    }
    let gone = scope.keys.iter().map(|(_, entry)| entry).filter(|entry| entry.has(flag::GONE));
    let (commanded, absent): (Vec<&Entry>, Vec<&Entry>) = gone.partition(|entry| entry.has(flag::COMMANDED));
    // Deletes by command are counted as rows, where they were read.
    scope.counters.deleted += absent.len() as u64;
    let gone: Vec<i64> = absent.into_iter().chain(commanded).map(|entry| entry.id).collect();
    for ids in gone.chunks(BATCH) {
        work.progress.go_on()?;
        let rows: Vec<Stored> = diesel::sql_query(
            "select id, line, person_id, key, attributes from resources where entity_type_id = $1 and id = any($2)
              order by key",
        )
        .bind::<Integer, _>(scope.id)
        .bind::<Array<BigInt>, _>(ids)
        .load(work.connection)?;
        for row in rows {
            let before = row.attributes.to_string();
            work.changes.resource(&ResourceChange {
                entity_type: scope.id,
                operation: Some(Operation::Delete),
                id: row.id,
                key: &row.key,
                line: row.line,
                person: row.person_id,
                before: Some(before.as_bytes()),
                ..ResourceChange::default()
            })?;
        }
    }
    Ok(())
}
