//! The kind `rest` against a real directory in JSON, and against services that lie.

mod broken;
mod reading;

use crate::support::json_directory::API_KEY;
use crate::support::recorder::Recorder;
use muster::connectors::{ChangesError, ConnectionError, ConnectionRequest, PairColumn, kind};
use muster::model::connection::{ConnectionDefinition, TableDefinition};
use serde_json::Value;
use std::collections::BTreeMap;

/// The columns that tests read.
pub const COLUMNS: [&str; 5] = ["guid", "number", "name.last", "mails[kind eq \"work\"].address", "teams"];

/// The `[[connection]]` of a document, with a table `people`.
pub struct Document {
    definition: ConnectionDefinition,
    mapped: Vec<String>,
    pairs: Vec<PairColumn>,
    key: String,
}

impl Document {
    /// A service at this address, and the table as it stands in a document, without its name.
    pub fn new(url: &str, table: &str) -> Self {
        let text = format!(
            "name = \"rest\"\nkind = \"rest\"\nurl = {url:?}\napi_key_header = \"X-Directory-Key\"\ntimeout_seconds = 5\n"
        );
        let mut definition: ConnectionDefinition = toml::from_str(&text).unwrap();
        let table: TableDefinition = toml::from_str(&format!("name = \"people\"\nkey = \"guid\"\n{table}")).unwrap();
        definition.tables.push(table);
        let mapped = COLUMNS.map(str::to_owned).to_vec();
        Self { definition, mapped, pairs: Vec::new(), key: API_KEY.to_owned() }
    }

    /// Other columns.
    pub fn columns(mut self, columns: &[&str]) -> Self {
        self.mapped = columns.iter().map(|column| (*column).to_owned()).collect();
        self
    }

    /// Teams leave as pairs.
    pub fn teams_as_pairs(mut self) -> Self {
        self.pairs = vec![PairColumn { key_column: "guid".into(), column: "teams".into(), separator: None }];
        self
    }

    /// Another API key.
    pub fn key(mut self, key: &str) -> Self {
        self.key = key.to_owned();
        self
    }

    /// What the kind is asked with.
    pub fn request(&self) -> ConnectionRequest {
        ConnectionRequest {
            definition: self.definition.clone(),
            secrets: BTreeMap::from([("api_key".to_owned(), self.key.clone())]),
            uploads: BTreeMap::new(),
            mapped_columns: BTreeMap::from([("people".to_owned(), self.mapped.clone())]),
            key_columns: BTreeMap::new(),
            matched_columns: BTreeMap::new(),
            pair_columns: BTreeMap::from([("people".to_owned(), self.pairs.clone())]),
        }
    }

    /// Exports into memory.
    pub fn export(&self) -> Result<Recorder, ConnectionError> {
        let mut recorder = Recorder::default();
        kind("rest").unwrap().export(&self.request(), &mut recorder)?;
        assert!(recorder.ends.contains_key("people"));
        Ok(recorder)
    }

    /// Exports what changed since, into memory.
    pub fn changes(&self, since: &BTreeMap<String, Value>) -> Result<Recorder, ChangesError> {
        let mut recorder = Recorder::default();
        kind("rest").unwrap().changes(&self.request(), since, &mut recorder)?;
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
        assert!(!all.contains(API_KEY), "{error}");
        error
    }

    /// Why the settings are refused.
    #[track_caller]
    pub fn refused(&self) -> String {
        kind("rest").unwrap().check_settings(&self.request()).unwrap_err().to_string()
    }
}
