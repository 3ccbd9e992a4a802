//! Tables and queries, in one snapshot.

use super::Source;
use crate::support::recorder::Recorder;
use muster::connectors::{PairColumn, kind};
use std::rc::Rc;

const PEOPLE: &str = "create table people (id integer primary key, name varchar(50), teams varchar(50));
    insert into people values (1, 'Ada', 'red; green'), (2, 'Bob', null), (3, 'Cy', 'blue');
    create table logins (login varchar(50), person integer); insert into logins values ('ada', 1), ('bob', 2);";

const TABLES: &str = "[[table]]\nname = \"people\"\ntable = \"people\"\n\
    [[table]]\nname = \"logins\"\n\
    query = \"\"\"select l.login, p.name as \"Full Name\" from logins l join people p on p.id = l.person order by 1 -- all;\n ; \"\"\"\n";

#[test]
fn tables_and_queries_are_read() {
    for source in Source::all() {
        source.execute(PEOPLE);
        let read = source.document(TABLES).export().unwrap_or_else(|error| panic!("{}: {error}", source.name()));
        assert_eq!(read.tables["people"].header, ["id", "name", "teams"]);
        assert_eq!(read.lines("people"), ["1|Ada|red; green", "2|Bob|", "3|Cy|blue"]);
        assert_eq!(read.tables["logins"].header, ["login", "Full Name"]);
        assert_eq!(read.lines("logins"), ["ada|Ada", "bob|Bob"]);
        let end = &read.ends["people"];
        assert_eq!(end.words, "the database's own end of the result after 3 rows, in one snapshot");
        assert_eq!(end.figures["rows"], 3);
        assert!(read.cursors.is_empty());
    }
}

#[test]
fn all_tables_are_of_one_moment() {
    for source in Source::all() {
        if let Source::Sqlite(_) = source {
            // Whoever writes does not wait for who reads then.
            source.execute("pragma journal_mode = wal");
        }
        source.execute(PEOPLE);
        let source = Rc::new(source);
        let writer = Rc::clone(&source);
        let mut read = Recorder::default();
        let mut is_written = false;
        read.on_row = Some(Box::new(move |_| {
            if !std::mem::replace(&mut is_written, true) {
                writer.execute(
                    "delete from logins; delete from people where id > 1; insert into people values (9, 'Eve', '')",
                );
            }
        }));
        let document = source.document(TABLES);
        kind("sql").unwrap().export(&document.request(), &mut read).unwrap();
        assert_eq!(read.lines("people"), ["1|Ada|red; green", "2|Bob|", "3|Cy|blue"], "{}", source.name());
        assert_eq!(read.lines("logins"), ["ada|Ada", "bob|Bob"], "{}", source.name());
        read.on_row = None;
        assert_eq!(document.export().unwrap().lines("people"), ["1|Ada|red; green", "9|Eve|"]);
    }
}

#[test]
fn several_values_leave_as_pairs() {
    for source in Source::all() {
        source.execute(PEOPLE);
        let mut document = source.document("[[table]]\nname = \"people\"\ntable = \"people\"\n");
        let team = PairColumn { key_column: "id".into(), column: "teams".into(), separator: Some(";".into()) };
        document.pairs.insert("people".into(), vec![team]);
        let read = document.export().unwrap();
        assert_eq!(read.tables["people.teams"].header, ["id", "teams"]);
        assert_eq!(read.lines("people.teams"), ["1|red", "1|green", "3|blue"], "{}", source.name());
    }
    let source = Source::Postgres(crate::support::postgres::Postgres::new());
    source.execute("create table people (id integer, teams text[]); insert into people values (1, '{red,\"a;b\"}')");
    let mut document = source.document("[[table]]\nname = \"people\"\ntable = \"public.people\"\n");
    let team = PairColumn { key_column: "id".into(), column: "teams".into(), separator: None };
    document.pairs.insert("people".into(), vec![team]);
    assert_eq!(document.export().unwrap().lines("people.teams"), ["1|red", "1|a;b"]);
    let column = &kind("sql").unwrap().tables(&document.request()).unwrap()[0].columns[1];
    assert_eq!((column.native_type.as_deref(), column.multivalued), (Some("text[]"), true));
}

#[test]
fn a_check_says_what_it_is() {
    for (source, product) in Source::all().into_iter().zip(["PostgreSQL 1", "MariaDB 1", "a database of SQLite"]) {
        source.execute(PEOPLE);
        let tables = format!(
            "{TABLES}[[table]]\nname = \"gone\"\ntable = \"gone\"\n[[table]]\nname = \"again\"\ntable = \"people\"\n"
        );
        let findings = kind("sql").unwrap().check(&source.document(&tables).request()).unwrap();
        let [server, people, logins, gone, again] = &findings[..] else { panic!("{findings:#?}") };
        assert!(server.ok && server.message.starts_with(product), "{server:?}");
        assert_eq!(people.message, "3 columns: id, name, teams; 3 rows read to try");
        assert_eq!(logins.message, "2 columns: login, Full Name; 2 rows read to try");
        assert!(!gone.ok && gone.message.contains("gone") && gone.message.contains("check the name"), "{gone:?}");
        assert!(again.ok, "{again:?}");
    }
}
