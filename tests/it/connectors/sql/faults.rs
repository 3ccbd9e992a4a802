//! What is wrong is said with its place, and nothing is ever written.

use super::{Document, Source};
use crate::support::postgres::Postgres;
use crate::support::recorder::Recorder;
use crate::support::relay::Relay;
use muster::connectors::kind;
use std::time::{Duration, Instant};

fn query(source: &Source, query: &str) -> Document {
    source.document(&format!("[[table]]\nname = \"people\"\nquery = {query:?}\n"))
}

#[test]
fn a_query_only_reads() {
    for source in Source::all() {
        source.execute("create table people (id integer); insert into people values (1)");
        let mut writing = vec![
            "delete from people",
            "insert into people values (2)",
            "commit",
            "select 1; delete from people",
            "drop table people",
            "",
        ];
        if matches!(source, Source::Postgres(_)) {
            writing.extend([
                "delete from people returning id",
                "with gone as (delete from people returning id) select * from gone",
                "select 1) to stdout; delete from people; --",
                "select id from people for update",
                "select set_config('transaction_read_only', 'off', false)",
            ]);
        }
        if matches!(source, Source::Sqlite(_)) {
            writing.extend([
                "delete from people returning id",
                "attach 'other.db' as other",
                "pragma user_version = 3",
            ]);
        }
        for statement in writing {
            let refused = query(&source, statement).failure();
            assert!(!refused.transient, "{}: {statement}: {refused}", source.name());
        }
        let read = query(&source, "select id from people").export().unwrap();
        assert_eq!(read.lines("people"), ["1"], "{}", source.name());
    }
}

#[test]
fn a_database_of_muster_itself_is_no_source() {
    let database = Postgres::new();
    let url = database.url();
    let source = Source::Postgres(database);
    let document = query(&source, "select 1 as id");
    document.export().unwrap();
    muster::db::migrate(&url).unwrap();
    let by_network = source.by_network("[[table]]\nname = \"people\"\nquery = \"select 1 as id\"\n");
    for document in [document, by_network.set("tls", "none")] {
        let refused = document.failure();
        assert!(refused.message.contains("a database of Muster itself") && !refused.transient, "{refused}");
        let findings = kind("sql").unwrap().check(&document.request()).unwrap();
        assert!(!findings[0].ok && findings.len() == 1, "{findings:?}");
    }
}

#[test]
fn errors_name_what_is_wrong() {
    let [postgres, mariadb, sqlite] = Source::all();
    for source in [&postgres, &mariadb, &sqlite] {
        source.execute("create table people (id integer, name varchar(20)); insert into people values (1, 'x')");
    }
    let cases: [(&Source, &str, &[&str]); 13] = [
        (
            &postgres,
            "select *\nfrom persons_of_old",
            &["(SQLSTATE 42P01), line 2, character 6, near \"persons_of_old\"", "check the name"],
        ),
        (
            &postgres,
            "select surname from people",
            &["SQLSTATE 42703", "near \"surname from people\"", "name of the column"],
        ),
        (&postgres, "read 1", &["SQLSTATE 42601", "line 1, character 1", "check the query"]),
        (&postgres, "select id, id from people", &["columns 1 and 2 are both called \"id\"", "AS"]),
        (&postgres, "select name::integer as n from people", &["SQLSTATE 22P02", "0 rows read"]),
        (&postgres, "select $1::text as a", &["placeholder such as $1"]),
        (&mariadb, "select * from persons_of_old", &["error 1146, SQLSTATE 42S02", "check the name of the table"]),
        (&mariadb, "select surname from people", &["error 1054", "name of the column"]),
        (&mariadb, "read 1", &["error 1064", "check the query"]),
        (&mariadb, "select ? as a", &["placeholder such as ?"]),
        (&sqlite, "select * from persons_of_old", &["no such table: persons_of_old", "check the names"]),
        (&sqlite, "select surname from people", &["no such column: surname, line 1, character 8", "check the names"]),
        (&sqlite, "select :a as a", &["placeholder"]),
    ];
    for (source, statement, wanted) in cases {
        let error = query(source, statement).failure();
        assert!(!error.transient && error.message.contains("table `people`"), "{statement}: {error:?}");
        for words in wanted {
            assert!(error.message.contains(words), "{}: {statement}: {words}: {error}", source.name());
        }
    }
}

#[test]
fn a_server_that_lets_nobody_in_says_why() {
    let [postgres, mariadb, _] = Source::all();
    let tables = "[[table]]\nname = \"people\"\ntable = \"people\"\n";
    let by_network = postgres.by_network(tables);
    let cases = [
        (by_network.clone().password("wrong-canary"), "SQLSTATE 28P01", "check user and password", false),
        (by_network.clone().set("database", "nowhere"), "SQLSTATE 3D000", "check database", false),
        (postgres.document(tables).set("user", "stranger"), "SQLSTATE 28000", "check user", false),
        (by_network.clone().set("port", 1), "can't connect", "is the server running there?", true),
        (mariadb.document(tables).password("wrong-canary"), "error 1045", "check user and password", false),
        (mariadb.document(tables).set("database", "nowhere"), "error 1044", "check database", false),
        (
            mariadb.document(tables).set("socket", "/nowhere/socket"),
            "can't connect",
            "is the server running there?",
            true,
        ),
    ];
    for (document, what, advice, transient) in cases {
        let error = document.failure();
        assert!(error.message.contains(what) && error.message.contains(advice), "{error}");
        assert_eq!(error.transient, transient, "{error}");
    }
    postgres.execute("create table people (id integer)");
    let error = postgres.document(tables).set("user", "nobody_here").failure();
    assert!(error.message.contains("SQLSTATE 42501") && error.message.contains("grant SELECT"), "{error}");
}

#[test]
fn a_statement_has_its_time() {
    let endless = |source: &Source| match source {
        Source::Postgres(_) => "select pg_sleep(60)::text as a",
        Source::Mariadb(_) => "select count(*) as a from seq_1_to_100000 a, seq_1_to_100000 b, seq_1_to_1000 c",
        Source::Sqlite(_) => {
            "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as a from n"
        }
    };
    for source in Source::all() {
        source.execute("create table t (a integer)");
        let began = Instant::now();
        let error = query(&source, endless(&source)).set("statement_seconds", 1).failure();
        assert!(began.elapsed() < Duration::from_secs(20), "{}", source.name());
        assert!(error.transient && error.message.contains("raise statement_seconds = 1"), "{}: {error}", source.name());
    }
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    // Connections are made by the kernel; nobody ever takes them.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for system in ["postgresql", "mysql"] {
        let document = Document::new(
            &format!(
                "name = \"source\"\nkind = \"sql\"\nsystem = \"{system}\"\nhost = \"127.0.0.1\"\nport = {}\n\
                 database = \"hr\"\nuser = \"reader\"\ntimeout_seconds = 1\n\
                 [[table]]\nname = \"people\"\ntable = \"people\"\n",
                silent.local_addr().unwrap().port()
            ),
            "canary",
        );
        let began = Instant::now();
        let error = document.failure();
        assert!(error.transient && error.message.contains("no connection within 1 s"), "{system}: {error}");
        assert!(began.elapsed() < Duration::from_secs(10), "{system}");
    }
}

#[test]
fn a_session_that_is_ended_half_way_is_no_short_table() {
    let source = Source::Postgres(Postgres::new());
    source.execute("create table people as select i as id, repeat('x', 1000) as name from generate_series(1, 50000) i");
    let Source::Postgres(database) = &source else { unreachable!() };
    let name = database.name.clone();
    let mut other = database.connect();
    let mut read = Recorder::default();
    read.on_row = Some(Box::new(move |rows| {
        if rows == 10 {
            use diesel::RunQueryDsl;
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'muster'";
            diesel::sql_query(format!("{end} and datname = '{name}'")).execute(&mut other).unwrap();
        }
    }));
    let document = source.document("[[table]]\nname = \"people\"\ntable = \"people\"\n");
    let error = kind("sql").unwrap().export(&document.request(), &mut read).unwrap_err();
    assert!(error.transient && error.message.contains("The table was not read to its end"), "{error:?}");
    assert!(read.ends.is_empty());
}

#[test]
fn a_way_that_breaks_may_be_whole_later() {
    let [postgres, mariadb, _] = Source::all();
    let rows = |series: &str| format!("create table people as select i as id, repeat('x', 1000) as name from {series}");
    postgres.execute(&rows("generate_series(1, 5000) i"));
    mariadb.execute(&rows("(select seq as i from seq_1_to_5000) n"));
    for source in [&postgres, &mariadb] {
        let port = match source {
            Source::Postgres(it) => it.port,
            Source::Mariadb(it) => it.port,
            Source::Sqlite(_) => unreachable!("a file has no way to it"),
        };
        let relay = Relay::breaking_after(2_000_000, port);
        let error =
            source.by_network("[[table]]\nname = \"people\"\ntable = \"people\"\n").set("port", relay.port).failure();
        assert!(error.transient && error.message.contains("the connection broke"), "{}: {error:?}", source.name());
        let read: usize =
            error.message.split(" rows read").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!((1000..2000).contains(&read), "{}: {error}", source.name());
    }
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    let with = |settings: &str, table: &str| {
        let text = format!("name = \"s\"\nkind = \"sql\"\n{settings}\n[[table]]\nname = \"t\"\n{table}\n");
        Document::new(&text, "unknown").refusal()
    };
    let server = "system = \"mysql\"\nhost = \"db.example.org\"\ndatabase = \"hr\"\nuser = \"reader\"";
    let table = "table = \"people\"";
    for (settings, table, wanted) in [
        ("system = \"sqlite\"", table, "say which file the database is"),
        ("system = \"sqlite\"\nfile = \"/a.db\"\nhost = \"b\"", table, "host does not go with a database of SQLite"),
        ("system = \"mysql\"\ndatabase = \"hr\"\nuser = \"reader\"", table, "either host = \"…\" or socket"),
        ("system = \"mysql\"\nhost = \"db\"", table, "needs database = \"…\" and user"),
        (&format!("{server}\nfile = \"/a.db\""), table, "file goes with system = \"sqlite\""),
        (&format!("{server}\nsocket = \"/s\""), table, "either host = \"…\" or socket"),
        (&server.replace("db.example.org", "reader:secret@db"), table, "host is the name or address of one server"),
        (&format!("{server}\ntls = \"none\"\nca_file = \"/ca\""), table, "ca_file goes with tls = \"verify\""),
        (server, "", "either table = \"…\" or query"),
        (server, "table = \"a\"\nquery = \"select 1\"", "either table = \"…\" or query"),
        (server, "table = \"a..b\"", "table is no name"),
        (server, "query = \" ; \"", "query is empty"),
        (server, "table = \"a\"\noverlap = 5", "overlap goes with watermark"),
        (server, "table = \"a\"\nwatermark = \" \"", "watermark is empty"),
        (server, "table = \"a\"\ndeleted_where = \"\"", "deleted_where is empty"),
    ] {
        let refusal = with(settings, table);
        assert!(refusal.contains(wanted) && !refusal.contains("secret@"), "{wanted}: {refusal}");
    }
}

#[test]
fn what_is_no_database_is_said_so() {
    let source = Source::sqlite();
    let tables = "[[table]]\nname = \"people\"\ntable = \"people\"\n";
    for (content, wanted, transient) in [
        (&b""[..], "is empty: no database was written there yet", true),
        (&b"id,name\n1,Ada\n".repeat(500), "is no database of SQLite, or an encrypted one", false),
    ] {
        std::fs::write(source.file(), content).unwrap();
        let error = source.document(tables).failure();
        assert!(error.message.contains(wanted), "{error}");
        assert_eq!(error.transient, transient, "{error}");
    }
}
