//! What is kept of a directory by whoever applies its extractions one after the other: a whole one, then changes, as
//! prepare and synchronize do with keys and pairs.

use super::Document;
use crate::support::recorder::{Recorder, text};
use muster::connectors::{Changes, ChangesError, ConnectionError, Cursors, Extraction, KnownRecord, SourceEnd, kind};
use std::collections::{BTreeMap, BTreeSet};

/// A copy, kept by key.
#[derive(Default, Clone)]
pub struct Replica {
    /// By table.
    pub tables: BTreeMap<String, Copy>,
    /// Where the sources stood.
    pub cursors: Cursors,
}

/// The copy of a table.
#[derive(Default, Clone, Debug, PartialEq)]
pub struct Copy {
    /// The columns.
    pub header: Vec<String>,
    /// Records by key.
    pub records: BTreeMap<String, Vec<String>>,
    /// Values of a column that leaves as pairs, by key.
    pub pairs: BTreeMap<String, BTreeSet<String>>,
    /// Records as they were read last, by what tells entries apart.
    known: BTreeMap<String, Vec<String>>,
}

/// What a step came to.
#[derive(Debug, Default)]
pub struct Step {
    /// Commands, by table: word and row.
    pub commands: BTreeMap<String, Vec<(String, Vec<String>)>>,
    /// How each end is known.
    pub ends: BTreeMap<String, String>,
}

impl Replica {
    /// A whole copy.
    pub fn whole(document: &Document) -> Self {
        let mut replica = Self::default();
        let Recorder { tables, cursors, .. } = document.export().unwrap();
        for (name, recorded) in &tables {
            if name.contains('.') {
                continue;
            }
            let mut copy = Copy { header: recorded.header.clone(), ..Copy::default() };
            for row in &recorded.rows {
                let twice = copy.records.insert(copy.key(document, name, row), row.clone());
                assert!(twice.is_none(), "two records with one key in {name}");
                copy.known.insert(copy.identity(row), row.clone());
            }
            for (pairs, recorded) in &tables {
                if pairs.starts_with(&format!("{name}.")) {
                    for pair in &recorded.rows {
                        copy.pairs.entry(pair[0].clone()).or_default().insert(pair[1].clone());
                    }
                }
            }
            replica.tables.insert(name.clone(), copy);
        }
        replica.cursors = cursors;
        replica
    }

    /// Lays what changed over it.
    pub fn follow(&mut self, document: &Document) -> Result<Step, ChangesError> {
        let mut taker = Taker { document, before: self.clone(), after: self.clone(), step: Step::default(), at: None };
        kind("ldap").unwrap().changes(&document.request(), &self.cursors, &mut taker)?;
        let Taker { after, step, .. } = taker;
        *self = after;
        Ok(step)
    }

    /// What stands in both, cursors aside.
    #[track_caller]
    pub fn assert_is(&self, other: &Self, what: &str) {
        for (name, copy) in &other.tables {
            let mine = &self.tables[name];
            assert_eq!(mine.header, copy.header, "{what}: {name}");
            assert_eq!(mine.records, copy.records, "{what}: records of {name}");
            assert_eq!(mine.pairs, copy.pairs, "{what}: pairs of {name}");
        }
    }
}

impl Copy {
    fn cell(&self, column: &str, row: &[String]) -> String {
        let at = self.header.iter().position(|name| name == column).unwrap_or_else(|| panic!("{column}"));
        row[at].clone()
    }

    fn key(&self, document: &Document, table: &str, row: &[String]) -> String {
        self.cell(&document.keys[table][0], row)
    }

    fn identity(&self, row: &[String]) -> String {
        let has = |column: &&str| self.header.iter().any(|name| name == column);
        self.cell(["entryUUID", "objectGUID"].into_iter().find(has).unwrap_or("dn"), row)
    }
}

/// Takes changes.
struct Taker<'a> {
    document: &'a Document,
    before: Replica,
    after: Replica,
    step: Step,
    /// Table, and the key of the row that came last.
    at: Option<(String, String)>,
}

impl Extraction for Taker<'_> {
    fn begin(&mut self, table: &str, _: &str, _: &[String]) -> Result<(), ConnectionError> {
        panic!("{table} is read whole")
    }

    fn row(&mut self, _: Option<u64>, _: &mut dyn Iterator<Item = &[u8]>) -> Result<(), ConnectionError> {
        panic!("a row without a command")
    }

    fn begin_changes(&mut self, table: &str, _: &str, changes: &Changes<'_>) -> Result<(), ConnectionError> {
        assert!(changes.columns.starts_with(&self.before.tables[table].header), "{table}: {:?}", changes.columns);
        self.step.commands.insert(table.to_owned(), Vec::new());
        self.at = Some((table.to_owned(), String::new()));
        Ok(())
    }

    fn change(
        &mut self,
        command: &str,
        given: Option<&[&str]>,
        _: Option<u64>,
        values: &mut dyn Iterator<Item = &[u8]>,
    ) -> Result<(), ConnectionError> {
        assert!(given.is_none());
        let mut row: Vec<String> = values.map(text).collect();
        let (table, last) = self.at.as_mut().unwrap();
        let copy = self.after.tables.get_mut(table).unwrap();
        assert!(row.drain(copy.header.len()..).all(|cell| cell.is_empty()), "pairs have a file of their own");
        let key = copy.key(self.document, table, &row);
        copy.pairs.remove(&key);
        match command {
            "delete" => {
                assert!(copy.records.remove(&key).is_some(), "what is deleted was there");
                copy.known.remove(&copy.identity(&row));
            }
            "update" => {
                copy.records.insert(key.clone(), row.clone());
                copy.known.insert(copy.identity(&row), row.clone());
            }
            other => panic!("{other}"),
        }
        *last = key;
        self.step.commands.get_mut(table).unwrap().push((command.to_owned(), row));
        Ok(())
    }

    fn cursor(&mut self, cursor: serde_json::Value) {
        self.after.cursors.insert(self.at.as_ref().unwrap().0.clone(), cursor);
    }

    fn pair(&mut self, _: &str, _: [&str; 2], _: Option<u64>, values: [&[u8]; 2]) -> Result<(), ConnectionError> {
        let (table, key) = self.at.as_ref().unwrap();
        let [owner, value] = values.map(text);
        let pairs = &mut self.after.tables.get_mut(table).unwrap().pairs;
        assert_eq!(owner, *key, "pairs follow their row");
        pairs.entry(owner).or_default().insert(value);
        Ok(())
    }

    fn known(
        &mut self,
        table: &str,
        identity: &str,
        hear: &mut dyn FnMut(&KnownRecord<'_>) -> Result<(), ConnectionError>,
    ) -> Result<bool, ConnectionError> {
        let copy = &self.before.tables[table];
        if !copy.header.iter().any(|column| column == identity) {
            return Ok(false);
        }
        for record in copy.known.values() {
            let values = csv::StringRecord::from(record.clone());
            hear(&KnownRecord { columns: &copy.header, values: &values })?;
        }
        Ok(true)
    }

    fn end(&mut self, end: SourceEnd) -> Result<(), ConnectionError> {
        self.step.ends.insert(self.at.as_ref().unwrap().0.clone(), end.words);
        Ok(())
    }
}
