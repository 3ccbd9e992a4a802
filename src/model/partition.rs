//! The months of the tables that grow with time. A row can only be written where its month exists, so the months stand
//! there ahead of it; purging by age drops them.

use chrono::{Datelike, Months, NaiveDate};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// The tables that are divided by month.
pub const TABLES: [&str; 4] = ["resources_history", "links_history", "persons_history", "changes"];

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
    diesel::sql_query("select to_regclass($1) is not null as found")
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
