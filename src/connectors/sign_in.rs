//! A name and a password, to be checked by the system that knows them. No kind itself.

use serde::{Deserialize, Serialize};

/// What is asked. It holds a password: it goes to the child process through a pipe and nowhere else, and `Debug` is not
/// derived for this reason.
#[derive(Clone, Serialize, Deserialize)]
pub struct SignInRequest {
    /// The table whose entries sign in.
    pub table: String,
    /// How an entry is found by name; `{name}` stands for it.
    pub filter: String,
    /// What somebody calls themselves.
    pub name: String,
    /// Their password.
    pub password: String,
    /// Where the entry's groups stand.
    pub groups: GroupsOf,
    /// The groups that are of interest.
    pub wanted: Vec<String>,
}

/// Where the groups of an entry stand.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupsOf {
    /// In this attribute of the entry.
    Attribute(String),
    /// Where they name the entry as a member.
    Search {
        /// Where the search begins.
        base: String,
        /// Which are the entry's; `{dn}` stands for its name.
        filter: String,
    },
}

/// Somebody whose password was right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// What tells the entry apart for ever.
    pub id: String,
    /// The columns of the table.
    pub columns: Vec<String>,
    /// The entry as a row of it.
    pub row: Vec<String>,
    /// Those of the wanted groups that it is in, as they were wanted.
    pub groups: Vec<String>,
}
