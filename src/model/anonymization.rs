//! An anonymization: that somebody was taken out, when and by whom, and whether later runs still pass that person over.
//! Nothing in it says who it was.

use crate::schema::{anonymizations, suppressions};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use serde::Serialize;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable)]
#[diesel(table_name = anonymizations, check_for_backend(diesel::pg::Pg))]
pub struct Anonymization {
    /// Its number.
    pub id: i64,
    /// What the user's number was.
    #[serde(rename = "user")]
    pub person_id: i64,
    /// When.
    pub anonymized_at: DateTime<Utc>,
    /// The account that did it.
    pub anonymized_by: String,
    /// Since when runs no longer pass the person over.
    pub lifted_at: Option<DateTime<Utc>>,
    /// The account that lifted it.
    pub lifted_by: Option<String>,
    /// Why it was lifted.
    pub reason: Option<String>,
}

/// Which of them.
#[derive(Debug, Clone, Default)]
pub struct AnonymizationFilter {
    /// Only these.
    pub ids: Option<Vec<i64>>,
    /// Only those with smaller numbers.
    pub before: Option<i64>,
}

/// Up to `limit` of them, the newest first.
pub fn page(conn: &mut PgConnection, filter: &AnonymizationFilter, limit: i64) -> QueryResult<Vec<Anonymization>> {
    let mut chosen = anonymizations::table.into_boxed();
    if let Some(ids) = &filter.ids {
        chosen = chosen.filter(anonymizations::id.eq_any(ids));
    }
    if let Some(before) = filter.before {
        chosen = chosen.filter(anonymizations::id.lt(before));
    }
    chosen.order(anonymizations::id.desc()).limit(limit).select(Anonymization::as_select()).load(conn)
}

/// The one of that number, which stays as it is until the transaction ends.
pub fn to_change(conn: &mut PgConnection, id: i64) -> QueryResult<Option<Anonymization>> {
    anonymizations::table.find(id).select(Anonymization::as_select()).for_update().first(conn).optional()
}

/// Those that suppress any of these digests.
pub fn suppressing(conn: &mut PgConnection, digests: &[[u8; 32]]) -> QueryResult<Vec<i64>> {
    let digests: Vec<&[u8]> = digests.iter().map(<[u8; 32]>::as_slice).collect();
    suppressions::table
        .filter(suppressions::digest.eq_any(digests))
        .select(suppressions::anonymization_id)
        .distinct()
        .load(conn)
}

/// Ends what it suppresses.
pub fn lift(conn: &mut PgConnection, id: i64, by: &str, reason: &str, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::delete(suppressions::table.filter(suppressions::anonymization_id.eq(id))).execute(conn)?;
    diesel::update(anonymizations::table.find(id))
        .set((anonymizations::lifted_at.eq(now), anonymizations::lifted_by.eq(by), anonymizations::reason.eq(reason)))
        .execute(conn)
        .map(drop)
}
