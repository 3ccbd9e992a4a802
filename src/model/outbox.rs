//! The outbox: what was written about persons and memberships, in the transaction that wrote it. Read by whoever follows
//! Muster: the API, and deliveries to other systems.
//!
//! Its order is that of transactions, then of ids. Only rows of transactions before all that are still open are read:
//! none can come before them any more, so that a reader who goes on from its last [`Place`] misses nothing.

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A change of a user, or of its memberships.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, QueryableByName)]
pub struct UserChange {
    /// The user.
    #[diesel(sql_type = BigInt)]
    pub user: i64,
    /// `insert`, `update`, `delete`; `join` and `leave` for a group.
    #[diesel(sql_type = Text)]
    pub operation: String,
    /// The group.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub group: Option<i64>,
    /// The run that did it; `None`: somebody by hand.
    #[diesel(sql_type = Nullable<Integer>)]
    pub run: Option<i32>,
    /// When it was written.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    #[serde(skip)]
    transaction: i64,
    #[diesel(sql_type = BigInt)]
    #[serde(skip)]
    id: i64,
}

/// A place in the outbox: its readers go on behind it. As text `transaction.id.user`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    transaction: i64,
    id: i64,
    user: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.transaction, self.id, self.user)
    }
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no place among the changes; go on with the `next` of the page before, or with `now`")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let mut numbers = text.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(transaction)), Some(Ok(id)), Some(Ok(user)), None) => Ok(Self { transaction, id, user }),
            _ => Err(NoPlace),
        }
    }
}

impl UserChange {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { transaction: self.transaction, id: self.id, user: self.user }
    }
}

/// Transactions of this database from here on may still be open, or have ended after this looked.
///
/// Other databases of the server are nothing to wait for: what writes there can't come into the outbox, and may take hours.
/// That is why the snapshot's own `xmin`, which is about the whole server, will not do. The snapshot comes first: what is
/// open at that moment is listed afterwards, or has ended by then and is seen by the statement that reads the outbox. So
/// this must be a statement before it, not in one transaction with an earlier call (`pg_stat_activity` stays as it was
/// within a transaction). `backend_xid` is 32 bits: the distance to the next makes it a whole one.
fn horizon(conn: &mut PgConnection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Horizon {
        #[diesel(sql_type = BigInt)]
        horizon: i64,
    }
    let found: Horizon = diesel::sql_query(
        "with next as (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next),
              open as (select (next - backend_xid::text::bigint) & 4294967295 as distance
                         from next, pg_stat_activity
                        where backend_xid is not null
                          and datid = (select oid from pg_database where datname = current_database()))
         select next - coalesce((select max(distance) from open where distance < 2147483648), 0) as horizon from next",
    )
    .get_result(conn)?;
    Ok(found.horizon)
}

/// Behind all that can be read now.
pub fn end(conn: &mut PgConnection) -> QueryResult<Place> {
    Ok(Place { transaction: horizon(conn)?, id: i64::MIN, user: i64::MIN })
}

/// Up to `limit` changes after a place, of `since` or later where given. A first load is one row of the outbox: here it
/// is one for each user that it made and that is still there; their memberships are not told apart from them.
///
/// A walk along `outbox_by_transaction`, not further than the page needs.
pub fn user_changes(
    conn: &mut PgConnection,
    after: Place,
    since: Option<DateTime<Utc>>,
    limit: i64,
) -> QueryResult<Vec<UserChange>> {
    let horizon = horizon(conn)?;
    diesel::sql_query(
        "with told as materialized (
           select o.transaction, o.id, o.run_id, o.kind, o.operation, o.person_id, o.group_id, o.created_at
             from outbox o
            where o.transaction < $6 and (o.transaction, o.id) >= ($1, $2)
              and ($4 is null or o.created_at >= $4)
              and (o.person_id is not null
                   or o.kind = 'scope' and o.entity_type_id in (select id from entity_types where represents = 'users'))
            order by o.transaction, o.id limit $5 + 1
         ), changes as (
           select transaction, id, run_id, person_id as \"user\", group_id as \"group\", created_at as at,
                  case when kind = 'person' then operation when operation = 'insert' then 'join' else 'leave' end
                    as operation
             from told where person_id is not null
           union all
           select t.transaction, t.id, t.run_id, p.id, null, t.created_at, 'insert'
             from told t cross join lateral (
               select p.id from persons p
                where p.created_run_id = t.run_id and (t.transaction, t.id, p.id) > ($1, $2, $3)
                order by p.id limit $5) p
            where t.person_id is null
         )
         select transaction, id, run_id as run, \"user\", \"group\", at, operation
           from changes where (transaction, id, \"user\") > ($1, $2, $3)
          order by transaction, id, \"user\" limit $5",
    )
    .bind::<BigInt, _>(after.transaction)
    .bind::<BigInt, _>(after.id)
    .bind::<BigInt, _>(after.user)
    .bind::<Nullable<Timestamptz>, _>(since)
    .bind::<BigInt, _>(limit)
    .bind::<BigInt, _>(horizon)
    .load(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text() {
        let place = Place { transaction: 901, id: i64::MIN, user: 7 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1.2", "1.2.3.4", "now", "1.x.3"] {
            assert_eq!(wrong.parse::<Place>(), Err(NoPlace), "{wrong:?}");
        }
    }
}
