//! Anonymizing a person (SPEC 6, privacy): everything that says who it was is taken out of the database in one
//! transaction, and suppressions keep later runs from bringing the person back. Extractions are cleaned after that
//! ([`cleaning`](super::cleaning)), by the same suppressions.
//!
//! What stays is that there was somebody: figures of runs, and versions without values. Nobody else is changed, but for
//! references to the person, which go.

mod accounts;
mod erasing;
mod identity;
pub mod lifting;
mod recognition;
mod redaction;

pub use accounts::WHO;

use crate::model::connector::ConnectorId;
use crate::model::run::RunId;
use crate::model::{applying, audit, connector, extraction, snapshot, suppression};
use crate::secret::Key;
use crate::store::{Store, StoreError};
use accounts::OwnAccounts;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use erasing::Erasing;
use identity::Identity;
use recognition::Recognition;
use serde_json::json;
use std::path::Path;

/// What stands where a key stood, or somebody was named.
const ERASED: &str = "(erased)";

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anonymized {
    /// Its number.
    pub number: i64,
    /// Records of connectors that are gone.
    pub records: usize,
    /// Changes of runs that can't be reverted any more.
    pub changes: usize,
}

/// Why a person was not anonymized.
#[derive(Debug, thiserror::Error)]
pub enum AnonymizeError {
    /// There is no such person.
    #[error("there is no user {0}")]
    NotFound(i64),
    /// A run would write again what is taken out.
    #[error("run {run} of the connector {connector} is going on; wait until it is over, then try again")]
    AtWork {
        /// The connector.
        connector: String,
        /// The run.
        run: RunId,
    },
    /// Some run is being applied.
    #[error("a run is being applied at this moment; try again when it is over")]
    Applying,
    /// The installation's key can't be used.
    #[error("the key for suppressions: {0}")]
    Key(#[from] std::io::Error),
    /// A configuration can't be read.
    #[error(
        "the configuration of the connector {connector} can't be read any more, so what persons are correlated by is not known: {message}"
    )]
    Configuration {
        /// The connector.
        connector: String,
        /// Why.
        message: String,
    },
    /// The database failed us.
    #[error("the user can't be anonymized: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Anonymizes a person. The files of extractions and snapshots are still to be cleaned: [`cleaning::clean`] and
/// [`forget_snapshots`] do, as does the clean-up within an hour.
///
/// [`cleaning::clean`]: super::cleaning::clean
pub fn anonymize(
    conn: &mut PgConnection,
    key_file: &Path,
    person: i64,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Anonymized, AnonymizeError> {
    let key = Key::open(key_file)?;
    conn.transaction(|conn| {
        hold_still(conn)?;
        let recognition = Recognition::load(conn)?;
        let identity = Identity::load(conn, person, recognition)?.ok_or(AnonymizeError::NotFound(person))?;
        let accounts = OwnAccounts::load(conn, person)?;
        let touched = identity.connectors(conn)?;
        let connectors: Vec<i32> = touched.iter().map(|connector| connector.0).collect();
        at_rest(conn, &connectors)?;

        let number = begin(conn, person, by, now)?;
        suppression::store(conn, number, &identity.digests(&key))?;
        let erased = Erasing { person, identity: &identity, connectors: &connectors, by, now }.everything(conn)?;
        accounts.remove(conn, person)?;
        redaction::redact(conn, &identity.texts(accounts.texts()), &connectors)?;

        forget_pending(conn, &connectors)?;
        // What was prepared over the state of before is prepared anew.
        diesel::sql_query("update connectors set state_version = state_version + 1 where id = any($1)")
            .bind::<Array<Integer>, _>(&connectors)
            .execute(conn)?;
        extraction::doubt_all(conn)?;
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, person_id) values (null, 'person', 'delete', $1)",
        )
        .bind::<BigInt, _>(person)
        .execute(conn)?;
        let detail = json!({ "anonymization": number, "records": erased.records, "changes": erased.changes });
        audit::record(conn, by, "anonymize", &format!("user {person}"), detail)?;
        // At last: it may be one of these accounts that does all this.
        accounts.redact(conn)?;
        Ok(Anonymized { number, records: erased.records, changes: erased.changes })
    })
}

/// Persons that left more than so many days before `now`, at most `limit`: all of their blocks are older.
pub fn left_before(conn: &mut PgConnection, moment: DateTime<Utc>, limit: i64) -> QueryResult<Vec<i64>> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    // `persons_past` holds those who left; a person whose version is younger may have come back meanwhile.
    let ids: Vec<Id> = diesel::sql_query(
        "select id from persons
          where state = 'past' and valid_from < $1
            and not exists (select from jsonb_array_elements(blocks) block
                             where (block ->> 'since')::timestamptz >= $1)
          order by id limit $2",
    )
    .bind::<Timestamptz, _>(moment)
    .bind::<BigInt, _>(limit)
    .load(conn)?;
    Ok(ids.into_iter().map(|row| row.id).collect())
}

/// Deletes the objects of snapshots that no longer hold: digests of keys stand in them.
pub fn forget_snapshots(conn: &mut PgConnection, store: &Store) -> Result<(), StoreError> {
    for connector in connector::list(conn).unwrap_or_default() {
        let Ok(recorded) = snapshot::paths(conn, connector.id) else { continue };
        for folder in store.folders(&snapshot::folder(connector.id))? {
            if !recorded.iter().any(|path| path.starts_with(&format!("{folder}/"))) {
                store.delete_prefix(&folder)?;
            }
        }
    }
    Ok(())
}

/// No run is applied while this transaction goes on.
fn hold_still(conn: &mut PgConnection) -> Result<(), AnonymizeError> {
    if applying::try_alone(conn)? { Ok(()) } else { Err(AnonymizeError::Applying) }
}

/// Nobody works for these connectors, and nobody starts to.
fn at_rest(conn: &mut PgConnection, connectors: &[i32]) -> Result<(), AnonymizeError> {
    #[derive(QueryableByName)]
    struct AtWork {
        #[diesel(sql_type = Nullable<Integer>)]
        run: Option<i32>,
        #[diesel(sql_type = Text)]
        connector: String,
    }
    for &id in connectors {
        if !extraction::rests(conn, ConnectorId(id))? {
            let found: AtWork = diesel::sql_query(
                "select c.name as connector, (select max(id) from runs where connector_id = c.id) as run
                   from connectors c where c.id = $1",
            )
            .bind::<Integer, _>(id)
            .get_result(conn)?;
            let run = RunId(found.run.unwrap_or_default());
            return Err(AnonymizeError::AtWork { connector: found.connector, run });
        }
    }
    Ok(())
}

fn begin(conn: &mut PgConnection, person: i64, by: &str, now: DateTime<Utc>) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let number: Number = diesel::sql_query(
        "insert into anonymizations (person_id, anonymized_at, anonymized_by) values ($1, $2, $3) returning id",
    )
    .bind::<BigInt, _>(person)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(by)
    .get_result(conn)?;
    Ok(number.id)
}

/// Drops what resting runs of these connectors have prepared beside: it would be prepared anew in any case.
fn forget_pending(conn: &mut PgConnection, connectors: &[i32]) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Schema {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let pending: Vec<Schema> = diesel::sql_query(
        r"select nspname::text as name from runs join pg_namespace on nspname = pending_schema
           where connector_id = any($1) and applied_at is null and nspname ~ '^run_\d+_\d+$'",
    )
    .bind::<Array<Integer>, _>(connectors)
    .load(conn)?;
    for schema in pending {
        // The name matched the pattern above: digits and underscores only.
        conn.batch_execute(&format!("drop schema {} cascade", schema.name))?;
    }
    diesel::sql_query("delete from snapshots where connector_id = any($1)")
        .bind::<Array<Integer>, _>(connectors)
        .execute(conn)
        .map(drop)
}
