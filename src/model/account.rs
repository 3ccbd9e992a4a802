//! An account: a sign-in to Muster itself, with a role.

use super::{audit, id::id};
use crate::schema::accounts;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

id! {
    /// Id of an account.
    AccountId(i32) as Integer
}

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything, changes nothing.
    Viewer,
    /// Also watches, starts and stops runs and uploads files.
    Operator,
    /// Also defines connectors, decides about blocked runs, manages accounts.
    Administrator,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    /// The word in SQL, pages and command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

/// How the owner of a new account signs in first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstSignIn {
    /// With a password, of which this is the argon2id hash (PHC string).
    PasswordHash(String),
    /// Once, with a token of which this is the SHA-256, until then; the page asks for a password.
    Token {
        /// SHA-256 of the token.
        digest: Vec<u8>,
        /// When it is void.
        until: DateTime<Utc>,
    },
}

/// Makes an account. `None`: there is one of that name already (upper and lower case are the same).
pub fn add(
    connection: &mut PgConnection,
    name: &str,
    role: Role,
    first: &FirstSignIn,
    by: &str,
) -> QueryResult<Option<AccountId>> {
    connection.transaction(|connection| {
        let (hash, digest, until) = match first {
            FirstSignIn::PasswordHash(hash) => (Some(hash), None, None),
            FirstSignIn::Token { digest, until } => (None, Some(digest), Some(until)),
        };
        let made = diesel::insert_into(accounts::table)
            .values((
                accounts::name.eq(name),
                accounts::role.eq(role.as_str()),
                accounts::password_hash.eq(hash),
                accounts::setup_digest.eq(digest),
                accounts::setup_until.eq(until),
            ))
            .on_conflict_do_nothing()
            .returning(accounts::id)
            .get_result(connection)
            .optional()?;
        if made.is_some() {
            audit::record(connection, by, "add", &format!("account {name}"), json!({ "role": role }))?;
        }
        Ok(made)
    })
}
