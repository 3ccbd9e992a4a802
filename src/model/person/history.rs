//! What a person was before.

use crate::model::as_of::{AsOf, Life};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// One version of a person that is over.
#[derive(Debug, Clone, QueryableByName)]
pub struct PastVersion {
    /// `current` or `past`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// The run that wrote it.
    #[diesel(sql_type = Nullable<Integer>)]
    pub run_id: Option<i32>,
    /// The run that ended it.
    #[diesel(sql_type = Nullable<Integer>)]
    pub ended_by_run_id: Option<i32>,
    /// When it came.
    #[diesel(sql_type = Timestamptz)]
    pub valid_from: DateTime<Utc>,
    /// When it went.
    #[diesel(sql_type = Timestamptz)]
    pub valid_to: DateTime<Utc>,
    /// Profile field → value.
    #[diesel(sql_type = Jsonb)]
    pub fields: Value,
    /// Profile field → value that an account set.
    #[diesel(sql_type = Jsonb)]
    pub local: Value,
    /// Why it could not sign in.
    #[diesel(sql_type = Jsonb)]
    pub blocks: Value,
}

/// Versions of a person that were over by then, the latest first: one look into the index by id of each month.
pub fn history(conn: &mut PgConnection, at: &AsOf, id: i64, limit: i64) -> QueryResult<Vec<PastVersion>> {
    diesel::sql_query(
        "select state, run_id, ended_by_run_id, valid_from, valid_to, fields, local, blocks
           from persons_history where id = $1 and ($2 is null or valid_to <= $2) order by valid_to desc, valid_from desc limit $3",
    )
    .bind::<BigInt, _>(id)
    .bind::<Nullable<Timestamptz>, _>(at.moment())
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// From when to when a person was there.
pub fn life(conn: &mut PgConnection, id: i64) -> QueryResult<Option<Life>> {
    diesel::sql_query(
        "select began, ended from (
           select min(valid_from) as began, nullif(max(valid_to), 'infinity') as ended from (
             select valid_from, 'infinity'::timestamptz as valid_to from persons where id = $1
             union all
             select valid_from, valid_to from persons_history where id = $1) versions
         ) life where began is not null",
    )
    .bind::<BigInt, _>(id)
    .get_result(conn)
    .optional()
}
