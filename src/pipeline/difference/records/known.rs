//! Records that are stored already, and in what they differ.

use super::Accepted;
use crate::pipeline::TaskError;
use crate::pipeline::difference::keys::{Entry, flag};
use crate::pipeline::difference::read_ahead::ReadAhead;
use crate::pipeline::difference::{Scope, Work};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable};
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};

/// More records than this are read ahead: for fewer a connection of its own takes longer than it saves.
const MANY: usize = 4000;

/// Records per question, and batches that wait: what bounds the memory.
const AT_ONCE: usize = 1000;
const WAITING: usize = 2;

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

/// What is stored of the records that have to be looked at.
pub(super) struct Known {
    entity_type: i32,
    /// In the order of the file, if there are many.
    ahead: Option<ReadAhead<Vec<Stored>>>,
    /// Read already, and not asked for yet.
    read: VecDeque<Stored>,
}

impl Known {
    /// Of this scope, whose rows are about to be read. Many records are read ahead: those of a whole file, whose order is
    /// that in which they will be asked for.
    pub(super) fn of(work: &Work<'_>, scope: &Scope<'_>) -> Self {
        let known = |entry: &Entry| entry.has(flag::LOOK) && !entry.has_any(flag::NEW | flag::GONE | flag::CONFLICT);
        let mut wanted: Vec<(u32, i64)> = match &scope.commands {
            Some(_) => Vec::new(),
            None => {
                let entries = scope.keys.iter().map(|(_, entry)| entry);
                entries.filter(|entry| known(entry)).map(|entry| (entry.ordinal, entry.id)).collect()
            }
        };
        let mut ahead = None;
        if wanted.len() > MANY {
            wanted.sort_unstable();
            let ids: Vec<Vec<i64>> =
                wanted.chunks(AT_ONCE).map(|wanted| wanted.iter().map(|(_, id)| *id).collect()).collect();
            let entity_type = scope.id;
            let read = move |connection: &mut PgConnection, ids: &Vec<i64>| {
                let mut stored = load(connection, entity_type, ids)?;
                Ok(ids.iter().filter_map(|id| stored.remove(id)).collect())
            };
            ahead = Some(ReadAhead::begin(work.pending, WAITING, ids, read));
        }
        Self { entity_type: scope.id, ahead, read: VecDeque::new() }
    }

    /// The stored ones of these records, by id. Each is asked for once, in the order of the file.
    pub(super) fn stored(
        &mut self,
        connection: &mut PgConnection,
        scope: &Scope<'_>,
        records: &[Accepted],
    ) -> Result<HashMap<i64, Stored>, TaskError> {
        let mut missing = Vec::new();
        let mut found = HashMap::with_capacity(records.len());
        for id in records.iter().map(|accepted| scope.keys.get(accepted.slot).id) {
            match self.next(id)? {
                Some(stored) => _ = found.insert(id, stored),
                None => missing.push(id),
            }
        }
        found.extend(load(connection, self.entity_type, &missing)?);
        Ok(found)
    }

    /// The one with this id, among those read ahead. What stands before it was rejected meanwhile: nobody asks for it.
    fn next(&mut self, id: i64) -> Result<Option<Stored>, TaskError> {
        let Some(ahead) = &self.ahead else { return Ok(None) };
        loop {
            while let Some(stored) = self.read.pop_front() {
                if stored.id == id {
                    return Ok(Some(stored));
                }
            }
            match ahead.next()? {
                Some(batch) => self.read.extend(batch),
                None => return Ok(None),
            }
        }
    }
}

/// These records, by id.
fn load(connection: &mut PgConnection, entity_type: i32, ids: &[i64]) -> QueryResult<HashMap<i64, Stored>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Stored> =
        diesel::sql_query("select id, person_id, attributes from resources where entity_type_id = $1 and id = any($2)")
            .bind::<Integer, _>(entity_type)
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
