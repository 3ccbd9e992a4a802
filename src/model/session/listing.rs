//! The sessions that stand, to be looked at and ended.

use super::{IDLE_MINUTES, Method};
use crate::model::account::{AccountId, UNBLOCKED};
use crate::schema::{accounts, sessions};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bytea, Integer, Nullable, Text, Timestamptz};

/// More are not listed.
const MOST: i64 = 500;

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

/// The sessions of an account, or of all, that can be used, the last used first; at most 500. Those that wait for a code
/// are none.
pub fn standing(conn: &mut PgConnection, account: Option<AccountId>, now: DateTime<Utc>) -> QueryResult<Vec<Standing>> {
    diesel::sql_query(format!(
        "select s.id, s.digest, s.account_id, a.name as account, s.method, s.address, s.agent,
                s.created_at, s.last_seen_at, s.expires_at
           from sessions s join accounts a on a.id = s.account_id
          where ($1 is null or s.account_id = $1) and s.expires_at > $2 and s.last_seen_at > $3
            and s.awaits is distinct from 'code' and a.active and {UNBLOCKED}
          order by s.last_seen_at desc, s.id desc limit {MOST}"
    ))
    .bind::<Nullable<Integer>, _>(account)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - TimeDelta::minutes(IDLE_MINUTES))
    .load(conn)
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
