//! Connection kinds: how systems are reached and read. One file per kind and its line in [`KINDS`].
//!
//! A kind knows nothing of the database, of runs or of other kinds. It runs in a child process that can be bounded and
//! killed (see `pipeline::export`), so nothing that a hostile source sends can take the server down. All of it is
//! blocking code; a kind that needs an async runtime makes its own.

pub mod files;
pub mod http;
pub mod ldap;
pub mod rest;
pub mod scim;
pub mod sign_in;
pub mod sql;
pub mod tls;

pub use crate::model::extraction::SourceEnd;
pub use crate::model::source_schema::ColumnSchema;

use crate::model::connection::{ConnectionDefinition, SourceTable, TableDefinition};
use crate::model::connector::ConnectorDefinition;
use crate::store::Sealed;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sign_in::{SignInRequest, SignedIn};
use std::path::PathBuf;

/// Every kind there is. A new one: one file and its line here.
pub static KINDS: &[&dyn ConnectionKind] = &[&files::Files, &ldap::Ldap, &rest::Rest, &scim::Scim, &sql::Sql];

/// The kind of that name.
pub fn kind(name: &str) -> Option<&'static dyn ConnectionKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// A way to reach and read a kind of system.
pub trait ConnectionKind: Sync {
    /// The word in documents: `files`, `ldap`, `rest`, `scim`, `sql`.
    fn name(&self) -> &'static str;

    /// The keys of `[[connection]]`, declared once: they drive document, form, validation and masking.
    fn settings(&self) -> &'static [Setting];

    /// The keys of `[[connection.table]]`.
    fn table_settings(&self) -> &'static [Setting];

    /// Whether the settings make sense together, as far as can be told without reaching anything. Documents are refused
    /// where they don't. A secret that is referred to is there, but it is not the real one.
    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError>;

    /// Whether we can connect, sign in and read: one finding per server or file, with what it is.
    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError>;

    /// What each table holds: columns, types as far as known, a few sample rows.
    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError>;

    /// Reads the whole of each table to its end, in the order of the request, into `extraction`. Returning `Ok` is the
    /// statement that every table was read to its end; any doubt is an error.
    /// A kind that knows where a table's source stands says so ([`Extraction::cursor`]): the position from *before* it
    /// was read, so that nothing is missed between the two.
    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError>;

    /// Whether each table can be read apart from the others, so that several are read side by side.
    fn reads_tables_apart(&self) -> bool {
        false
    }

    /// Whether a table would be read from the very bytes that were sealed, from a source that messages still call
    /// `name`, with its changes where `cursor` says. A kind that can't tell says no.
    fn is_same_source(
        &self,
        _connection: &ConnectionRequest,
        _table: &TableDefinition,
        _name: &str,
        _sealed: &Sealed,
        _cursor: Option<&Value>,
    ) -> Result<bool, ConnectionError> {
        Ok(false)
    }

    /// Whether the tables may be read whole in place of what changed since their cursors, because some source can't tell
    /// that any more: not if that is older than the changes that were applied.
    fn check_instead(&self, _connection: &ConnectionRequest, _since: &Cursors) -> Result<(), ConnectionError> {
        Ok(())
    }

    /// What has arrived, of a connection that starts runs by arrival; `None` of others, and while something that is
    /// expected is not there. Read without waiting: it is asked every few seconds.
    fn arrival(&self, _connection: &ConnectionDefinition) -> Result<Option<Arrival>, ConnectionError> {
        Ok(None)
    }

    /// Whether a table's columns are those that the document maps, because its source has no header of its own: one that
    /// no record has is then empty, not missing.
    fn columns_are_mapped(&self, _table: &TableDefinition) -> bool {
        false
    }

    /// The tables that could be read with the connection's settings alone, for who writes a document: found by looking.
    /// A kind that can't look around finds none.
    fn discover(&self, _connection: &ConnectionRequest) -> Result<Vec<TableDefinition>, ConnectionError> {
        Ok(Vec::new())
    }

    /// Whether a table can tell what changed since a cursor, going by its settings alone.
    fn tells_changes(&self, _connection: &ConnectionDefinition, _table: &TableDefinition) -> bool {
        false
    }

    /// Whether a column of that name may be the kind's own addition to a table, to tell changes by: it comes and goes
    /// with the way in which they are told, and is no part of the source's header.
    fn adds_column(&self, _column: &str) -> bool {
        false
    }

    /// Whether a name and a password belong together, for kinds that know passwords; `None`: they don't, for whatever
    /// reason. Never with an empty password, and with the same work for names that are not known.
    fn sign_in(
        &self,
        connection: &ConnectionRequest,
        _request: &SignInRequest,
    ) -> Result<Option<SignedIn>, ConnectionError> {
        let place = format!("connection `{}`", connection.definition.name);
        Err(ConnectionError::permanent(place, "this kind of connection knows no passwords; name one of kind ldap"))
    }

    /// Whether telling changes takes what the applied runs have read ([`Extraction::known`]).
    fn compares_with_known(&self) -> bool {
        false
    }

    /// Like `export`, but of tables that can tell what changed only the changes since their cursors
    /// ([`Extraction::begin_changes`]), and where the source stands now. Other tables are read whole.
    ///
    /// A cursor that the source no longer knows, or that can't be proven to leave nothing out, is
    /// [`ChangesError::Expired`]: everything is read whole then.
    fn changes(
        &self,
        connection: &ConnectionRequest,
        _since: &Cursors,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        Ok(self.export(connection, extraction)?)
    }
}

/// What lies where a connection reads, in words that differ as soon as anything of it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrival {
    /// What complete runs read.
    pub complete: String,
    /// What tells changes; empty where nothing does.
    pub changes: String,
}

/// Where the source of each table stood when the last applied run read it, by table, in the words of its kind.
pub type Cursors = std::collections::BTreeMap<String, serde_json::Value>;

/// Why changes could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChangesError {
    /// What changed since the cursor can't be told any more: why, in words that go after "became a complete run".
    #[error("{0}")]
    Expired(String),
    /// The source could not be read.
    #[error(transparent)]
    Failed(#[from] ConnectionError),
}

/// The first table of a connector that entity types or associations read and that can't tell what changed.
pub fn whole_table(definition: &ConnectorDefinition) -> Option<SourceTable> {
    let sources = definition
        .entity_types
        .iter()
        .map(|one| &one.source)
        .chain(definition.associations.iter().filter_map(|one| one.source.as_ref()));
    let mut sources = sources.filter_map(|source| Some((source, definition.table(source)?)));
    let whole = sources.find(|(_, (connection, table))| {
        !kind(&connection.kind).is_some_and(|kind| kind.tells_changes(connection, table))
    });
    whole.map(|(source, _)| source.clone())
}

/// One key of a connection or a table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub value: SettingValue,
    /// Whether it must stand there.
    pub required: bool,
    /// One sentence for form and document.
    pub help: &'static str,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingValue {
    /// Text.
    Text,
    /// A whole number in this range.
    Integer(i64, i64),
    /// true or false.
    Bool,
    /// A list of texts.
    TextList,
    /// A path; relative ones are relative to the document.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `{ env = "NAME" }` or `{ file = "PATH" }`; never inline.
    Secret,
}

/// What a kind is asked to work with. Secrets are resolved, paths absolute. It never leaves the machine: it goes to the
/// child process through a pipe.
#[derive(Clone, Serialize, Deserialize)]
pub struct ConnectionRequest {
    /// Settings and tables as the document has them.
    pub definition: ConnectionDefinition,
    /// Resolved secrets by setting name. Never logged: `Debug` is not derived for this reason.
    pub secrets: std::collections::BTreeMap<String, String>,
    /// For connections fed by upload: table name → the received file.
    pub uploads: std::collections::BTreeMap<String, UploadedFile>,
    /// Columns that documents map, per table: the header of sources without one.
    pub mapped_columns: std::collections::BTreeMap<String, Vec<String>>,
    /// Columns with several values that stand in an association (`column`, many): exported as pairs, one per row, into
    /// the table `<table>.<column>` with the columns `<key column>` and `<column>`. Per table: column and key column.
    pub pair_columns: std::collections::BTreeMap<String, Vec<PairColumn>>,
    /// Columns that keys of entity types are made of, per table.
    #[serde(default)]
    pub key_columns: std::collections::BTreeMap<String, Vec<String>>,
    /// Columns of this connection that associations hold against each other, references and what they refer to, per
    /// table: values that mean the same must leave as the same text.
    #[serde(default)]
    pub matched_columns: std::collections::BTreeMap<String, Vec<String>>,
}

/// A multi-valued column that leaves the export as pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairColumn {
    /// The column that holds the key of the `from` end.
    pub key_column: String,
    /// The column with several values.
    pub column: String,
    /// What separates them, where the source does not know several values itself.
    pub separator: Option<String>,
}

/// A file that came by page or API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadedFile {
    /// Where it lies on this machine.
    pub path: PathBuf,
    /// What its sender called it; messages name it so.
    pub name: String,
}

/// Where an export writes: one table after the other, rows as text.
pub trait Extraction {
    /// Begins a table; ends the one before it. `source_file` is what messages call it.
    fn begin(&mut self, table: &str, source_file: &str, columns: &[String]) -> Result<(), ConnectionError>;

    /// One record. `line`: where it starts in the source (None: the line it gets in the extraction).
    fn row(&mut self, line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError>;

    /// Begins a table of changes: each row comes with its command.
    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError>;

    /// One change of a table of changes. `command` is the source's own word, as it stands there; where a record of
    /// `merge` gives only some columns, they are `given`.
    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError>;

    /// Where the source of the current table stands; counts once the run is applied.
    fn cursor(&mut self, cursor: serde_json::Value);

    /// Like begin and row for a table of pairs beside the current one; any number may be open at once.
    fn pair(
        &mut self,
        table: &str,
        columns: [&str; 2],
        line: Option<u64>,
        values: [&[u8]; 2],
    ) -> Result<(), ConnectionError>;

    /// The records of a table as the applied runs have read them: what the last one over the whole table read, with the
    /// changes since laid over it, each record once, told apart by the column `identity`. `false`: that can't be told.
    /// For kinds whose source names what is gone by something else than its key, or only says what is there.
    fn known(
        &mut self,
        _table: &str,
        _identity: &str,
        _hear: &mut dyn FnMut(&KnownRecord<'_>) -> Result<(), ConnectionError>,
    ) -> Result<bool, ConnectionError> {
        Ok(false)
    }

    /// The current table was read from these bytes, all of them, and from nothing else.
    fn was_read_from(&mut self, _source: Sealed) {}

    /// The current table was read to its end, and how that is known.
    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError>;
}

/// A record as the applied runs have read it.
#[derive(Debug, Clone, Copy)]
pub struct KnownRecord<'a> {
    /// The columns that the table had.
    pub columns: &'a [String],
    /// Their values, as they stand in the extraction.
    pub values: &'a csv::StringRecord,
}

/// The shape of a table of changes.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// The columns, the command aside.
    pub columns: &'a [String],
    /// What the source calls the column with the command.
    pub command_column: &'a str,
}

/// What a check found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Server, folder or file.
    pub subject: String,
    /// Whether it works.
    pub ok: bool,
    /// What it is, what was read, or what is wrong and what to do.
    pub message: String,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// The table's name.
    pub table: String,
    /// Its columns in order.
    pub columns: Vec<ColumnSchema>,
    /// At most three rows, as text.
    pub samples: Vec<Vec<String>>,
}

/// Why a connection could not be read: what, where, and what to do. Nothing of a secret stands in it.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize)]
#[error("{place}: {message}")]
pub struct ConnectionError {
    /// Server, file with line and column, or setting.
    pub place: String,
    /// What is wrong, and the next step.
    pub message: String,
    /// Whether the same attempt may succeed later.
    pub transient: bool,
}

impl ConnectionError {
    /// An error that stays until somebody changes something.
    pub fn permanent(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), transient: false }
    }

    /// An error that may be over later: a time-out, a refused connection.
    pub fn transient(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), transient: true }
    }
}

impl ConnectionRequest {
    /// The definition of a table of this connection.
    pub fn table(&self, name: &str) -> Option<&TableDefinition> {
        self.definition.tables.iter().find(|table| table.name == name)
    }

    /// How a table is called across connections.
    pub fn source(&self, table: &str) -> SourceTable {
        SourceTable::new(&self.definition.name, table)
    }
}
