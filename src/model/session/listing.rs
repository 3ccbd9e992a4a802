//! The sessions that stand, to be looked at and ended.

use super::{IDLE_MINUTES, Method};
use crate::model::account::{AccountId, UNBLOCKED};
use crate::model::amount::{Amount, COUNTED};
use crate::schema::{accounts, sessions};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bytea, Integer, Nullable, Text, Timestamptz};

/// A session that stands.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Standing {
    /// To end it by.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// What is stored of its cookie.
    #[diesel(sql_type = Bytea)]
    pub digest: Vec<u8>,
    /// Whose it is.
    #[diesel(sql_type = Integer)]
    pub account_id: AccountId,
    /// What the account is called.
    #[diesel(sql_type = Text)]
    pub account: String,
    #[diesel(sql_type = Text)]
    method: String,
    /// From where.
    #[diesel(sql_type = Nullable<Text>)]
    pub address: Option<String>,
    /// With which browser.
    #[diesel(sql_type = Nullable<Text>)]
    pub agent: Option<String>,
    /// When it began.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    #[diesel(sql_type = Timestamptz)]
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

impl Standing {
    /// How its owner has signed in.
    pub fn method(&self) -> Option<Method> {
        Method::of(&self.method)
    }
}

/// Sessions `s` with their accounts `a` that can be used: of the account `$1`, or of all. Those that wait for a code are
/// none.
const USABLE: &str = "sessions s join accounts a on a.id = s.account_id
    where ($1 is null or s.account_id = $1) and s.expires_at > $2 and s.last_seen_at > $3
      and s.awaits is distinct from 'code' and a.active and ";

/// Up to `limit` of the sessions of an account, or of all, that can be used, the last used first, after one that was last
/// used then, with that id.
pub fn standing(
    conn: &mut PgConnection,
    account: Option<AccountId>,
    after: Option<(DateTime<Utc>, i64)>,
    limit: i64,
    now: DateTime<Utc>,
) -> QueryResult<Vec<Standing>> {
    diesel::sql_query(format!(
        "select s.id, s.digest, s.account_id, a.name as account, s.method, s.address, s.agent,
                s.created_at, s.last_seen_at, s.expires_at
           from {USABLE} {UNBLOCKED} and ($4 is null or (s.last_seen_at, s.id) < ($4, $5))
          order by s.last_seen_at desc, s.id desc limit $6"
    ))
    .bind::<Nullable<Integer>, _>(account)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - TimeDelta::minutes(IDLE_MINUTES))
    .bind::<Nullable<Timestamptz>, _>(after.map(|(used, _)| used))
    .bind::<Nullable<BigInt>, _>(after.map(|(_, id)| id))
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// How many sessions there are that can be used.
pub fn how_many(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<Amount> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let Count { count } = diesel::sql_query(format!(
        "select count(*) as count from (select from {USABLE} {UNBLOCKED} limit {COUNTED} + 1) usable"
    ))
    .bind::<Nullable<Integer>, _>(None::<AccountId>)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - TimeDelta::minutes(IDLE_MINUTES))
    .get_result(conn)?;
    Ok(Amount::counted(count, COUNTED))
}

/// Ends a session, of that account if one is given. Returns whose it was; `None`: there is none.
pub fn end_by_id(conn: &mut PgConnection, id: i64, of: Option<AccountId>) -> QueryResult<Option<String>> {
    let mut chosen = sessions::table.filter(sessions::id.eq(id)).into_boxed();
    if let Some(of) = of {
        chosen = chosen.filter(sessions::account_id.eq(of));
    }
    let found: Option<(Vec<u8>, AccountId)> =
        chosen.select((sessions::digest, sessions::account_id)).first(conn).optional()?;
    let Some((digest, account)) = found else { return Ok(None) };
    super::end(conn, &digest)?;
    accounts::table.find(account).select(accounts::name).first(conn).optional()
}

/// Ends all sessions of an account but this one. Returns how many that were.
pub fn end_others(conn: &mut PgConnection, account: AccountId, but: &[u8]) -> QueryResult<usize> {
    diesel::delete(sessions::table.filter(sessions::account_id.eq(account).and(sessions::digest.ne(but)))).execute(conn)
}
