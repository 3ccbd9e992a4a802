//! The persons that a connector makes first, worked out by prepare while it maps their users.
//!
//! What such a person is follows from its users in this run alone: nobody else can have testified yet. So its row is the
//! same whenever it is worked out, and if its users are applied, so is it. A person with one user, which nearly all have,
//! is written as the user passes; the few others are looked at again at the end, by the same code as everybody
//! (`people`).

use super::households::{self, World};
use super::writing::search_of;
use crate::db::copy::CopyIn;
use crate::model::entity_type::UsersDefinition;
use crate::model::person::partition;
use crate::pipeline::TaskError;
use crate::pipeline::authority::{Authority, Fate};
use crate::pipeline::difference::Work;
use crate::pipeline::mapping::{Mapper, Record};
use crate::pipeline::pending::{self, Pending};
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt};
use serde_json::Value;
use std::collections::BTreeSet;

/// More persons than this are not looked at again: synchronize works them all out instead.
const MOST_AGAIN: usize = 5000;

/// The persons that a connector makes first.
pub struct Newcomers {
    connector: i32,
    run: i32,
    load: Option<CopyIn>,
    /// Ids that this run has reserved: first, last.
    reserved: Vec<(i64, i64)>,
    /// Persons with several users, or whose user was withdrawn.
    again: BTreeSet<i64>,
    row: Row,
}

impl Newcomers {
    /// None, unless the connector makes persons for the first time.
    pub fn of(connection: &mut PgConnection, connector: i32, run: i32) -> QueryResult<Option<Self>> {
        Ok((!partition::exists(connection, connector)?).then(|| Self {
            connector,
            run,
            load: None,
            reserved: Vec::new(),
            again: BTreeSet::new(),
            row: Row::default(),
        }))
    }

    /// Says which ids the new persons of the next users get.
    pub fn reserve(&mut self, first: i64, count: i64) {
        self.reserved.push((first, first + count - 1));
    }

    /// A user of a person. `new`: the person was made for it.
    pub fn user(
        &mut self,
        pending: &Pending,
        person: i64,
        new: bool,
        portrait: &Portrait,
        user: (&Record, i32),
    ) -> Result<(), TaskError> {
        if !new {
            self.look_again([person]);
        }
        if !new || self.are_too_many() {
            return Ok(());
        }
        let load = match &mut self.load {
            Some(load) => load,
            none => none.insert(pending.load_persons(self.connector)?),
        };
        portrait.draw(user.0, user.1, self.run, &mut self.row);
        self.row.write(load, person, self.connector, self.run)
    }

    /// Persons who have another user than was thought, if this run makes them.
    pub fn look_again(&mut self, persons: impl IntoIterator<Item = i64>) {
        if self.are_too_many() {
            return;
        }
        let reserved = &self.reserved;
        let ours = |person: &i64| reserved.iter().any(|(first, last)| (first..=last).contains(&person));
        self.again.extend(persons.into_iter().filter(ours));
    }

    /// So many are to be looked at again that synchronize may as well work all of them out.
    fn are_too_many(&self) -> bool {
        self.again.len() > MOST_AGAIN
    }

    /// Ends the loading. `users`: the pending tables of users.
    pub fn settle(
        mut self,
        work: &mut Work<'_>,
        authority: &Authority,
        users: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), TaskError> {
        let Some(load) = self.load.take() else { return Ok(()) };
        let mut count = load.rows() as i64;
        let mut connection = load.finish()?;
        let schema = &work.pending.schema;
        if self.are_too_many() {
            connection.batch_execute(&format!("drop table {schema}.persons"))?;
            return Ok(());
        }
        if !self.again.is_empty() {
            // The users' tables are being indexed; without the indexes the question below would read them through.
            work.builds.wait()?;
            work.changes.flush_changes()?;
            let again: Vec<i64> = std::mem::take(&mut self.again).into_iter().collect();
            count -= diesel::sql_query(format!("delete from {schema}.persons where id = any($1)"))
                .bind::<Array<BigInt>, _>(&again)
                .execute(&mut connection)? as i64;
            let mut load = CopyIn::start(connection, pending::persons::table);
            let changes = format!("{schema}.changes");
            let world = World { changes: &changes, added: users, applied: false, made: &[] };
            for household in households::read(work.connection, authority, &world, &again)? {
                // Whose users are all withdrawn is not made.
                if household.testimonies.is_empty() {
                    continue;
                }
                let fate = authority.decide(None, &household.testimonies, &household.leaving, self.run, now);
                if let Fate::Stays(person) = fate {
                    self.row.fields = super::writing::json(&person.fields);
                    self.row.provenance = super::writing::json(&person.stored_provenance());
                    self.row.search = search_of(|field| person.fields.get(field).and_then(Value::as_str));
                    self.row.write(&mut load, household.person, self.connector, self.run)?;
                    count += 1;
                }
            }
            connection = load.finish()?;
        }
        let reserved: Vec<String> =
            self.reserved.iter().map(|(first, last)| format!("({first}::bigint, {last}::bigint)")).collect();
        connection.batch_execute(&format!(
            "create table {schema}.newcomers as
               select first, last, {count}::bigint as count from (values {}) reserved (first, last)",
            reserved.join(", ")
        ))?;
        for build in work.pending.loaded_persons(connection, self.connector)? {
            work.builds.add(work.pending, build);
        }
        Ok(())
    }
}

/// Attaches the persons that prepare has worked out, if it has: as of `now` they are there. Returns how many, and the
/// ids that were reserved for them: first, last.
pub fn attach(
    connection: &mut PgConnection,
    schema: &str,
    connector: i32,
    now: DateTime<Utc>,
) -> Result<(u64, Vec<(i64, i64)>), TaskError> {
    #[derive(QueryableByName)]
    struct Reserved {
        #[diesel(sql_type = BigInt)]
        first: i64,
        #[diesel(sql_type = BigInt)]
        last: i64,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let name = partition::name(connector);
    if !pending::tables(connection, schema, "persons")?.contains(&name) {
        return Ok((0, Vec::new()));
    }
    let reserved: Vec<Reserved> =
        diesel::sql_query(format!("select first, last, count from {schema}.newcomers")).load(connection)?;
    // A new column with a constant default is noted in the catalogue: no row is rewritten.
    connection.batch_execute(&format!(
        "alter table {schema}.{name} add column valid_from timestamptz not null default '{}';
         alter table {schema}.{name} alter column valid_from drop default;
         alter table {schema}.{name} set schema public",
        now.to_rfc3339()
    ))?;
    partition::attach(connection, connector)?;
    let count = reserved.first().map_or(0, |reserved| reserved.count.unsigned_abs());
    Ok((count, reserved.into_iter().map(|reserved| (reserved.first, reserved.last)).collect()))
}

/// How a new person is drawn from its only user.
pub struct Portrait {
    /// Fields as JSON names, with the position of the property that fills them.
    fields: Vec<(String, String, usize)>,
    connector: i32,
    entity_type: i32,
}

impl Portrait {
    /// For the users of one entity type.
    pub fn new(connector: i32, entity_type: i32, users: &UsersDefinition, mapper: &Mapper) -> Self {
        let position = |name: &str| mapper.properties().iter().position(|property| property.name() == name);
        let fields = users
            .fields
            .iter()
            .filter_map(|(field, property)| {
                Some((field.clone(), Value::from(field.as_str()).to_string(), position(property)?))
            })
            .collect();
        Self { fields, connector, entity_type }
    }

    /// Draws it: what [`Authority::decide`] would say of a new person with this user alone.
    fn draw(&self, record: &Record, line: i32, run: i32, row: &mut Row) {
        use std::io::Write as _;
        row.fields.clear();
        for (_, name, position) in &self.fields {
            let Some(value) = record.values.get(*position).filter(|value| !value.is_null()) else { continue };
            let separator = if row.fields.is_empty() { '{' } else { ',' };
            // A vector takes whatever is written to it.
            let _ = write!(row.fields, "{separator}{name}:{value}");
        }
        let nothing = row.fields.is_empty();
        row.fields.extend_from_slice(if nothing { b"{}" } else { b"}" });
        row.provenance.clear();
        let _ = match nothing {
            true => write!(row.provenance, "{{}}"),
            false => write!(row.provenance, "{{\"\":[{},{},{run},{line}]}}", self.connector, self.entity_type),
        };
        row.search = search_of(|field| {
            let (_, _, position) = self.fields.iter().find(|(name, ..)| name == field)?;
            record.values.get(*position)?.as_str()
        });
    }
}

/// What differs between new persons.
#[derive(Default)]
struct Row {
    fields: Vec<u8>,
    provenance: Vec<u8>,
    search: String,
}

impl Row {
    fn write(&self, load: &mut CopyIn, id: i64, connector: i32, run: i32) -> Result<(), TaskError> {
        load.row(8)?
            .int8(id)
            .text("current")
            .int4(connector)
            .int4(run)
            .int4(run)
            .jsonb(&self.fields)
            .jsonb(&self.provenance)
            .text(&self.search);
        Ok(())
    }
}
