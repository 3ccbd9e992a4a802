//! The kind `scim` against a real service, and against ones that lie, break off, hang or lead elsewhere.

mod broken;
mod changes;
mod reading;
mod versions;

use crate::support::recorder::Recorder;
use crate::support::scim::TOKEN;
use muster::connectors::{ChangesError, ConnectionError, ConnectionRequest, PairColumn, kind};
use muster::model::connection::ConnectionDefinition;
use serde_json::Value;
use std::collections::BTreeMap;

/// The `[[connection]]` of a document.
pub struct Document {
    definition: ConnectionDefinition,
    mapped: BTreeMap<String, Vec<String>>,
    pairs: BTreeMap<String, Vec<PairColumn>>,
    keys: BTreeMap<String, Vec<String>>,
    token: Option<String>,
}

impl Document {
    /// A service at this address.
    pub fn new(url: &str) -> Self {
        let text = format!("name = \"scim\"\nkind = \"scim\"\nurl = {url:?}\ntimeout_seconds = 5\n");
        Self {
            definition: toml::from_str(&text).unwrap(),
            mapped: BTreeMap::new(),
            pairs: BTreeMap::new(),
            keys: BTreeMap::new(),
            token: Some(TOKEN.to_owned()),
        }
    }

    /// Another setting of the connection.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.definition.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Another token.
    pub fn token(mut self, token: Option<&str>) -> Self {
        self.token = token.map(str::to_owned);
        self
    }

    /// A table, as it stands in a document, with the columns that are mapped.
    pub fn table(mut self, text: &str, mapped: &[&str]) -> Self {
        let table: muster::model::connection::TableDefinition = toml::from_str(text).unwrap();
        self.mapped.insert(table.name.clone(), mapped.iter().map(|column| (*column).to_owned()).collect());
        self.definition.tables.push(table);
        self
    }

    /// Users, with these columns.
    pub fn users(self, mapped: &[&str]) -> Self {
        self.table("name = \"users\"\nresource = \"Users\"\n", mapped)
    }

    /// Groups, their members as pairs.
    pub fn groups(mut self) -> Self {
        let member = PairColumn { key_column: "id".into(), column: "members.value".into(), separator: None };
        self.pairs.insert("groups".to_owned(), vec![member]);
        self.table("name = \"groups\"\nresource = \"Groups\"\n", &["id", "displayName", "members.value"])
    }

    /// The column that the key of a table's entity type is.
    pub fn key(mut self, table: &str, column: &str) -> Self {
        self.keys.insert(table.to_owned(), vec![column.to_owned()]);
        self
    }

    /// What the kind is asked with.
    pub fn request(&self) -> ConnectionRequest {
        ConnectionRequest {
            definition: self.definition.clone(),
            secrets: self.token.iter().map(|token| ("token".to_owned(), token.clone())).collect(),
            uploads: BTreeMap::new(),
            mapped_columns: self.mapped.clone(),
            key_columns: self.keys.clone(),
            matched_columns: BTreeMap::new(),
            pair_columns: self.pairs.clone(),
        }
    }

    /// Exports into memory.
    pub fn export(&self) -> Result<Recorder, ConnectionError> {
        let mut recorder = Recorder::default();
        kind("scim").unwrap().export(&self.request(), &mut recorder)?;
        assert!(self.definition.tables.iter().all(|table| recorder.ends.contains_key(&table.name)));
        Ok(recorder)
    }

    /// Exports what changed since, into memory.
    pub fn changes(&self, since: &BTreeMap<String, Value>) -> Result<Recorder, ChangesError> {
        let mut recorder = Recorder::default();
        kind("scim").unwrap().changes(&self.request(), since, &mut recorder)?;
        Ok(recorder)
    }

    /// The same after what an export has read.
    pub fn changes_after(&self, before: &Recorder) -> Result<Recorder, ChangesError> {
        let mut recorder = Recorder::default();
        recorder.known = before.tables.clone();
        kind("scim").unwrap().changes(&self.request(), &before.cursors, &mut recorder)?;
        Ok(recorder)
    }

    /// Exports, expecting an error that has all these words, and no secret.
    #[track_caller]
    pub fn fails_with(&self, words: &[&str]) -> ConnectionError {
        let error = self.export().err().expect("the export fails");
        let all = format!("{error} {error:?}");
        for word in words {
            assert!(all.contains(word), "{word:?} in {error}");
        }
        assert!(!all.contains(TOKEN), "{error}");
        error
    }
}
