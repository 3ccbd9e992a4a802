//! Snapshots: the state of a connector as it is once a run is applied, kept as an object in the store. When does one hold?
//!
//! Exactly then when the run that it was made by is the connector's last applied one, with the change set it was made
//! for and the same configuration, and nothing but that run has written to the connector's resources or links since the
//! snapshot's preparation began ([`touch`]). In any doubt it does not, and prepare reads the database.

use super::connector::{Connector, ConnectorId};
use super::run::RunId;
use crate::schema::snapshots;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};

/// A snapshot as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The run that leads to this state.
    pub run_id: RunId,
    /// Its connector.
    pub connector_id: ConnectorId,
    /// [`Connector::touched`] when its preparation began.
    pub touched: i64,
    /// Of the run's change set.
    pub change_set_digest: String,
    /// The object in the store.
    pub path: String,
    /// SHA-256 of the object, lower-case hex.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// The folder of a connector's snapshots; each has a folder of its own in there.
pub fn folder(connector: ConnectorId) -> String {
    format!("snapshots/{connector}")
}

/// The snapshot that tells the state of a connector as it is now, for a run with this version of the configuration.
pub fn holding(conn: &mut PgConnection, connector: &Connector, configuration: i32) -> QueryResult<Option<Snapshot>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        run_id: i32,
        #[diesel(sql_type = Text)]
        change_set_digest: String,
        #[diesel(sql_type = Text)]
        path: String,
        #[diesel(sql_type = Text)]
        sha256: String,
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let Some(applied) = connector.applied_run_id else { return Ok(None) };
    let row: Option<Row> = diesel::sql_query(
        "select s.run_id, s.change_set_digest, s.path, s.sha256, s.bytes
           from snapshots s join runs r on r.id = s.run_id
          where s.run_id = $1 and s.connector_id = $2 and s.touched = $3
            and r.applied_at is not null and r.state_version + 1 = $4
            and r.change_set_digest = s.change_set_digest and r.configuration_version = $5",
    )
    .bind::<Integer, _>(applied)
    .bind::<Integer, _>(connector.id)
    .bind::<BigInt, _>(connector.touched)
    .bind::<BigInt, _>(connector.state_version)
    .bind::<Integer, _>(configuration)
    .get_result(conn)
    .optional()?;
    Ok(row.map(|row| Snapshot {
        run_id: RunId(row.run_id),
        connector_id: connector.id,
        touched: connector.touched,
        change_set_digest: row.change_set_digest,
        path: row.path,
        sha256: row.sha256,
        bytes: row.bytes.unsigned_abs(),
    }))
}

/// Records what a run's preparation has left, in the transaction that freezes its change set; `None`: nothing, and what
/// an earlier preparation of the run had left no longer holds. What runs before the last applied one had left is
/// forgotten.
pub fn record(conn: &mut PgConnection, run: RunId, connector: ConnectorId, left: Option<&Snapshot>) -> QueryResult<()> {
    diesel::delete(snapshots::table.find(run.0)).execute(conn)?;
    if let Some(left) = left {
        diesel::insert_into(snapshots::table)
            .values((
                snapshots::run_id.eq(run.0),
                snapshots::connector_id.eq(connector.0),
                snapshots::touched.eq(left.touched),
                snapshots::change_set_digest.eq(&left.change_set_digest),
                snapshots::path.eq(&left.path),
                snapshots::sha256.eq(&left.sha256),
                snapshots::bytes.eq(i64::try_from(left.bytes).unwrap_or(i64::MAX)),
            ))
            .execute(conn)?;
    }
    diesel::sql_query(
        "delete from snapshots s using connectors c
          where c.id = $1 and s.connector_id = c.id and s.run_id < c.applied_run_id",
    )
    .bind::<Integer, _>(connector)
    .execute(conn)?;
    Ok(())
}

/// The objects of a connector's recorded snapshots.
pub fn paths(conn: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<String>> {
    snapshots::table.filter(snapshots::connector_id.eq(connector.0)).select(snapshots::path).load(conn)
}

/// Says that something else than the connectors' own runs has written to their resources or links, in the transaction
/// that does. Whatever stands in snapshots does not hold any more.
pub fn touch(conn: &mut PgConnection, connectors: &[ConnectorId]) -> QueryResult<()> {
    let ids: Vec<i32> = connectors.iter().map(|id| id.0).collect();
    diesel::sql_query("update connectors set touched = touched + 1 where id = any($1)")
        .bind::<Array<Integer>, _>(ids)
        .execute(conn)?;
    Ok(())
}
