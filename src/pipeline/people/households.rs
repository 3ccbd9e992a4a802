//! A person with all that its users say, read in batches: as it is, or as a change set would make it.

use crate::pipeline::TaskError;
use crate::pipeline::authority::{Authority, Override, Person, Testimony};
use crate::pipeline::progress::Progress;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Which state of the world is read, and which persons in it are touched. Both name a relation of changes (the columns of
/// `changes`): of one run only.
#[derive(Debug, Clone)]
pub struct World<'a> {
    /// The changes of the run.
    pub changes: &'a str,
    /// Tables of users that the run adds whole: pending ones in a forecast, attached partitions afterwards.
    pub added: &'a [String],
    /// Whether the changes are written already. Before, only persons that exist are looked at.
    pub applied: bool,
    /// Ids of persons that are not looked at: reserved for this run by prepare, and either not made yet or made already.
    /// First, last.
    pub made: &'a [(i64, i64)],
}

/// A person, and what its users say.
pub struct Household {
    /// The person's id.
    pub person: i64,
    /// The person so far.
    pub before: Option<Person>,
    /// What its users say, after the change set.
    pub testimonies: Vec<Testimony>,
    /// What the users of this person said that go.
    pub leaving: Vec<Testimony>,
}

#[derive(QueryableByName)]
struct PersonId {
    #[diesel(sql_type = BigInt)]
    person_id: i64,
}

/// Calls `each` for every batch of touched persons, in the order of their ids.
pub fn each(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &World<'_>,
    progress: &Progress,
    batch: i64,
    mut each: impl FnMut(&mut PgConnection, Vec<Household>) -> Result<(), TaskError>,
) -> Result<(), TaskError> {
    let touched = touch(connection, authority, world)?;
    progress.begin("Working out persons", touched);
    let (mut last, mut done) = (i64::MIN, 0);
    loop {
        progress.at(done)?;
        let persons: Vec<PersonId> =
            diesel::sql_query("select person_id from touched_persons where person_id > $1 order by person_id limit $2")
                .bind::<BigInt, _>(last)
                .bind::<BigInt, _>(batch)
                .load(connection)?;
        let Some(newest) = persons.last() else { break };
        last = newest.person_id;
        done += persons.len() as u64;
        let ids: Vec<i64> = persons.into_iter().map(|row| row.person_id).collect();
        let households = read(connection, authority, world, &ids)?;
        each(connection, households)?;
    }
    diesel::sql_query("drop table touched_persons").execute(connection)?;
    Ok(())
}

/// Lists the touched persons in a temporary table; returns how many.
fn touch(connection: &mut PgConnection, authority: &Authority, world: &World<'_>) -> Result<u64, TaskError> {
    let added: String = world.added.iter().map(|table| format!(" union all select person_id from {table}")).collect();
    diesel::sql_query("drop table if exists touched_persons").execute(connection)?;
    diesel::sql_query("create temp table touched_persons (person_id bigint primary key)").execute(connection)?;
    let existing =
        if world.applied { "" } else { "and exists (select from persons where persons.id = touched.person_id)" };
    let made: String =
        world.made.iter().map(|(first, last)| format!(" and person_id not between {first} and {last}")).collect();
    let count = diesel::sql_query(format!(
        "insert into touched_persons
           select distinct person_id from (
             select person_id from {changes} where entity_type_id = any($1) {added}
           ) touched where person_id is not null {made} {existing} order by 1",
        changes = world.changes
    ))
    .bind::<Array<Integer>, _>(authority.entity_types())
    .execute(connection)?;
    diesel::sql_query("analyze touched_persons").execute(connection)?;
    Ok(count as u64)
}

/// Reads these persons, with what their users say.
pub(super) fn read(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &World<'_>,
    ids: &[i64],
) -> Result<Vec<Household>, TaskError> {
    let mut before = persons(connection, ids, world.applied)?;
    let mut testimonies = testimonies(connection, authority, world, ids)?;
    let mut leaving = leaving(connection, world, ids)?;
    Ok(ids
        .iter()
        .map(|&person| Household {
            person,
            before: before.remove(&person),
            testimonies: testimonies.remove(&person).unwrap_or_default(),
            leaving: leaving.remove(&person).unwrap_or_default(),
        })
        .collect())
}

/// These persons as they are stored. `to_write`: nobody changes them by hand between now and the end of the transaction.
pub(super) fn persons(
    connection: &mut PgConnection,
    ids: &[i64],
    to_write: bool,
) -> Result<HashMap<i64, Person>, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Jsonb)]
        fields: Value,
        #[diesel(sql_type = Jsonb)]
        provenance: Value,
        #[diesel(sql_type = Jsonb)]
        blocks: Value,
        #[diesel(sql_type = Jsonb)]
        local: Value,
    }
    let lock = if to_write { "for no key update" } else { "" };
    let rows: Vec<Row> = diesel::sql_query(format!(
        "select id, fields, provenance, blocks, local from persons where id = any($1) {lock}"
    ))
    .bind::<Array<BigInt>, _>(ids)
    .load(connection)?;
    let mut overrides = overrides(connection, ids)?;
    rows.into_iter()
        .map(|row| {
            let mut person = Person::from_stored(row.fields, row.provenance, row.blocks).map_err(|error| {
                TaskError::failed(format!("person {}", row.id), format!("what is stored of it can't be read: {error}"))
            })?;
            person.overrides = overrides.remove(&row.id).unwrap_or_default();
            if let Value::Object(local) = row.local {
                person.local = local;
            }
            Ok((row.id, person))
        })
        .collect()
}

/// The overrides that stand, of these persons: few, found by their own index.
fn overrides(
    connection: &mut PgConnection,
    ids: &[i64],
) -> Result<HashMap<i64, BTreeMap<String, Override>>, TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        person_id: i64,
        #[diesel(sql_type = Text)]
        field: String,
        #[diesel(sql_type = Jsonb)]
        value: Value,
        #[diesel(sql_type = Nullable<Jsonb>)]
        beneath: Option<Value>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select person_id, field, value, beneath from overrides where ended_at is null and person_id = any($1)",
    )
    .bind::<Array<BigInt>, _>(ids)
    .load(connection)?;
    let mut by_person: HashMap<i64, BTreeMap<String, Override>> = HashMap::new();
    for Row { person_id, field, value, beneath } in rows {
        let one = Override::from_stored(value, beneath).map_err(|error| {
            TaskError::failed(format!("person {person_id}"), format!("an override can't be read: {error}"))
        })?;
        by_person.entry(person_id).or_default().insert(field, one);
    }
    Ok(by_person)
}

fn testimonies(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &World<'_>,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<Testimony>>, TaskError> {
    let question = if world.applied {
        "select person_id, id, entity_type_id, run_id, line, attributes
           from resources where entity_type_id = any($1) and person_id = any($2)"
            .to_owned()
    } else {
        // As it would be: what stays, what changes, what comes.
        let added: String = world
            .added
            .iter()
            .map(|table| {
                format!(
                    " union all select person_id, id, entity_type_id, run_id, line, attributes
                        from {table} where person_id = any($2)"
                )
            })
            .collect();
        format!(
            "select coalesce(c.person_id, r.person_id) as person_id, r.id, r.entity_type_id,
                    coalesce(c.run_id, r.run_id) as run_id,
                    case when c.run_id is null then r.line else c.line end as line,
                    case when c.after is null then r.attributes
                         else jsonb_strip_nulls(r.attributes || c.after) end as attributes
               from resources r left join {changes} c on c.resource_id = r.id
              where r.entity_type_id = any($1) and r.person_id = any($2) and c.operation is distinct from 'delete'
             union all
             select c.person_id, c.resource_id, c.entity_type_id, c.run_id, c.line, c.after
               from {changes} c
              where c.operation = 'insert' and c.entity_type_id = any($1) and c.person_id = any($2)
             union all
             select c.person_id, r.id, r.entity_type_id, c.run_id, c.line, jsonb_strip_nulls(r.attributes || c.after)
               from {changes} c join resources r on r.entity_type_id = c.entity_type_id and r.id = c.resource_id
              where c.operation = 'update' and c.entity_type_id = any($1) and c.person_id = any($2)
                and r.person_id is null
             {added}",
            changes = world.changes
        )
    };
    let users: Vec<User> = diesel::sql_query(question)
        .bind::<Array<Integer>, _>(authority.entity_types())
        .bind::<Array<BigInt>, _>(ids)
        .load(connection)?;
    Ok(by_person(users))
}

/// What the users said that go: of the run that had written them, which history knows once the run is applied.
fn leaving(
    connection: &mut PgConnection,
    world: &World<'_>,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<Testimony>>, TaskError> {
    let (written, ended) =
        if world.applied { ("resources_history", "and w.ended_by_run_id = c.run_id") } else { ("resources", "") };
    let users: Vec<User> = diesel::sql_query(format!(
        "select c.person_id, c.resource_id as id, c.entity_type_id, coalesce(w.run_id, c.run_id) as run_id, c.line,
                coalesce(c.before, '{{}}') as attributes
           from {} c
           left join {written} w on w.entity_type_id = c.entity_type_id and w.id = c.resource_id {ended}
          where c.operation = 'delete' and c.person_id = any($1)",
        world.changes
    ))
    .bind::<Array<BigInt>, _>(ids)
    .load(connection)?;
    Ok(by_person(users))
}

#[derive(QueryableByName)]
struct User {
    #[diesel(sql_type = BigInt)]
    person_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Integer)]
    entity_type_id: i32,
    #[diesel(sql_type = Integer)]
    run_id: i32,
    #[diesel(sql_type = Integer)]
    line: i32,
    #[diesel(sql_type = Jsonb)]
    attributes: Value,
}

fn by_person(users: Vec<User>) -> HashMap<i64, Vec<Testimony>> {
    let mut by_person: HashMap<i64, Vec<Testimony>> = HashMap::with_capacity(users.len());
    for User { person_id, id, entity_type_id, run_id, line, attributes } in users {
        let Value::Object(attributes) = attributes else { continue };
        let testimony = Testimony { resource: id, entity_type: entity_type_id, run: run_id, line, attributes };
        by_person.entry(person_id).or_default().push(testimony);
    }
    by_person
}
