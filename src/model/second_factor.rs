//! The second factor of an account: a secret that codes are made of, sealed, and codes for when the device is lost.

use super::account::{AccountId, digest};
use super::audit;
use crate::schema::{recovery_codes, second_factors};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use rand::Rng;
use serde_json::json;
use std::collections::BTreeSet;

/// So many recovery codes are given out.
pub const CODES: usize = 10;

/// What a recovery code is written with: no letter and digit that look alike.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A second factor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = second_factors, check_for_backend(diesel::pg::Pg))]
pub struct SecondFactor {
    /// What codes are made of, sealed.
    #[diesel(column_name = secret)]
    pub sealed: Vec<u8>,
    /// When it was set up; `None`: it is about to be.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Codes of this step and of those before it are used up.
    pub last_step: i64,
}

/// The second factor of an account, set up or about to be.
pub fn of(conn: &mut PgConnection, account: AccountId) -> QueryResult<Option<SecondFactor>> {
    second_factors::table.find(account).select(SecondFactor::as_select()).first(conn).optional()
}

/// Whether an account's sign-in asks for a code.
pub fn is_set_up(conn: &mut PgConnection, account: AccountId) -> QueryResult<bool> {
    Ok(of(conn, account)?.is_some_and(|factor| factor.confirmed_at.is_some()))
}

/// Those of the accounts that have a second factor.
pub fn holders(conn: &mut PgConnection, of: &[AccountId]) -> QueryResult<BTreeSet<AccountId>> {
    let holders: Vec<AccountId> = second_factors::table
        .filter(second_factors::account_id.eq_any(of))
        .filter(second_factors::confirmed_at.is_not_null())
        .select(second_factors::account_id)
        .load(conn)?;
    Ok(holders.into_iter().collect())
}

/// Keeps a secret that is about to be set up, in place of one that was not. `false`: there is one already, which stays.
pub fn prepare(conn: &mut PgConnection, account: AccountId, sealed: &[u8]) -> QueryResult<bool> {
    conn.transaction(|conn| {
        let unconfirmed = second_factors::table.find(account).filter(second_factors::confirmed_at.is_null());
        diesel::delete(unconfirmed).execute(conn)?;
        let kept = diesel::insert_into(second_factors::table)
            .values((second_factors::account_id.eq(account), second_factors::secret.eq(sealed)))
            .on_conflict_do_nothing()
            .execute(conn)?;
        Ok(kept == 1)
    })
}

/// Sets up what was prepared: its owner has shown a code of this step. Returns the recovery codes, which are nowhere else;
/// `None`: nothing was prepared, or it was set up already.
pub fn confirm(
    conn: &mut PgConnection,
    account: AccountId,
    step: i64,
    by: &str,
    now: DateTime<Utc>,
) -> QueryResult<Option<Vec<String>>> {
    conn.transaction(|conn| {
        let unconfirmed = second_factors::table.find(account).filter(second_factors::confirmed_at.is_null());
        let confirmed = diesel::update(unconfirmed)
            .set((second_factors::confirmed_at.eq(now), second_factors::last_step.eq(step)))
            .execute(conn)?;
        if confirmed == 0 {
            return Ok(None);
        }
        audit::record(conn, by, "add-factor", &format!("account {by}"), json!({}))?;
        replace_codes(conn, account).map(Some)
    })
}

/// Uses the code of a step up. `false`: it was used already, or a later one was.
pub fn use_step(conn: &mut PgConnection, account: AccountId, step: i64) -> QueryResult<bool> {
    let unused = second_factors::table.find(account).filter(second_factors::last_step.lt(step));
    Ok(diesel::update(unused).set(second_factors::last_step.eq(step)).execute(conn)? == 1)
}

/// Uses a recovery code up, however it is written. `false`: there is none such.
pub fn use_recovery_code(conn: &mut PgConnection, account: AccountId, code: &str) -> QueryResult<bool> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Ok(diesel::delete(recovery_codes::table.find((account, digest(&code)))).execute(conn)? == 1)
}

/// How many recovery codes are left.
pub fn codes_left(conn: &mut PgConnection, account: AccountId) -> QueryResult<i64> {
    recovery_codes::table.filter(recovery_codes::account_id.eq(account)).count().get_result(conn)
}

/// New recovery codes in place of those that were; they are nowhere else.
pub fn replace_codes(conn: &mut PgConnection, account: AccountId) -> QueryResult<Vec<String>> {
    conn.transaction(|conn| {
        diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn)?;
        let codes: Vec<String> = std::iter::repeat_with(random_code).take(CODES).collect();
        let rows: Vec<_> = codes
            .iter()
            .map(|code| {
                (recovery_codes::account_id.eq(account), recovery_codes::digest.eq(digest(&code.replace('-', ""))))
            })
            .collect();
        diesel::insert_into(recovery_codes::table).values(rows).execute(conn)?;
        Ok(codes)
    })
}

/// Takes the second factor of an account away, with its recovery codes. `false`: there is none.
pub fn remove(conn: &mut PgConnection, account: AccountId, name: &str, by: &str) -> QueryResult<bool> {
    conn.transaction(|conn| {
        diesel::delete(recovery_codes::table.filter(recovery_codes::account_id.eq(account))).execute(conn)?;
        let removed = diesel::delete(second_factors::table.find(account)).execute(conn)? == 1;
        if removed {
            audit::record(conn, by, "remove-factor", &format!("account {name}"), json!({}))?;
        }
        Ok(removed)
    })
}

/// 80 random bits in four groups: `abcd-efgh-ijkm-npqr`.
fn random_code() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    let letters: Vec<u8> = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte % 32))).copied().collect();
    let groups: Vec<_> = letters.chunks(4).map(String::from_utf8_lossy).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_codes_are_long_and_all_different() {
        let codes: BTreeSet<String> = std::iter::repeat_with(random_code).take(1000).collect();
        assert_eq!(codes.len(), 1000);
        assert!(codes.iter().all(|code| code.len() == 19 && code.split('-').all(|group| group.len() == 4)));
    }
}
