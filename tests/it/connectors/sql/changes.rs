//! What changed since the last applied run, by a watermark.

use super::{Document, Source};
use muster::connectors::{ChangesError, Cursors, kind};

/// People with a moment of their last change, the first of whom is the oldest.
fn people(source: &Source, kind: &str) {
    source.execute(&format!(
        "create table people (id integer primary key, name varchar(50), changed {kind}, gone integer not null default 0);
         insert into people (id, name, changed) values (1, 'Ada', '2026-11-20 10:00:00'), (2, 'Bob', '2026-11-20 11:00:00'),
           (3, 'Cy', '2026-11-20 12:00:00'), (4, 'Dee', '2026-11-20 12:00:00')"
    ));
}

const TABLE: &str = "[[table]]\nname = \"people\"\ntable = \"people\"\nwatermark = \"changed\"\noverlap = 0\n";

fn moment(source: &Source) -> &'static str {
    match source {
        Source::Postgres(_) => "timestamptz",
        Source::Mariadb(_) => "datetime(6)",
        Source::Sqlite(_) => "text",
    }
}

/// Where everything stood when it was read whole.
fn cursors(document: &Document) -> Cursors {
    document.export().unwrap().cursors
}

fn changed(document: &Document, since: &Cursors) -> Vec<String> {
    let mut lines = document.changes(since).unwrap_or_else(|error| panic!("{error}")).lines("people");
    lines.sort();
    lines
}

#[track_caller]
fn expired(document: &Document, since: &Cursors) -> String {
    match document.changes(since) {
        Err(ChangesError::Expired(why)) => why,
        Err(ChangesError::Failed(error)) => panic!("{error}"),
        Ok(_) => panic!("the cursor still holds"),
    }
}

#[test]
fn only_what_changed_is_read() {
    for source in Source::all() {
        people(&source, moment(&source));
        let document = source.document(TABLE);
        assert!(kind("sql").unwrap().tells_changes(&document.definition, &document.definition.tables[0]));
        let since = cursors(&document);
        // Those of the last moment may have been followed by others of the same: they are read again.
        let columns = |line: String| line.split('|').take(3).collect::<Vec<_>>().join("|");
        let at_the_edge = changed(&document, &since);
        let names: Vec<String> = at_the_edge.into_iter().map(columns).collect();
        assert_eq!(names, ["update|3|Cy", "update|4|Dee"], "{}", source.name());

        source.execute(
            "update people set name = 'Bobby', changed = '2026-11-20 12:30:00.5' where id = 2;
             insert into people (id, name, changed) values (5, 'Eve', '2026-11-20 12:30:00.25'), (6, 'Fay', null)",
        );
        let read = document.changes(&since).unwrap();
        assert_eq!(read.tables["people"].header, ["command", "id", "name", "changed", "gone"]);
        let mut names: Vec<String> = read.lines("people").into_iter().map(columns).collect();
        names.sort();
        let wanted = ["update|2|Bobby", "update|3|Cy", "update|4|Dee", "update|5|Eve", "update|6|Fay"];
        assert_eq!(names, wanted, "{}", source.name());
        let words = &read.ends["people"].words;
        assert!(words.contains("5 rows with changed from 2026-11-20"), "{words}");

        // What has no watermark can't tell, and is read each time.
        let names: Vec<String> = changed(&document, &read.cursors).into_iter().map(columns).collect();
        assert_eq!(names, ["update|2|Bobby", "update|6|Fay"], "{}", source.name());
    }
}

#[test]
fn a_transaction_that_came_late_is_read() {
    for source in Source::all() {
        people(&source, moment(&source));
        let document = source.document(&TABLE.replace("overlap = 0", "overlap = 3600"));
        let since = cursors(&document);
        source.execute("insert into people (id, name, changed) values (5, 'Eve', '2026-11-20 11:30:00')");
        let late = changed(&document, &since);
        assert_eq!(late.len(), 4, "{}: {late:?}", source.name());
        assert!(late[3].starts_with("update|5|Eve"), "{}: {late:?}", source.name());
    }
}

#[test]
fn what_is_marked_as_deleted_is_deleted() {
    for source in Source::all() {
        people(&source, moment(&source));
        source.execute("update people set gone = 1 where id = 1");
        let document = source.document(&format!("{TABLE}deleted_where = \"gone = 1 -- marked\"\n"));
        let whole = document.export().unwrap();
        assert_eq!(whole.tables["people"].rows.len(), 3, "{}", source.name());
        source.execute("update people set gone = 1, changed = '2026-11-20 13:00:00' where id = 2");
        let lines = changed(&document, &whole.cursors);
        assert!(lines[0].starts_with("delete|2|Bob"), "{}: {lines:?}", source.name());
        assert!(lines[1].starts_with("update|3|Cy") && lines.len() == 3, "{}: {lines:?}", source.name());
    }
}

#[test]
fn numbers_and_texts_are_watermarks_too() {
    for source in Source::all() {
        source.execute(
            "create table people (id integer primary key, version bigint, mark varchar(20));
             insert into people values (1, 9007199254740992, 'a''\\9'), (2, 9007199254740993, 'b''\\1'), (3, null, '')",
        );
        for (column, more) in [("version", "9007199254740994"), ("mark", "'c'")] {
            let table =
                format!("[[table]]\nname = \"people\"\ntable = \"people\"\nwatermark = \"{column}\"\noverlap = 0\n");
            let document = source.document(&table);
            let since = cursors(&document);
            let ids = |lines: Vec<String>| lines.iter().map(|line| line[..8].to_owned()).collect::<Vec<_>>();
            let edge = if column == "mark" { vec!["update|2"] } else { vec!["update|2", "update|3"] };
            assert_eq!(ids(changed(&document, &since)), edge, "{} {column}", source.name());
            source.execute(&format!("update people set {column} = {more} where id = 1"));
            let later = [vec!["update|1"], edge].concat();
            assert_eq!(ids(changed(&document, &since)), later, "{} {column}", source.name());
        }
    }
}

#[test]
fn a_cursor_that_proves_nothing_makes_a_complete_run() {
    for source in Source::all() {
        people(&source, moment(&source));
        let document = source.document(TABLE);
        let since = cursors(&document);
        assert!(expired(&document, &Cursors::new()).contains("no applied run has read the table people"));

        let other =
            source.document(&TABLE.replace("table = \"people\"", "query = \"select * from people where id > 1\""));
        assert!(expired(&other, &since).contains("is read from elsewhere, or otherwise"));
        let other = source.document(&format!("{TABLE}deleted_where = \"gone = 1\"\n"));
        assert!(expired(&other, &since).contains("is read from elsewhere, or otherwise"));

        source.execute("delete from people where id > 2");
        let why = expired(&document, &since);
        assert!(why.contains("the largest changed of the table people is below"), "{}: {why}", source.name());
        source.execute("delete from people");
        expired(&document, &since);

        // Of an empty table everything is new later.
        let empty = cursors(&document);
        source.execute("insert into people (id, name, changed) values (7, 'Gus', '2020-01-01 00:00:00')");
        assert_eq!(changed(&document, &empty).len(), 1, "{}", source.name());
    }
}

#[test]
fn a_moment_to_come_hides_nothing() {
    for source in Source::all() {
        people(&source, moment(&source));
        source.execute("update people set changed = '9999-12-31 00:00:00' where id = 4");
        let document = source.document(TABLE);
        let since = cursors(&document);
        let now = match &source {
            Source::Postgres(_) => "now()",
            Source::Mariadb(_) => "utc_timestamp()",
            Source::Sqlite(_) => "datetime('now')",
        };
        source.execute(&format!("update people set name = 'Addie', changed = {now} where id = 1"));
        let lines = changed(&document, &since);
        assert!(lines.iter().any(|line| line.starts_with("update|1|Addie")), "{}: {lines:?}", source.name());
    }
}

#[test]
fn a_watermark_that_is_not_there_or_no_order_is_refused() {
    for source in Source::all() {
        people(&source, moment(&source));
        let error = source.document(&TABLE.replace("\"changed\"", "\"change\"")).failure();
        let wanted = "watermark: there is no column \"change\"; there are id, name, changed, gone";
        assert!(error.message.contains(wanted) && !error.transient, "{error}");
    }
    let [source, _, _] = Source::all();
    source.execute("create table people (id integer, changed bytea)");
    let error = source.document(TABLE).failure();
    assert!(error.message.contains("watermark: \"changed\" is bytea; it must be a date"), "{error}");
}
