//! What accounts have set of a person: overrides, and who set which local value.

use crate::model::as_of::AsOf;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// An override of a person's value.
#[derive(Debug, Clone, QueryableByName)]
pub struct OverrideRecord {
    /// The person.
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    /// The profile field's name.
    #[diesel(sql_type = Text)]
    pub field: String,
    /// What holds.
    #[diesel(sql_type = Jsonb)]
    pub value: Value,
    /// Why.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// The account that made it.
    #[diesel(sql_type = Text)]
    pub made_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub made_at: DateTime<Utc>,
    /// When it ends by itself.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_at: Option<DateTime<Utc>>,
}

/// The overrides of a person that stood at that moment.
pub fn overrides(conn: &mut PgConnection, at: &AsOf, person: i64) -> QueryResult<Vec<OverrideRecord>> {
    overrides_of(conn, at, &[person])
}

/// The overrides of these persons that stood at that moment.
pub fn overrides_of(conn: &mut PgConnection, at: &AsOf, persons: &[i64]) -> QueryResult<Vec<OverrideRecord>> {
    diesel::sql_query(
        "select person_id, field, value, reason, made_by, made_at, due_at from overrides
          where person_id = any($1) and ($2 is null and ended_at is null
                                    or made_at <= $2 and (ended_at is null or ended_at > $2))
          order by person_id, field",
    )
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Nullable<Timestamptz>, _>(at.moment())
    .load(conn)
}

/// Who set a local value last.
#[derive(Debug, Clone, QueryableByName)]
pub struct LocalEdit {
    /// The profile field's name.
    #[diesel(sql_type = Text)]
    pub field: String,
    /// The account.
    #[diesel(sql_type = Text)]
    pub edited_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub edited_at: DateTime<Utc>,
}

/// Who set which local value of a person last.
pub fn local_edits(conn: &mut PgConnection, person: i64) -> QueryResult<Vec<LocalEdit>> {
    diesel::sql_query("select field, edited_by, edited_at from local_edits where person_id = $1")
        .bind::<BigInt, _>(person)
        .load(conn)
}
