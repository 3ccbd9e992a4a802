//! Cleaning up: what is over by age, and what a preparation left behind; and the months that must stand there ahead.

use super::queue::Queue;
use super::stop::Stop;
use crate::db::{Db, DbConnection, DbError};
use crate::document;
use crate::model::settings::{self, Retention};
use crate::model::{announcement, delivery, extraction, hold, job_slot, partition, purge};
use crate::pipeline::people::by_hand::{self, EditError};
use crate::pipeline::people::graces;
use crate::store::{Store, StoreError, forget_pieces};
use chrono::{DateTime, Days, TimeDelta, Utc};
use std::path::PathBuf;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3600);
/// This month and the next ones.
const MONTHS_AHEAD: u32 = 3;
const SIGN_IN_FAILURES: TimeDelta = TimeDelta::days(1);
const SLOTS: TimeDelta = TimeDelta::days(90);
const LEFT_OUT: TimeDelta = TimeDelta::days(90);
const ANNOUNCEMENTS: TimeDelta = TimeDelta::days(90);
/// Files that came in pieces and never became whole.
const UNFINISHED_FILES: TimeDelta = TimeDelta::days(7);

/// Why cleaning up stopped half-way; the next time goes on.
#[derive(Debug, thiserror::Error)]
pub enum CleanupError {
    /// The database is out of reach.
    #[error(transparent)]
    Connection(#[from] DbError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
    /// The store failed us.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file that never became whole could not be deleted.
    #[error("unfinished uploads: {0}")]
    Io(#[from] std::io::Error),
}

/// Makes sure that the tables which are divided by month can be written to, now and for the next months.
pub fn ensure_months(conn: &mut DbConnection, now: DateTime<Utc>) -> Result<(), CleanupError> {
    Ok(partition::ensure_months(conn, now.date_naive(), MONTHS_AHEAD)?)
}

/// Removes what is over at `now`. Safe from several servers at once.
pub fn clean(conn: &mut DbConnection, store: &Store, now: DateTime<Utc>) -> Result<(), CleanupError> {
    purge::sessions(conn, now)?;
    purge::sign_in_failures(conn, now - SIGN_IN_FAILURES)?;
    job_slot::purge(conn, now - SLOTS)?;
    purge::left_out(conn, now - LEFT_OUT)?;
    announcement::purge(conn, now - ANNOUNCEMENTS)?;
    delivery::purge_tests(conn, now - ANNOUNCEMENTS)?;
    for schema in purge::pending_schemas(conn)? {
        tracing::info!(schema, "dropped what an unfinished preparation had left");
    }
    let retention = retention(conn)?;
    if let Some(moment) = days_before(now, retention.extractions_days) {
        for old in extraction::older_than(conn, moment)? {
            for folder in extraction::give_up(conn, &old, now)? {
                store.delete_prefix(&folder)?;
            }
            tracing::info!(extraction.id = old.id.0, "deleted the files of an old extraction");
        }
    }
    if let Some(moment) = days_before(now, retention.history_days) {
        purge::departures(conn, moment)?;
        for partition in partition::drop_months_before(conn, moment.date_naive())? {
            tracing::info!(partition, "dropped an old month");
        }
    }
    Ok(())
}

/// Cleans up every hour, beginning at once, until we stop.
pub async fn clean_regularly(db: Db, store: Store, data_dir: PathBuf, queue: Queue, stop: Stop) {
    loop {
        let (db, store, data_dir) = (db.clone(), store.clone(), data_dir.clone());
        let cleaned = tokio::task::spawn_blocking(move || {
            let mut conn = db.get().map_err(DbError::from)?;
            let now = job_slot::clock(&mut conn)?;
            ensure_months(&mut conn, now)?;
            graces::end(&mut conn, now)?;
            match by_hand::end_due(&mut conn, now) {
                // A run is being applied: the next time finds them again.
                Ok(_) | Err(EditError::Busy) => {}
                Err(error) => tracing::warn!(error = %error, "overrides whose day has come still stand"),
            }
            hold::end_due(&mut conn, now)?;
            clean(&mut conn, &store, now)?;
            forget_pieces(&data_dir, (now - UNFINISHED_FILES).into()).map_err(CleanupError::from)
        })
        .await;
        match cleaned {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "cleaning up stopped half-way"),
            Err(_) => tracing::error!("cleaning up ended unexpectedly"),
        }
        if let Err(error) = queue.purge().await {
            tracing::warn!(error = %error, "the queue could not be cleaned up");
        }
        if !stop.sleep(EVERY).await {
            return;
        }
    }
}

/// The settings' retention; the default where no settings were ever applied. Settings that can't be read delete nothing.
fn retention(conn: &mut DbConnection) -> Result<Retention, CleanupError> {
    let Some(stored) = settings::current(conn)? else { return Ok(Retention::default()) };
    match document::settings(&stored.document) {
        Ok(definition) => Ok(definition.retention),
        Err(error) => {
            tracing::warn!(error = %error, "the settings can't be read any more; nothing is deleted by age");
            Ok(Retention { extractions_days: 0, history_days: 0 })
        }
    }
}

fn days_before(now: DateTime<Utc>, days: u32) -> Option<DateTime<Utc>> {
    if days == 0 { None } else { now.checked_sub_days(Days::new(days.into())) }
}
