//! A run's log: structured events, one sentence each (SPEC 3.5).

use super::run::{RunId, Stage};
use crate::schema::run_log;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

/// The channel on which every change of a run is announced; the payload is the run's id.
pub const CHANNEL: &str = "muster_runs";

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody should look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The word in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = run_log, check_for_backend(diesel::pg::Pg))]
pub struct LogLine {
    /// Rises with time.
    pub id: i64,
    /// The stage it belongs to.
    pub stage: Stage,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// `info`, `warning` or `error`.
    pub level: String,
    /// What happened, in one hyphenated word: `created-user`.
    pub event: String,
    /// The sentence.
    pub message: String,
}

/// Adds a line.
pub fn append(
    conn: &mut PgConnection,
    run: RunId,
    stage: Stage,
    level: Level,
    event: &str,
    message: &str,
) -> QueryResult<()> {
    diesel::insert_into(run_log::table)
        .values((
            run_log::run_id.eq(run),
            run_log::stage.eq(stage),
            run_log::level.eq(level.as_str()),
            run_log::event.eq(event),
            run_log::message.eq(message),
        ))
        .execute(conn)
        .map(drop)
}

/// Says that a run started as incremental reads its source whole, and why.
pub fn became_complete(conn: &mut PgConnection, run: RunId, why: &str) -> QueryResult<()> {
    let message = format!("became a complete run: {why}");
    append(conn, run, Stage::Export, Level::Warning, "became-complete", &message)
}

/// At most `limit` lines after the line `after`, in order.
pub fn lines(conn: &mut PgConnection, run: RunId, after: i64, limit: i64) -> QueryResult<Vec<LogLine>> {
    run_log::table
        .filter(run_log::run_id.eq(run))
        .filter(run_log::id.gt(after))
        .order(run_log::id)
        .limit(limit)
        .select(LogLine::as_select())
        .load(conn)
}

/// Announces that something about a run has changed, when the transaction commits.
pub fn notify(conn: &mut PgConnection, run: RunId) -> QueryResult<()> {
    diesel::sql_query("select pg_notify($1, $2)")
        .bind::<Text, _>(CHANNEL)
        .bind::<Text, _>(run.to_string())
        .execute(conn)
        .map(drop)
}
