//! Cleaning up: what is over by age, and what a preparation left behind; and the months that must stand there ahead.

use super::queue::Queue;
use super::stop::Stop;
use crate::db::{DbConnection, DbError};
use crate::document;
use crate::model::settings::{self, Retention};
use crate::model::{announcement, audit, delivery, extraction, hold, job_slot, partition, person, purge, upload};
use crate::pipeline::anonymizing::{self, AnonymizeError};
use crate::pipeline::people::edits::{self, EditError};
use crate::pipeline::people::graces;
use crate::pipeline::{Context, TaskError, cleaning};
use crate::store::{Store, StoreError, forget_pieces, received_before};
use chrono::{DateTime, Days, TimeDelta, Utc};
use std::path::Path;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(3600);
/// This month and the next ones.
const MONTHS_AHEAD: u32 = 3;
const SIGN_IN_FAILURES: TimeDelta = TimeDelta::days(1);
const SLOTS: TimeDelta = TimeDelta::days(90);
const LEFT_OUT: TimeDelta = TimeDelta::days(90);
const ANNOUNCEMENTS: TimeDelta = TimeDelta::days(90);
/// Files that came in pieces and never became whole, and whole ones that no feed knows.
const UNFINISHED_FILES: TimeDelta = TimeDelta::days(7);
/// Persons who are anonymized by age in an hour.
const AT_ONCE: i64 = 200;
/// Who does that.
const RETENTION: &str = "retention";

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
    /// A person could not be anonymized.
    #[error(transparent)]
    Anonymizing(#[from] AnonymizeError),
    /// An extraction could not be cleaned.
    #[error(transparent)]
    Cleaning(#[from] TaskError),
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
    if let Some(moment) = days_before(now, retention.audit_days) {
        audit::purge(conn, moment)?;
    }
    person::partition::sort_in(conn)?;
    Ok(())
}

/// Anonymizes persons who left long enough ago, and takes what is suppressed out of files.
pub fn forget_persons(
    conn: &mut DbConnection,
    store: &Store,
    key_file: &Path,
    now: DateTime<Utc>,
) -> Result<(), CleanupError> {
    if let Some(moment) = days_before(now, retention(conn)?.leavers_days) {
        for person in anonymizing::left_before(conn, moment, AT_ONCE)? {
            match anonymizing::anonymize(conn, key_file, person, RETENTION, now) {
                Ok(_) => {}
                // The next time finds them again.
                Err(AnonymizeError::AtWork { .. } | AnonymizeError::Applying) => break,
                Err(error) => return Err(error.into()),
            }
        }
        anonymizing::forget_snapshots(conn, store)?;
    }
    cleaning::clean(conn, store, key_file, now)?;
    Ok(())
}

/// Deletes received files that stand on no list and that nobody has touched since `before`: a server died before it could
/// put them there, or after they were read.
pub fn forget_strays(conn: &mut DbConnection, data_dir: &Path, before: DateTime<Utc>) -> Result<(), CleanupError> {
    // In this order: what is on no list although it has long been there will not be on one.
    let old = received_before(data_dir, before.into())?;
    if old.is_empty() {
        return Ok(());
    }
    let waiting = upload::paths(conn)?;
    let strays: Vec<String> = old.into_iter().filter(|path| !waiting.contains(path)).collect();
    for stray in &strays {
        match std::fs::remove_file(data_dir.join(stray)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    if !strays.is_empty() {
        tracing::info!(files = strays.len(), "deleted received files that no feed knows");
    }
    Ok(())
}

/// Cleans up every hour, beginning at once, until we stop.
pub async fn clean_regularly(context: Context, queue: Queue, stop: Stop) {
    loop {
        let Context { db, store, data_dir, key_file, .. } = context.clone();
        let cleaned = tokio::task::spawn_blocking(move || {
            let mut conn = db.get().map_err(DbError::from)?;
            let now = job_slot::clock(&mut conn)?;
            ensure_months(&mut conn, now)?;
            graces::end(&mut conn, now)?;
            match edits::end_due(&mut conn, now) {
                // A run is being applied: the next time finds them again.
                Ok(_) | Err(EditError::Busy) => {}
                Err(error) => tracing::warn!(error = %error, "overrides whose day has come still stand"),
            }
            hold::end_due(&mut conn, now)?;
            clean(&mut conn, &store, now)?;
            forget_persons(&mut conn, &store, &key_file, now)?;
            forget_pieces(&data_dir, (now - UNFINISHED_FILES).into())?;
            forget_strays(&mut conn, &data_dir, now - UNFINISHED_FILES)
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
            Ok(Retention { extractions_days: 0, ..Retention::default() })
        }
    }
}

fn days_before(now: DateTime<Utc>, days: u32) -> Option<DateTime<Utc>> {
    if days == 0 { None } else { now.checked_sub_days(Days::new(days.into())) }
}
