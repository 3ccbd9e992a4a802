//! A slot: one due time of one job. Whoever inserts it starts the job's runs, so each starts once on any number of
//! servers.

use super::json::Json;
use super::run::RunId;
use crate::schema::job_slots;
use chrono::{DateTime, Duration, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Timestamptz};
use serde::{Deserialize, Serialize};

/// What became of one connector in a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SlotOutcome {
    /// The connector; empty where the whole slot was passed over.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connector: String,
    /// The run that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Why none was started, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// The run that has to be over before one is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<RunId>,
}

/// A slot as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = job_slots, check_for_backend(diesel::pg::Pg))]
pub struct Slot {
    /// The job's name.
    pub job: String,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// When a server took it.
    pub started_at: DateTime<Utc>,
    /// Which one did.
    pub server: String,
    /// What became of each connector.
    pub outcome: Json<Vec<SlotOutcome>>,
}

/// The database's clock: what all servers go by.
pub fn clock(conn: &mut PgConnection) -> QueryResult<DateTime<Utc>> {
    diesel::select(diesel::dsl::sql::<Timestamptz>("clock_timestamp()")).get_result(conn)
}

/// Takes the slot; `false`: another server has it.
pub fn take(conn: &mut PgConnection, job: &str, due_at: DateTime<Utc>, server: &str) -> QueryResult<bool> {
    diesel::insert_into(job_slots::table)
        .values((job_slots::job.eq(job), job_slots::due_at.eq(due_at), job_slots::server.eq(server)))
        .on_conflict_do_nothing()
        .execute(conn)
        .map(|rows| rows == 1)
}

/// Whether the slot has been taken.
pub fn is_taken(conn: &mut PgConnection, job: &str, due_at: DateTime<Utc>) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(job_slots::table.find((job, due_at)))).get_result(conn)
}

/// Whether the job ever had a slot.
pub fn has_any(conn: &mut PgConnection, job: &str) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(job_slots::table.filter(job_slots::job.eq(job)))).get_result(conn)
}

/// Writes what became of the connectors.
pub fn write(conn: &mut PgConnection, job: &str, due_at: DateTime<Utc>, outcome: Vec<SlotOutcome>) -> QueryResult<()> {
    diesel::update(job_slots::table.find((job, due_at)))
        .set(job_slots::outcome.eq(Json(outcome)))
        .execute(conn)
        .map(drop)
}

/// Slots of the last day in which a connector still waits, locked; those that another server looks at are left out.
pub fn waiting(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Slot>> {
    job_slots::table
        .filter(job_slots::due_at.gt(now - Duration::days(1)))
        .filter(diesel::dsl::sql::<Bool>("outcome @? '$[*].waits_for'"))
        .select(Slot::as_select())
        .order((job_slots::due_at, job_slots::job))
        .for_update()
        .skip_locked()
        .load(conn)
}

/// The last `limit` slots, newest first, of one job or of all.
pub fn newest(conn: &mut PgConnection, job: Option<&str>, limit: i64) -> QueryResult<Vec<Slot>> {
    let mut query =
        job_slots::table.select(Slot::as_select()).order(job_slots::due_at.desc()).limit(limit).into_boxed();
    if let Some(job) = job {
        query = query.filter(job_slots::job.eq(job.to_owned()));
    }
    query.load(conn)
}

/// Forgets slots of before `moment`; the newest of each job stays.
pub fn purge(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    diesel::sql_query(
        "delete from job_slots old
          where due_at < $1
            and exists (select from job_slots newer where newer.job = old.job and newer.due_at > old.due_at)",
    )
    .bind::<Timestamptz, _>(moment)
    .execute(conn)
}
