//! The months of the tables that grow with time. A row can only be written where its month exists, so the months stand
//! there ahead of it; purging by age drops them.

use chrono::{Datelike, Months, NaiveDate};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// The tables that are divided by month.
pub const TABLES: [&str; 6] =
    ["resources_history", "links_history", "persons_history", "groups_history", "local_memberships_history", "changes"];

/// One migration, attaching or purging at a time.
const LOCK: i64 = 7_105_578;

/// Makes sure that the month of `from` and the ones after it, `count` in all, exist for all [`TABLES`]. Cheap when they
/// do; safe from several servers at once; readers and writers of the tables are not held up.
pub fn ensure_months(conn: &mut PgConnection, from: NaiveDate, count: u32) -> QueryResult<()> {
    let first = from.with_day(1).unwrap_or(from);
    for table in TABLES {
        for month in (0..count).filter_map(|ahead| first.checked_add_months(Months::new(ahead))) {
            if !exists(conn, &name(table, month))? {
                attach(conn, table, month)?;
            }
        }
    }
    Ok(())
}

/// Drops the months that were over before `moment`, of all [`TABLES`]: purging by age. The result names them.
pub fn drop_months_before(conn: &mut PgConnection, moment: NaiveDate) -> QueryResult<Vec<String>> {
    let first = moment.with_day(1).unwrap_or(moment);
    let mut dropped = Vec::new();
    for table in TABLES {
        let first_kept = name(table, first);
        // The names sort as their months do.
        let old = months_of(conn, table)?.into_iter().filter(|partition| *partition < first_kept);
        for partition in old {
            conn.batch_execute(&format!("drop table {partition}"))?;
            dropped.push(partition);
        }
    }
    Ok(dropped)
}

/// The first month of a table that stands there still, of those that were made.
pub(super) fn first_month(conn: &mut PgConnection, table: &str) -> QueryResult<Option<NaiveDate>> {
    let months = months_of(conn, table)?;
    let first = months.first().and_then(|partition| partition.strip_prefix(&format!("{table}_")));
    Ok(first.and_then(|month| NaiveDate::parse_from_str(&format!("{month}_01"), "%Y_%m_%d").ok()))
}

fn months_of(conn: &mut PgConnection, table: &str) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Partition {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let partitions: Vec<Partition> = diesel::sql_query(
        r"select child.relname::text as name
            from pg_inherits
            join pg_class child on child.oid = inhrelid
           where inhparent = to_regclass($1) and child.relname ~ '_\d{4}_\d{2}$'
           order by 1",
    )
    .bind::<Text, _>(table)
    .load(conn)?;
    Ok(partitions.into_iter().map(|partition| partition.name).collect())
}

/// The partition of `table` that holds `month`: `changes_2026_11`.
pub fn name(table: &str, month: NaiveDate) -> String {
    format!("{table}_{}", month.format("%Y_%m"))
}

fn exists(conn: &mut PgConnection, partition: &str) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    // A look at the rows: `to_regclass` answers from a cache that may not know yet what another server has just made.
    diesel::sql_query(
        "select exists (
           select from pg_class where relname = $1 and relnamespace = current_schema()::regnamespace
         ) as found",
    )
    .bind::<Text, _>(partition)
    .get_result::<Found>(conn)
    .map(|row| row.found)
}

/// Made beside the table and attached then: `create table … partition of` would lock out every reader.
fn attach(conn: &mut PgConnection, table: &str, month: NaiveDate) -> QueryResult<()> {
    let partition = name(table, month);
    let until = month.checked_add_months(Months::new(1)).unwrap_or(month);
    conn.transaction(|conn| {
        conn.batch_execute(&format!("select pg_advisory_xact_lock({LOCK})"))?;
        // Another server may have been faster.
        if exists(conn, &partition)? {
            return Ok(());
        }
        conn.batch_execute(&format!(
            "create table {partition} (like {table} including all);
             alter table {table} attach partition {partition} for values from ('{month}') to ('{until}');"
        ))
    })
}
