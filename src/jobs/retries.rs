//! Trying again: failed runs whose reason may pass are taken up again when their time has come.

use crate::db::DbConnection;
use crate::model::claim::Enqueue;
use crate::model::decision::{self, Decider, DecisionError};
use crate::model::retry::{self, Due};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::prelude::*;

/// Who it is that decides here.
const OURSELVES: &str = "Muster";

/// Takes up again what is due at `now`. Where a newer run was started or the connector switched off meanwhile, there is
/// nothing left to try. The row is read and written in one transaction, so that of several servers one does it.
pub fn take_up(conn: &mut DbConnection, now: DateTime<Utc>, enqueue: &Enqueue) -> QueryResult<()> {
    conn.transaction(|conn| {
        for due in retry::due(conn, now)? {
            take_up_one(conn, &due, enqueue)?;
        }
        Ok(())
    })
}

fn take_up_one(conn: &mut PgConnection, due: &Due, enqueue: &Enqueue) -> QueryResult<()> {
    if due.is_overtaken {
        retry::forget(conn, due.run_id)?;
        return Ok(());
    }
    let comment = format!("try {} of {}", due.tries, retry::WAITS.len());
    let by = Decider { name: OURSELVES, comment: Some(&comment) };
    match conn.transaction(|conn| decision::retry(conn, due.run_id, &by, enqueue)) {
        Ok(()) => {
            retry::begin(conn, due.run_id)?;
            tracing::info!(run.id = due.run_id.0, tries = due.tries, "took the failed run up again");
            Ok(())
        }
        Err(DecisionError::Database(error)) => Err(error),
        // A dry run is at work, or somebody was faster.
        Err(DecisionError::AlreadyRunning(_)) => Ok(()),
        Err(reason) => {
            tracing::info!(run.id = due.run_id.0, reason = %reason, "the failed run is not taken up again");
            retry::forget(conn, due.run_id).map(drop)
        }
    }
}
