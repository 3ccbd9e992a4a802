//! The kind `sql` against a real PostgreSQL, a real MariaDB and files of SQLite.

mod changes;
mod faults;
mod reading;
mod tls;
mod values;

use crate::support::mariadb::{self, Mariadb};
use crate::support::postgres::{self, Postgres};
use crate::support::recorder::Recorder;
use muster::connectors::{ChangesError, ConnectionError, ConnectionRequest, Cursors, PairColumn, kind};
use muster::model::connection::ConnectionDefinition;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;

/// A database of one of the three systems.
pub enum Source {
    /// PostgreSQL, by its socket.
    Postgres(Postgres),
    /// MariaDB, by its socket.
    Mariadb(Mariadb),
    /// A file of SQLite.
    Sqlite(TempDir),
}

impl Source {
    /// One of each.
    pub fn all() -> [Self; 3] {
        [Self::Postgres(Postgres::new()), Self::Mariadb(Mariadb::new()), Self::sqlite()]
    }

    /// A file of SQLite.
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// What messages of a failed test call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::Mariadb(_) => "MariaDB",
            Self::Sqlite(_) => "SQLite",
        }
    }

    /// Does something there.
    #[track_caller]
    pub fn execute(&self, statements: &str) {
        match self {
            Self::Postgres(database) => database.execute(statements),
            Self::Mariadb(database) => database.execute(statements),
            Self::Sqlite(_) => rusqlite::Connection::open(self.file()).unwrap().execute_batch(statements).unwrap(),
        }
    }

    /// The file of SQLite.
    pub fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("source.db"),
            _ => unreachable!("a server is no file"),
        }
    }

    /// By TCP instead of the socket, with a password.
    pub fn by_network(&self, tables: &str) -> Document {
        let (system, port, name, user, password) = match self {
            Self::Postgres(it) => ("postgresql", it.port, &it.name, "postgres", postgres::PASSWORD),
            Self::Mariadb(it) => ("mariadb", it.port, &it.name, "reader", mariadb::PASSWORD),
            Self::Sqlite(_) => unreachable!("a file is on no network"),
        };
        let text = format!(
            "name = \"source\"\nkind = \"sql\"\nsystem = \"{system}\"\nhost = \"localhost\"\nport = {port}\n\
             database = {name:?}\nuser = {user:?}\n{tables}"
        );
        Document::new(&text, password)
    }

    /// The `[[connection]]` of a document, with these tables.
    pub fn document(&self, tables: &str) -> Document {
        let address = match self {
            Self::Postgres(it) => format!(
                "system = \"postgresql\"\nsocket = {:?}\nport = {}\ndatabase = {:?}\nuser = \"postgres\"",
                it.socket, it.port, it.name
            ),
            Self::Mariadb(it) => format!(
                "system = \"mariadb\"\nsocket = {:?}\ndatabase = {:?}\nuser = \"reader\"\n\
                 password = {{ env = \"SOURCE_PASSWORD\" }}",
                it.socket, it.name
            ),
            Self::Sqlite(_) => format!("system = \"sqlite\"\nfile = {:?}", self.file()),
        };
        Document::new(&format!("name = \"source\"\nkind = \"sql\"\n{address}\n{tables}"), mariadb::PASSWORD)
    }
}

/// The `[[connection]]` of a document, and its password.
#[derive(Clone)]
pub struct Document {
    /// As it stands.
    pub definition: ConnectionDefinition,
    /// Associations that read columns with several values, by table.
    pub pairs: BTreeMap<String, Vec<PairColumn>>,
    password: String,
}

impl Document {
    /// That document.
    pub fn new(text: &str, password: &str) -> Self {
        let definition = toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Self { definition, pairs: BTreeMap::new(), password: password.to_owned() }
    }

    /// Another setting of the connection.
    pub fn set(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.definition.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Another password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = password.to_owned();
        self
    }

    /// What the kind is asked with.
    pub fn request(&self) -> ConnectionRequest {
        ConnectionRequest {
            definition: self.definition.clone(),
            secrets: BTreeMap::from([("password".to_owned(), self.password.clone())]),
            uploads: BTreeMap::new(),
            mapped_columns: BTreeMap::new(),
            key_columns: BTreeMap::new(),
            matched_columns: BTreeMap::new(),
            pair_columns: self.pairs.clone(),
        }
    }

    /// Exports into memory.
    pub fn export(&self) -> Result<Recorder, ConnectionError> {
        let mut recorder = Recorder::default();
        kind("sql").unwrap().export(&self.request(), &mut recorder)?;
        Ok(recorder)
    }

    /// The changes since these cursors.
    pub fn changes(&self, since: &Cursors) -> Result<Recorder, ChangesError> {
        let mut recorder = Recorder::default();
        kind("sql").unwrap().changes(&self.request(), since, &mut recorder)?;
        Ok(recorder)
    }

    /// Exports, expecting an error. No secret may stand in it.
    #[track_caller]
    pub fn failure(&self) -> ConnectionError {
        let error = self.export().err().expect("the export fails");
        for secret in [mariadb::PASSWORD, postgres::PASSWORD, self.password.as_str()] {
            assert!(!format!("{error:?}").contains(secret), "{error:?}");
        }
        error
    }

    /// Why the document is refused, before anything is connected.
    #[track_caller]
    pub fn refusal(&self) -> String {
        kind("sql").unwrap().check_settings(&self.request()).expect_err("the settings don't go together").to_string()
    }
}
