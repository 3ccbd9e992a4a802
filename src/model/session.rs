//! A session: a browser that is signed in. Only the digest of its cookie is stored.

mod listing;

pub use listing::{Standing, end_by_id, end_others, how_many, standing};

use super::account::{Account, AccountId, Origin, UNBLOCKED, digest, random_token};
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Bytea, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde::{Deserialize, Serialize};

use crate::schema::{sessions, sign_in_failures};

/// A session ends this long after its last request.
const IDLE_MINUTES: i64 = 30;
/// A session ends this long after the sign-in, whatever happens.
const ABSOLUTE_HOURS: i64 = 8;
/// A sign-in that waits for its second factor is given up after this long.
const CODE_MINUTES: i64 = 10;
/// Failed sign-ins count this long.
const FAILURE_MINUTES: i64 = 15;

/// A session with its account, as it stands now: role and activity are read with every request.
#[derive(Debug, Clone)]
pub struct Session {
    /// What is stored of the cookie.
    pub digest: Vec<u8>,
    /// Who is signed in.
    pub account: Account,
    /// The token that every form carries.
    pub csrf: String,
    /// What the next page says.
    pub flash: Vec<Flash>,
    /// Whether nothing may be done before a second factor is set up.
    pub must_enrol: bool,
    /// When its owner has signed in.
    pub began_at: DateTime<Utc>,
}

/// How somebody has signed in, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// What was checked first.
    pub method: Method,
    /// The network address that the request came from.
    pub address: Option<String>,
    /// Browser and system, in our words.
    pub agent: Option<String>,
    /// What is still to come.
    pub awaits: Option<Awaits>,
}

/// What was checked at a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A password of ours.
    Password,
    /// A password, by a directory.
    Directory,
    /// An OpenID provider's word.
    Provider,
    /// A one-time sign-in.
    Invitation,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Password, Self::Directory, Self::Provider, Self::Invitation];

    /// The word in SQL and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Directory => "directory",
            Self::Provider => "provider",
            Self::Invitation => "invitation",
        }
    }

    /// The method of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == word)
    }
}

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// A code of the second factor: until then nobody is signed in.
    Code,
    /// That a second factor is set up: until then nothing else may be done.
    Enrolment,
}

impl Awaits {
    /// The word in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Enrolment => "enrolment",
        }
    }
}

/// A message that survives one redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// `done` or `refused`.
    pub kind: FlashKind,
    /// The sentence.
    pub text: String,
    /// Where it leads, with the words of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<(String, String)>,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FlashKind {
    /// It was done.
    Done,
    /// It was not done, and why.
    Refused,
}

/// Begins a session and returns the cookie's value, which is nowhere else.
pub fn begin(
    conn: &mut PgConnection,
    account: AccountId,
    beginning: &Beginning,
    now: DateTime<Utc>,
) -> QueryResult<String> {
    let token = random_token();
    diesel::delete(sessions::table.filter(sessions::expires_at.lt(now))).execute(conn)?;
    let lasts = match beginning.awaits {
        Some(Awaits::Code) => TimeDelta::minutes(CODE_MINUTES),
        _ => TimeDelta::hours(ABSOLUTE_HOURS),
    };
    diesel::insert_into(sessions::table)
        .values((
            sessions::digest.eq(digest(&token)),
            sessions::account_id.eq(account),
            sessions::csrf.eq(random_token()),
            sessions::created_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::expires_at.eq(now + lasts),
            sessions::method.eq(beginning.method.as_str()),
            sessions::address.eq(&beginning.address),
            sessions::agent.eq(&beginning.agent),
            sessions::awaits.eq(beginning.awaits.map(Awaits::as_str)),
        ))
        .execute(conn)?;
    Ok(token)
}

/// The session of a cookie, if it stands, with its flash messages. It counts as seen, at most once a minute. The user
/// whose account it is may have been blocked since: then all its sessions end here.
pub fn find(conn: &mut PgConnection, cookie: &str, now: DateTime<Utc>) -> QueryResult<Option<Session>> {
    let Some(row) = row(conn, cookie, now)?.filter(|row| row.awaits.as_deref() != Some(Awaits::Code.as_str())) else {
        return Ok(None);
    };
    if !row.unblocked {
        end_all(conn, row.account.id)?;
        return Ok(None);
    }
    if row.last_seen_at < now - TimeDelta::minutes(1) {
        diesel::update(sessions::table.find(&row.digest)).set(sessions::last_seen_at.eq(now)).execute(conn)?;
    }
    Ok(Some(row.into()))
}

/// Who has signed in up to the second factor, and how: the session with the cookie's digest, and its method.
pub fn awaiting_code(
    conn: &mut PgConnection,
    cookie: &str,
    now: DateTime<Utc>,
) -> QueryResult<Option<(Session, Method)>> {
    let row = row(conn, cookie, now)?.filter(|row| row.awaits.as_deref() == Some(Awaits::Code.as_str()));
    Ok(row.filter(|row| row.unblocked).map(|row| {
        let method = Method::of(&row.method).unwrap_or(Method::Password);
        (row.into(), method)
    }))
}

/// What a session waited for has come.
pub fn enrolled(conn: &mut PgConnection, digest: &[u8]) -> QueryResult<()> {
    diesel::update(sessions::table.find(digest)).set(sessions::awaits.eq(None::<String>)).execute(conn).map(drop)
}

/// One look-up by the cookie's digest, with the account and, by its id, the user whose it is.
fn row(conn: &mut PgConnection, cookie: &str, now: DateTime<Utc>) -> QueryResult<Option<SessionRow>> {
    diesel::sql_query(format!(
        "select s.digest, s.csrf, s.flash, s.created_at, s.last_seen_at, s.method, s.awaits,
                a.id, a.name, a.role, a.last_sign_in_at, a.origin, a.person_id,
                a.password_hash is not null as has_password, {UNBLOCKED} as unblocked
           from sessions s join accounts a on a.id = s.account_id
          where s.digest = $1 and s.expires_at > $2 and s.last_seen_at > $3 and a.active"
    ))
    .bind::<Bytea, _>(digest(cookie))
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(now - TimeDelta::minutes(IDLE_MINUTES))
    .get_result::<SessionRow>(conn)
    .optional()
}

/// Ends one session: a real sign-out.
pub fn end(conn: &mut PgConnection, digest: &[u8]) -> QueryResult<()> {
    diesel::delete(sessions::table.find(digest)).execute(conn).map(drop)
}

/// Ends all sessions of an account.
pub fn end_all(conn: &mut PgConnection, account: AccountId) -> QueryResult<()> {
    diesel::delete(sessions::table.filter(sessions::account_id.eq(account))).execute(conn).map(drop)
}

/// Leaves messages for the next page.
pub fn leave_flash(conn: &mut PgConnection, digest: &[u8], flash: &[Flash]) -> QueryResult<()> {
    let value = serde_json::to_value(flash).unwrap_or_default();
    diesel::update(sessions::table.find(digest)).set(sessions::flash.eq(value)).execute(conn).map(drop)
}

/// Notes a failed sign-in of `who`, a keyed digest of a name or an address.
pub fn failed(conn: &mut PgConnection, who: &str, now: DateTime<Utc>) -> QueryResult<()> {
    let forgotten = now - TimeDelta::minutes(FAILURE_MINUTES);
    diesel::delete(sign_in_failures::table.filter(sign_in_failures::at.lt(forgotten))).execute(conn)?;
    let values = (sign_in_failures::who.eq(who), sign_in_failures::at.eq(now));
    diesel::insert_into(sign_in_failures::table).values(values).execute(conn).map(drop)
}

/// How often `who` failed in the last quarter of an hour.
pub fn failures(conn: &mut PgConnection, who: &str, now: DateTime<Utc>) -> QueryResult<i64> {
    sign_in_failures::table
        .filter(sign_in_failures::who.eq(who))
        .filter(sign_in_failures::at.gt(now - TimeDelta::minutes(FAILURE_MINUTES)))
        .count()
        .get_result(conn)
}

/// Whether anybody failed in the last quarter of an hour.
pub fn has_failures(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<bool> {
    let recent = sign_in_failures::table.filter(sign_in_failures::at.gt(now - TimeDelta::minutes(FAILURE_MINUTES)));
    diesel::select(diesel::dsl::exists(recent)).get_result(conn)
}

/// Forgets the failures of `who`, who has signed in.
pub fn forget_failures(conn: &mut PgConnection, who: &str) -> QueryResult<()> {
    diesel::delete(sign_in_failures::table.filter(sign_in_failures::who.eq(who))).execute(conn).map(drop)
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = Bytea)]
    digest: Vec<u8>,
    #[diesel(sql_type = Text)]
    csrf: String,
    #[diesel(sql_type = Jsonb)]
    flash: serde_json::Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    last_seen_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    method: String,
    #[diesel(sql_type = Nullable<Text>)]
    awaits: Option<String>,
    #[diesel(sql_type = Bool)]
    unblocked: bool,
    #[diesel(embed)]
    account: AccountColumns,
}

#[derive(QueryableByName)]
struct AccountColumns {
    #[diesel(sql_type = Integer)]
    id: AccountId,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_sign_in_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<i64>,
    #[diesel(sql_type = Bool)]
    has_password: bool,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        let account = row.account;
        Self {
            digest: row.digest,
            csrf: row.csrf,
            flash: serde_json::from_value(row.flash).unwrap_or_default(),
            must_enrol: row.awaits.is_some(),
            began_at: row.created_at,
            account: Account {
                id: account.id,
                name: account.name,
                // A role that nobody knows may do the least.
                role: account.role.parse().unwrap_or(super::account::Role::Person),
                active: true,
                has_password: account.has_password,
                last_sign_in_at: account.last_sign_in_at,
                origin: Origin::of(&account.origin),
                person_id: account.person_id,
            },
        }
    }
}
