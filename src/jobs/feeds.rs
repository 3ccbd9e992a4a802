//! Feeds that wait: one that was completed while a run of its connector was at work starts when that is over.

use crate::db::DbConnection;
use crate::document;
use crate::model::claim::Enqueue;
use crate::model::run::{self, Mode, NewRun, StartError, Trigger};
use crate::model::{configuration, connector, upload};
use crate::pipeline::upload as feed;
use diesel::QueryResult;

/// Starts the runs of feeds that are complete and apply themselves, if the last run began before they were: one that
/// began later has had its chance.
pub fn start_waiting(conn: &mut DbConnection, enqueue: &Enqueue) -> QueryResult<()> {
    for (connector_id, completed_at) in upload::last_received(conn)? {
        let Some(connector) = connector::by_id(conn, connector_id)? else { continue };
        let newest = run::newest(conn, connector_id)?;
        let has_had_its_chance = newest.is_none_or(|run| run.created_at >= completed_at || !run.rests());
        if has_had_its_chance {
            continue;
        }
        let Ok(definition) = document::connector(&configuration::current(conn, &connector)?.document) else { continue };
        if !feed::auto_applies(&definition) || !feed::missing(conn, connector_id, &definition)?.is_empty() {
            continue;
        }
        match run::start(conn, &NewRun::new(connector_id, Mode::Complete, Trigger::Upload), enqueue) {
            Ok(run) => tracing::info!(run.id = run.0, connector.name = connector.name, "started the feed that waited"),
            Err(StartError::Database(error)) => return Err(error),
            // Another server was faster, or a person.
            Err(reason) => tracing::debug!(connector.name = connector.name, reason = %reason, "the feed waits on"),
        }
    }
    Ok(())
}
