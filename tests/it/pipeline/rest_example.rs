//! `rest.toml` as it stands, but for the service's address, against a real directory in JSON.

use super::stored::{apply, assert_figures, count, report, rows, run, state};
use crate::support::documents::wide_open;
use crate::support::json_directory::{API_KEY, JsonDirectory, person};
use crate::support::program::{Program, examples};
use serde_json::{Value, json};
use std::fs;

fn configured(url: &str) -> Program {
    let muster = Program::new().with_environment("DIRECTORY_KEY", API_KEY);
    let example = fs::read_to_string(examples().join("rest.toml")).unwrap();
    let document = example
        .replace("https://portal.example.org/api", url)
        .replace("[[connection]]", &format!("{}\n[[connection]]", wide_open!()));
    let path = muster.folder.path().join("portal.toml");
    fs::write(&path, document).unwrap();
    muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    muster
}

fn incremental(muster: &Program) -> Value {
    let ran = muster.run(&["run", "portal", "--mode", "incremental", "--wait", "--json"]).succeeded();
    assert!(!ran.stdout.contains(API_KEY) && !ran.stderr.contains(API_KEY), "{ran:?}");
    report(&ran)
}

#[test]
fn a_directory_is_read_whole_and_then_by_what_changed() {
    // Changed hours ago, but for the last.
    let directory = JsonDirectory::start((0..60).map(|number| person(number, number * 60)).collect());
    let muster = configured(&directory.url());
    apply(&muster, "portal");
    assert_eq!(count(&muster, "select count(*) from persons"), 60);
    let before = (rows(&muster), state(&muster));
    let again = report(&run(&muster, "portal").succeeded());
    assert_figures(&again, "entity_types", "portal_person", &[("read", 60), ("unchanged", 60)]);
    assert_eq!((rows(&muster), state(&muster)), before, "the same again writes nothing");

    directory.change(|people| {
        people[3]["name"]["last"] = "Married".into();
        people[3]["changed"] = "2026-11-29T12:00:00Z".into();
        people[4]["status"] = "gone".into();
        people[4]["changed"] = "2026-11-29T12:00:01Z".into();
        people.push(person(60, 43_300));
    });
    let changed = incremental(&muster);
    assert_eq!(changed["mode"], "incremental", "{changed}");
    let of_person = &changed["entity_types"][0];
    let figure = |name: &str| of_person[name].as_u64().unwrap();
    assert_eq!([figure("inserted"), figure("updated"), figure("deleted"), figure("rejected")], [1, 1, 1, 0]);
    assert!(figure("read") < 15, "{of_person}");

    let before = (rows(&muster), state(&muster));
    let complete = report(&run(&muster, "portal").succeeded());
    assert_figures(&complete, "entity_types", "portal_person", &[("read", 60), ("unchanged", 60)]);
    assert_eq!((rows(&muster), state(&muster)), before, "what changed comes to what all is");

    // Whoever is gone without a word is found by the complete run alone.
    directory.change(|people| drop(people.remove(10)));
    incremental(&muster);
    assert_eq!(count(&muster, "select count(*) from resources"), 60);
    let complete = report(&run(&muster, "portal").succeeded());
    assert_figures(&complete, "entity_types", "portal_person", &[("read", 59), ("unchanged", 59), ("deleted", 1)]);
    assert_eq!(json!(complete["state"]), "completed");
}
