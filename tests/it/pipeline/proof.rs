//! The proof of completeness: how each source was read to its end, and what was extracted held against what is stored.

use super::histories::{Dice, installed, some_feed};
use super::stored::{report, run};
use crate::support::program::Program;
use serde_json::{Value, json};

fn proof(run: &Value) -> &Value {
    assert!(!run["proof"].is_null(), "{run}");
    &run["proof"]
}

fn differing(run: &Value) -> Vec<String> {
    let word = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let listed = proof(run)["differing"].as_array().unwrap();
    listed.iter().map(|one| [word(one, "entity_type"), word(one, "key"), word(one, "kind")].join(" ")).collect()
}

fn execute(muster: &Program, statement: &str) {
    use diesel::connection::SimpleConnection;
    muster.database.connect().batch_execute(statement).unwrap();
}

#[test]
fn a_run_tells_how_its_sources_were_read_to_their_end() {
    let muster = installed();
    some_feed().write(&muster);
    let applied = report(&run(&muster, "random").succeeded());
    let people = applied["sources"].as_array().unwrap().iter().find(|one| one["file"] == "people.csv").unwrap();
    let bytes = std::fs::metadata(muster.folder.path().join("feed/people.csv")).unwrap().len();
    assert_eq!((&people["rows"], &people["end"]["figures"]["bytes"]), (&json!(5), &json!(bytes)));
    let words = people["end"]["words"].as_str().unwrap();
    assert!(words.starts_with(&format!("end of file after {bytes} bytes, unchanged since ")), "{words}");
    muster.run(&["show", "1"]).succeeded().shows(&format!("people.csv: read to its end: {words}"));
}

#[test]
fn every_run_of_a_random_history_is_proven_equal() {
    let seed: u64 = std::env::var("HISTORIES_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("HISTORIES_SEED={seed}");
    let mut dice = Dice(seed);
    let muster = installed();
    let mut feed = some_feed();
    for number in 0..6 {
        feed.write(&muster);
        let applied = report(&run(&muster, "random").succeeded());
        let verdict = proof(&applied)["verdict"].as_str().unwrap();
        assert!(["equal", "stands"].contains(&verdict), "seed {seed}, run {number} over {feed:?}: {applied}");
        dice.edit(&mut feed);
    }
}

#[test]
fn changes_prove_nothing_and_what_they_led_to_is_proven_by_the_next_whole_truth() {
    use super::incremental::{complete, file, incremental, office};
    let muster = office();
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P2,bo,2,here,P3,U3\ndelete,P4,,,,,\ninsert,P5,eve,5,here,P2,U1\n",
    );
    file(&muster, "people-2.csv", "Op,Id,Login,Grade,State,Boss,Teams\nmerge,P1,ada,7,here,,U2\n");
    let changes = incremental(&muster);
    let words = "only changes were read; what is stored is proven after the next complete run";
    assert_eq!((&proof(&changes)["verdict"], &proof(&changes)["words"]), (&json!("changes"), &json!(words)));
    let computed = ["run", "office", "--task", "update-expressions", "--wait", "--json"];
    let computed = report(&muster.run(&computed).succeeded());
    assert_eq!(proof(&computed)["verdict"], "equal", "{computed}");
    let replayed = report(&muster.run(&["run", "office", "--replay", "1", "--wait", "--json"]).succeeded());
    let replayed = muster.run(&["resume", &replayed["id"].to_string(), "--wait", "--json"]).succeeded();
    assert_eq!(proof(&report(&replayed))["verdict"], "equal", "{replayed:?}");
    let id = changes["id"].to_string();
    let replayed = report(&muster.run(&["run", "office", "--replay", &id, "--wait", "--json"]).succeeded());
    let replayed = muster.run(&["resume", &replayed["id"].to_string(), "--wait", "--json"]).succeeded();
    assert_eq!(proof(&report(&replayed))["verdict"], "changes", "{replayed:?}");
    assert_eq!(proof(&complete(&muster))["verdict"], "equal");
}

#[test]
fn what_was_written_behind_musters_back_is_named() {
    let muster = installed();
    some_feed().write(&muster);
    let first = report(&run(&muster, "random").succeeded());
    let proven = proof(&first);
    assert_eq!(proven["verdict"], "equal", "{first}");
    let people = &proven["entity_types"][1];
    assert_eq!((&people["extracted"], &people["stored"], &people["name"]), (&json!(5), &json!(5), &json!("person")));

    let second = report(&run(&muster, "random").succeeded());
    assert_eq!(
        (&proof(&second)["verdict"], &proof(&second)["words"]),
        (&json!("stands"), &json!("nothing was written; the proof of run 1 stands"))
    );

    execute(
        &muster,
        "update resources set attributes = attributes || '{\"grade\": 7}' where key = 'P1';
         update resources set digest = null where key = 'P3';
         insert into resources (id, digest, entity_type_id, run_id, line, key, attributes)
         select nextval('resource_ids'), gen_random_uuid(), entity_type_id, run_id, 1, 'P0', attributes
           from resources where key = 'P2';
         delete from resources where key = 'P5';
         delete from run_proofs",
    );
    // It belongs to no run's time: a server makes what is due.
    prove(&muster);
    let shown = report(&muster.run(&["show", "2", "--json"]).succeeded());
    assert_eq!(proof(&shown)["verdict"], "differs");
    assert_eq!(differing(&shown), ["person P0 not_extracted", "person P1 differs", "person P5 not_stored"]);
    let people = &proof(&shown)["entity_types"][1];
    assert_eq!((&people["open"], &people["stored"]), (&json!(1), &json!(5)));
    muster.run(&["show", "2"]).succeeded().shows("person P1: stored is something else");
}

/// What a server does: it proves what is due.
fn prove(muster: &Program) {
    use std::time::{Duration, Instant};
    let mut server = muster
        .command(&["serve"])
        .env("MUSTER_LISTEN", "127.0.0.1:0")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while super::stored::count(muster, "select count(*) from run_proofs") == 0 {
        assert!(since.elapsed() < Duration::from_secs(40), "no server proves the run");
        std::thread::sleep(Duration::from_millis(100));
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server.id() as i32), nix::sys::signal::Signal::SIGTERM).unwrap();
    server.wait().unwrap();
}
