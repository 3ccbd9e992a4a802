//! How an account signs in: once by invitation, then by password.

use super::{Account, AccountId, AccountRow, Origin, Role};
use crate::model::{audit, session};
use crate::schema::accounts;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::Text;
use rand::Rng;
use serde_json::json;
use sha2::{Digest, Sha256};

/// How long an invitation can be used.
const INVITATION_HOURS: i64 = 72;

/// Invites the active local account of that name and returns its one-time sign-in: a token of 256 random bits, of which only
/// the digest is stored, good for three days and one use. An invitation from before is void. `None`: there is no such
/// account.
pub fn invite(connection: &mut PgConnection, name: &str, by: &str, now: DateTime<Utc>) -> QueryResult<Option<String>> {
    connection.transaction(|connection| {
        let token = random_token();
        let until = now + TimeDelta::hours(INVITATION_HOURS);
        let open = accounts::table
            .filter(lower(accounts::name).eq(lower(name)).and(accounts::active))
            .filter(accounts::origin.eq(Origin::Local.as_str()));
        let invited = diesel::update(open)
            .set((accounts::setup_digest.eq(digest(&token)), accounts::setup_until.eq(until)))
            .execute(connection)?;
        if invited == 0 {
            return Ok(None);
        }
        audit::record(connection, by, "invite", &format!("account {name}"), json!({ "until": until }))?;
        Ok(Some(token))
    })
}

/// Who the audit log names for what a first start does.
const FIRST_START: &str = "first start";

/// As long as no active administrator has a password: name and new one-time sign-in of the first of them, who is made
/// (`admin`) where there is none.
pub fn invite_first_administrator(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> QueryResult<Option<(String, String)>> {
    connection.transaction(|connection| {
        let administrators = accounts::table
            .filter(accounts::role.eq(Role::Administrator.as_str()).and(accounts::active))
            .filter(accounts::origin.eq(Origin::Local.as_str()))
            .order(accounts::id)
            .select(AccountRow::as_select())
            .for_update()
            .load(connection)?;
        if administrators.iter().any(|account| account.password_hash.is_some()) {
            return Ok(None);
        }
        let name = match administrators.into_iter().next() {
            Some(account) => account.name,
            None => {
                super::add(connection, "admin", Role::Administrator, None, FIRST_START)?;
                "admin".to_owned()
            }
        };
        let token = invite(connection, &name, FIRST_START, now)?;
        Ok(token.map(|token| (name, token)))
    })
}

/// The account that an invitation belongs to, if it can still be used.
pub fn by_invitation(connection: &mut PgConnection, token: &str, now: DateTime<Utc>) -> QueryResult<Option<Account>> {
    accounts::table
        .filter(accounts::setup_digest.eq(digest(token)).and(accounts::setup_until.gt(now)).and(accounts::active))
        .select(AccountRow::as_select())
        .first(connection)
        .optional()
        .map(|row| row.map(AccountRow::into))
}

/// Uses an invitation up: its account gets this password hash and loses all its sessions. `None` if the invitation was
/// used or has run out meanwhile.
pub fn accept_invitation(
    connection: &mut PgConnection,
    token: &str,
    password_hash: &str,
    now: DateTime<Utc>,
) -> QueryResult<Option<Account>> {
    connection.transaction(|connection| {
        let open = accounts::setup_digest.eq(digest(token)).and(accounts::setup_until.gt(now)).and(accounts::active);
        let account: Option<AccountRow> = diesel::update(accounts::table.filter(open))
            .set((
                accounts::password_hash.eq(password_hash),
                accounts::setup_digest.eq(None::<Vec<u8>>),
                accounts::setup_until.eq(None::<DateTime<Utc>>),
            ))
            .returning(AccountRow::as_returning())
            .get_result(connection)
            .optional()?;
        if let Some(account) = &account {
            session::end_all(connection, account.id)?;
        }
        Ok(account.map(AccountRow::into))
    })
}

/// Whether an account of that name is ours to check, active or not: its name is never looked up elsewhere.
pub fn is_local(connection: &mut PgConnection, name: &str) -> QueryResult<bool> {
    diesel::select(diesel::dsl::exists(
        accounts::table
            .filter(lower(accounts::name).eq(lower(name)))
            .filter(accounts::origin.eq(Origin::Local.as_str())),
    ))
    .get_result(connection)
}

/// The active local account of that name, whatever the case, with its password hash.
pub fn to_sign_in(connection: &mut PgConnection, name: &str) -> QueryResult<Option<(Account, String)>> {
    let found: Option<AccountRow> = accounts::table
        .filter(lower(accounts::name).eq(lower(name)).and(accounts::active))
        .filter(accounts::origin.eq(Origin::Local.as_str()))
        .select(AccountRow::as_select())
        .first(connection)
        .optional()?;
    Ok(found.and_then(|row| {
        let hash = row.password_hash.clone()?;
        Some((row.into(), hash))
    }))
}

/// Notes when somebody signed in.
pub fn signed_in(connection: &mut PgConnection, id: AccountId, now: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(accounts::table.find(id)).set(accounts::last_sign_in_at.eq(now)).execute(connection).map(drop)
}

/// 256 random bits as text for addresses and cookies.
pub(in crate::model) fn random_token() -> String {
    use base64::Engine;
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// What is stored of a token.
pub(in crate::model) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

diesel::define_sql_function! {
    /// Lower case, as the unique index on names has it.
    fn lower(text: Text) -> Text;
}
