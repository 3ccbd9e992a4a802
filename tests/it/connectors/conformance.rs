//! What every kind of connection must do, each against a real counterpart through the one trait. A new kind: its
//! counterpart in `counterparts`, and its line in [`COUNTERPARTS`].

mod counterparts;

use crate::support::recorder::Recorder;
use counterparts::{DatabaseFile, Directory, Feed, JsonService, MariadbServer, PostgresServer, ScimService};
use muster::connectors::{ConnectionError, ConnectionKind, ConnectionRequest, KINDS, kind};
use serde_json::Value;
use std::collections::BTreeSet;

/// A real source with the tables `people` and `nobody`, which has the same columns and no row.
pub trait Counterpart {
    /// The word in documents.
    fn kind(&self) -> &'static str;

    /// What the columns of a person's id, name and note are called there.
    fn columns(&self) -> [&'static str; 3];

    /// How it is reached.
    fn request(&self) -> ConnectionRequest;

    /// The same, but it breaks off while people are read.
    fn breaking_off(&self) -> ConnectionRequest;

    /// The same, but there is nothing at its address.
    fn elsewhere(&self) -> ConnectionRequest;
}

/// Somebody there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// Unique.
    pub id: String,
    /// Not empty.
    pub name: String,
    /// May be empty.
    pub note: String,
}

type Start = fn(&[Person]) -> Box<dyn Counterpart>;

/// Every kind with a source of it that holds these people.
const COUNTERPARTS: &[(&str, Start)] = &[
    ("a feed", Feed::start),
    ("a directory", Directory::start),
    ("PostgreSQL", PostgresServer::start),
    ("MariaDB", MariadbServer::start),
    ("SQLite", DatabaseFile::start),
    ("SCIM", ScimService::start),
    ("a JSON directory", JsonService::start),
];

#[test]
fn every_kind_is_here() {
    let here: BTreeSet<&str> = COUNTERPARTS.iter().map(|(_, start)| start(&[]).kind()).collect();
    let kinds: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    assert_eq!(here, kinds);
}

#[test]
fn every_table_is_read_to_its_end() {
    each(&crowd(500), |name, source, people| {
        let read = export(source).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(who(source, &read, "people"), people.iter().cloned().collect::<BTreeSet<_>>(), "{name}");
        assert_eq!(read.tables["people"].rows.len(), people.len(), "{name}");
        for table in ["people", "nobody"] {
            assert!(!read.ends[table].words.is_empty(), "{name}: how the end of {table} is known");
        }
    });
}

#[test]
fn an_empty_table_has_columns_and_no_rows() {
    each(&crowd(1), |name, source, _| {
        let read = export(source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let empty = &read.tables["nobody"];
        assert!(source.columns().iter().all(|column| empty.header.iter().any(|it| it == column)), "{name}: {empty:?}");
        assert_eq!(empty.rows.len(), 0, "{name}");
    });
}

#[test]
fn wide_and_odd_values_come_whole() {
    let mut people = crowd(3);
    people[0].note = "grün;\t\"quoted\", 'quoted', \\N \\. \r\n and a second line 𝔐".to_owned();
    people[1].note = "wide ".repeat(100_000) + "end";
    people[2].note = String::new();
    each(&people, |name, source, people| {
        let read = export(source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = who(source, &read, "people");
        let wanted: BTreeSet<Person> = people.iter().cloned().collect();
        // Not by `assert_eq`: nobody wants to read half a megabyte.
        assert!(found == wanted, "{name}: {:?}", found.iter().map(|one| one.note.len()).collect::<Vec<_>>());
    });
}

#[test]
fn a_source_that_breaks_off_is_never_a_short_table() {
    each(&crowd(2000), |name, source, _| {
        let kind = kind(source.kind()).unwrap();
        let mut read = Recorder::default();
        let error = kind.export(&source.breaking_off(), &mut read).expect_err(name);
        assert!(!read.ends.contains_key("people"), "{name}: {error}");
        assert!(!error.to_string().is_empty(), "{name}");
    });
}

#[test]
fn a_source_that_is_not_there_is_an_error_with_its_place() {
    each(&crowd(1), |name, source, _| {
        let kind = kind(source.kind()).unwrap();
        let error = kind.export(&source.elsewhere(), &mut Recorder::default()).expect_err(name);
        assert!(error.transient && !error.place.is_empty(), "{name}: {error:?}");
        match kind.check(&source.elsewhere()) {
            Ok(findings) => assert!(findings.iter().any(|finding| !finding.ok), "{name}: {findings:?}"),
            Err(error) => assert!(error.transient, "{name}: {error:?}"),
        }
    });
}

#[test]
fn a_check_looks_at_every_table() {
    each(&crowd(10), |name, source, _| {
        let findings = kind(source.kind()).unwrap().check(&source.request()).unwrap();
        assert!(findings.len() >= 2 && findings.iter().all(|finding| finding.ok), "{name}: {findings:?}");
        assert!(findings.iter().all(|finding| !finding.message.is_empty() && !finding.subject.is_empty()), "{name}");
    });
}

#[test]
fn tables_have_columns_and_three_samples_at_most() {
    each(&crowd(10), |name, source, people| {
        let tables = kind(source.kind()).unwrap().tables(&source.request()).unwrap();
        let names: Vec<&str> = tables.iter().map(|table| table.table.as_str()).collect();
        assert_eq!(names, ["people", "nobody"], "{name}");
        assert_eq!((tables[0].samples.len(), tables[1].samples.len()), (3, 0), "{name}");
        let at = |column: &str| tables[0].columns.iter().position(|it| it.name == column).expect(name);
        let [id, family, _] = source.columns().map(at);
        for sample in &tables[0].samples {
            assert!(people.iter().any(|one| one.id == sample[id] && one.name == sample[family]), "{name}: {sample:?}");
        }
    });
}

#[test]
fn the_same_source_gives_the_same_twice() {
    each(&crowd(300), |name, source, _| {
        let (first, second) = (export(source).unwrap(), export(source).unwrap());
        assert!(first.tables == second.tables, "{name}");
        // Where to read on from depends on how long the reading took.
        let settled = |read: &Recorder| {
            let mut cursors = read.cursors.clone();
            cursors.values_mut().filter_map(Value::as_object_mut).for_each(|cursor| drop(cursor.remove("from")));
            cursors
        };
        assert_eq!(settled(&first), settled(&second), "{name}");
    });
}

/// Holds something against every kind.
fn each(people: &[Person], holds: impl Fn(&str, &dyn Counterpart, &[Person])) {
    for (name, start) in COUNTERPARTS {
        holds(name, start(people).as_ref(), people);
    }
}

fn crowd(count: usize) -> Vec<Person> {
    let person = |number| Person {
        id: format!("p{number:05}"),
        name: format!("Zoë Nº {number}"),
        note: format!("{number} is known, and \"liked\""),
    };
    (0..count).map(person).collect()
}

fn export(source: &dyn Counterpart) -> Result<Recorder, ConnectionError> {
    let kind: &dyn ConnectionKind = kind(source.kind()).unwrap();
    let mut read = Recorder::default();
    kind.export(&source.request(), &mut read)?;
    Ok(read)
}

/// Who stands in a table.
fn who(source: &dyn Counterpart, read: &Recorder, table: &str) -> BTreeSet<Person> {
    let table = &read.tables[table];
    let at = source.columns().map(|column| table.header.iter().position(|it| it == column).unwrap());
    let person = |row: &Vec<String>| {
        let [id, name, note] = at.map(|at| row[at].clone());
        Person { id, name, note }
    };
    table.rows.iter().map(person).collect()
}
