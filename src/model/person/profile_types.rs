//! Profile types: what groups make of their members. `staff` while somebody is here, `past staff` afterwards.

use super::{Membership, Person, memberships};
use crate::model::as_of::AsOf;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Timestamptz};
use std::collections::BTreeSet;

/// The profile types of a person of that moment: of the groups that it is in; of one that is past, those of the groups
/// that it was in when it went, as far as that is still known.
pub fn profile_types(
    conn: &mut PgConnection,
    at: &AsOf,
    person: &Person,
    held: &[Membership],
) -> QueryResult<BTreeSet<String>> {
    if !person.is_past() {
        return Ok(held.iter().filter_map(|one| one.profile_type.clone()).collect());
    }
    let Some(left) = left_at(conn, at, person)? else { return Ok(BTreeSet::new()) };
    let before = AsOf::at(conn, left - TimeDelta::microseconds(1))?;
    let held = memberships(conn, &before, &[person.id])?;
    Ok(held.into_iter().filter_map(|one| one.past_profile_type).collect())
}

/// When the last source that decided about a person let it go: its memberships went with that run, even if a grace
/// period made it past later.
fn left_at(conn: &mut PgConnection, at: &AsOf, person: &Person) -> QueryResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Left {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<DateTime<Utc>>,
    }
    let runs: Vec<i32> = person.blocks().iter().filter_map(|block| block.run).collect();
    let left: Left = diesel::sql_query(
        "select max(applied_at) as at from runs where id = any($1) and ($2 is null or applied_at <= $2)",
    )
    .bind::<Array<Integer>, _>(runs)
    .bind::<Nullable<Timestamptz>, _>(at.moment())
    .get_result(conn)?;
    Ok(left.at)
}
