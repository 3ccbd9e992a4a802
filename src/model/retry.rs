//! Trying again by itself: a run that failed for a reason which may pass (a server that is down, a file that is not
//! there yet) is taken up again after a while, a few times. The row says when; whoever ticks does it.

use super::connector::ConnectorId;
use super::run::RunId;
use crate::schema::run_retries;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Integer, Nullable, Timestamptz};

/// The waits before each try.
pub const WAITS: [TimeDelta; 3] = [TimeDelta::minutes(1), TimeDelta::minutes(5), TimeDelta::minutes(15)];

/// How far a failed run is with trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = run_retries, check_for_backend(diesel::pg::Pg))]
pub struct Retry {
    /// How often it was taken up again.
    pub tries: i32,
    /// When it will be; `None`: not any more.
    pub next_at: Option<DateTime<Utc>>,
}

/// A failed run whose next try is due.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Due {
    /// The run.
    #[diesel(sql_type = Integer)]
    pub run_id: RunId,
    /// Its connector.
    #[diesel(sql_type = Integer)]
    pub connector_id: ConnectorId,
    /// Which try it will be.
    #[diesel(sql_type = Integer)]
    pub tries: i32,
    /// Whether it is pointless: a newer run was started, or the connector was switched off.
    #[diesel(sql_type = Bool)]
    pub is_overtaken: bool,
}

/// Plans the next try of a run that has just failed, by the database's clock, in the caller's transaction. `None`: it
/// was tried often enough.
pub fn plan(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        next_at: Option<DateTime<Utc>>,
    }
    let tries = of(conn, run)?.map_or(0, |retry| retry.tries);
    let wait = usize::try_from(tries).ok().and_then(|tries| WAITS.get(tries));
    diesel::sql_query(
        "insert into run_retries (run_id, tries, next_at)
         values ($1, 0, clock_timestamp() + make_interval(secs => $2))
         on conflict (run_id) do update set next_at = excluded.next_at
         returning next_at",
    )
    .bind::<Integer, _>(run)
    .bind::<Nullable<Double>, _>(wait.map(|wait| wait.num_seconds() as f64))
    .get_result::<Row>(conn)
    .map(|row| row.next_at)
}

/// How far the run is with trying again; `None`: it never failed in that way.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<Retry>> {
    run_retries::table.find(run).select(Retry::as_select()).first(conn).optional()
}

/// The failed runs whose next try is due at `now`, locked; those that another server looks at are left out.
pub fn due(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Due>> {
    diesel::sql_query(
        "select retry.run_id, run.connector_id, retry.tries + 1 as tries,
                run.state <> 'failed' or not connector.active
                  or exists (select from runs newer
                              where newer.connector_id = run.connector_id and newer.id > run.id
                                and not newer.standalone) as is_overtaken
           from run_retries retry
           join runs run on run.id = retry.run_id
           join connectors connector on connector.id = run.connector_id
          where retry.next_at <= $1
          order by retry.next_at
          limit 100
            for update of retry skip locked",
    )
    .bind::<Timestamptz, _>(now)
    .load(conn)
}

/// The run is taken up again: one try more, and none planned.
pub fn begin(conn: &mut PgConnection, run: RunId) -> QueryResult<()> {
    diesel::update(run_retries::table.find(run))
        .set((run_retries::tries.eq(run_retries::tries + 1), run_retries::next_at.eq(None::<DateTime<Utc>>)))
        .execute(conn)
        .map(drop)
}

/// Plans no try any more; `false`: none was planned.
pub fn forget(conn: &mut PgConnection, run: RunId) -> QueryResult<bool> {
    diesel::update(run_retries::table.find(run).filter(run_retries::next_at.is_not_null()))
        .set(run_retries::next_at.eq(None::<DateTime<Utc>>))
        .execute(conn)
        .map(|rows| rows == 1)
}
