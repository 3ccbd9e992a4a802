//! A user as one JSON object: the same in every command.

use crate::model::as_of::AsOf;
use crate::model::connector;
use crate::model::person::{self, Membership, OverrideRecord, Person};
use crate::pipeline::provenance::{Origin, Origins};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// A user.
#[derive(Debug, Serialize)]
pub struct Record {
    /// Its id.
    pub id: i64,
    /// `current` or `past`.
    pub state: String,
    /// Whether it can't sign in.
    pub blocked: bool,
    /// Why, or why it will not be able to.
    pub blocks: Vec<BlockRecord>,
    /// Profile field → value, from sources and local.
    pub fields: Map<String, Value>,
    /// Profile field → where its value is from.
    pub provenance: BTreeMap<String, From>,
    /// The groups that it is in, direct ones first.
    pub groups: Vec<Membership>,
}

/// Where a value is from.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum From {
    /// A connector.
    Source(Origin),
    /// An administrator's value over those of the sources.
    Override {
        /// The account.
        overridden_by: String,
        /// Why.
        reason: String,
        /// When it ends by itself.
        until: Option<DateTime<Utc>>,
    },
    /// An account set it.
    Local {
        /// Always true.
        local: bool,
    },
}

/// One reason why a user can't sign in.
#[derive(Debug, Serialize)]
pub struct BlockRecord {
    connector: Option<String>,
    run: Option<i32>,
    account: Option<String>,
    since: DateTime<Utc>,
    reason: String,
}

/// The names of everything that values can be from.
pub fn origins(conn: &mut PgConnection) -> QueryResult<Origins> {
    let mut origins = Origins::load(conn)?;
    let connectors = connector::list(conn)?.into_iter().map(|connector| connector.id.0);
    origins.learn_connectors(conn, connectors)?;
    Ok(origins)
}

/// These persons of that moment as records: a handful of statements for all of them.
pub fn records(
    conn: &mut PgConnection,
    at: &AsOf,
    persons: Vec<Person>,
    origins: &mut Origins,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Record>> {
    let ids: Vec<i64> = persons.iter().map(|person| person.id).collect();
    let mut groups: HashMap<i64, Vec<Membership>> = HashMap::new();
    for membership in person::memberships(conn, at, &ids)? {
        groups.entry(membership.person_id).or_default().push(membership);
    }
    let runs = persons
        .iter()
        .flat_map(|person| person.field_names().filter_map(|name| person.source(name)).map(|source| source.run));
    origins.learn_runs(conn, runs)?;
    let mut overrides: HashMap<i64, Vec<OverrideRecord>> = HashMap::new();
    for one in person::overrides_of(conn, at, &ids)? {
        overrides.entry(one.person_id).or_default().push(one);
    }
    let records = persons.into_iter().map(|person| {
        let groups = groups.remove(&person.id).unwrap_or_default();
        let overrides = overrides.remove(&person.id).unwrap_or_default();
        record(person, groups, overrides, origins, at.moment().unwrap_or(now))
    });
    Ok(records.collect())
}

fn record(
    person: Person,
    groups: Vec<Membership>,
    overrides: Vec<OverrideRecord>,
    origins: &Origins,
    now: DateTime<Utc>,
) -> Record {
    let mut fields = Map::new();
    let mut provenance = BTreeMap::new();
    for name in person.field_names() {
        let Some(value) = person.value(name) else { continue };
        fields.insert(name.clone(), value.clone());
        let is_sourced = person.fields.get(name).is_some_and(|value| !value.is_null());
        let overridden = overrides.iter().find(|one| one.field == *name && is_sourced);
        let from = match (person.source(name).filter(|_| is_sourced), overridden) {
            (Some(source), _) => origins.of(source).map(From::Source),
            (None, Some(one)) => Some(From::Override {
                overridden_by: one.made_by.clone(),
                reason: one.reason.clone(),
                until: one.due_at,
            }),
            (None, None) => Some(From::Local { local: true }),
        };
        if let Some(from) = from {
            provenance.insert(name.clone(), from);
        }
    }
    let blocks = person.blocks().into_iter().map(|block| BlockRecord {
        connector: block.connector.and_then(|id| origins.connector(id)).map(str::to_owned),
        run: block.run,
        account: block.account,
        since: block.since,
        reason: block.reason,
    });
    Record {
        id: person.id,
        blocked: person.is_blocked(now),
        blocks: blocks.collect(),
        fields,
        provenance,
        groups,
        state: person.state,
    }
}
