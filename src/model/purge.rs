//! What ends by itself: sessions, failed sign-ins, and tables that a preparation left behind.

use crate::schema::{sessions, sign_in_failures};
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Text, Timestamptz};

/// Removes sessions that are over at `now`.
pub fn sessions(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(sessions::table.filter(sessions::expires_at.le(now))).execute(conn)
}

/// Forgets failed sign-ins of before `moment`.
pub fn sign_in_failures(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(sign_in_failures::table.filter(sign_in_failures::at.lt(moment))).execute(conn)
}

/// Forgets what runs that were over before `moment` left out one by one; their decisions keep the figures.
pub fn left_out(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    let mut gone = 0;
    for table in ["exclusions", "run_holds"] {
        gone += diesel::sql_query(format!(
            "delete from {table} t using runs r where r.id = t.run_id and r.finished_at < $1"
        ))
        .bind::<Timestamptz, _>(moment)
        .execute(conn)?;
    }
    Ok(gone)
}

/// Forgets what persons took along that were removed by runs applied before `moment`: those can't be reverted
/// any more.
pub fn departures(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    diesel::sql_query("delete from departures d using runs r where r.id = d.run_id and r.applied_at < $1")
        .bind::<Timestamptz, _>(moment)
        .execute(conn)
}

/// Drops the schemas of preparations (`run_<run>_<epoch>`) that belong neither to a live claim nor to a change set that
/// may still be applied (or retried, as long as no newer run was applied). A schema whose tables are attached elsewhere stays: they hold live rows.
pub fn pending_schemas(conn: &mut PgConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Schema {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let orphans: Vec<Schema> = diesel::sql_query(
        r"select nspname::text as name
            from pg_namespace
           where nspname ~ '^run_\d+_\d+$'
             and not exists (
               select from leases
                where nspname = format('run_%s_%s', run_id, epoch) and leased_until > clock_timestamp())
             and not exists (select from approvals where pending_schema = nspname)
             and not exists (
               select from runs
                where pending_schema = nspname
                  and state not in ('completed', 'completed_with_problems', 'cancelled', 'discarded', 'superseded')
                  and not exists (
                    select from runs newer
                     where newer.connector_id = runs.connector_id and newer.id > runs.id
                       and newer.applied_at is not null))
             and not exists (
               select from pg_class child
                 join pg_inherits on inhrelid = child.oid
                 join pg_class parent on parent.oid = inhparent
                where child.relnamespace = pg_namespace.oid and parent.relnamespace <> pg_namespace.oid)",
    )
    .load(conn)?;
    for schema in &orphans {
        // The name matched the pattern above: digits and underscores only.
        conn.batch_execute(&format!("drop schema if exists {} cascade", schema.name))?;
    }
    Ok(orphans.into_iter().map(|schema| schema.name).collect())
}
