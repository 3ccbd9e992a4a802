//! The kind `ldap` against a real slapd, and against servers that hang, break off, lie or attack.

mod active_directory;
mod broken;
mod hostile;
mod incremental;
mod inspection;
mod reading;
mod replica;
mod synchronization;
mod synchronization_faults;
mod values;

use crate::support::directory::{ADMIN, PASSWORD};
use crate::support::recorder::Recorder;
use muster::connectors::{ConnectionError, ConnectionRequest, PairColumn, kind};
use muster::model::connection::ConnectionDefinition;
use std::collections::BTreeMap;

/// The `[[connection]]` of a document.
pub struct Document {
    definition: ConnectionDefinition,
    password: Option<String>,
    pairs: BTreeMap<String, Vec<PairColumn>>,
    keys: BTreeMap<String, Vec<String>>,
    matched: BTreeMap<String, Vec<String>>,
}

impl Document {
    /// The administrator reads from these servers.
    pub fn new(servers: &[String]) -> Self {
        let text = format!("name = \"ldap\"\nkind = \"ldap\"\nservers = {servers:?}\nbind_dn = {ADMIN:?}\n");
        let definition = toml::from_str(&text).unwrap();
        let (pairs, keys, matched) = Default::default();
        Self { definition, password: Some(PASSWORD.to_owned()), pairs, keys, matched }
    }

    /// Another setting of the connection.
    pub fn set(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.definition.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Another password.
    pub fn password(mut self, password: Option<&str>) -> Self {
        self.password = password.map(str::to_owned);
        self
    }

    /// A table, as it stands in a document.
    pub fn table(mut self, text: &str) -> Self {
        self.definition.tables.push(toml::from_str(text).unwrap());
        self
    }

    /// The column that the key of a table's entity type is.
    pub fn key(mut self, table: &str, column: &str) -> Self {
        self.keys.insert(table.to_owned(), vec![column.to_owned()]);
        self
    }

    /// A column of a table that associations match.
    pub fn matched(mut self, table: &str, column: &str) -> Self {
        self.matched.entry(table.to_owned()).or_default().push(column.to_owned());
        self
    }

    /// Whoever the connection says.
    pub fn external(mut self) -> Self {
        self.password = None;
        self.definition.settings.remove("bind_dn");
        self.set("sasl_external", true)
    }

    /// A column of a table that leaves as pairs.
    pub fn pairs(mut self, table: &str, key_column: &str, column: &str) -> Self {
        let pair = PairColumn { key_column: key_column.into(), column: column.into(), separator: None };
        self.pairs.entry(table.to_owned()).or_default().push(pair);
        self
    }

    /// The people of the example, with these attributes.
    pub fn people(self, attributes: &[&str]) -> Self {
        self.table(&format!(
            "name = \"people\"\nbase = \"ou=people,dc=example,dc=org\"\nscope = \"sub\"\n\
             filter = \"(objectClass=inetOrgPerson)\"\nattributes = {attributes:?}\nchanges = \"none\"\n"
        ))
    }

    /// The groups of the example, their members as pairs.
    pub fn groups(mut self) -> Self {
        let member = PairColumn { key_column: "cn".into(), column: "member".into(), separator: None };
        self.pairs.insert("groups".to_owned(), vec![member]);
        self.table(
            "name = \"groups\"\nbase = \"ou=groups,dc=example,dc=org\"\nscope = \"sub\"\n\
             filter = \"(objectClass=groupOfNames)\"\nattributes = [\"cn\", \"description\", \"member\"]\n\
             changes = \"none\"\n",
        )
    }

    /// What the kind is asked with.
    pub fn request(&self) -> ConnectionRequest {
        ConnectionRequest {
            definition: self.definition.clone(),
            secrets: self.password.iter().map(|password| ("bind_password".to_owned(), password.clone())).collect(),
            uploads: BTreeMap::new(),
            mapped_columns: BTreeMap::new(),
            pair_columns: self.pairs.clone(),
            key_columns: self.keys.clone(),
            matched_columns: self.matched.clone(),
        }
    }

    /// Exports into memory.
    pub fn export(&self) -> Result<Recorder, ConnectionError> {
        let mut recorder = Recorder::default();
        kind("ldap").unwrap().export(&self.request(), &mut recorder)?;
        Ok(recorder)
    }

    /// Exports, expecting an error; returns all its words. No secret may stand in them.
    pub fn failure(&self) -> ConnectionError {
        let error = self.export().err().expect("the export fails");
        assert!(!format!("{error:?}").contains(PASSWORD), "{error:?}");
        error
    }
}
