//! Persons: what follows for them from resources and correlations. One computation serves prepare's forecast, over what
//! would be there, and synchronize, over what is there.

pub mod by_hand;
pub mod candidates;
pub mod correlation;
pub mod edits;
pub mod first_match;
pub mod graces;
mod households;
pub mod matches;
pub mod moving;
pub mod newcomers;
pub mod reverting;
mod writing;

use super::TaskError;
use super::authority::{Authority, Fate, Person, Source};
use super::progress::Progress;
use crate::document;
use crate::model::configuration;
use crate::model::connector::{self, Connector, ConnectorDefinition};
use crate::model::counters::PersonCounters;
use crate::model::{entity_type, profile_field};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use households::{Household, World};
use std::collections::{BTreeMap, HashMap};
use writing::Writing;

/// Persons looked at together.
const BATCH: i64 = 5000;

/// Who decides about values: the current configuration of every connector, but `definition` for `of`, the connector
/// that runs.
pub fn authority(
    connection: &mut PgConnection,
    of: &Connector,
    definition: &ConnectorDefinition,
) -> Result<Authority, TaskError> {
    let mut sources = Vec::new();
    let mut ids = BTreeMap::new();
    for connector in connector::list(connection)? {
        let current;
        let definition = if connector.id == of.id {
            definition
        } else {
            let text = configuration::current(connection, &connector)?.document;
            current = document::connector(&text)
                .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
            &current
        };
        ids.insert(connector.name.clone(), connector.id.0);
        let entity_types = entity_type::ids(connection, connector.id)?;
        for entity_type in &definition.entity_types {
            if let (Some(users), Some(id)) = (&entity_type.users, entity_types.get(&entity_type.name)) {
                sources.push(Source { entity_type: id.0, connector: connector.id.0, users: users.clone() });
            }
        }
    }
    let orders: HashMap<String, Vec<i32>> = profile_field::list(connection)?
        .into_iter()
        .map(|field| {
            let connectors = field.sources.iter().flatten().filter_map(|name| ids.get(name).copied()).collect();
            (field.name, connectors)
        })
        .collect();
    Ok(Authority::new(sources, orders))
}

/// What a change set would do to persons that exist, and which of `watched` would be blocked or removed. Persons to be
/// made are counted by the correlation.
pub fn forecast(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &World<'_>,
    run: i32,
    now: DateTime<Utc>,
    watched: &[i64],
    progress: &Progress,
) -> Result<(PersonCounters, Vec<i64>), TaskError> {
    let (mut counters, mut struck) = (PersonCounters::default(), Vec::new());
    households::each(connection, authority, world, progress, BATCH, |_, households| {
        for household in households {
            if let Some(before) = &household.before {
                let fate = authority.decide(Some(before), &household.testimonies, &household.leaving, run, now);
                let standing = counters.blocked + counters.deleted;
                count(&mut counters, Some(before), &fate, now);
                if counters.blocked + counters.deleted > standing && watched.contains(&household.person) {
                    struck.push(household.person);
                }
            }
        }
        Ok(())
    })?;
    Ok((counters, struck))
}

/// Writes what follows for the persons that a change set touches, after its resources were written.
pub fn apply(
    connection: &mut PgConnection,
    authority: &Authority,
    world: &World<'_>,
    connector: i32,
    run: i32,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<PersonCounters, TaskError> {
    let mut counters = PersonCounters::default();
    writing::begin(connection)?;
    households::each(connection, authority, world, progress, BATCH, |connection, households| {
        let mut writing = Writing::new(connector, run, now);
        for Household { person, before, testimonies, leaving } in households {
            let fate = authority.decide(before.as_ref(), &testimonies, &leaving, run, now);
            count(&mut counters, before.as_ref(), &fate, now);
            writing.fate(person, before.as_ref(), &fate);
        }
        writing.write(connection)
    })?;
    Ok(counters)
}

fn count(counters: &mut PersonCounters, before: Option<&Person>, fate: &Fate, now: DateTime<Utc>) {
    match (before, fate) {
        (None, Fate::Stays(_)) => counters.created += 1,
        (None, Fate::Deleted) => {}
        (Some(_), Fate::Deleted) => counters.deleted += 1,
        (Some(before), Fate::Stays(after)) => {
            counters.updated += u64::from(before.fields != after.fields);
            counters.blocked += u64::from(!before.is_blocked(now) && after.is_blocked(now));
            counters.unblocked += u64::from(before.is_blocked(now) && !after.is_blocked(now));
        }
    }
}

pub use households::World as PeopleWorld;
