//! Feeds that wait until a run is over.

use super::office::Office;
use chrono::Utc;
use muster::document;
use muster::jobs::feeds;
use muster::model::configuration;
use muster::model::connector::{self, Connector};
use muster::model::run::{self, RunState, Trigger};
use muster::pipeline::upload::{self, Sending};

fn fed_by_upload(office: &Office, auto_apply: bool) -> Connector {
    let text = format!(
        "name = \"campus\"\n[[connection]]\nname = \"feed\"\nkind = \"files\"\nupload = true\n\
         auto_apply = {auto_apply}\n[[connection.table]]\nname = \"people\"\n[[connection.table]]\nname = \"cards\"\n\
         [[entity_type]]\nname = \"person\"\nsource = \"feed.people\"\n[[entity_type.property]]\nname = \"id\"\n\
         column = \"Id\"\nkey = true\n[[entity_type]]\nname = \"card\"\nsource = \"feed.cards\"\n\
         [[entity_type.property]]\nname = \"id\"\ncolumn = \"Id\"\nkey = true\n"
    );
    let definition = document::connector(&text).unwrap_or_else(|errors| panic!("{errors}"));
    configuration::apply(&mut office.connection(), &text, &definition, "test").unwrap();
    connector::by_name(&mut office.connection(), "campus").unwrap().unwrap()
}

fn send(office: &Office, connector: &Connector, table: &str) {
    let mut conn = office.connection();
    let document = configuration::current(&mut conn, connector).unwrap().document;
    let definition = document::connector(&document).unwrap();
    let sending = Sending { table, file_name: "x.csv", by: "ada", at: Utc::now() };
    let mut file = &b"Id\n1\n"[..];
    upload::receive(&mut conn, &office.context.data_dir, connector.id, &definition, &sending, &mut file).unwrap();
}

fn start_waiting(office: &Office) {
    feeds::start_waiting(&mut office.connection(), &office.context.enqueue).unwrap();
}

#[test]
fn a_feed_that_is_complete_while_a_run_is_at_work_starts_when_that_is_over() {
    let office = Office::new();
    let campus = fed_by_upload(&office, true);
    let running = office.start(&campus);
    send(&office, &campus, "people");
    send(&office, &campus, "cards");
    start_waiting(&office);
    assert_eq!(office.count("runs"), 1, "it waits");
    office.prepare(running, Vec::new());
    office.go(running, muster::model::claim::Ending::Applied { counters: super::office::counters() });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| start_waiting(&office));
        }
    });
    assert_eq!(office.count("runs"), 2, "once, on any number of servers");
    let started = run::newest(&mut office.connection(), campus.id).unwrap().unwrap();
    assert_eq!((started.trigger, started.state), (Trigger::Upload, RunState::Queued));
}

#[test]
fn a_feed_that_its_run_could_not_use_is_not_started_over_and_over() {
    let office = Office::new();
    let campus = fed_by_upload(&office, true);
    send(&office, &campus, "people");
    send(&office, &campus, "cards");
    let run = office.start(&campus);
    office.execute(&format!("update runs set state = 'failed' where id = {run}"));
    start_waiting(&office);
    assert_eq!(office.count("runs"), 1);
}

#[test]
fn a_feed_that_is_not_complete_or_waits_for_a_person_does_not_start() {
    let office = Office::new();
    let campus = fed_by_upload(&office, true);
    office.applied(&campus);
    send(&office, &campus, "people");
    start_waiting(&office);
    assert_eq!(office.count("runs"), 1, "one file is missing");
    fed_by_upload(&office, false);
    send(&office, &campus, "cards");
    start_waiting(&office);
    assert_eq!(office.count("runs"), 1, "it does not apply itself");
}
