//! Everything that is held on a user, as JSON: the profile with the origin of every value, what it was before, the records
//! that feed it (as they are stored, and verbatim as they were last received), groups, problems, changes, holds, and what
//! the audit log has about it.

mod received;

use super::user_record::{origins, records};
use super::{TaskError, provenance};
use crate::model::as_of::AsOf;
use crate::model::person::{self, Person};
use crate::model::resource::{self, Neighbour, PastVersion, Resource};
use crate::store::Store;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text};
use provenance::{Origins, place};
use serde_json::{Value, json};

/// Links of one association in one direction, and past versions of one thing: a person is no group of thousands.
const MOST: i64 = 100_000;

/// All of it, as one object.
pub fn export(conn: &mut PgConnection, store: &Store, person: Person, now: DateTime<Utc>) -> Result<Value, TaskError> {
    let mut origins = origins(conn)?;
    let id = person.id;
    let photo = match person.photo() {
        Some(sha256) => person::photo(conn, sha256, i32::MAX)?.map(|content| base64(&content)),
        None => None,
    };
    let outvoted = person.outvoted().cloned();
    let stored = resource::of_person(conn, &AsOf::Now, id)?;
    origins.learn_runs(conn, stored.iter().map(|one| one.run_id))?;
    let mut resources = Vec::new();
    for one in &stored {
        resources.push(record(conn, store, one, &origins)?);
    }
    let history: Vec<Value> = person::history(conn, &AsOf::Now, id, MOST)?.into_iter().map(version).collect();
    let about = About::of(&stored, id);
    let mut everything = match records(conn, &AsOf::Now, vec![person], &mut origins, now)?.pop() {
        Some(record) => serde_json::to_value(&record).unwrap_or_default(),
        None => json!({}),
    };
    everything["exported_at"] = json!(now);
    everything["photo_content"] = json!(photo);
    everything["outvoted"] = json!(outvoted);
    everything["history"] = json!(history);
    everything["resources"] = json!(resources);
    everything["problems"] = json!(about.problems(conn)?);
    everything["changes"] = json!(about.changes(conn)?);
    everything["holds"] = json!(about.holds(conn)?);
    everything["audit"] = json!(about.audit(conn)?);
    Ok(everything)
}

fn base64(content: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(content)
}

fn version(version: person::PastVersion) -> Value {
    json!({
        "valid_from": version.valid_from, "valid_to": version.valid_to, "run": version.run_id,
        "ended_by_run": version.ended_by_run_id, "state": version.state, "fields": version.fields,
        "local": version.local, "blocks": version.blocks,
    })
}

fn record(conn: &mut PgConnection, store: &Store, one: &Resource, origins: &Origins) -> Result<Value, TaskError> {
    let names = origins.entity_type(one.entity_type_id);
    let links = resource::neighbours(conn, &AsOf::Now, one.entity_type_id, one.id, MOST)?;
    let history = resource::history(conn, &AsOf::Now, one.entity_type_id, one.id, MOST)?;
    let link = |link: &Neighbour| {
        json!({
            "association": link.association, "direction": if link.outgoing { "to" } else { "from" },
            "entity_type": link.entity_type, "key": link.key,
        })
    };
    let version = |version: &PastVersion| {
        json!({
            "valid_from": version.valid_from, "valid_to": version.valid_to, "run": version.run_id,
            "ended_by_run": version.ended_by_run_id, "line": version.line, "attributes": version.attributes,
        })
    };
    let received = match names {
        Some(names) => received::last(conn, store, names.connector_id, &names.name, &one.key)?,
        None => None,
    };
    Ok(json!({
        "connector": names.map(|names| &names.connector), "entity_type": names.map(|names| &names.name),
        "key": one.key, "run": one.run_id, "place": place(origins.file(one.entity_type_id, one.run_id), one.line),
        "attributes": one.attributes,
        "received": received,
        "links": links.iter().map(link).collect::<Vec<_>>(),
        "history": history.iter().map(version).collect::<Vec<_>>(),
    }))
}

/// By what other tables know a user.
struct About {
    person: i64,
    ids: Vec<i64>,
    types: Vec<i32>,
    keys: Vec<String>,
}

impl About {
    fn of(stored: &[Resource], person: i64) -> Self {
        Self {
            person,
            ids: stored.iter().map(|one| one.id).collect(),
            types: stored.iter().map(|one| one.entity_type_id).collect(),
            keys: stored.iter().map(|one| one.key.clone()).collect(),
        }
    }

    fn problems(&self, conn: &mut PgConnection) -> QueryResult<Vec<Value>> {
        self.rows(
            conn,
            "select p.run_id as run, p.scope, p.file, p.line, p.column_name as column, p.key, p.value, p.code, p.message
               from problems p join runs r on r.id = p.run_id
               join entity_types e on e.connector_id = r.connector_id and e.name = p.scope
              where (e.id, p.key) in (select * from unnest($3, $4))
              order by p.run_id, p.seq",
        )
    }

    fn changes(&self, conn: &mut PgConnection) -> QueryResult<Vec<Value>> {
        self.rows(
            conn,
            "select c.run_id as run, e.name as entity_type, a.name as association, c.operation, c.key, c.to_key,
                    c.before_to_key, c.before, c.after, c.line
               from changes c
               left join entity_types e on e.id = c.entity_type_id
               left join associations a on a.id = c.association_id
              where c.person_id = $1 or c.resource_id = any($2) or c.from_id = any($2) or c.to_id = any($2)
              order by c.run_id, c.seq",
        )
    }

    fn holds(&self, conn: &mut PgConnection) -> QueryResult<Vec<Value>> {
        self.rows(
            conn,
            "select h.operation, h.key, h.before, h.after, h.run_id as run, h.reason, h.held_by, h.held_at, h.due_at,
                    h.ended_at, h.ended_by, h.ended_why
               from holds h where (h.entity_type_id, h.key) in (select * from unnest($3, $4)) order by h.id",
        )
    }

    fn audit(&self, conn: &mut PgConnection) -> QueryResult<Vec<Value>> {
        self.rows(
            conn,
            "select at, account, origin, action, detail from audit where subject = 'user ' || $1 order by id",
        )
    }

    fn rows(&self, conn: &mut PgConnection, question: &str) -> QueryResult<Vec<Value>> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Jsonb)]
            found: Value,
        }
        let rows: Vec<Row> = diesel::sql_query(format!(
            "with given as (select $1::bigint, $2::bigint[], $3::integer[], $4::text[])
             select to_jsonb(found) as found from ({question}) found"
        ))
        .bind::<BigInt, _>(self.person)
        .bind::<Array<BigInt>, _>(&self.ids)
        .bind::<Array<Integer>, _>(&self.types)
        .bind::<Array<Text>, _>(&self.keys)
        .load(conn)?;
        Ok(rows.into_iter().map(|row| row.found).collect())
    }
}
