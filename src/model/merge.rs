//! A merge: a person that turned out to be another one. Whatever led to it leads there.

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// A person that became another one.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Merge {
    /// The one that is no more.
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    /// The account that merged them.
    #[diesel(sql_type = Text)]
    pub merged_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub merged_at: DateTime<Utc>,
    /// The words that were given.
    #[diesel(sql_type = Nullable<Text>)]
    pub comment: Option<String>,
}

/// The person that this one has become, if it was merged.
pub fn became(conn: &mut PgConnection, person: i64) -> QueryResult<Option<i64>> {
    #[derive(QueryableByName)]
    struct Into {
        #[diesel(sql_type = BigInt)]
        into_id: i64,
    }
    let into: Option<Into> = diesel::sql_query("select into_id from merges where person_id = $1")
        .bind::<BigInt, _>(person)
        .get_result(conn)
        .optional()?;
    Ok(into.map(|row| row.into_id))
}

/// The persons that have become this one, the latest first.
pub fn into(conn: &mut PgConnection, person: i64) -> QueryResult<Vec<Merge>> {
    diesel::sql_query(
        "select person_id, merged_by, merged_at, comment from merges where into_id = $1 order by merged_at desc",
    )
    .bind::<BigInt, _>(person)
    .load(conn)
}

/// Notes that a person is another one, and so is whoever had become it.
pub fn record(conn: &mut PgConnection, person: i64, into: i64, by: &str, comment: Option<&str>) -> QueryResult<()> {
    diesel::sql_query("update merges set into_id = $2 where into_id = $1")
        .bind::<BigInt, _>(person)
        .bind::<BigInt, _>(into)
        .execute(conn)?;
    diesel::sql_query("insert into merges (person_id, into_id, merged_by, comment) values ($1, $2, $3, $4)")
        .bind::<BigInt, _>(person)
        .bind::<BigInt, _>(into)
        .bind::<Text, _>(by)
        .bind::<Nullable<Text>, _>(comment)
        .execute(conn)
        .map(drop)
}

/// Gives the local memberships of a person to another one, and notes who had set its local values. Returns the local values, which [`give_local`] gives the other one once the person is gone.
pub fn take_local(conn: &mut PgConnection, from: i64, into: i64, by: &str, now: DateTime<Utc>) -> QueryResult<Value> {
    #[derive(QueryableByName)]
    struct Local {
        #[diesel(sql_type = Jsonb)]
        local: Value,
    }
    diesel::sql_query(
        "insert into local_memberships (group_id, person_id, added_by, added_at)
         select group_id, $2, added_by, added_at from local_memberships where person_id = $1
         on conflict do nothing",
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(into)
    .execute(conn)?;
    diesel::sql_query(
        "with gone as (delete from local_memberships where person_id = $1 returning *)
         insert into local_memberships_history (group_id, person_id, added_by, added_at, removed_by, valid_to)
         select group_id, person_id, added_by, added_at, $2, $3 from gone",
    )
    .bind::<BigInt, _>(from)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn)?;
    diesel::sql_query(
        "insert into local_edits (person_id, field, edited_by, edited_at)
         select $2, field, edited_by, edited_at from local_edits where person_id = $1
         on conflict do nothing",
    )
    .bind::<BigInt, _>(from)
    .bind::<BigInt, _>(into)
    .execute(conn)?;
    diesel::sql_query("delete from local_edits where person_id = $1").bind::<BigInt, _>(from).execute(conn)?;
    diesel::sql_query("delete from rule_failures where person_id = $1").bind::<BigInt, _>(from).execute(conn)?;
    let local: Local =
        diesel::sql_query("select local from persons where id = $1").bind::<BigInt, _>(from).get_result(conn)?;
    Ok(local.local)
}

/// Ends the overrides of a person who is gone; not before it is known what lay beneath them.
pub fn end_overrides(conn: &mut PgConnection, person: i64, by: &str, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::sql_query("update overrides set ended_at = $3, ended_by = $2 where person_id = $1 and ended_at is null")
        .bind::<BigInt, _>(person)
        .bind::<Text, _>(by)
        .bind::<Timestamptz, _>(now)
        .execute(conn)
        .map(drop)
}

/// Gives local values to a person; its own stay where it has some. `true`: it has others than before.
pub fn give_local(conn: &mut PgConnection, person: i64, local: &Value) -> QueryResult<bool> {
    if local.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(false);
    }
    let given = diesel::sql_query("update persons set local = $2 || local where id = $1 and local <> ($2 || local)")
        .bind::<BigInt, _>(person)
        .bind::<Jsonb, _>(local)
        .execute(conn)?;
    Ok(given > 0)
}
