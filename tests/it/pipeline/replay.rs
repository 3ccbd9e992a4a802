//! Replay: the extraction of an older run again, with today's configuration or its own, as a dry run that can be applied.

use super::incremental::{DOCUMENT, PEOPLE, complete, file, incremental, office, people, start};
use super::stored::{assert_figures, report, state};
use std::fs;

#[test]
fn a_replay_of_the_run_applied_last_changes_nothing() {
    let muster = office();
    let before = state(&muster);
    let replay = report(&muster.run(&["run", "office", "--replay", "1", "--wait", "--json"]).succeeded());
    assert_eq!((&replay["mode"], &replay["state"], &replay["replays"]), (&"replay".into(), &"ready".into(), &1.into()));
    assert_eq!(replay["dry_run"], true);
    assert_figures(&replay, "entity_types", "person", &[("read", 4), ("unchanged", 4)]);
    muster.run(&["resume", &replay["id"].to_string(), "--wait"]).succeeded();
    assert_eq!(state(&muster), before);
}

#[test]
fn a_replay_of_an_older_run_goes_back_to_it() {
    let muster = office();
    let before = state(&muster);
    file(&muster, "people.csv", &format!("{PEOPLE}P1,ada,9,here,,\nP7,gus,7,here,P1,U1\n"));
    complete(&muster);
    assert_ne!(state(&muster), before);
    let replay = report(&muster.run(&["run", "office", "--replay", "1", "--wait", "--json"]).succeeded());
    assert_eq!(people(&muster), ["P1 ada 9 ada/9", "P7 gus 7 gus/7"], "a replay is a dry run");
    muster.run(&["resume", &replay["id"].to_string(), "--wait"]).succeeded();
    assert_eq!(state(&muster), before);

    // What is stored is no moment of the source any more: the next incremental run reads it whole.
    let next = report(&start(&muster).succeeded());
    assert_eq!(next["mode"], "complete");
    assert_eq!(people(&muster), ["P1 ada 9 ada/9", "P7 gus 7 gus/7"]);
}

#[test]
fn a_replay_of_changes_applies_as_changes() {
    let muster = office();
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada1,1,here,,\ndelete,P4,,,,,\n");
    let changes = incremental(&muster);
    complete(&muster);
    assert_eq!(people(&muster)[0], "P1 ada 1 ada/1");
    let id = changes["id"].to_string();
    let replay = report(&muster.run(&["run", "office", "--replay", &id, "--wait", "--json"]).succeeded());
    assert_figures(
        &replay,
        "entity_types",
        "person",
        &[("read", 2), ("updated", 1), ("deleted", 1), ("deleted_by_command", 1)],
    );
    muster.run(&["resume", &replay["id"].to_string(), "--wait"]).succeeded();
    assert_eq!(people(&muster), ["P1 ada1 1 ada1/1", "P2 bob 2 bob/2", "P3 cy 3 cy/3"]);
}

#[test]
fn a_replay_has_todays_configuration_or_its_own() {
    let muster = office();
    fs::write(muster.folder.path().join("office.toml"), DOCUMENT.replace("row.Login + '/'", "row.Login + '#'"))
        .unwrap();
    muster.run(&["apply", "office.toml"]).succeeded();
    complete(&muster);
    assert_eq!(people(&muster)[0], "P1 ada 1 ada#1");
    let today = report(&muster.run(&["run", "office", "--replay", "1", "--wait", "--json"]).succeeded());
    assert_eq!(today["configuration_version"], 2);
    assert_figures(&today, "entity_types", "person", &[("read", 4), ("unchanged", 4)]);
    let own = ["run", "office", "--replay", "1", "--own-configuration", "--wait", "--json"];
    let own = report(&muster.run(&own).succeeded());
    assert_eq!(own["configuration_version"], 1);
    assert_figures(&own, "entity_types", "person", &[("read", 4), ("updated", 4)]);
    muster.run(&["resume", &own["id"].to_string(), "--wait"]).succeeded();
    assert_eq!(people(&muster)[0], "P1 ada 1 ada/1");
}

#[test]
fn what_is_not_kept_can_not_be_replayed() {
    let muster = office();
    muster
        .run(&["run", "office", "--replay", "99"])
        .exited(5)
        .says("run 99 can't be replayed: this connector has no such run");
    muster.run(&["run", "office", "--own-configuration"]).exited(2);
}
