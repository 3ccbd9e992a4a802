//! Writes what became of a batch of persons: new ones, changed ones with their history, deleted ones.

use crate::db::copy::{RowBuffer, copy_rows};
use crate::model::connector::ConnectorId;
use crate::model::person::partition;
use crate::model::snapshot;
use crate::pipeline::TaskError;
use crate::pipeline::authority::{Fate, Person};
use crate::schema::persons;
use crate::values::text::simplify;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde::Serialize;
use serde_json::Value;

diesel::table! {
    person_updates (id) {
        id -> Int8,
        deleted -> Bool,
        state -> Text,
        fields -> Jsonb,
        provenance -> Jsonb,
        blocks -> Jsonb,
        search -> Text,
    }
}

/// Makes the temporary table that batches go through.
pub fn begin(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(
        "create temp table person_updates (id bigint primary key, deleted boolean not null, state text not null,
           fields jsonb not null, provenance jsonb not null, blocks jsonb not null, search text not null)
         on commit drop",
    )
}

/// One batch.
pub struct Writing {
    connector: i32,
    run: i32,
    now: DateTime<Utc>,
    new: RowBuffer,
    changed: RowBuffer,
    beneath: Beneath,
}

impl Writing {
    /// Nothing yet.
    pub fn new(connector: i32, run: i32, now: DateTime<Utc>) -> Self {
        let (new, changed) = (RowBuffer::default(), RowBuffer::default());
        Self { connector, run, now, new, changed, beneath: Beneath::default() }
    }

    /// Adds what became of a person, unless it is as it was.
    pub fn fate(&mut self, id: i64, before: Option<&Person>, fate: &Fate) {
        match (before, fate) {
            (None, Fate::Stays(person)) => self.insert(id, person),
            (None, Fate::Deleted) => {}
            (Some(before), Fate::Deleted) => self.change(id, before, true),
            (Some(before), Fate::Stays(after)) => {
                if !is_same(before, after) {
                    self.change(id, after, false);
                }
                self.beneath.add(id, before, after);
            }
        }
    }

    fn insert(&mut self, id: i64, person: &Person) {
        self.new
            .row(11)
            .int8(id)
            .text(state(person, self.now))
            .int4(self.connector)
            .int4(self.run)
            .int4(self.run)
            .timestamptz(self.now)
            .jsonb(&json(&person.fields))
            .jsonb(&json(&person.stored_provenance()))
            .jsonb(b"{}")
            .jsonb(&json(&person.blocks))
            .text(&search(person));
    }

    fn change(&mut self, id: i64, person: &Person, deleted: bool) {
        self.changed
            .row(7)
            .int8(id)
            .bool(deleted)
            .text(state(person, self.now))
            .jsonb(&json(&person.fields))
            .jsonb(&json(&person.stored_provenance()))
            .jsonb(&json(&person.blocks))
            .text(&search(person));
    }

    /// Writes the batch.
    pub fn write(self, connection: &mut PgConnection) -> Result<(), TaskError> {
        #[derive(QueryableByName)]
        struct Whose {
            #[diesel(sql_type = Integer)]
            connector_id: i32,
        }
        if !self.new.is_empty() {
            partition::ensure(connection, self.connector)?;
            copy_rows(connection, persons::table, self.new)?;
        }
        self.beneath.write(connection)?;
        if self.changed.is_empty() {
            return Ok(());
        }
        copy_rows(connection, person_updates::table, self.changed)?;
        // The planner must know how few these are: it would read all persons through else.
        connection.batch_execute("analyze person_updates (id, deleted)")?;
        diesel::sql_query(
            "insert into persons_history (id, state, created_by, created_run_id, run_id, ended_by_run_id, operation,
                                          valid_from, valid_to, fields, provenance, local, blocks, search)
             select p.id, p.state, p.created_by, p.created_run_id, p.run_id, $1,
                    case when u.deleted then 'delete' else 'update' end,
                    p.valid_from, $2, p.fields, p.provenance, p.local, p.blocks, p.search
               from person_updates u join persons p on p.id = u.id",
        )
        .bind::<Integer, _>(self.run)
        .bind::<Timestamptz, _>(self.now)
        .execute(connection)?;
        diesel::sql_query(
            "update persons p
                set state = u.state, fields = u.fields, provenance = u.provenance, blocks = u.blocks,
                    search = u.search, run_id = $1, valid_from = $2
               from person_updates u where p.id = u.id and not u.deleted",
        )
        .bind::<Integer, _>(self.run)
        .bind::<Timestamptz, _>(self.now)
        .execute(connection)?;
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, person_id)
             select $1, 'person', case when deleted then 'delete' else 'update' end, id from person_updates",
        )
        .bind::<Integer, _>(self.run)
        .execute(connection)?;
        diesel::sql_query(
            "insert into departures (run_id, person_id, entity_type_id, resource_id, group_id, added_by, added_at)
             select $1, u.id, r.entity_type_id, r.id, null, null, null
               from person_updates u join resources r on r.person_id = u.id where u.deleted
             union all
             select $1, u.id, null, null, m.group_id, m.added_by, m.added_at
               from person_updates u join local_memberships m on m.person_id = u.id where u.deleted",
        )
        .bind::<Integer, _>(self.run)
        .execute(connection)?;
        let theirs: Vec<Whose> = diesel::sql_query(
            "select distinct e.connector_id from resources r join entity_types e on e.id = r.entity_type_id
              where r.person_id in (select id from person_updates where deleted)",
        )
        .load(connection)?;
        let theirs: Vec<ConnectorId> = theirs.into_iter().map(|whose| ConnectorId(whose.connector_id)).collect();
        snapshot::touch(connection, &theirs)?;
        // Whom a user fed is part of what it was: of other connectors, too, it gets a new version.
        diesel::sql_query(
            "insert into resources_history (id, person_id, entity_type_id, run_id, line, ended_by_run_id, valid_from,
                                            valid_to, key, attributes)
             select r.id, r.person_id, r.entity_type_id, r.run_id, r.line, $1, w.applied_at, $2, r.key, r.attributes
               from resources r join runs w on w.id = r.run_id
              where r.person_id in (select id from person_updates where deleted) and r.run_id <> $1",
        )
        .bind::<Integer, _>(self.run)
        .bind::<Timestamptz, _>(self.now)
        .execute(connection)?;
        diesel::sql_query(
            "update resources set person_id = null, run_id = $1
              where person_id in (select id from person_updates where deleted)",
        )
        .bind::<Integer, _>(self.run)
        .execute(connection)?;
        diesel::sql_query(
            "insert into local_memberships_history (group_id, person_id, added_by, added_at, removed_by, valid_to)
             select m.group_id, m.person_id, m.added_by, m.added_at, 'run ' || $1, $2
               from person_updates u join local_memberships m on m.person_id = u.id where u.deleted",
        )
        .bind::<Integer, _>(self.run)
        .bind::<Timestamptz, _>(self.now)
        .execute(connection)?;
        connection.batch_execute(
            "delete from local_memberships where person_id in (select id from person_updates where deleted);
             delete from persons where id in (select id from person_updates where deleted);
             truncate person_updates",
        )?;
        Ok(())
    }
}

/// Whether nothing of what stands with the person differs: what overrides cover does not show.
fn is_same(one: &Person, other: &Person) -> bool {
    one.fields == other.fields
        && one.provenance == other.provenance
        && one.outvoted == other.outvoted
        && one.blocks == other.blocks
}

/// What comes to lie beneath overrides.
#[derive(Default)]
pub(super) struct Beneath {
    persons: Vec<i64>,
    fields: Vec<String>,
    values: Vec<Option<Value>>,
}

impl Beneath {
    /// Adds what differs for a person.
    pub(super) fn add(&mut self, id: i64, before: &Person, after: &Person) {
        for (field, one) in &after.overrides {
            if before.overrides.get(field) != Some(one) {
                self.persons.push(id);
                self.fields.push(field.clone());
                self.values.push(one.stored_beneath());
            }
        }
    }

    /// Writes it.
    pub(super) fn write(self, connection: &mut PgConnection) -> QueryResult<()> {
        if self.persons.is_empty() {
            return Ok(());
        }
        diesel::sql_query(
            "update overrides o set beneath = b.beneath
               from unnest($1, $2, $3) as b (person_id, field, beneath)
              where o.person_id = b.person_id and o.field = b.field and o.ended_at is null",
        )
        .bind::<Array<BigInt>, _>(self.persons)
        .bind::<Array<Text>, _>(self.fields)
        .bind::<Array<Nullable<Jsonb>>, _>(self.values)
        .execute(connection)?;
        Ok(())
    }
}

pub(super) fn state(person: &Person, now: DateTime<Utc>) -> &'static str {
    if person.is_past(now) { "past" } else { "current" }
}

/// What a search for this person may look for, folded.
pub fn search(person: &Person) -> String {
    search_of(|field| person.fields.get(field).or_else(|| person.local.get(field)).and_then(Value::as_str))
}

/// Likewise, from the texts of fields.
pub(super) fn search_of<'t>(text_of: impl Fn(&str) -> Option<&'t str>) -> String {
    const SEARCHED: [&str; 7] =
        ["display_name", "given_name", "family_name", "user_name", "mail", "employee_id", "phone"];
    let mut words = String::new();
    for text in SEARCHED.iter().filter_map(|field| text_of(field)) {
        for word in simplify(text).split(' ') {
            // Whoever looks for a word finds it once. Few words: looking through them is cheaper than a set.
            if !words.split(' ').any(|known| known == word) {
                if !words.is_empty() {
                    words.push(' ');
                }
                words.push_str(word);
            }
        }
    }
    words
}

pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    // Maps and lists of JSON values always have a JSON form.
    serde_json::to_vec(value).unwrap_or_else(|_| b"{}".to_vec())
}
