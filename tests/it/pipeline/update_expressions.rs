//! Update expressions: today's configuration over the stored source values, without an export.

use super::incremental::{DOCUMENT, complete, file, incremental, links, office, people, remove, revert, with};
use super::stored::{assert_figures, lines, report};
use crate::support::program::Program;
use serde_json::Value;
use std::fs;

#[track_caller]
fn update_expressions(muster: &Program) -> Value {
    let ran = muster.run(&["run", "office", "--task", "update-expressions", "--wait", "--json"]);
    let run = report(&ran.succeeded());
    assert_eq!(run["mode"], "update_expressions");
    let stages: Vec<&str> =
        run["tasks"].as_array().unwrap().iter().map(|task| task["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["prepare", "synchronize"]);
    run
}

fn other_label(muster: &Program) {
    fs::write(muster.folder.path().join("office.toml"), DOCUMENT.replace("row.Login + '/'", "row.Login + '#'"))
        .unwrap();
    muster.run(&["apply", "office.toml"]).succeeded();
}

#[test]
fn expressions_are_computed_over_the_last_extraction_and_the_source_is_not_asked() {
    let muster = office();
    for name in ["people.csv", "units.csv", "pairs.csv"] {
        remove(&muster, name);
    }
    assert_figures(&update_expressions(&muster), "entity_types", "person", &[("read", 4), ("unchanged", 4)]);
    other_label(&muster);
    assert_figures(&update_expressions(&muster), "entity_types", "person", &[("read", 4), ("updated", 4)]);
    assert_eq!(people(&muster), ["P1 ada 1 ada#1", "P2 bob 2 bob#2", "P3 cy 3 cy#3", "P4 dee dee#"]);
}

#[test]
fn what_incremental_runs_brought_since_is_part_of_the_source_values() {
    let muster = office();
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P2,bobby,2,here,P3,U3\ndelete,P4,,,,,\ninsert,P5,eve,5,here,P2,U1;U2\n",
    );
    file(&muster, "pairs-1.csv", "command,A,B\ndelete,P2,P3\ninsert,P5,P1\n");
    incremental(&muster);
    file(&muster, "people-2.csv", "Op,Id,Login,Grade\nmerge,P5,eva,6\nmerge,P1,ada,7\n");
    incremental(&muster);
    let before: Vec<_> = ["boss", "team", "friend"].map(|one| links(&muster, one)).into();
    assert_figures(&update_expressions(&muster), "entity_types", "person", &[("read", 4), ("unchanged", 4)]);
    other_label(&muster);
    assert_figures(&update_expressions(&muster), "entity_types", "person", &[("read", 4), ("updated", 4)]);
    assert_eq!(people(&muster), ["P1 ada 7 ada#7", "P2 bobby 2 bobby#2", "P3 cy 3 cy#3", "P5 eva 6 eva#6"]);
    let after: Vec<_> = ["boss", "team", "friend"].map(|one| links(&muster, one)).into();
    assert_eq!(after, before);
    let made = lines(&muster, "select assembled_from::text from extractions where assembled_from is not null");
    assert_eq!(made[0], "{1,2,3}");
    // Changes go on from where they were.
    file(&muster, "people-3.csv", "Op,Id,Login,Grade\nmerge,P1,ada,8\n");
    incremental(&muster);
    assert_eq!(people(&muster)[0], "P1 ada 8 ada#8");
}

#[test]
fn what_was_reverted_is_no_part_of_the_source_values() {
    let muster = office();
    let header = "Op,Id,Login,Grade,State,Boss,Teams";
    file(&muster, "people-1.csv", &format!("{header}\nupdate,P1,ada1,1,here,,U3\n"));
    incremental(&muster);
    file(&muster, "people-2.csv", &format!("{header}\nupdate,P2,bob2,2,here,,\ndelete,P4,,,,,\n"));
    incremental(&muster);
    revert(&muster, "3");
    let before: Vec<_> = ["boss", "team", "friend"].map(|one| links(&muster, one)).into();
    other_label(&muster);
    // The revert led back to what run 2 had left.
    assert_figures(&update_expressions(&muster), "entity_types", "person", &[("read", 4), ("updated", 4)]);
    assert_eq!(people(&muster), ["P1 ada1 1 ada1#1", "P2 bob 2 bob#2", "P3 cy 3 cy#3", "P4 dee dee#"]);
    let after: Vec<_> = ["boss", "team", "friend"].map(|one| links(&muster, one)).into();
    assert_eq!(after, before);
    let made = lines(&muster, "select assembled_from::text from extractions where assembled_from is not null");
    assert_eq!(made, ["{1,2}"]);

    // What led to no such state has no source values.
    revert(&muster, "2");
    let ran = muster.run(&["run", "office", "--task", "update-expressions", "--wait", "--json"]).exited(1);
    let told = report(&ran)["result"]["errors"][0].to_string();
    assert!(told.contains("run 6 took back changes of run 2") && told.contains("start a complete run"), "{told}");
    complete(&muster);
    update_expressions(&muster);
}

#[test]
fn without_the_source_values_a_complete_run_is_asked_for() {
    let muster = with(DOCUMENT);
    muster.run(&["run", "office", "--task", "update-expressions"]).exited(5).says("start a complete run");
    let muster = office();
    complete(&muster);
    diesel::RunQueryDsl::execute(
        diesel::sql_query("update extractions set deleted_at = now()"),
        &mut muster.database.connect(),
    )
    .unwrap();
    let ran = muster.run(&["run", "office", "--task", "update-expressions", "--wait", "--json"]).exited(1);
    let told = report(&ran);
    assert!(told["result"]["errors"][0].as_str().unwrap().contains("start a complete run"), "{told}");
}
