//! Proving once more who one is, before something that nobody may do who has only got hold of a session: the password is
//! asked for again (OWASP ASVS 3.7). Who comes from a provider has no password here, and must have come from there lately.

use super::WebContext;
use super::directory_sign_in::{self, Turns, Verdict};
use super::entrance;
use super::error::WebError;
use super::pages::sign_in::{OUT_OF_REACH, SLOWED};
use super::password::Hashing;
use super::throttle::Who;
use super::visitor::Visitor;
use crate::document;
use crate::model::account::{self, Account, Origin};
use chrono::{TimeDelta, Utc};
use serde_json::json;

/// For so long a sign-in at the provider counts as just made, in minutes.
pub const FRESH_MINUTES: i64 = 10;

/// How somebody proves it.
pub enum Way {
    /// By the password of Muster's own; this is the account's name.
    Password(String),
    /// By name and password in the directory; this is the name of the account, which may be the one there.
    Directory(String),
    /// By having come from the provider just now.
    Provider,
}

impl Way {
    /// Of an account.
    pub fn of(account: &Account) -> Self {
        match account.origin {
            Origin::Local => Self::Password(account.name.clone()),
            Origin::Directory => Self::Directory(account.name.clone()),
            Origin::Provider => Self::Provider,
        }
    }
}

/// What was typed.
pub struct Typed {
    /// The name in the directory.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Checks it; `Some`: it is not proven, in words. Failures count like those of sign-ins.
pub async fn check(
    context: &WebContext,
    (hashing, turns): (&Hashing, &Turns),
    visitor: &Visitor,
    who: Who,
    typed: Typed,
    address: Option<String>,
) -> Result<Option<String>, WebError> {
    let account = visitor.account().clone();
    let name = account.name.clone();
    let (who, is_slowed, known, settings) = context
        .db(move |conn| {
            let is_slowed = who.is_slowed(conn, Utc::now())?;
            let known = account::to_sign_in(conn, &name)?;
            Ok((who, is_slowed, known, document::settings_in_force(conn)?.sign_in))
        })
        .await?;
    if is_slowed {
        return Ok(Some(SLOWED.to_owned()));
    }
    let is_proven = match account.origin {
        Origin::Local => {
            let hash = known.filter(|(known, _)| known.id == account.id).map(|(_, hash)| hash);
            hashing.verify(typed.password, hash).await?
        }
        Origin::Directory => {
            let Some(directory) = settings.directory else { return Ok(Some(OUT_OF_REACH.to_owned())) };
            match directory_sign_in::check(context, turns, directory, typed.name.trim(), typed.password).await? {
                Verdict::Account(proven) => proven.id == account.id,
                Verdict::Refused => false,
                Verdict::OutOfReach => return Ok(Some(OUT_OF_REACH.to_owned())),
            }
        }
        Origin::Provider => {
            if Utc::now() - visitor.session.began_at < TimeDelta::minutes(FRESH_MINUTES) {
                return Ok(None);
            }
            return Ok(Some(format!(
                "You have signed in more than {FRESH_MINUTES} minutes ago. Sign out, sign in at your provider again, and \
                 come back here."
            )));
        }
    };
    if is_proven {
        return Ok(None);
    }
    let detail = json!({ "again": account.origin.as_str(), "address": address });
    context.db(move |conn| entrance::refused(conn, &who, Some(&account.name), detail, Utc::now())).await?;
    Ok(Some("That is not your password; nothing was changed.".to_owned()))
}
