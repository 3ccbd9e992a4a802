//! Feeds that come by upload.

use super::{Workshop, files_below};
use crate::support::program::{Program, examples};
use chrono::{TimeZone, Utc};
use muster::document;
use muster::model::connector;
use muster::model::{configuration, upload as uploads};
use muster::pipeline::progress::Progress;
use muster::pipeline::upload::{self, Received, Sending, UploadError};
use muster::pipeline::{TaskError, export};

const CARDS: &str = r#"[{"number": "C1", "employee": "1001", "state": "active", "valid_until": null}]"#;
const CLUBS: &str = "<clubs><club><code>chess</code><name>Chess</name></club></clubs>";
const MEMBERSHIPS: &str = "card,club\nC1,chess\n";

fn campus() -> Workshop {
    Workshop::new(&std::fs::read_to_string(examples().join("campus.toml")).unwrap(), &examples())
}

fn send(workshop: &Workshop, table: &str, file_name: &str, content: &str) -> Result<Received, UploadError> {
    let mut conn = workshop.conn();
    let connector = connector::by_id(&mut conn, workshop.connector).unwrap().unwrap();
    let stored = configuration::current(&mut conn, &connector).unwrap();
    let definition = document::connector(&stored.document).unwrap();
    let at = Utc.with_ymd_and_hms(2026, 11, 20, 8, 0, 0).unwrap();
    let sending = Sending { table, file_name, by: "ada", at };
    let source = &mut content.as_bytes();
    upload::receive(&mut conn, &workshop.context.data_dir, workshop.connector, &definition, &sending, source)
}

fn received(workshop: &Workshop) -> usize {
    files_below(&workshop.folder.path().join("uploads")).len()
}

#[test]
fn a_feed_is_ready_when_every_file_came_and_is_used_up_by_its_run() {
    let workshop = campus();
    let first = send(&workshop, "cards", "old.json", "[").unwrap();
    assert_eq!(
        first.missing.iter().map(|table| table.0.as_str()).collect::<Vec<_>>(),
        ["feed.clubs", "feed.memberships"]
    );
    assert!(first.auto_apply);
    send(&workshop, "feed.clubs", "clubs.xml", CLUBS).unwrap();
    send(&workshop, "memberships", "../../m.csv", MEMBERSHIPS).unwrap();
    // Sent twice: the later one counts, and the one before is gone.
    let last = send(&workshop, "cards", "cards of today.json", CARDS).unwrap();
    assert!(last.missing.is_empty());
    assert_eq!(received(&workshop), 3);

    workshop.export().unwrap();
    let (_, files) = workshop.extraction().unwrap();
    let read: Vec<_> = files.iter().map(|file| (&*file.source_table, &*file.source_file, file.rows)).collect();
    let expected =
        [("feed.cards", "cards of today.json", 1), ("feed.clubs", "clubs.xml", 1), ("feed.memberships", "m.csv", 1)];
    assert_eq!(read, expected);
    assert_eq!(received(&workshop), 0);
    assert!(uploads::waiting(&mut workshop.conn(), workshop.connector).unwrap().is_empty());
}

#[test]
fn a_dry_run_leaves_the_feed_for_the_run_that_means_it() {
    let workshop = campus();
    for (table, content) in [("cards", CARDS), ("clubs", CLUBS), ("memberships", MEMBERSHIPS)] {
        send(&workshop, table, table, content).unwrap();
    }
    let run = workshop.start(true);
    export::run(&workshop.context, &workshop.claim(run), &Progress::default()).unwrap();
    assert_eq!(uploads::waiting(&mut workshop.conn(), workshop.connector).unwrap().len(), 3);
    assert_eq!(received(&workshop), 3);
}

#[test]
fn an_export_without_its_files_says_which_table_waits() {
    let workshop = campus();
    send(&workshop, "cards", "cards.json", CARDS).unwrap();
    match workshop.export() {
        Err(TaskError::Failed { place, message, .. }) => {
            assert_eq!(place, "feed.clubs");
            assert!(message.contains("no file has been received"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(received(&workshop), 1, "what was sent still waits");
}

#[test]
fn a_file_for_an_unknown_table_is_refused_and_leaves_nothing() {
    let workshop = campus();
    let error = send(&workshop, "people", "people.csv", "").unwrap_err();
    assert!(error.to_string().contains("feed.cards, feed.clubs, feed.memberships"), "{error}");
    assert_eq!(received(&workshop), 0);
}

#[test]
fn the_command_line_sends_files_and_starts_the_run_when_all_are_there() {
    let program = Program::new();
    program.apply_example("campus.toml");
    for (file, content) in [("cards.json", CARDS), ("clubs.xml", CLUBS), ("m.csv", MEMBERSHIPS)] {
        std::fs::write(program.folder.path().join(file), content).unwrap();
    }
    program.run(&["upload", "campus", "people=m.csv"]).exited(2).says("feed.memberships");
    program.run(&["upload", "campus", "cards=nowhere.json"]).exited(4).says("nowhere.json");
    program.run(&["upload", "campus", "cards=cards.json", "--start"]).exited(5).says("missing: feed.clubs");
    program.run(&["upload", "campus", "clubs=clubs.xml"]).succeeded().says("missing: feed.memberships");
    let ran = program.run(&["upload", "campus", "memberships=m.csv", "--json"]).succeeded();
    let [file, run] = &ran.json()[..] else { panic!("{ran:?}") };
    assert_eq!((&file["file"], &run["state"]), (&"m.csv".into(), &"queued".into()));
}

#[test]
fn check_says_of_each_file_whether_it_can_be_read() {
    let program = Program::new();
    program.apply_example("hr.toml");
    let ran = program.run(&["check", "hr", "--json"]).succeeded();
    let findings = ran.json();
    assert_eq!(findings.len(), 2);
    assert_eq!((&findings[0]["subject"], &findings[0]["ok"]), (&"people.csv".into(), &true.into()));
    assert!(findings[1]["message"].as_str().unwrap().contains("Code, Title"), "{findings:?}");
    program.run(&["check", "nobody"]).exited(4);

    // A secret that is not there is named, and nothing else of it.
    program.apply_example("directory.toml");
    program.run(&["check", "directory"]).exited(1).says("DIRECTORY_PASSWORD is not set");
}
