//! Arrivals: a connector with `on_arrival` starts a run when its files are all there and have stopped changing.
//!
//! Every server that sees the folder looks. What was there when the last run was started stands in the database, and is
//! written in the transaction that starts the next one: so each arrival starts one run, whichever server is first.

use super::stop::Stop;
use crate::connectors::{self, Arrival};
use crate::db::{Db, DbConnection};
use crate::document;
use crate::model::arrival::{self, Arrived};
use crate::model::claim::Enqueue;
use crate::model::connector::{self, Connector, ConnectorDefinition, ConnectorId};
use crate::model::run::{self, Mode, NewRun, RunId, StartError, Trigger};
use crate::model::{configuration, job_slot};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use std::collections::HashMap;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long files must have been as they are. Whoever writes slower than that renames the file when it is whole.
pub const SETTLED_AFTER: TimeDelta = TimeDelta::seconds(10);

/// The memory of one server's looks.
#[derive(Default)]
pub struct Arrivals {
    /// What each connector's document says, by the version that was read.
    definitions: HashMap<ConnectorId, (i32, Option<ConnectorDefinition>)>,
    /// What lies there, and since when it is known to be so.
    seen: HashMap<ConnectorId, (Arrived, DateTime<Utc>)>,
}

impl Arrivals {
    /// Looks at all connectors once, at `now` by the database's clock, and starts the runs of those whose files have
    /// arrived and settled.
    pub fn look(&mut self, conn: &mut DbConnection, now: DateTime<Utc>, enqueue: &Enqueue) -> QueryResult<Vec<RunId>> {
        let mut started = Vec::new();
        for connector in connector::list(conn)?.into_iter().filter(|connector| connector.active) {
            let found = self.definition(conn, &connector)?.and_then(what_arrived);
            let Some(found) = found else {
                self.seen.remove(&connector.id);
                continue;
            };
            let since = match self.seen.get(&connector.id) {
                Some((seen, since)) if *seen == found => *since,
                _ => {
                    self.seen.insert(connector.id, (found, now));
                    continue;
                }
            };
            if now - since >= SETTLED_AFTER {
                started.extend(start(conn, &connector, &found, enqueue)?);
            }
        }
        Ok(started)
    }

    fn definition(
        &mut self,
        conn: &mut DbConnection,
        connector: &Connector,
    ) -> QueryResult<Option<&ConnectorDefinition>> {
        let version = connector.configuration_version;
        if self.definitions.get(&connector.id).is_none_or(|(known, _)| *known != version) {
            let document = configuration::current(conn, connector)?.document;
            self.definitions.insert(connector.id, (version, document::connector(&document).ok()));
        }
        Ok(self.definitions.get(&connector.id).and_then(|(_, definition)| definition.as_ref()))
    }
}

/// What lies in the folders of the connections that start runs by arrival; `None`: there are none, or something is
/// missing, be it that this server does not see the folder.
fn what_arrived(definition: &ConnectorDefinition) -> Option<Arrived> {
    let mut all = Arrived { complete: String::new(), changes: String::new() };
    let by_arrival = |settings: &serde_json::Map<_, _>| settings.get("on_arrival").is_some_and(|value| value == true);
    for connection in definition.connections.iter().filter(|connection| by_arrival(&connection.settings)) {
        match connectors::kind(&connection.kind)?.arrival(connection) {
            Ok(Some(Arrival { complete, changes })) => {
                all.complete.push_str(&complete);
                all.changes.push_str(&changes);
            }
            Ok(None) => return None,
            Err(error) => {
                tracing::debug!(connector.name = definition.name, error = %error, "can't look for files");
                return None;
            }
        }
    }
    (!all.complete.is_empty()).then_some(all)
}

/// Starts the run of what has arrived, unless one was started for it. Changes alone make an incremental run.
fn start(
    conn: &mut DbConnection,
    connector: &Connector,
    found: &Arrived,
    enqueue: &Enqueue,
) -> QueryResult<Option<RunId>> {
    let before = arrival::last(conn, connector.id)?;
    if before.as_ref() == Some(found) {
        return Ok(None);
    }
    let mode = match &before {
        // Only the changes differ. Where they are not read, or all gone, nothing has arrived.
        Some(before) if before.complete == found.complete => {
            if !connector.incremental || found.changes.is_empty() {
                return Ok(None);
            }
            Mode::Incremental
        }
        _ => Mode::Complete,
    };
    let started = conn.transaction(|conn| {
        let run = run::start(conn, &NewRun::new(connector.id, mode, Trigger::Arrival), enqueue)?;
        match arrival::take(conn, connector.id, before.as_ref(), found, run)? {
            true => Ok(run),
            // Another server was faster; what was started here goes with the transaction.
            false => Err(StartError::Database(diesel::result::Error::RollbackTransaction)),
        }
    });
    match started {
        Ok(run) => {
            tracing::info!(run.id = run.0, connector.name = connector.name, "files have arrived; started a run");
            Ok(Some(run))
        }
        Err(StartError::Database(diesel::result::Error::RollbackTransaction)) => Ok(None),
        Err(StartError::Database(error)) => Err(error),
        // It is looked at again and again until the run that is at work is over, or somebody has decided.
        Err(reason) => {
            tracing::debug!(connector.name = connector.name, reason = %reason, "files have arrived, and wait");
            Ok(None)
        }
    }
}

/// Looks until we stop.
pub async fn look_regularly(db: Db, enqueue: Enqueue, stop: Stop) {
    let mut arrivals = Arrivals::default();
    loop {
        let (db, enqueue) = (db.clone(), enqueue.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let looked = db.get().map_err(|error| error.to_string()).and_then(|mut conn| {
                let now = job_slot::clock(&mut conn).map_err(|error| error.to_string())?;
                arrivals.look(&mut conn, now, &enqueue).map_err(|error| error.to_string())
            });
            (arrivals, looked)
        })
        .await;
        match looked {
            Ok((kept, looked)) => {
                arrivals = kept;
                if let Err(error) = looked {
                    tracing::warn!(error, "could not look for files that arrive");
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "looking for files that arrive ended; other servers go on");
                return;
            }
        }
        if !stop.sleep(LOOK_EVERY).await {
            return;
        }
    }
}
