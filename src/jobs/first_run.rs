//! First runs: connectors with `run_at_start` that never applied a run start one when Muster starts.

use crate::db::DbConnection;
use crate::document;
use crate::model::claim::Enqueue;
use crate::model::configuration;
use crate::model::connector;
use crate::model::run::{self, Mode, NewRun, RunState, StartError, Trigger};

/// Starts the first runs. One that is at work or waits for a decision is left alone.
pub fn start_first_runs(conn: &mut DbConnection, enqueue: &Enqueue) -> Result<(), diesel::result::Error> {
    for connector in connector::list(conn)? {
        if !connector.active || connector.applied_run_id.is_some() {
            continue;
        }
        let document = configuration::current(conn, &connector)?.document;
        let wanted = document::connector(&document).is_ok_and(|definition| definition.run_at_start);
        let waits =
            run::newest(conn, connector.id)?.is_some_and(|run| run.state == RunState::Blocked && !run.standalone);
        if !wanted || waits {
            continue;
        }
        match run::start(conn, &NewRun::new(connector.id, Mode::Complete, Trigger::Start), enqueue) {
            Ok(run) => tracing::info!(run.id = run.0, connector.name = connector.name, "started the first run"),
            Err(StartError::Database(error)) => return Err(error),
            Err(reason) => tracing::info!(connector.name = connector.name, reason = %reason, "no first run"),
        }
    }
    Ok(())
}
