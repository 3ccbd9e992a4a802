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
use muster::connectors::{Changes, ConnectionError, ConnectionRequest, Extraction, PairColumn, SourceEnd, kind};
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

/// An extraction in memory.
#[derive(Default)]
pub struct Recorder {
    /// By name: header and rows.
    pub tables: BTreeMap<String, Recorded>,
    current: String,
    /// By table: where its source stood.
    pub cursors: BTreeMap<String, serde_json::Value>,
    /// By table: how its end is known.
    pub ends: BTreeMap<String, String>,
    /// Called with the number of rows so far.
    pub on_row: Option<Box<dyn FnMut(usize)>>,
}

/// A table in memory.
#[derive(Default, Debug, PartialEq)]
pub struct Recorded {
    /// Column names.
    pub header: Vec<String>,
    /// Cells as text.
    pub rows: Vec<Vec<String>>,
}

impl Recorder {
    /// The rows of a table.
    pub fn rows(&self, table: &str) -> &[Vec<String>] {
        &self.tables[table].rows
    }

    /// A column of a table.
    pub fn column(&self, table: &str, column: &str) -> Vec<&str> {
        let Recorded { header, rows } = &self.tables[table];
        let place = header.iter().position(|name| name == column).unwrap_or_else(|| panic!("{column} in {header:?}"));
        rows.iter().map(|row| row[place].as_str()).collect()
    }
}

impl Extraction for Recorder {
    fn begin(&mut self, table: &str, _source_file: &str, columns: &[String]) -> Result<(), ConnectionError> {
        self.current = table.to_owned();
        let before = self.tables.insert(table.to_owned(), Recorded { header: columns.to_vec(), rows: Vec::new() });
        assert!(before.is_none(), "{table} begins twice");
        Ok(())
    }

    fn row(&mut self, _line: Option<u64>, values: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        let row: Vec<String> = values.map(text).collect();
        let table = self.tables.get_mut(&self.current).unwrap();
        assert_eq!(row.len(), table.header.len());
        table.rows.push(row);
        if let Some(on_row) = &mut self.on_row {
            on_row(table.rows.len());
        }
        Ok(())
    }

    fn begin_changes(&mut self, table: &str, source_file: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        self.begin(table, source_file, changes.columns)
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        line: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        let word = given.map_or_else(|| command.to_owned(), |given| format!("{command} {}", given.join(" ")));
        let row: Vec<Vec<u8>> = std::iter::once(word.into_bytes()).chain(values.map(<[u8]>::to_vec)).collect();
        self.row(line, &mut row.iter().map(Vec::as_slice))
    }

    fn cursor(&mut self, cursor: serde_json::Value) {
        self.cursors.insert(self.current.clone(), cursor);
    }

    fn pair(
        &mut self,
        table: &str,
        columns: [&str; 2],
        _line: Option<u64>,
        values: [&[u8]; 2],
    ) -> Result<(), ConnectionError> {
        let pairs = self.tables.entry(table.to_owned()).or_default();
        pairs.header = columns.map(str::to_owned).to_vec();
        pairs.rows.push(values.map(text).to_vec());
        Ok(())
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        self.ends.insert(self.current.clone(), end.words);
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("an extraction is text")
}
