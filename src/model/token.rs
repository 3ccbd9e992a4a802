//! A token: what a program signs in to the API with. Only its digest is stored, so that it is found without being
//! compared, and nobody who reads the database can use it.

use super::account::{digest, random_token};
use super::{audit, id::id};
use crate::schema::tokens;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use serde::Serialize;
use serde_json::json;

id! {
    /// Id of a token.
    TokenId(i32) as Integer
}

/// What every token begins with, so that one which stands where it should not is recognized.
pub const PREFIX: &str = "muster_";

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// What a token may do. None includes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reads connectors, runs and what was received.
    Read,
    /// Sends files and starts their feed.
    Upload,
    /// Starts, cancels and retries runs.
    Run,
    /// Resumes, discards and reverts runs.
    Decide,
    /// Applies connectors' documents.
    Configure,
    /// Reads users, groups and who is in them.
    Users,
}

impl Scope {
    /// All scopes, the least first.
    pub const ALL: [Self; 6] = [Self::Read, Self::Upload, Self::Run, Self::Decide, Self::Configure, Self::Users];

    /// The word in SQL, pages, command line and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Run => "run",
            Self::Decide => "decide",
            Self::Configure => "configure",
            Self::Users => "users",
        }
    }

    /// What it allows, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Read => "reads connectors, runs, changes, problems and what was received",
            Self::Upload => "sends the files of a feed and starts it",
            Self::Run => "starts, cancels and retries runs",
            Self::Decide => "resumes, discards and reverts runs",
            Self::Configure => "applies connectors' documents",
            Self::Users => "reads users, groups and who is in them, of all connectors",
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| UnknownScope(word.to_owned()))
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0:?} is no scope; there are read, upload, run, decide, configure and users")]
pub struct UnknownScope(String);

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What people call it; unique, whatever the case.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The one connector that it may see and touch; none: all.
    pub connector: Option<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: String,
    /// From when on it is no longer good.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was last used, exact to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl Token {
    /// What runs, uploads and the audit log call whoever comes with it.
    pub fn who(&self) -> String {
        format!("token {}", self.name)
    }

    /// Whether it may have to do with the connector of that name.
    pub fn reaches(&self, connector: &str) -> bool {
        self.connector.as_ref().is_none_or(|only| only == connector)
    }

    /// Its scopes with blanks between them.
    pub fn scope_words(&self) -> String {
        words(&self.scopes)
    }
}

/// A token that is asked for.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// What people call it.
    pub name: &'a str,
    /// What it may do; at least one.
    pub scopes: &'a [Scope],
    /// The one connector that it is limited to.
    pub connector: Option<&'a str>,
    /// From when on it is no longer good.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name, or that of the connector, can't be one.
    #[error("{0:?} can't be a name: write 1 to 100 characters, without spaces at the ends")]
    Name(String),
    /// It could do nothing.
    #[error("a token needs a scope: read, upload, run, decide, configure or users")]
    NoScope,
    /// It would read users, and those belong to no connector alone.
    #[error("a user is fed by several connectors, so a token with the scope users can't be limited to one")]
    LimitedUsers,
    /// It would be over before it began.
    #[error("a token can't expire before it is made; name a day to come")]
    Over,
    /// There is one of that name.
    #[error("there is a token {0:?} already; revoke it first, or choose another name")]
    Taken(String),
    /// The database failed us.
    #[error("the token can't be written: {0}")]
    Database(#[from] Error),
}

/// Makes a token and returns it: this once.
pub fn create(
    conn: &mut PgConnection,
    new: &NewToken<'_>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<String, CreateError> {
    for name in std::iter::once(new.name).chain(new.connector) {
        if !is_name(name) {
            return Err(CreateError::Name(name.to_owned()));
        }
    }
    if new.scopes.is_empty() {
        return Err(CreateError::NoScope);
    }
    if new.connector.is_some() && new.scopes.contains(&Scope::Users) {
        return Err(CreateError::LimitedUsers);
    }
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(CreateError::Over);
    }
    let mut scopes = new.scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let secret = format!("{PREFIX}{}", random_token());
    let made = conn.transaction(|conn| {
        diesel::insert_into(tokens::table)
            .values((
                tokens::name.eq(new.name),
                tokens::digest.eq(digest(&secret)),
                tokens::scopes.eq(words(&scopes)),
                tokens::connector.eq(new.connector),
                tokens::created_at.eq(now),
                tokens::created_by.eq(by),
                tokens::expires_at.eq(new.expires_at),
            ))
            .execute(conn)?;
        let detail = json!({ "scopes": scopes, "connector": new.connector, "expires_at": new.expires_at });
        audit::record(conn, by, "create", &subject(new.name), detail)
    });
    match made {
        Ok(()) => Ok(secret),
        Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
            Err(CreateError::Taken(new.name.to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// All tokens by name.
pub fn all(conn: &mut PgConnection) -> QueryResult<Vec<Token>> {
    let rows: Vec<Row> = tokens::table.select(Row::as_select()).order((tokens::name, tokens::id)).load(conn)?;
    Ok(rows.into_iter().map(Row::into).collect())
}

/// Ends a token; the result is its name. `None`: there is none of that id.
pub fn revoke(conn: &mut PgConnection, id: TokenId, by: &str) -> QueryResult<Option<String>> {
    conn.transaction(|conn| {
        let name: Option<String> =
            diesel::delete(tokens::table.find(id)).returning(tokens::name).get_result(conn).optional()?;
        if let Some(name) = &name {
            audit::record(conn, by, "revoke", &subject(name), json!({}))?;
        }
        Ok(name)
    })
}

/// The token that somebody comes with, if it is one and still good. It counts as used, at most once a minute.
pub fn find(conn: &mut PgConnection, secret: &str, now: DateTime<Utc>) -> QueryResult<Option<Token>> {
    let good = tokens::expires_at.is_null().or(tokens::expires_at.gt(now));
    let row: Option<Row> = tokens::table
        .filter(tokens::digest.eq(digest(secret)))
        .filter(good)
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    let Some(token) = row.map(Token::from) else { return Ok(None) };
    if token.last_used_at.is_none_or(|at| at < now - TimeDelta::minutes(1)) {
        diesel::update(tokens::table.find(token.id)).set(tokens::last_used_at.eq(now)).execute(conn)?;
    }
    Ok(Some(token))
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control)
}

fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}

fn subject(name: &str) -> String {
    format!("token {name}")
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens, check_for_backend(diesel::pg::Pg))]
struct Row {
    id: TokenId,
    name: String,
    scopes: String,
    connector: Option<String>,
    created_at: DateTime<Utc>,
    created_by: String,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Row> for Token {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            // A word that nobody knows allows nothing.
            scopes: row.scopes.split(' ').filter_map(|word| word.parse().ok()).collect(),
            connector: row.connector,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_its_word() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse::<Scope>().unwrap(), scope);
        }
        assert!("admin".parse::<Scope>().unwrap_err().to_string().contains("there are read, upload"));
    }
}
