//! `muster user export`: everything that is held on a user.

use crate::cli::{Context, Exit, Session};
use crate::model::as_of::AsOf;
use crate::model::person;
use crate::model::resource::{self, Neighbour, PastVersion, Resource};
use crate::pipeline::provenance::{Origins, place};
use crate::pipeline::user_record::{origins, records};
use chrono::Utc;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde_json::{Value, json};

/// Links of one association in one direction, and past versions of one thing: a person is no group of thousands.
const MOST: i64 = 100_000;

/// Always JSON: that is what it is asked for.
pub(super) fn run(context: &Context, session: &Session, id: &str) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, id)?;
    let mut conn = session.connection()?;
    let mut origins = origins(&mut conn)?;
    let id = person.id;
    let photo = match person.photo() {
        Some(sha256) => person::photo(&mut conn, sha256, i32::MAX)?.map(|content| base64(&content)),
        None => None,
    };
    let stored = resource::of_person(&mut conn, &AsOf::Now, id)?;
    origins.learn_runs(&mut conn, stored.iter().map(|one| one.run_id))?;
    let resources =
        stored.iter().map(|one| resource_record(&mut conn, one, &origins)).collect::<QueryResult<Vec<Value>>>()?;
    let history: Vec<Value> = person::history(&mut conn, &AsOf::Now, id, MOST)?.into_iter().map(version).collect();
    for record in records(&mut conn, &AsOf::Now, vec![person], &mut origins, Utc::now())? {
        let mut everything = serde_json::to_value(&record)?;
        everything["photo_content"] = json!(photo);
        everything["history"] = json!(history);
        everything["resources"] = json!(resources);
        context.output.raw(&format!("{everything:#}\n"))?;
    }
    Ok(Exit::Done)
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

fn resource_record(conn: &mut PgConnection, one: &Resource, origins: &Origins) -> QueryResult<Value> {
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
    Ok(json!({
        "connector": names.map(|names| &names.connector), "entity_type": names.map(|names| &names.name),
        "key": one.key, "run": one.run_id, "place": place(origins.file(one.entity_type_id, one.run_id), one.line),
        "attributes": one.attributes,
        "links": links.iter().map(link).collect::<Vec<_>>(),
        "history": history.iter().map(version).collect::<Vec<_>>(),
    }))
}
