//! Whether somebody holds the second factor of an account: a code of it, or a recovery code, each taken once.

use super::error::WebError;
use super::one_time_code;
use crate::model::account::AccountId;
use crate::model::second_factor::{self, SecondFactor};
use crate::secret::sealing::Sealing;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use zeroize::Zeroizing;

/// What was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A code of the device.
    Code,
    /// A recovery code, now used up.
    RecoveryCode,
}

impl Shown {
    /// The words in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::RecoveryCode => "recovery code",
        }
    }
}

/// Seals the secret of an account.
pub fn seal(sealing: &Sealing, account: AccountId, secret: &[u8]) -> Result<Vec<u8>, WebError> {
    sealing.seal(&place(account), secret).map_err(|error| WebError::Internal(error.to_string()))
}

/// The secret of an account.
pub fn unseal(sealing: &Sealing, account: AccountId, factor: &SecondFactor) -> Result<Zeroizing<Vec<u8>>, WebError> {
    sealing
        .unseal(&place(account), &factor.sealed)
        .map_err(|error| WebError::Internal(format!("the second factor can't be read: {error}")))
}

/// Uses up what somebody shows. `None`: it is nothing of the account's, or it was used before.
pub fn check(
    conn: &mut PgConnection,
    sealing: &Sealing,
    account: AccountId,
    shown: &str,
    now: DateTime<Utc>,
) -> Result<Option<Shown>, WebError> {
    let factor = second_factor::of(conn, account)?.filter(|factor| factor.confirmed_at.is_some());
    let Some(factor) = factor else { return Ok(None) };
    // A recovery code helps as well where the key was lost that the secret is sealed with.
    if second_factor::use_recovery_code(conn, account, shown)? {
        return Ok(Some(Shown::RecoveryCode));
    }
    let secret = unseal(sealing, account, &factor)?;
    let Some(step) = one_time_code::step_of(&secret, shown, now)? else { return Ok(None) };
    Ok(second_factor::use_step(conn, account, step)?.then_some(Shown::Code))
}

fn place(account: AccountId) -> String {
    format!("second_factors|secret|{account}")
}
