//! Lifting a suppression: later runs no longer pass somebody over who was anonymized, and bring the person back as one that
//! was never there. What was erased stays erased.

use super::recognition::Recognition;
use super::{AnonymizeError, Key, hold_still};
use crate::model::anonymization::{self, Anonymization};
use crate::model::suppression::{is_telling, of_key, of_match, of_text, of_value};
use crate::model::{audit, connector, correlation};
use crate::pipeline::difference::scan::key_digest;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use serde_json::json;
use std::path::Path;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 500;

/// Why a suppression was not lifted.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    /// There is no such anonymization.
    #[error("there is no anonymization {0}")]
    NotFound(i64),
    /// It suppresses nobody any more.
    #[error("the suppression {0} was lifted already")]
    Lifted(i64),
    /// It has to be said why.
    #[error("say why it is lifted, in at most {LONGEST_REASON} characters")]
    Reason,
    /// Some run is being applied.
    #[error("a run is being applied at this moment; try again when it is over")]
    Applying,
    /// The database failed us.
    #[error("the suppression can't be lifted: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Lifts what an anonymization suppresses. The next run over the whole source that reads the person's records takes them
/// for new ones; what refers to them is looked at again.
pub fn lift(
    conn: &mut PgConnection,
    number: i64,
    reason: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Anonymization, LiftError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(LiftError::Reason);
    }
    conn.transaction(|conn| {
        hold_still(conn).map_err(|error| match error {
            AnonymizeError::Database(error) => LiftError::Database(error),
            _ => LiftError::Applying,
        })?;
        let lifted = anonymization::to_change(conn, number)?.ok_or(LiftError::NotFound(number))?;
        if lifted.lifted_at.is_some() {
            return Err(LiftError::Lifted(number));
        }
        anonymization::lift(conn, number, by, reason, now)?;
        look_again(conn)?;
        let connectors: Vec<_> = connector::list(conn)?.into_iter().map(|one| one.id).collect();
        correlation::move_state(conn, &connectors)?;
        let detail = json!({ "anonymization": number, "reason": reason });
        audit::record(conn, by, "lift-suppression", &format!("user {}", lifted.person_id), detail)?;
        Ok(lifted)
    })
}

/// The anonymizations that pass over whoever has this name: a value that persons are correlated by, a key, or another text
/// that names somebody. Nobody else can be told by it.
pub fn of_name(conn: &mut PgConnection, key_file: &Path, name: &str) -> Result<Vec<i64>, AnonymizeError> {
    #[derive(QueryableByName)]
    struct EntityType {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let key = Key::open(key_file)?;
    let name = name.trim();
    let mut digests: Vec<[u8; 32]> = is_telling(name).then(|| of_text(&key, name)).into_iter().collect();
    let Recognition { fields, properties } = Recognition::load(conn)?;
    digests.extend(fields.iter().map(|field| of_value(&key, field, name)));
    digests.extend(properties.iter().map(|(id, property)| of_match(&key, *id, property, key_digest(name))));
    let users: Vec<EntityType> =
        diesel::sql_query("select id from entity_types where represents = 'users'").load(conn)?;
    digests.extend(users.iter().map(|one| of_key(&key, one.id, key_digest(name))));
    Ok(anonymization::suppressing(conn, &digests)?)
}

/// Clears the digests of the owners of links that may lead to users: nobody knows any more which of them referred to this
/// one. Beside the records, where they are narrow; the next runs look at all of them once.
fn look_again(conn: &mut PgConnection) -> QueryResult<()> {
    diesel::sql_query(
        "insert into newer_digests (entity_type_id, resource_id, digest, links_digest)
         select r.entity_type_id, r.id, null, null
           from resources r
          where r.entity_type_id in (
                  select a.from_entity_type_id from associations a join entity_types e on e.id = any(a.to_entity_type_ids)
                   where e.represents = 'users')
         on conflict (entity_type_id, resource_id) do update set digest = null, links_digest = null",
    )
    .execute(conn)
    .map(drop)
}
