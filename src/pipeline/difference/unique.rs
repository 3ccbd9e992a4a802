//! Unique properties: a value stays with its stored holder, a newcomer is rejected, two records may swap values, and of
//! several newcomers with the same value none is taken.

use super::keys::{Slot, flag};
use super::records::{identity, unique_properties};
use super::scan::{self, key_digest};
use super::{Scope, Work};
use crate::model::problem::{Problem, ProblemCode};
use crate::pipeline::TaskError;
use crate::pipeline::mapping::Record;
use crate::values::digest::Digest;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Values that new and changed records want to hold.
pub struct Claims {
    /// Position of the property in the entity type, digest of the value, who wants it.
    wanted: Vec<(u16, u128, Slot)>,
    /// Values that a changed record gives up.
    given_up: HashSet<(u16, u128, Slot)>,
    /// The texts of `wanted`, where stored resources have to be asked.
    texts: HashMap<(u16, u128), String>,
    positions: Vec<u16>,
}

impl Claims {
    /// None yet.
    pub fn new(scope: &Scope<'_>) -> Self {
        let positions = scope
            .definition
            .properties
            .iter()
            .zip(0..)
            .filter(|(property, _)| property.unique && !property.key)
            .map(|(_, position)| position)
            .collect();
        Self { wanted: Vec::new(), given_up: HashSet::new(), texts: HashMap::new(), positions }
    }

    /// Notes what a record wants to hold, and what it held (`stored`: its attributes so far).
    pub fn new_record(&mut self, scope: &Scope<'_>, slot: Slot, record: &Record, stored: Option<&Value>) {
        for &position in &self.positions {
            let name = &scope.definition.properties[usize::from(position)].name;
            let was = stored.and_then(|attributes| attributes.get(name)).and_then(text);
            let wants = record.values.get(usize::from(position)).and_then(text);
            if was == wants {
                continue;
            }
            if let Some(was) = was {
                self.given_up.insert((position, digest(&was), slot));
            }
            if let Some(wants) = wants {
                let value = digest(&wants);
                self.wanted.push((position, value, slot));
                if !scope.empty {
                    self.texts.insert((position, value), wants);
                }
            }
        }
    }

    /// Rejects the newcomers whose value is taken, until nothing changes any more: a record that is rejected keeps the
    /// value it held, which may be what another wanted. Returns the persons whose users were rejected.
    pub fn settle(mut self, work: &mut Work<'_>, scope: &mut Scope<'_>) -> Result<Vec<i64>, TaskError> {
        if self.wanted.is_empty() {
            return Ok(Vec::new());
        }
        self.wanted.sort_unstable();
        let holders = self.holders(work, scope)?;
        let mut refused: BTreeSet<(Slot, u16)> = BTreeSet::new();
        let mut out: HashSet<Slot> = HashSet::new();
        loop {
            let before = refused.len();
            for same in self.wanted.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
                let (position, value, _) = same[0];
                let wanting: Vec<Slot> =
                    same.iter().map(|&(_, _, slot)| slot).filter(|slot| !out.contains(slot)).collect();
                let taken = holders.get(&(position, value)).is_some_and(|held| {
                    held.iter().any(|&holder| {
                        let gives_up = self.given_up.contains(&(position, value, holder)) && !out.contains(&holder);
                        !scope.keys.get(holder).has(flag::GONE) && !gives_up && !wanting.contains(&holder)
                    })
                });
                if taken || wanting.len() > 1 {
                    refused.extend(wanting.iter().map(|&slot| (slot, position)));
                    out.extend(wanting);
                }
            }
            if refused.len() == before {
                break;
            }
        }
        if refused.is_empty() { Ok(Vec::new()) } else { withdraw(work, scope, &refused) }
    }

    /// Who holds the wanted values now.
    fn holders(
        &self,
        work: &mut Work<'_>,
        scope: &mut Scope<'_>,
    ) -> Result<HashMap<(u16, u128), Vec<Slot>>, TaskError> {
        #[derive(QueryableByName)]
        struct Holder {
            #[diesel(sql_type = Text)]
            key: String,
            #[diesel(sql_type = Text)]
            value: String,
        }
        let mut holders: HashMap<(u16, u128), Vec<Slot>> = HashMap::new();
        for &position in &self.positions {
            let name = &scope.definition.properties[usize::from(position)].name;
            let wanted: Vec<&str> = self
                .texts
                .iter()
                .filter(|((property, _), _)| *property == position)
                .map(|(_, value)| value.as_str())
                .collect();
            // By the index over md5 of the value; the name stands in the text so that it is that index' expression.
            let name = name.replace('\'', "''");
            let question = format!(
                "select key, attributes ->> '{name}' as value from resources where entity_type_id = $1
                    and md5(attributes ->> '{name}') in (select md5(value) from unnest($2) as wanted (value))"
            );
            for values in wanted.chunks(5000) {
                let found: Vec<Holder> = diesel::sql_query(&question)
                    .bind::<Integer, _>(scope.id)
                    .bind::<Array<Text>, _>(values)
                    .load(work.connection)?;
                scan::ask(work.connection, scope, found.iter().map(|holder| holder.key.as_str()))?;
                for holder in found {
                    if let Some(slot) = scope.keys.find(key_digest(&holder.key)) {
                        holders.entry((position, digest(&holder.value))).or_default().push(slot);
                    }
                }
            }
        }
        Ok(holders)
    }
}

/// Takes back what was written for records that are rejected after all, and says why. Returns how many persons are not
/// made because of it.
fn withdraw(
    work: &mut Work<'_>,
    scope: &mut Scope<'_>,
    refused: &BTreeSet<(Slot, u16)>,
) -> Result<Vec<i64>, TaskError> {
    #[derive(QueryableByName)]
    struct Withdrawn {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Integer)]
        line: i32,
        #[diesel(sql_type = Nullable<Text>)]
        value: Option<String>,
    }
    #[derive(QueryableByName)]
    struct Rejected {
        #[diesel(sql_type = BigInt)]
        person_id: i64,
    }
    let properties = unique_properties(scope);
    let mut by_position: HashMap<u16, Vec<Slot>> = HashMap::new();
    for &(slot, position) in refused {
        by_position.entry(position).or_default().push(slot);
    }
    let slots: BTreeSet<Slot> = refused.iter().map(|&(slot, _)| slot).collect();
    let ids: Vec<i64> = slots.iter().map(|&slot| scope.keys.get(slot).id).collect();
    work.changes.flush_changes()?;
    for (position, slots) in by_position {
        let property = &scope.definition.properties[usize::from(position)];
        let ids: Vec<i64> = slots.iter().map(|&slot| scope.keys.get(slot).id).collect();
        let table = if scope.pending {
            format!(
                "select id, key, line, attributes ->> $2 as value from {}.resources_{} where id = any($1)",
                work.pending.schema, scope.id
            )
        } else {
            format!(
                "select resource_id as id, key, line, after ->> $2 as value from {}.changes where resource_id = any($1)",
                work.pending.schema
            )
        };
        let rows: Vec<Withdrawn> = diesel::sql_query(table)
            .bind::<Array<BigInt>, _>(ids)
            .bind::<Text, _>(&property.name)
            .load(work.connection)?;
        for row in rows {
            let value = row.value.unwrap_or_default();
            let problem = Problem {
                scope: scope.definition.name.clone(),
                file: scope.file.source_file.clone(),
                line: u64::try_from(row.line).ok(),
                column: property.column.clone(),
                key: Some(row.key.clone()),
                value: Some(value.chars().take(200).collect()),
                code: ProblemCode::DuplicateValue,
                message: format!(
                    "{} must be unique ({}), and another record holds the same value; give one of them another value \
                     at the source",
                    property.name,
                    properties.join(", ")
                ),
            };
            work.changes.note(&[b"withdrawn", &row.id.to_be_bytes()]);
            work.changes.problem(&problem, identity(&scope.definition.name, row.key.as_bytes()))?;
        }
    }
    let (table, id) = if scope.pending {
        (format!("{}.resources_{}", work.pending.schema, scope.id), "id")
    } else {
        (format!("{}.changes", work.pending.schema), "resource_id")
    };
    let persons: Vec<Rejected> = diesel::sql_query(format!(
        "with withdrawn as (delete from {table} where {id} = any($1) returning person_id)
         select distinct person_id from withdrawn where person_id is not null"
    ))
    .bind::<Array<BigInt>, _>(ids)
    .load(work.connection)?;
    let persons: Vec<i64> = persons.into_iter().map(|row| row.person_id).collect();
    if let Some(newcomers) = &mut work.newcomers {
        newcomers.look_again(persons.iter().copied());
    }
    for slot in slots {
        let entry = scope.keys.get_mut(slot);
        entry.set(flag::REJECTED);
        entry.clear(flag::LINKS | flag::WRITTEN);
        if entry.has(flag::NEW) {
            scope.counters.inserted -= 1;
        } else {
            scope.counters.updated -= 1;
        }
        scope.counters.rejected += 1;
    }
    Ok(persons)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn digest(value: &str) -> u128 {
    Digest::of_fields(3, std::iter::once(value.as_bytes())).0
}
