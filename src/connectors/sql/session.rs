//! A signed-in session: one read-only transaction with one snapshot, whatever the database.

use super::row::Row;
use super::settings::{Database, System};
use super::{mysql, postgres, sqlite};
use crate::connectors::ConnectionError;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What the database says it is, where it does.
    pub native_type: Option<String>,
    /// What its values are.
    pub content: Content,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Text, dates and times, and whatever else has one text.
    Text,
    /// Numbers.
    Number,
    /// Bytes, which leave as base64.
    Bytes,
    /// Several values.
    Several,
    /// Each value says for itself (SQLite).
    Unknown,
}

/// Hears of each row.
pub type EachRow<'a> = &'a mut dyn FnMut(&Row) -> Result<(), ConnectionError>;

/// One read-only transaction.
pub trait Session {
    /// Product, version and who we are, in a sentence.
    fn describe(&mut self) -> Result<String, ConnectionError>;

    /// The columns of a statement, which must be a single one that returns rows.
    fn columns(&mut self, statement: &str) -> Result<Vec<Column>, ConnectionError>;

    /// Reads a statement's rows to their end. `Ok` says that the database itself said that this was the end.
    fn read(&mut self, statement: &str, each: EachRow<'_>) -> Result<(), ConnectionError>;

    /// Says goodbye.
    fn close(self: Box<Self>);
}

/// Connects, signs in and begins the transaction.
pub fn open(database: &Database) -> Result<Box<dyn Session + '_>, ConnectionError> {
    Ok(match database.system {
        System::Postgresql => Box::new(postgres::Postgres::open(database)?),
        System::Mysql => Box::new(mysql::Mysql::open(database)?),
        System::Sqlite => Box::new(sqlite::Sqlite::open(database)?),
    })
}

/// The one row that a statement returns, as texts.
pub fn one_row(session: &mut dyn Session, statement: &str) -> Result<Vec<String>, ConnectionError> {
    let mut found = Vec::new();
    session.read(statement, &mut |row| {
        found = row.texts();
        Ok(())
    })?;
    Ok(found)
}
