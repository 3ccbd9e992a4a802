//! A connection: how a connector reaches its system, and the tables it reads there.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One `[[connection]]` of a connector's document. What is not named here belongs to its kind, which declares its
/// settings once (see `connectors::ConnectionKind`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConnectionDefinition {
    /// Unique within the connector.
    pub name: String,
    /// A registered kind: `files`, `ldap`, …
    pub kind: String,
    /// What can be read, in the order of the document.
    #[serde(rename = "table", default)]
    pub tables: Vec<TableDefinition>,
    /// The kind's own settings, checked against its declaration. Secrets stand here as references only:
    /// `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// One `[[connection.table]]`: what the connection reads as rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// Unique within the connection.
    pub name: String,
    /// The kind's own settings for a table.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// A table of a connector, written `connection.table`: what entity types and associations name as their source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceTable(pub String);

impl SourceTable {
    /// The table `table` of the connection `connection`.
    pub fn new(connection: &str, table: &str) -> Self {
        Self(format!("{connection}.{table}"))
    }

    /// Connection and table; `None` if there is no dot.
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.0.split_once('.')
    }
}

impl std::fmt::Display for SourceTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
