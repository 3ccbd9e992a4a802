//! Persons in a revert: as they were before the reverted run, where nobody changed them since.
//!
//! Values follow from resources and correlations, so most of it comes by itself. What does not: blocks and last values of
//! leavers, which remember how a person came there; and whether a person was there at all. These come from the version
//! that the reverted run ended. A person that the reverted run made is removed, unless something else hangs on it: then
//! it is a leaver like any other.

use super::writing::{self, Writing};
use super::{BATCH, PeopleWorld, count};
use crate::model::connector::ConnectorId;
use crate::model::counters::PersonCounters;
use crate::model::person::partition;
use crate::model::snapshot;
use crate::pipeline::TaskError;
use crate::pipeline::authority::{Authority, Fate, Person};
use crate::pipeline::people::households::{self, Household};
use crate::pipeline::progress::Progress;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;
use std::collections::HashMap;

/// What is known of a person beside its household.
struct Past {
    /// As it was before the reverted run, where that run wrote it.
    earlier: Option<Person>,
    /// Nobody wrote it since.
    untouched: bool,
    /// The reverted run made it.
    made: bool,
    /// Local values, memberships or blocks hang on it.
    attached: bool,
}

/// What a revert would do to persons; those that it brings back count as created.
pub fn forecast(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &PeopleWorld<'_>,
    run: i32,
    reverted: i32,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<PersonCounters, TaskError> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let mut counters = PersonCounters::default();
    households::each(connection, authority, world, progress, BATCH, |connection, households| {
        let mut pasts = pasts(connection, &households, reverted)?;
        for household in households {
            let before = household.before.clone();
            let fate = fate(authority, household, &mut pasts, reverted, run, now);
            if before.is_some() {
                count(&mut counters, before.as_ref(), &fate, now);
            }
        }
        Ok(())
    })?;
    let back: Count = diesel::sql_query(format!(
        "select count(distinct c.person_id) as count from {} c
          where c.operation <> 'delete' and c.person_id is not null
            and not exists (select from persons p where p.id = c.person_id)",
        world.changes
    ))
    .get_result(connection)?;
    counters.created += back.count.unsigned_abs();
    Ok(counters)
}

/// Brings back the persons that the reverted run removed, and writes what follows for all that are touched.
#[allow(clippy::too_many_arguments)]
pub fn apply(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &PeopleWorld<'_>,
    connector: i32,
    run: i32,
    reverted: i32,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<PersonCounters, TaskError> {
    let mut counters =
        PersonCounters { created: bring_back(connection, world, run, reverted, now)?, ..PersonCounters::default() };
    writing::begin(connection)?;
    households::each(connection, authority, world, progress, BATCH, |connection, households| {
        let mut pasts = pasts(connection, &households, reverted)?;
        let mut writing = Writing::new(connector, run, now);
        for household in households {
            let (person, before) = (household.person, household.before.clone());
            let fate = fate(authority, household, &mut pasts, reverted, run, now);
            count(&mut counters, before.as_ref(), &fate, now);
            writing.fate(person, before.as_ref(), &fate);
        }
        writing.write(connection)
    })?;
    Ok(counters)
}

fn fate(
    authority: &Authority,
    household: Household,
    pasts: &mut HashMap<i64, Past>,
    reverted: i32,
    run: i32,
    now: DateTime<Utc>,
) -> Fate {
    let Household { person, before, testimonies, leaving } = household;
    let by_hand = before.as_ref().map(|person| (person.local.clone(), person.overrides.clone()));
    let (Some(before), Some(past)) = (before, pasts.remove(&person)) else {
        return authority.decide(None, &testimonies, &[], run, now);
    };
    if past.made {
        if testimonies.is_empty() && !past.attached {
            return Fate::Deleted;
        }
        return authority.decide(Some(&before), &testimonies, &leaving, run, now);
    }
    // Who goes with a revert was not there before, and so is no leaver: nothing is missing.
    let mut base = match past.earlier {
        Some(earlier) if past.untouched => earlier,
        earlier => without(before, earlier.as_ref(), reverted),
    };
    // What accounts have set stays, whatever is reverted.
    (base.local, base.overrides) = by_hand.unwrap_or_default();
    authority.decide(Some(&base), &testimonies, &[], run, now)
}

/// A person that was written since, less what the reverted run had brought: its values and its blocks.
fn without(mut person: Person, earlier: Option<&Person>, reverted: i32) -> Person {
    let brought: Vec<String> = person
        .provenance
        .iter()
        .filter(|(_, provenance)| provenance.run == reverted)
        .map(|(name, _)| name.clone())
        .collect();
    for name in brought {
        let was = earlier.and_then(|one| Some((one.fields.get(&name)?.clone(), *one.provenance.get(&name)?)));
        match was {
            Some((value, provenance)) => {
                person.fields.insert(name.clone(), value);
                person.provenance.insert(name, provenance);
            }
            None => {
                person.fields.remove(&name);
                person.provenance.remove(&name);
            }
        }
    }
    if let Some(earlier) = earlier {
        person.recall(earlier);
    }
    person.blocks.retain(|block| block.run != Some(reverted));
    for block in earlier.iter().flat_map(|one| &one.blocks).filter(|block| block.connector.is_some()) {
        if !person.blocks.iter().any(|known| known.entity_type == block.entity_type) {
            person.blocks.push(block.clone());
        }
    }
    person
}

fn pasts(
    connection: &mut PgConnection,
    households: &[Household],
    reverted: i32,
) -> Result<HashMap<i64, Past>, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Bool)]
        untouched: bool,
        #[diesel(sql_type = Bool)]
        made: bool,
        #[diesel(sql_type = Bool)]
        attached: bool,
        #[diesel(sql_type = Nullable<Jsonb>)]
        fields: Option<Value>,
        #[diesel(sql_type = Nullable<Jsonb>)]
        provenance: Option<Value>,
        #[diesel(sql_type = Nullable<Jsonb>)]
        blocks: Option<Value>,
    }
    let ids: Vec<i64> = households.iter().map(|household| household.person).collect();
    let rows: Vec<Row> = diesel::sql_query(
        "select p.id, p.run_id is not distinct from $1 as untouched,
                h.id is null and (p.run_id is not distinct from $1 or exists (
                  select from persons_history v where v.id = p.id and v.run_id = $1)) as made,
                p.local <> '{}'
                  or exists (select from local_memberships m where m.person_id = p.id)
                  or exists (select from overrides o where o.person_id = p.id and o.ended_at is null)
                  or exists (select from jsonb_array_elements(p.blocks) block where block ? 'account') as attached,
                h.fields, h.provenance, h.blocks
           from persons p
           left join persons_history h on h.id = p.id and h.ended_by_run_id = $1
          where p.id = any($2)",
    )
    .bind::<Integer, _>(reverted)
    .bind::<Array<BigInt>, _>(ids)
    .load(connection)?;
    rows.into_iter()
        .map(|row| {
            let earlier = match (row.fields, row.provenance, row.blocks) {
                (Some(fields), Some(provenance), Some(blocks)) => {
                    let person = Person::from_stored(fields, provenance, blocks).map_err(|error| {
                        let place = format!("person {}", row.id);
                        TaskError::failed(place, format!("what was stored of it can't be read: {error}"))
                    })?;
                    Some(person)
                }
                _ => None,
            };
            let Row { id, untouched, made, attached, .. } = row;
            Ok((id, Past { earlier, untouched, made, attached }))
        })
        .collect()
}

/// Inserts again, as they were, the persons that the reverted run removed and that a record names again, with what had
/// gone along: correlations of other records, local memberships. Returns how many.
fn bring_back(
    connection: &mut PgConnection,
    world: &PeopleWorld<'_>,
    run: i32,
    reverted: i32,
    now: DateTime<Utc>,
) -> Result<u64, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Jsonb)]
        fields: Value,
    }
    #[derive(QueryableByName)]
    struct Whose {
        #[diesel(sql_type = Integer)]
        connector: i32,
    }
    let makers: Vec<Whose> = diesel::sql_query(
        "select distinct created_by as connector from persons_history
          where ended_by_run_id = $1 and operation = 'delete' and created_by is not null",
    )
    .bind::<Integer, _>(reverted)
    .load(connection)?;
    for maker in makers {
        partition::ensure(connection, maker.connector)?;
    }
    let mut brought = 0;
    let mut last = i64::MIN;
    loop {
        let gone: Vec<Row> = diesel::sql_query(format!(
            "select h.id, h.local || h.fields as fields from persons_history h
              where h.ended_by_run_id = $1 and h.operation = 'delete' and h.id > $2
                and exists (select from {} c where c.person_id = h.id and c.operation <> 'delete')
                and not exists (select from persons p where p.id = h.id)
              order by h.id limit $3",
            world.changes
        ))
        .bind::<Integer, _>(reverted)
        .bind::<BigInt, _>(last)
        .bind::<BigInt, _>(BATCH)
        .load(connection)?;
        let Some(newest) = gone.last() else { return Ok(brought) };
        last = newest.id;
        brought += gone.len() as u64;
        let ids: Vec<i64> = gone.iter().map(|row| row.id).collect();
        let words: Vec<String> =
            gone.iter().map(|row| writing::search_of(|field| row.fields.get(field).and_then(Value::as_str))).collect();
        diesel::sql_query(
            "insert into persons (id, state, created_by, created_run_id, run_id, valid_from, fields, provenance, local,
                                  blocks, search)
             select h.id, h.state, h.created_by, h.created_run_id, $1, $2, h.fields, h.provenance, h.local, h.blocks,
                    words.search
               from unnest($3, $4) as words (id, search)
               join persons_history h on h.id = words.id and h.ended_by_run_id = $5 and h.operation = 'delete'",
        )
        .bind::<Integer, _>(run)
        .bind::<Timestamptz, _>(now)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Array<Text>, _>(&words)
        .bind::<Integer, _>(reverted)
        .execute(connection)?;
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, person_id) select $1, 'person', 'insert', unnest($2)",
        )
        .bind::<Integer, _>(run)
        .bind::<Array<BigInt>, _>(&ids)
        .execute(connection)?;
        // Whom a user feeds is part of what it is: it gets a new version, as it did when the person went.
        diesel::sql_query(
            "insert into resources_history (id, person_id, entity_type_id, run_id, line, ended_by_run_id, valid_from,
                                            valid_to, key, attributes)
             select r.id, r.person_id, r.entity_type_id, r.run_id, r.line, $3, w.applied_at, $4, r.key, r.attributes
               from departures d join resources r on r.entity_type_id = d.entity_type_id and r.id = d.resource_id
               join runs w on w.id = r.run_id
              where d.run_id = $1 and d.person_id = any($2) and r.person_id is null",
        )
        .bind::<Integer, _>(reverted)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Integer, _>(run)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        diesel::sql_query(
            "update resources r set person_id = d.person_id, run_id = $3 from departures d
              where d.run_id = $1 and d.person_id = any($2) and d.resource_id = r.id
                and d.entity_type_id = r.entity_type_id and r.person_id is null",
        )
        .bind::<Integer, _>(reverted)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Integer, _>(run)
        .execute(connection)?;
        let theirs: Vec<Whose> = diesel::sql_query(
            "select distinct e.connector_id as connector
               from departures d join entity_types e on e.id = d.entity_type_id
              where d.run_id = $1 and d.person_id = any($2)",
        )
        .bind::<Integer, _>(reverted)
        .bind::<Array<BigInt>, _>(&ids)
        .load(connection)?;
        let theirs: Vec<ConnectorId> = theirs.into_iter().map(|whose| ConnectorId(whose.connector)).collect();
        snapshot::touch(connection, &theirs)?;
        diesel::sql_query(
            "insert into local_memberships (group_id, person_id, added_by, added_at)
             select d.group_id, d.person_id, d.added_by, d.added_at from departures d
              where d.run_id = $1 and d.person_id = any($2) and d.group_id is not null
             on conflict do nothing",
        )
        .bind::<Integer, _>(reverted)
        .bind::<Array<BigInt>, _>(&ids)
        .execute(connection)?;
    }
}
