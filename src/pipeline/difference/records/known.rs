//! Records that are stored already, and in what they differ.

use super::Accepted;
use crate::pipeline::TaskError;
use crate::pipeline::difference::Scope;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A record as it is stored.
#[derive(QueryableByName)]
pub(super) struct Stored {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) person_id: Option<i64>,
    #[diesel(sql_type = Jsonb)]
    pub(super) attributes: Value,
}

/// The stored ones of these records, by id.
pub(super) fn stored(
    connection: &mut PgConnection,
    scope: &Scope<'_>,
    known: &[Accepted],
) -> Result<HashMap<i64, Stored>, TaskError> {
    let ids: Vec<i64> = known.iter().map(|accepted| scope.keys.get(accepted.slot).id).collect();
    let rows: Vec<Stored> =
        diesel::sql_query("select id, person_id, attributes from resources where entity_type_id = $1 and id = any($2)")
            .bind::<Integer, _>(scope.id)
            .bind::<Array<BigInt>, _>(ids)
            .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// The properties that differ, as they are and as they will be; null where there is no value.
pub(super) fn differing(stored: &Value, now: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let none = Map::new();
    let stored = stored.as_object().unwrap_or(&none);
    let (mut before, mut after) = (Map::new(), Map::new());
    for (name, value) in now {
        let was = stored.get(name);
        if was != Some(value) {
            before.insert(name.clone(), was.cloned().unwrap_or(Value::Null));
            after.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in stored.iter().filter(|(name, _)| !now.contains_key(*name)) {
        before.insert(name.clone(), value.clone());
        after.insert(name.clone(), Value::Null);
    }
    (before, after)
}
