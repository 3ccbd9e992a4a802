//! By what a record found its person at the time: the rules of then, held against what the record and the person said
//! then. The history knows all of that, so no run has to write down which rule it was.

use super::correlation::value_of;
use crate::document;
use crate::model::as_of::AsOf;
use crate::model::connector::ConnectorId;
use crate::model::resource::Resource;
use crate::model::run::{Mode, RunId};
use crate::model::{configuration, person};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Jsonb, Text, Timestamptz};
use serde_json::{Map, Value};

/// How a record came to feed a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstMatch {
    /// This rule was the first that agreed.
    Rule {
        /// The property of the record.
        property: String,
        /// The field of the profile.
        field: String,
        /// What the profile had in it.
        value: String,
    },
    /// The person was made by that run.
    Made,
    /// Somebody gave it the record, or merged another person into it.
    ByHand,
    /// What is kept does not tell.
    Unknown,
}

#[derive(QueryableByName)]
struct First {
    #[diesel(sql_type = Jsonb)]
    attributes: Value,
    #[diesel(sql_type = Integer)]
    run_id: RunId,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Timestamptz)]
    applied_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    configuration_version: i32,
    #[diesel(sql_type = Integer)]
    connector_id: ConnectorId,
    #[diesel(sql_type = Text)]
    entity_type: String,
}

/// How a record came to feed `person`, and the run that settled it; `None`: it never did, as far as is known.
pub fn of(conn: &mut PgConnection, record: &Resource, person: i64) -> QueryResult<Option<(RunId, FirstMatch)>> {
    let Some(first) = first(conn, record, person)? else { return Ok(None) };
    let found =
        if first.mode == Mode::Correlate.as_str() { FirstMatch::ByHand } else { matched(conn, &first, person)? };
    Ok(Some((first.run_id, found)))
}

/// The first version of the record that fed the person. By its key: a record that went and came back is another one.
fn first(conn: &mut PgConnection, record: &Resource, person: i64) -> QueryResult<Option<First>> {
    diesel::sql_query(
        "select v.attributes, w.id as run_id, w.mode, w.applied_at, w.configuration_version, w.connector_id,
                e.name as entity_type
           from (select attributes, run_id from resources
                  where entity_type_id = $1 and key = $2 and person_id = $3
                 union all
                 select attributes, run_id from resources_history
                  where entity_type_id = $1 and key = $2 and person_id = $3) v
           join runs w on w.id = v.run_id
           join entity_types e on e.id = $1
          where w.applied_at is not null
          order by w.applied_at limit 1",
    )
    .bind::<Integer, _>(record.entity_type_id)
    .bind::<Text, _>(&record.key)
    .bind::<BigInt, _>(person)
    .get_result(conn)
    .optional()
}

fn matched(conn: &mut PgConnection, first: &First, id: i64) -> QueryResult<FirstMatch> {
    // As it was when the run was applied: prepare had looked at the same.
    let before = AsOf::at(conn, first.applied_at - TimeDelta::microseconds(1))?;
    let Some(before) = person::find(conn, &before, id)? else {
        let now = person::find(conn, &AsOf::Now, id)?;
        let made = now.is_some_and(|now| now.created_run_id == Some(first.run_id.0));
        return Ok(if made { FirstMatch::Made } else { FirstMatch::Unknown });
    };
    let text = configuration::version(conn, first.connector_id, first.configuration_version)?.document;
    let Ok(definition) = document::connector(&text) else { return Ok(FirstMatch::Unknown) };
    let users = definition.entity_type(&first.entity_type).and_then(|one| one.users.as_ref());
    let empty = Map::new();
    let (said, known) = (first.attributes.as_object().unwrap_or(&empty), before.fields.as_object().unwrap_or(&empty));
    let rule = users.into_iter().flat_map(|users| &users.correlate).find_map(|rule| {
        let (said, value) = (value_of(said, &rule.property)?, value_of(known, &rule.field)?);
        let same = if rule.ignore_case { said.to_lowercase() == value.to_lowercase() } else { said == value };
        same.then(|| FirstMatch::Rule { property: rule.property.clone(), field: rule.field.clone(), value })
    });
    Ok(rule.unwrap_or(FirstMatch::Unknown))
}
