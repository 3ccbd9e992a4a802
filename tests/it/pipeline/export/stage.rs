//! What an export leaves behind, and what it does not.

use super::{Workshop, people_in_a_folder, people_of_a_silent_directory};
use crate::support::program::examples;
use diesel::connection::SimpleConnection;
use muster::model::run::{self, RunState};
use muster::pipeline::progress::Progress;
use muster::pipeline::{TaskError, export};
use muster::store::Sealed;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn the_hr_feed_becomes_a_sealed_extraction() {
    let text = std::fs::read_to_string(examples().join("hr.toml")).unwrap();
    let workshop = Workshop::new(&text, &examples());
    let run = workshop.export().unwrap();

    let (extraction, files) = workshop.extraction().unwrap();
    let tables: Vec<_> = files.iter().map(|file| (file.source_table.as_str(), file.rows)).collect();
    assert_eq!(tables, [("feed.departments", 2), ("feed.people", 11)]);
    assert!(extraction.digest.starts_with("sha256:"));
    let people = &files[1];
    assert_eq!(people.source_file, "people.csv");
    assert_eq!(people.header[..2], ["EmployeeId", "Login"]);
    assert!(people.lines.is_empty(), "the lines are those of the source");
    assert_eq!(people.profile.column("HireDate").unwrap().shapes, [("dd/dd/dddd".to_owned(), 11)]);
    assert_eq!(people.profile.column("EmployeeId").unwrap().empty, 1);
    for file in &files {
        let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes };
        let mut content = String::new();
        workshop.context.store.verified(&file.path, &sealed).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content.lines().count() as u64, file.rows + 1);
        assert!(file.path.starts_with(&extraction.prefix));
    }
    let run = run::by_id(&mut workshop.conn(), run).unwrap().unwrap();
    assert_eq!((run.state, run.extraction_id), (RunState::Preparing, Some(extraction.id.0)));

    // The same content has the same digest, in another place.
    let again = Workshop::new(&text, &examples());
    again.export().unwrap();
    assert_eq!(again.extraction().unwrap().0.digest, extraction.digest);
}

#[test]
fn a_doubt_about_the_source_names_the_place_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("feed")).unwrap();
    let people = place.path().join("feed/people.csv");
    let workshop = Workshop::new(&people_in_a_folder(), place.path());
    for (content, expected) in
        [("id,name\n1,a\n2\n", "people.csv, line 3, column 2"), ("id,name\n1,\"a\n", "people.csv, line 2, column 3")]
    {
        std::fs::write(&people, content).unwrap();
        let run = workshop.start(false);
        match export::run(&workshop.context, &workshop.claim(run), &Progress::default()) {
            Err(TaskError::Failed { place, transient, .. }) => {
                assert_eq!((place.as_str(), transient), (expected, false))
            }
            other => panic!("{other:?}"),
        }
        assert!(workshop.extraction().is_none());
        assert_eq!(workshop.stored(), [] as [std::path::PathBuf; 0]);
        workshop.conn().batch_execute("update runs set state = 'failed'; delete from leases").unwrap();
    }
}

#[test]
fn an_export_that_hangs_stops_within_a_second() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = people_of_a_silent_directory(listener.local_addr().unwrap().port());
    let workshop = Workshop::new(&text, "/".as_ref());
    let claim = workshop.claim(workshop.start(false));
    let progress = Arc::new(Progress::default());
    std::thread::scope(|scope| {
        let exporting = scope.spawn(|| export::run(&workshop.context, &claim, &progress));
        let _connection = listener.accept().unwrap();
        let asked = Instant::now();
        progress.stop();
        let ended = exporting.join().unwrap();
        assert!(matches!(ended, Err(TaskError::Stopped(_))), "{ended:?}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    });
    assert!(workshop.extraction().is_none());
}

#[test]
fn a_worker_that_lost_its_claim_records_nothing() {
    let text = std::fs::read_to_string(examples().join("hr.toml")).unwrap();
    let workshop = Workshop::new(&text, &examples());
    let claim = workshop.claim(workshop.start(false));
    workshop.conn().batch_execute("update runs set epoch = epoch + 1").unwrap();
    let ended = export::run(&workshop.context, &claim, &Progress::default());
    assert!(matches!(ended, Err(TaskError::Fenced)), "{ended:?}");
    assert!(workshop.extraction().is_none());
    assert_eq!(workshop.stored(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn what_a_dead_worker_left_is_swept_by_the_next() {
    let text = std::fs::read_to_string(examples().join("hr.toml")).unwrap();
    let workshop = Workshop::new(&text, &examples());
    let run = workshop.start(false);
    let first = workshop.claim(run);
    let left = workshop.folder.path().join(format!("store/extractions/{}/{run}-{}", workshop.connector, first.epoch));
    let long_ago = workshop.folder.path().join(format!("store/extractions/{}/0-1", workshop.connector));
    for folder in [&left, &long_ago] {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("00-00-people.csv#1"), "half").unwrap();
    }
    std::fs::write(left.join("00-01-departments.csv"), "whole").unwrap();
    workshop.conn().batch_execute("update leases set leased_until = now() - interval '1 second'").unwrap();
    let second = workshop.claim(run);
    assert!(second.epoch > first.epoch);
    export::run(&workshop.context, &second, &Progress::default()).unwrap();
    assert!(!left.exists() && !long_ago.exists());
    // Two tables, and an index of each.
    assert_eq!(workshop.stored().len(), 4);

    // What is recorded stays.
    workshop.conn().batch_execute("update runs set state = 'failed'; delete from leases").unwrap();
    workshop.export().unwrap();
    assert_eq!(workshop.stored().len(), 8);
}
