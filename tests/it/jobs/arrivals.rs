//! Files that arrive in a folder start one run, once they are all there and have stopped changing.

use super::office::{Office, counters};
use chrono::{DateTime, TimeDelta, Utc};
use muster::document;
use muster::jobs::arrivals::{Arrivals, SETTLED_AFTER};
use muster::model::claim::Ending;
use muster::model::configuration;
use muster::model::connector::{self, Connector};
use muster::model::run::{self, Mode, RunId, RunState, Trigger};
use std::path::Path;

struct Arriving {
    office: Office,
    folder: tempfile::TempDir,
    connector: Connector,
    now: DateTime<Utc>,
}

impl Arriving {
    /// A connector that reads people (with changes) and cards.
    fn new(more: &str) -> Self {
        let office = Office::new();
        let folder = tempfile::tempdir().unwrap();
        let text = document(folder.path(), more);
        let definition = document::connector(&text).unwrap_or_else(|errors| panic!("{errors}"));
        configuration::apply(&mut office.connection(), &text, &definition, "test").unwrap();
        let connector = connector::by_name(&mut office.connection(), "hr").unwrap().unwrap();
        Self { office, folder, connector, now: "2026-11-20T12:00:00Z".parse().unwrap() }
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn look(&self, server: &mut Arrivals) -> Vec<RunId> {
        server.look(&mut self.office.connection(), self.now, &self.office.context.enqueue).unwrap()
    }

    /// A look now and one when what is there has settled.
    fn settle(&mut self, server: &mut Arrivals) -> Vec<RunId> {
        assert!(self.look(server).is_empty());
        self.now += SETTLED_AFTER;
        self.look(server)
    }

    fn apply(&self, run: RunId) {
        self.office.prepare(run, Vec::new());
        self.office.go(run, Ending::Applied { counters: counters() });
    }
}

fn document(folder: &Path, more: &str) -> String {
    format!(
        "name = \"hr\"\n{more}\n[[connection]]\nname = \"feed\"\nkind = \"files\"\nfolder = {folder:?}\non_arrival = true\n\
         [[connection.table]]\nname = \"people\"\nfile = \"people-*.csv\"\ndelta_file = \"changes-*.csv\"\n\
         [[connection.table]]\nname = \"cards\"\nfile = \"cards.csv\"\ndelta_file = \"cards-changes.csv\"\n\
         [[entity_type]]\nname = \"person\"\nsource = \"feed.people\"\n[[entity_type.property]]\nname = \"id\"\n\
         column = \"Id\"\nkey = true\n[[entity_type]]\nname = \"card\"\nsource = \"feed.cards\"\n\
         [[entity_type.property]]\nname = \"id\"\ncolumn = \"Id\"\nkey = true\n"
    )
}

#[test]
fn a_run_starts_when_all_files_are_there_and_have_stopped_changing() {
    let mut hr = Arriving::new("");
    let mut server = Arrivals::default();
    hr.write("people-1.csv", "Id\n1\n");
    assert!(hr.settle(&mut server).is_empty(), "the cards are missing");
    hr.write("cards.csv", "Id\n");
    assert!(hr.look(&mut server).is_empty());
    hr.now += SETTLED_AFTER - TimeDelta::seconds(1);
    hr.write("cards.csv", "Id\n1\n");
    assert!(hr.look(&mut server).is_empty(), "it was written to just now");
    hr.now += TimeDelta::seconds(1);
    assert!(hr.look(&mut server).is_empty(), "and has not settled yet");
    hr.now += SETTLED_AFTER;
    let started = hr.look(&mut server);
    let [run] = started[..] else { panic!("one run, not {started:?}") };
    let row = hr.office.run(run);
    assert_eq!((row.trigger, row.mode, row.state), (Trigger::Arrival, Mode::Complete, RunState::Queued));
    hr.apply(run);
    assert!(hr.look(&mut server).is_empty(), "what was there before is no arrival");
    assert!(hr.settle(&mut Arrivals::default()).is_empty(), "nor is it for a server that starts anew");
    hr.write("people-2.csv", "Id\n1\n2\n");
    assert_eq!(hr.settle(&mut server).len(), 1, "another file fits the name");
    assert_eq!(hr.office.count("runs"), 2);
}

#[test]
fn of_several_servers_one_starts_the_run() {
    let mut hr = Arriving::new("");
    hr.write("people-1.csv", "Id\n1\n");
    hr.write("cards.csv", "Id\n1\n");
    let mut servers: Vec<Arrivals> = (0..6).map(|_| Arrivals::default()).collect();
    for round in 1..=3 {
        for server in &mut servers {
            assert!(hr.look(server).is_empty());
        }
        hr.now += SETTLED_AFTER;
        let hr = &hr;
        let started: usize = std::thread::scope(|scope| {
            let looks: Vec<_> = servers.iter_mut().map(|server| scope.spawn(move || hr.look(server).len())).collect();
            looks.into_iter().map(|look| look.join().unwrap()).sum()
        });
        assert_eq!((started, hr.office.count("runs")), (1, round));
        let run = run::newest(&mut hr.office.connection(), hr.connector.id).unwrap().unwrap();
        hr.apply(run.id);
        hr.write("cards.csv", &format!("Id\n{}\n", "1".repeat(round as usize + 1)));
    }
}

#[test]
fn changes_alone_make_an_incremental_run_and_wait_for_the_one_at_work() {
    let mut hr = Arriving::new("");
    let mut server = Arrivals::default();
    hr.write("people-1.csv", "Id\n1\n");
    hr.write("cards.csv", "Id\n1\n");
    let first = hr.settle(&mut server)[0];
    hr.write("changes-1.csv", "Id,command\n2,insert\n");
    assert!(hr.settle(&mut server).is_empty(), "a run is at work");
    hr.apply(first);
    let started = hr.look(&mut server);
    assert_eq!(started.len(), 1, "now it is over");
    assert_eq!(hr.office.run(started[0]).mode, Mode::Incremental);
    hr.apply(started[0]);
    hr.write("people-2.csv", "Id\n1\n");
    hr.write("changes-2.csv", "Id,command\n3,insert\n");
    let started = hr.settle(&mut server);
    assert_eq!(hr.office.run(started[0]).mode, Mode::Complete, "the complete file is new as well");
}

#[test]
fn who_is_deactivated_or_asks_for_no_arrivals_is_left_alone() {
    let mut hr = Arriving::new("");
    hr.write("people-1.csv", "Id\n1\n");
    hr.write("cards.csv", "Id\n1\n");
    connector::set_active(&mut hr.office.connection(), &hr.connector, false, "ada").unwrap();
    let mut server = Arrivals::default();
    assert!(hr.settle(&mut server).is_empty());
    let active = connector::by_name(&mut hr.office.connection(), "hr").unwrap().unwrap();
    connector::set_active(&mut hr.office.connection(), &active, true, "ada").unwrap();
    let text = document(hr.folder.path(), "").replace("on_arrival = true", "on_arrival = false");
    let definition = document::connector(&text).unwrap();
    configuration::apply(&mut hr.office.connection(), &text, &definition, "test").unwrap();
    assert!(hr.settle(&mut server).is_empty());
    assert_eq!(hr.office.count("runs"), 0);
}
