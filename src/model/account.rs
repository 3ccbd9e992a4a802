//! An account: a sign-in to Muster itself, with a role. (What a source calls an account is a resource.)

mod sign_in;

pub use sign_in::{accept_invitation, by_invitation, invite, invite_first_administrator, signed_in, to_sign_in};
pub(super) use sign_in::{digest, random_token};

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

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == word).ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

/// A word that is no role.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is no role; there are viewer, operator and administrator")]
pub struct UnknownRole(String);

/// An account as pages see it.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What its owner types.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub active: bool,
    /// Whether its owner has chosen a password.
    pub has_password: bool,
    /// When it last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
}

/// Why an account can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none of that id.
    #[error("there is no such account")]
    NotFound,
    /// Nobody could administer Muster any more.
    #[error("this is the last active administrator; make another one first")]
    LastAdministrator,
    /// The database failed.
    #[error("the account can't be changed: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Makes an account, with the argon2id hash (PHC string) of its password, or without one until it accepts an
/// invitation ([`invite`]). `None`: there is one of that name already (upper and lower case are the same).
pub fn add(
    connection: &mut PgConnection,
    name: &str,
    role: Role,
    password_hash: Option<&str>,
    by: &str,
) -> QueryResult<Option<AccountId>> {
    connection.transaction(|connection| {
        let made = diesel::insert_into(accounts::table)
            .values((
                accounts::name.eq(name),
                accounts::role.eq(role.as_str()),
                accounts::password_hash.eq(password_hash),
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

/// All accounts by name.
pub fn all(connection: &mut PgConnection) -> QueryResult<Vec<Account>> {
    let rows =
        accounts::table.select(AccountRow::as_select()).order((accounts::name, accounts::id)).load(connection)?;
    Ok(rows.into_iter().map(AccountRow::into).collect())
}

/// Changes role and activity. An account that is switched off loses its sessions; the last active administrator stays.
pub fn change(
    connection: &mut PgConnection,
    id: AccountId,
    role: Role,
    active: bool,
    by: &str,
) -> Result<(), ChangeError> {
    connection.transaction(|connection| {
        // All administrators are locked, so that two of them can't demote each other at the same time.
        let administrators: Vec<AccountId> = accounts::table
            .filter(accounts::role.eq(Role::Administrator.as_str()).and(accounts::active))
            .select(accounts::id)
            .for_update()
            .load(connection)?;
        let stays = role == Role::Administrator && active;
        if !stays && administrators == [id] {
            return Err(ChangeError::LastAdministrator);
        }
        let before: Option<(String, String, bool)> = accounts::table
            .find(id)
            .select((accounts::name, accounts::role, accounts::active))
            .for_update()
            .first(connection)
            .optional()?;
        let (name, role_before, was_active) = before.ok_or(ChangeError::NotFound)?;
        diesel::update(accounts::table.find(id))
            .set((accounts::role.eq(role.as_str()), accounts::active.eq(active)))
            .execute(connection)?;
        if !active {
            super::session::end_all(connection, id)?;
        }
        let before = json!({ "role": role_before, "active": was_active });
        let after = json!({ "role": role, "active": active });
        audit::record_change(connection, by, "change", &format!("account {name}"), [before, after])?;
        Ok(())
    })
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct AccountRow {
    id: AccountId,
    name: String,
    role: String,
    password_hash: Option<String>,
    active: bool,
    last_sign_in_at: Option<DateTime<Utc>>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            // A role that nobody knows may do the least.
            role: row.role.parse().unwrap_or(Role::Viewer),
            active: row.active,
            has_password: row.password_hash.is_some(),
            last_sign_in_at: row.last_sign_in_at,
        }
    }
}
