//! A lease: for how long a worker may count on its claim, by the database's clock; and what it tells meanwhile.
//!
//! It stands apart from the run's row, so that heartbeat, progress and cancel never wait for the work's transaction.

use super::claim::Claim;
use super::json::Json;
use super::run::{RunId, Stage};
use crate::schema::leases;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Jsonb, Nullable, Text};
use serde::{Deserialize, Serialize};

/// A lease as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = leases, check_for_backend(diesel::pg::Pg))]
pub struct Lease {
    /// The run.
    pub run_id: RunId,
    /// The run's epoch when it was claimed.
    pub epoch: i32,
    /// Who holds it.
    pub worker: String,
    /// Until when, unless it is renewed.
    pub leased_until: DateTime<Utc>,
    /// When somebody asked to cancel the run.
    pub cancel_requested: Option<DateTime<Utc>>,
    /// Who did.
    pub cancelled_by: Option<String>,
    /// The stage that is worked on.
    pub stage: Stage,
    /// How far it is.
    pub progress: Json<ProgressReport>,
    /// When it last moved.
    pub progressed_at: DateTime<Utc>,
}

/// How far a stage is, for pages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressReport {
    /// What is being done, in words.
    pub step: String,
    /// Rows passed in this step.
    pub rows: u64,
    /// Rows in all; 0: unknown.
    pub total: u64,
    /// Rows a second, lately.
    pub rate: f64,
}

/// What a heartbeat learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Held,
    /// Somebody asked to cancel the run.
    CancelRequested,
    /// The claim is finished or was taken over.
    Lost,
}

/// The lease of a run, live or expired.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<Lease>> {
    leases::table.find(run).select(Lease::as_select()).first(conn).optional()
}

/// Whether a worker holds the run at this moment.
pub fn is_live(conn: &mut PgConnection, run: RunId) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        leases::table.find(run).filter(diesel::dsl::sql::<Bool>("leased_until > clock_timestamp()")),
    ))
    .get_result(conn)
}

/// Renews the lease and leaves a report. One statement on the lease's own row.
pub fn renew(
    conn: &mut PgConnection,
    claim: &Claim,
    lease_seconds: f64,
    report: Option<&ProgressReport>,
) -> QueryResult<Beat> {
    let beat: Option<Flag> = diesel::sql_query(
        "update leases
            set leased_until = clock_timestamp() + make_interval(secs => $3),
                progress = coalesce($4, progress),
                progressed_at = case when $4 is null then progressed_at else clock_timestamp() end
          where run_id = $1 and epoch = $2
      returning cancel_requested is not null as flag",
    )
    .bind::<Integer, _>(claim.run)
    .bind::<Integer, _>(claim.epoch)
    .bind::<Double, _>(lease_seconds)
    .bind::<Nullable<Jsonb>, _>(report.map(|report| Json(report.clone())))
    .get_result(conn)
    .optional()?;
    Ok(match beat {
        None => Beat::Lost,
        Some(Flag { flag: true }) => Beat::CancelRequested,
        Some(Flag { flag: false }) => Beat::Held,
    })
}

/// What [`renew`] would learn, without writing.
pub fn look(conn: &mut PgConnection, claim: &Claim) -> QueryResult<Beat> {
    let asked: Option<Option<DateTime<Utc>>> = leases::table
        .find(claim.run)
        .filter(leases::epoch.eq(claim.epoch))
        .select(leases::cancel_requested)
        .first(conn)
        .optional()?;
    Ok(match asked {
        None => Beat::Lost,
        Some(Some(_)) => Beat::CancelRequested,
        Some(None) => Beat::Held,
    })
}

/// Asks the worker that holds the run to cancel it. `false`: no worker holds it.
pub fn ask_cancel(conn: &mut PgConnection, run: RunId, by: &str) -> QueryResult<bool> {
    diesel::sql_query(
        "update leases
            set cancel_requested = coalesce(cancel_requested, clock_timestamp()), cancelled_by = coalesce(cancelled_by, $2)
          where run_id = $1 and leased_until > clock_timestamp()",
    )
    .bind::<Integer, _>(run)
    .bind::<Text, _>(by)
    .execute(conn)
    .map(|rows| rows > 0)
}

/// Runs that are at work by their state while no worker holds them, with the epoch of the lease that expired, if one did.
pub fn abandoned(conn: &mut PgConnection) -> QueryResult<Vec<(RunId, Option<i32>)>> {
    let rows: Vec<Abandoned> = diesel::sql_query(
        "select runs.id, leases.epoch
           from runs left join leases on leases.run_id = runs.id
          where (runs.state in ('queued', 'exporting', 'preparing', 'synchronizing')
                 or (runs.state = 'ready' and not runs.standalone))
            and (leases.run_id is null or leases.leased_until < clock_timestamp())
          order by runs.id",
    )
    .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row.epoch)).collect())
}

pub(super) fn take(
    conn: &mut PgConnection,
    run: RunId,
    epoch: i32,
    worker: &str,
    stage: Stage,
    lease_seconds: f64,
) -> QueryResult<()> {
    diesel::sql_query(
        "insert into leases (run_id, epoch, worker, leased_until, stage)
         values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4), $5)
         on conflict (run_id) do update
            set epoch = excluded.epoch, worker = excluded.worker, leased_until = excluded.leased_until,
                stage = excluded.stage, cancel_requested = null, cancelled_by = null, progress = '{}',
                progressed_at = clock_timestamp()",
    )
    .bind::<Integer, _>(run)
    .bind::<Integer, _>(epoch)
    .bind::<Text, _>(worker)
    .bind::<Double, _>(lease_seconds)
    .bind::<Text, _>(stage)
    .execute(conn)
    .map(std::mem::drop)
}

/// Ends the lease, and tells whether somebody had asked to cancel the run. Who asks later finds no lease any more.
pub(super) fn drop(conn: &mut PgConnection, claim: &Claim) -> QueryResult<bool> {
    let asked: Option<Option<DateTime<Utc>>> =
        diesel::delete(leases::table.find(claim.run).filter(leases::epoch.eq(claim.epoch)))
            .returning(leases::cancel_requested)
            .get_result(conn)
            .optional()?;
    Ok(asked.flatten().is_some())
}

pub(super) fn cancel_requested(conn: &mut PgConnection, run: RunId) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(leases::table.find(run).filter(leases::cancel_requested.is_not_null())))
        .get_result(conn)
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = Bool)]
    flag: bool,
}

#[derive(QueryableByName)]
struct Abandoned {
    #[diesel(sql_type = Integer)]
    id: RunId,
    #[diesel(sql_type = Nullable<Integer>)]
    epoch: Option<i32>,
}
