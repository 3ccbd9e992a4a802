//! An account: a sign-in to Muster itself, with a role. (What a source calls an account is a resource.)

mod arrival;
mod sign_in;

pub(super) use arrival::UNBLOCKED;
pub use arrival::{Arrival, ArrivalError, arrive, may_sign_in};
pub use sign_in::{
    accept_invitation, by_invitation, invite, invite_first_administrator, is_local, signed_in, to_sign_in,
};
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
    /// Sees the own profile, and nothing else.
    Person,
    /// Reads everything, changes nothing.
    Viewer,
    /// Also watches, starts and stops runs and uploads files.
    Operator,
    /// Also defines connectors, decides about blocked runs, manages accounts.
    Administrator,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Person, Self::Viewer, Self::Operator, Self::Administrator];

    /// The word in SQL, pages and command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
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
#[error("{0:?} is no role; there are person, viewer, operator and administrator")]
pub struct UnknownRole(String);

/// Where an account is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Here: it has a password of ours.
    Local,
    /// In a directory, which checks its password.
    Directory,
    /// At an OpenID provider.
    Provider,
}

impl Origin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Local, Self::Directory, Self::Provider];

    /// The word in SQL and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Directory => "directory",
            Self::Provider => "provider",
        }
    }

    /// The origin of that word. One that nobody knows is none of ours: nobody signs in by it.
    pub(in crate::model) fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|origin| origin.as_str() == word).unwrap_or(Self::Provider)
    }
}

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
    /// Where it is known.
    pub origin: Origin,
    /// Whose account it is, of the users.
    pub person_id: Option<i64>,
}

/// Why an account can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none of that id.
    #[error("there is no such account")]
    NotFound,
    /// What somebody may do who is known elsewhere is decided there.
    #[error("its role follows its groups where it is known, at each sign-in; change them there")]
    RoleFromElsewhere,
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

/// The account of that name, whatever its case.
pub fn by_name(connection: &mut PgConnection, name: &str) -> QueryResult<Option<Account>> {
    let found = diesel::sql_query(format!("select {COLUMNS} from accounts where lower(name) = lower($1)"))
        .bind::<diesel::sql_types::Text, _>(name)
        .get_result::<AccountRow>(connection);
    Ok(found.optional()?.map(AccountRow::into))
}

/// The account with that id.
pub fn by_id(connection: &mut PgConnection, id: AccountId) -> QueryResult<Option<Account>> {
    let found = accounts::table.find(id).select(AccountRow::as_select()).first(connection).optional()?;
    Ok(found.map(AccountRow::into))
}

/// Accounts by name, at most `limit`: those whose names begin so; if nothing is searched, those that somebody made here or
/// that may do more than see their own profile. Each way has an index.
pub fn listed(connection: &mut PgConnection, search: &str, limit: i64) -> QueryResult<Vec<Account>> {
    let chosen = match search {
        "" => "role <> 'person' or origin = 'local'",
        _ => "lower(name) like lower($1) || '%'",
    };
    let pattern = super::resource::escape_like(search);
    let rows = diesel::sql_query(format!(
        "select {COLUMNS} from accounts where ({chosen}) and $1 is not null order by lower(name), id limit $2"
    ))
    .bind::<diesel::sql_types::Text, _>(pattern)
    .bind::<diesel::sql_types::BigInt, _>(limit)
    .load::<AccountRow>(connection)?;
    Ok(rows.into_iter().map(AccountRow::into).collect())
}

const COLUMNS: &str = "id, name, role, password_hash, active, last_sign_in_at, origin, person_id";

/// All accounts by name.
pub fn all(connection: &mut PgConnection) -> QueryResult<Vec<Account>> {
    let rows =
        accounts::table.select(AccountRow::as_select()).order((accounts::name, accounts::id)).load(connection)?;
    Ok(rows.into_iter().map(AccountRow::into).collect())
}

/// Says whose account a local one is. `None`: nobody's.
pub fn belong_to(
    connection: &mut PgConnection,
    id: AccountId,
    person: Option<i64>,
    by: &str,
) -> Result<(), ChangeError> {
    connection.transaction(|connection| {
        let name: Option<String> =
            diesel::update(accounts::table.find(id).filter(accounts::origin.eq(Origin::Local.as_str())))
                .set(accounts::person_id.eq(person))
                .returning(accounts::name)
                .get_result(connection)
                .optional()?;
        let name = name.ok_or(ChangeError::NotFound)?;
        audit::record(connection, by, "change", &format!("account {name}"), json!({ "user": person }))?;
        Ok(())
    })
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
        let before: Option<(String, String, bool, String)> = accounts::table
            .find(id)
            .select((accounts::name, accounts::role, accounts::active, accounts::origin))
            .for_update()
            .first(connection)
            .optional()?;
        let (name, role_before, was_active, origin) = before.ok_or(ChangeError::NotFound)?;
        if origin != Origin::Local.as_str() && role_before != role.as_str() {
            return Err(ChangeError::RoleFromElsewhere);
        }
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

#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = accounts, check_for_backend(diesel::pg::Pg))]
struct AccountRow {
    id: AccountId,
    name: String,
    role: String,
    password_hash: Option<String>,
    active: bool,
    last_sign_in_at: Option<DateTime<Utc>>,
    origin: String,
    person_id: Option<i64>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            // A role that nobody knows may do the least.
            role: row.role.parse().unwrap_or(Role::Person),
            active: row.active,
            has_password: row.password_hash.is_some(),
            last_sign_in_at: row.last_sign_in_at,
            origin: Origin::of(&row.origin),
            person_id: row.person_id,
        }
    }
}
