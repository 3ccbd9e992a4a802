//! What is told to deliveries about memberships that went from one person to another: the direct ones, as after a run.

use crate::model::as_of::AsOf;
use crate::model::person;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text};
use std::collections::BTreeSet;

/// Who is in which group: person and group.
pub(super) type Memberships = BTreeSet<(i64, i64)>;

/// The direct memberships of these persons.
pub(super) fn memberships(conn: &mut PgConnection, persons: &[i64]) -> QueryResult<Memberships> {
    let all = person::memberships(conn, &AsOf::Now, persons)?;
    Ok(all.into_iter().filter(|one| one.via_id.is_none()).map(|one| (one.person_id, one.group_id)).collect())
}

/// Tells what differs: first who left which group, then who joined which.
pub(super) fn tell(conn: &mut PgConnection, run: i32, before: &Memberships, after: &Memberships) -> QueryResult<()> {
    for (operation, changed) in [("delete", before - after), ("insert", after - before)] {
        let (persons, groups): (Vec<i64>, Vec<i64>) = changed.into_iter().unzip();
        if persons.is_empty() {
            continue;
        }
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, person_id, group_id)
             select $1, 'membership', $2, person_id, group_id from unnest($3, $4) as moved (person_id, group_id)",
        )
        .bind::<Integer, _>(run)
        .bind::<Text, _>(operation)
        .bind::<Array<BigInt>, _>(persons)
        .bind::<Array<BigInt>, _>(groups)
        .execute(conn)?;
    }
    Ok(())
}

/// Tells of a person that is new, or that has changed in what no source says.
pub(super) fn tell_person(conn: &mut PgConnection, run: i32, operation: &str, person: i64) -> QueryResult<()> {
    diesel::sql_query("insert into outbox (run_id, kind, operation, person_id) values ($1, 'person', $2, $3)")
        .bind::<Integer, _>(run)
        .bind::<Text, _>(operation)
        .bind::<BigInt, _>(person)
        .execute(conn)
        .map(drop)
}
