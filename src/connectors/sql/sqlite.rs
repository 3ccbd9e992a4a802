//! SQLite: a file, opened for reading only. Whoever made it may have meant harm: its views and triggers are not trusted,
//! no other file can be attached, and nothing is written.

use super::fault::{near, sentence, words};
use super::row::Row;
use super::session::{Column, Content, EachRow, Session};
use super::settings::{Address, Database};
use super::value::{self, NoText, place};
use crate::connectors::ConnectionError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Statement};
use std::io::Write;
use std::time::Instant;

/// After how many of SQLite's own steps the clock is looked at: some hundred times a second.
const LOOK_EVERY: i32 = 100_000;

/// A session with a file of SQLite.
pub struct Sqlite<'a> {
    database: &'a Database,
    connection: Connection,
}

impl<'a> Sqlite<'a> {
    /// Opens the file and begins.
    pub fn open(database: &'a Database) -> Result<Self, ConnectionError> {
        let Address::File(file) = &database.address else {
            return Err(ConnectionError::permanent(&database.place, "a database of SQLite is a file"));
        };
        let refuse = |message: &str| Err(ConnectionError::permanent(&database.place, message));
        match std::fs::metadata(file) {
            // Opening a pipe would wait for its writer.
            Ok(found) if !found.is_file() => return refuse("is no file"),
            // An empty file is an empty database to SQLite; to us it is one that is still being made.
            Ok(found) if found.len() == 0 => {
                return Err(ConnectionError::transient(&database.place, "is empty: no database was written there yet"));
            }
            Ok(_) => {}
            Err(error) => {
                let message = format!("can't be read: {error}");
                return Err(ConnectionError::transient(&database.place, message));
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let begun = Connection::open_with_flags(file, flags).and_then(|connection| {
            connection.busy_timeout(database.timeout)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            // The first look begins the snapshot.
            connection.execute_batch("PRAGMA cell_size_check = ON; BEGIN; SELECT count(*) FROM sqlite_schema;")?;
            Ok(connection)
        });
        let connection = begun.map_err(|error| explain(database, &error))?;
        Ok(Self { database, connection })
    }

    fn prepare(&self, statement: &str) -> Result<Statement<'_>, ConnectionError> {
        let prepared = self.connection.prepare(statement).map_err(|error| explain(self.database, &error))?;
        let refuse = |message: &str| Err(ConnectionError::permanent(&self.database.place, message));
        if prepared.column_count() == 0 || !prepared.readonly() {
            return refuse("the query returns no columns; it must be a single select that only reads");
        }
        if prepared.parameter_count() > 0 {
            return refuse("the query has a placeholder such as ? or :name, and there is nothing to put there");
        }
        Ok(prepared)
    }
}

impl Session for Sqlite<'_> {
    fn describe(&mut self) -> Result<String, ConnectionError> {
        Ok(format!("a database of SQLite, read by SQLite {}", rusqlite::version()))
    }

    fn columns(&mut self, statement: &str) -> Result<Vec<Column>, ConnectionError> {
        let prepared = self.prepare(statement)?;
        let column = |column: rusqlite::Column<'_>| Column {
            name: column.name().to_owned(),
            native_type: column.decl_type().map(str::to_owned),
            content: Content::Unknown,
        };
        Ok(prepared.columns().map(column).collect())
    }

    fn read(&mut self, statement: &str, each: EachRow<'_>) -> Result<(), ConnectionError> {
        let (database, deadline) = (self.database, Instant::now() + self.database.statement_timeout);
        let failed = |error: Error| explain(database, &error);
        self.connection.progress_handler(LOOK_EVERY, Some(move || Instant::now() > deadline)).map_err(failed)?;
        let mut prepared = self.prepare(statement)?;
        let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
        let is_bool: Vec<bool> = prepared.columns().map(|column| is_bool(column.decl_type())).collect();
        let mut found = prepared.raw_query();
        let mut row = Row::default();
        let mut rows = 0;
        while let Some(read) = found.next().map_err(failed)? {
            rows += 1;
            row.clear();
            for (at, (name, is_bool)) in names.iter().zip(&is_bool).enumerate() {
                let value = read.get_ref(at).map_err(failed)?;
                row.push_with(|to| write(to, value, *is_bool)).map_err(|fault| {
                    ConnectionError::permanent(&database.place, format!("{}: {fault}", place(rows, name)))
                })?;
            }
            each(&row)?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) {}
}

/// SQLite has no type of its own for them: 0 and 1 in a column that is declared so.
fn is_bool(declared: Option<&str>) -> bool {
    declared.is_some_and(|declared| ["bool", "boolean"].iter().any(|name| declared.eq_ignore_ascii_case(name)))
}

fn write(to: &mut Vec<u8>, value: ValueRef<'_>, is_bool: bool) -> Result<(), NoText> {
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(0) if is_bool => to.extend_from_slice(b"false"),
        ValueRef::Integer(1) if is_bool => to.extend_from_slice(b"true"),
        ValueRef::Integer(number) => {
            // Writing to memory can't fail.
            let _ = write!(to, "{number}");
        }
        ValueRef::Real(number) => value::number(to, number),
        ValueRef::Text(text) => value::text(to, text)?,
        ValueRef::Blob(bytes) => value::bytes(to, bytes),
    }
    Ok(())
}

/// What an error means.
fn explain(database: &Database, error: &Error) -> ConnectionError {
    if let Error::SqlInputError { msg, sql, offset, .. } = error {
        // It counts bytes from 0.
        let at = usize::try_from(*offset).ok().and_then(|offset| Some(sql.get(..offset)?.chars().count() + 1));
        let near = at.and_then(|at| near(sql, at)).map(|near| format!(", {near}")).unwrap_or_default();
        let message = format!("{}{near}: check the names of tables and columns, and the query", words(msg));
        return ConnectionError::permanent(&database.place, message);
    }
    if matches!(error, Error::MultipleStatement) {
        return ConnectionError::permanent(
            &database.place,
            "the query is more than one statement; write a single select",
        );
    }
    let (advice, transient) = match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            let seconds = database.statement_timeout.as_secs();
            (format!("raise statement_seconds = {seconds}, or make the query faster"), true)
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("somebody is writing to it; try again later".to_owned(), true)
        }
        Some(ErrorCode::CannotOpen) => {
            let advice = "with a write-ahead log, its -wal and -shm must be readable as well, or the folder writable";
            (advice.to_owned(), true)
        }
        Some(ErrorCode::SystemIoFailure) => ("can't be read".to_owned(), true),
        Some(ErrorCode::NotADatabase) => ("is no database of SQLite, or an encrypted one".to_owned(), false),
        Some(ErrorCode::DatabaseCorrupt) => {
            ("is damaged: restore it, or make it anew with .recover of the sqlite3 shell".to_owned(), false)
        }
        Some(ErrorCode::Unknown) => ("check the names of tables and columns, and the query".to_owned(), false),
        _ => (String::new(), false),
    };
    ConnectionError { place: database.place.clone(), message: sentence(&words(&error.to_string()), &advice), transient }
}
