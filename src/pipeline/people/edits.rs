//! What accounts do to the values of persons: local values, and overrides with their end. Each edit is a version of its
//! own, told to deliveries and noted in the audit log; the log names fields, values stand in the history.

use super::households;
use super::writing::search;
use crate::model::applying;
use crate::model::audit;
use crate::model::partition;
use crate::model::profile_field::{self, Editor, Permission, ProfileField, permission};
use crate::pipeline::TaskError;
use crate::pipeline::authority::Person;
use crate::pipeline::local_groups::rules;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 500;

/// Overrides that end together.
const BATCH: i64 = 2000;

/// Why nothing was edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A run is being applied, or somebody else edits.
    #[error("a run is being applied right now, so nothing was changed; try again in a moment")]
    Busy,
    /// There is no such person.
    #[error("there is no such user any more")]
    Gone,
    /// It can't be so.
    #[error("{0}")]
    Refused(String),
    /// What is stored can't be read.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] DieselError),
}

/// An override to be made.
#[derive(Debug, Clone)]
pub struct Overruling<'a> {
    /// Whose value.
    pub person: i64,
    /// The profile field's name.
    pub field: &'a str,
    /// What holds.
    pub value: Value,
    /// Why.
    pub reason: &'a str,
    /// When it ends by itself.
    pub due_at: Option<DateTime<Utc>>,
}

/// Sets local values, or takes them away (`None`). What is the same already is passed over; the result names what
/// changed. `editor` is who wants it, `by` the account.
pub fn set_local(
    connection: &mut PgConnection,
    person: i64,
    entries: &BTreeMap<String, Option<Value>>,
    editor: Editor,
    by: &str,
    now: DateTime<Utc>,
) -> Result<BTreeSet<String>, EditError> {
    edit(connection, now, |connection| {
        let declared = profile_field::list(connection)?;
        let mut stored = one(connection, person)?;
        let mut changed = BTreeSet::new();
        for (name, value) in entries {
            if stored.local.get(name) == value.as_ref() {
                continue;
            }
            let field = find(&declared, name)?;
            if permission(field, editor, stored.fields.contains_key(name)) != Permission::Edit {
                return Err(EditError::Refused(format!("{} can't be edited here; a source decides it", field.title)));
            }
            match value {
                Some(value) => {
                    free(connection, field, value, person)?;
                    stored.local.insert(name.clone(), value.clone());
                }
                None => _ = stored.local.remove(name),
            }
            changed.insert(name.clone());
        }
        if !changed.is_empty() {
            write(connection, &[(person, stored)], now)?;
            note_edits(connection, person, &changed, by, now)?;
            audit::record(connection, by, "edit", &subject(person), json!({ "fields": changed }))?;
        }
        Ok(changed)
    })
}

/// Lays a value over what all sources say, in place of an override that stands already.
pub fn overrule(
    connection: &mut PgConnection,
    wanted: &Overruling<'_>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), EditError> {
    let reason = wanted.reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(EditError::Refused(format!("an override needs a reason, of at most {LONGEST_REASON} characters")));
    }
    if wanted.due_at.is_some_and(|due_at| due_at <= now) {
        return Err(EditError::Refused("an override can't end before it begins; name a day to come".into()));
    }
    edit(connection, now, |connection| {
        let declared = profile_field::list(connection)?;
        let field = find(&declared, wanted.field)?;
        let mut stored = one(connection, wanted.person)?;
        free(connection, field, &wanted.value, wanted.person)?;
        if end(connection, &[(wanted.person, wanted.field)], Some(by), now)? > 0 {
            stored.lift(wanted.field);
        }
        stored.lay(wanted.field.to_owned(), wanted.value.clone());
        let beneath = stored.overrides.get(wanted.field).and_then(|one| one.stored_beneath());
        diesel::sql_query(
            "insert into overrides (person_id, field, value, beneath, reason, made_by, made_at, due_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind::<BigInt, _>(wanted.person)
        .bind::<Text, _>(wanted.field)
        .bind::<Jsonb, _>(&wanted.value)
        .bind::<Nullable<Jsonb>, _>(beneath)
        .bind::<Text, _>(reason)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Timestamptz>, _>(wanted.due_at)
        .execute(connection)?;
        write(connection, &[(wanted.person, stored)], now)?;
        let detail = json!({ "field": wanted.field, "reason": reason, "until": wanted.due_at });
        audit::record(connection, by, "override", &subject(wanted.person), detail)?;
        Ok(())
    })
}

/// Ends an override; `false`: there is none that stands.
pub fn end_override(
    connection: &mut PgConnection,
    person: i64,
    field: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<bool, EditError> {
    edit(connection, now, |connection| {
        let mut stored = one(connection, person)?;
        if end(connection, &[(person, field)], Some(by), now)? == 0 {
            return Ok(false);
        }
        stored.lift(field);
        write(connection, &[(person, stored)], now)?;
        audit::record(connection, by, "end-override", &subject(person), json!({ "field": field }))?;
        Ok(true)
    })
}

/// Ends the overrides whose day has come; returns how many. Safe from several servers at once.
pub fn end_due(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<usize, EditError> {
    end_all(connection, None, None, now)
}

/// Takes a field from all profiles: its overrides end, and its local values go. The history keeps them.
pub fn forget_field(connection: &mut PgConnection, field: &str, by: &str, now: DateTime<Utc>) -> Result<(), EditError> {
    end_all(connection, Some(field), Some(by), now)?;
    edit(connection, now, |connection| {
        let gone = diesel::sql_query(
            "with had as materialized (select id from persons where local ? $1), kept as (
               insert into persons_history (id, state, created_by, created_run_id, run_id, ended_by_run_id, operation,
                                            valid_from, valid_to, fields, provenance, local, blocks, search)
               select p.id, p.state, p.created_by, p.created_run_id, p.run_id, null, 'update', p.valid_from, $2,
                      p.fields, p.provenance, p.local, p.blocks, p.search
                 from had join persons p using (id)
             ), told as (
               insert into outbox (kind, operation, person_id) select 'person', 'update', id from had
             ), forgotten as (
               delete from local_edits where field = $1
             )
             update persons p set local = p.local - $1, run_id = null, valid_from = $2 from had where p.id = had.id",
        )
        .bind::<Text, _>(field)
        .bind::<Timestamptz, _>(now)
        .execute(connection)?;
        let subject = format!("profile field {field}");
        audit::record(connection, by, "remove", &subject, json!({ "profiles": gone }))?;
        Ok(())
    })
}

/// Ends the overrides of a field, or those whose day has come.
fn end_all(
    connection: &mut PgConnection,
    field: Option<&str>,
    by: Option<&str>,
    now: DateTime<Utc>,
) -> Result<usize, EditError> {
    #[derive(QueryableByName)]
    struct Due {
        #[diesel(sql_type = BigInt)]
        person_id: i64,
        #[diesel(sql_type = Text)]
        field: String,
    }
    let mut ended = 0;
    loop {
        let count = edit(connection, now, |connection| {
            let due: Vec<Due> = diesel::sql_query(
                "select person_id, field from overrides
                  where ended_at is null and ($3 is null and due_at <= $1 or field = $3)
                  order by person_id, field limit $2",
            )
            .bind::<Timestamptz, _>(now)
            .bind::<BigInt, _>(BATCH)
            .bind::<Nullable<Text>, _>(field)
            .load(connection)?;
            let ids: BTreeSet<i64> = due.iter().map(|one| one.person_id).collect();
            let ids: Vec<i64> = ids.into_iter().collect();
            let mut persons = households::persons(connection, &ids, true)?;
            for Due { person_id, field } in &due {
                if let Some(person) = persons.get_mut(person_id) {
                    person.lift(field);
                }
            }
            let which: Vec<(i64, &str)> = due.iter().map(|one| (one.person_id, one.field.as_str())).collect();
            let count = end(connection, &which, by, now)?;
            write(connection, &persons.into_iter().collect::<Vec<_>>(), now)?;
            Ok(count)
        })?;
        ended += count;
        if count < BATCH as usize {
            return Ok(ended);
        }
    }
}

/// Works in a transaction in which nobody else edits and no run is applied.
fn edit<T>(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    work: impl FnOnce(&mut PgConnection) -> Result<T, EditError>,
) -> Result<T, EditError> {
    partition::ensure_months(connection, now.date_naive(), 1)?;
    connection.transaction(|connection| match applying::alone(connection)? {
        true => work(connection),
        false => Err(EditError::Busy),
    })
}

fn one(connection: &mut PgConnection, person: i64) -> Result<Person, EditError> {
    households::persons(connection, &[person], true)?.remove(&person).ok_or(EditError::Gone)
}

fn find<'f>(declared: &'f [ProfileField], name: &str) -> Result<&'f ProfileField, EditError> {
    let found = declared.iter().find(|field| field.name == name);
    found.ok_or_else(|| EditError::Refused(format!("there is no profile field {name:?} any more")))
}

/// Refuses a value that another person has, where two can't share it.
fn free(connection: &mut PgConnection, field: &ProfileField, value: &Value, person: i64) -> Result<(), EditError> {
    #[derive(QueryableByName)]
    struct Taken {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let (true, Some(text)) = (field.is_unique, value.as_str()) else { return Ok(()) };
    // The name is written out, so that the index over just this field is found.
    let found: Taken = diesel::sql_query(format!(
        "select exists (select from persons where lower(fields ->> '{}') = lower($1) and id <> $2) as taken",
        field.name.replace('\'', "''")
    ))
    .bind::<Text, _>(text)
    .bind::<BigInt, _>(person)
    .get_result(connection)?;
    match found.taken {
        true => Err(EditError::Refused(format!("{}: another user has {text:?}; choose another", field.title))),
        false => Ok(()),
    }
}

/// Marks overrides as ended; returns how many stood.
fn end(
    connection: &mut PgConnection,
    which: &[(i64, &str)],
    by: Option<&str>,
    now: DateTime<Utc>,
) -> QueryResult<usize> {
    let (persons, fields): (Vec<i64>, Vec<&str>) = which.iter().copied().unzip();
    diesel::sql_query(
        "update overrides o set ended_at = $3, ended_by = $4
           from unnest($1, $2) as w (person_id, field)
          where o.person_id = w.person_id and o.field = w.field and o.ended_at is null",
    )
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Array<Text>, _>(fields)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(by)
    .execute(connection)
}

/// Writes new versions of persons. No run made them, so they name none.
fn write(connection: &mut PgConnection, persons: &[(i64, Person)], now: DateTime<Utc>) -> Result<(), EditError> {
    let ids: Vec<i64> = persons.iter().map(|(id, _)| *id).collect();
    let object = |map: &serde_json::Map<String, Value>| Value::Object(map.clone());
    let fields: Vec<Value> = persons.iter().map(|(_, person)| object(&person.fields)).collect();
    let local: Vec<Value> = persons.iter().map(|(_, person)| object(&person.local)).collect();
    let provenance = persons.iter().map(|(_, person)| serde_json::to_value(person.stored_provenance()));
    let provenance: Vec<Value> =
        provenance.collect::<Result<_, _>>().map_err(|error| DieselError::SerializationError(Box::new(error)))?;
    let words: Vec<String> = persons.iter().map(|(_, person)| search(person)).collect();
    diesel::sql_query(
        "with new as materialized (
           select * from unnest($1, $2, $3, $4, $5) as new (id, fields, provenance, local, search)
         ), kept as (
           insert into persons_history (id, state, created_by, created_run_id, run_id, ended_by_run_id, operation,
                                        valid_from, valid_to, fields, provenance, local, blocks, search)
           select p.id, p.state, p.created_by, p.created_run_id, p.run_id, null, 'update', p.valid_from, $6, p.fields,
                  p.provenance, p.local, p.blocks, p.search
             from new join persons p on p.id = new.id
         ), told as (
           insert into outbox (kind, operation, person_id) select 'person', 'update', id from new
         )
         update persons p
            set fields = new.fields, provenance = new.provenance, local = new.local, search = new.search, run_id = null,
                valid_from = $6
           from new where p.id = new.id",
    )
    .bind::<Array<BigInt>, _>(&ids)
    .bind::<Array<Jsonb>, _>(fields)
    .bind::<Array<Jsonb>, _>(provenance)
    .bind::<Array<Jsonb>, _>(local)
    .bind::<Array<Text>, _>(words)
    .bind::<Timestamptz, _>(now)
    .execute(connection)?;
    rules::follow_edit(connection, &ids, now)?;
    Ok(())
}

/// Notes who set local values.
fn note_edits(
    connection: &mut PgConnection,
    person: i64,
    fields: &BTreeSet<String>,
    by: &str,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    diesel::sql_query(
        "insert into local_edits (person_id, field, edited_by, edited_at)
         select $1, field, $3, $4 from unnest($2) as field
         on conflict (person_id, field) do update set edited_by = excluded.edited_by, edited_at = excluded.edited_at",
    )
    .bind::<BigInt, _>(person)
    .bind::<Array<Text>, _>(fields.iter().collect::<Vec<_>>())
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(connection)?;
    Ok(())
}

fn subject(person: i64) -> String {
    format!("user {person}")
}
