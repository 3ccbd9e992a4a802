//! The nightly run: what makes it cheap, and that any doubt makes it do the whole work again.

use super::stored::{apply, assert_figures, assert_snapshots_hold, count, execute, lines, rows, state};
use crate::support::program::Program;
use serde_json::Value;
use std::fs;

const DOCUMENT: &str = r#"
name = "school"

[guards]
first_run = false
volume_percentage = 0

[thresholds]
maximum_inserted_lines = 1000
maximum_updated_lines = 1000
maximum_deleted_lines = 1000
max_percentage_updated_lines = 0
max_percentage_deleted_lines = 0
max_percentage_link_deleted_lines = 0

[[connection]]
name = "feed"
kind = "files"
folder = "feed"

[[connection.table]]
name = "pupils"
file = "pupils.csv"

[[connection.table]]
name = "clubs"
file = "clubs.csv"

[[entity_type]]
name = "pupil"
source = "feed.pupils"
represents = "users"
  [[entity_type.property]]
  name = "id"
  column = "id"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "name"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [entity_type.users]
  correlate = [{ property = "mail", field = "mail" }]
    [entity_type.users.fields]
    display_name = "name"
    mail = "mail"

[[entity_type]]
name = "club"
source = "feed.clubs"
  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true

[[association]]
name = "member"
from = "pupil"
to = "club"
column = "clubs"
separator = ";"
cardinality = "many_to_many"
"#;

const PUPILS: &str = "id,name,mail,clubs\n1,Ada,ada@example.org,chess;go\n2,Bob,bob@example.org,go\n\
                      3,\"Cy, \"\"C\"\"\",cy@example.org,\n4,,dee@example.org,chess;rowing\n";
const CLUBS: &str = "code\nchess\ngo\n";

fn school() -> Program {
    let muster = Program::new();
    fs::create_dir(muster.folder.path().join("feed")).unwrap();
    feed(&muster, PUPILS, CLUBS);
    document(&muster, DOCUMENT);
    muster
}

fn feed(muster: &Program, pupils: &str, clubs: &str) {
    fs::write(muster.folder.path().join("feed/pupils.csv"), pupils).unwrap();
    fs::write(muster.folder.path().join("feed/clubs.csv"), clubs).unwrap();
}

fn document(muster: &Program, document: &str) {
    fs::write(muster.folder.path().join("school.toml"), document).unwrap();
    muster.run(&["apply", "school.toml"]).succeeded();
}

/// The snapshot of the last applied run.
fn snapshot(muster: &Program) -> String {
    lines(muster, "select s.path from snapshots s join connectors c on c.applied_run_id = s.run_id").remove(0)
}

/// Where the newest extraction has its files.
fn files(muster: &Program) -> Vec<String> {
    lines(muster, "select path from extraction_files where extraction_id = (select max(id) from extractions)")
}

/// Figures, problems and persons of a run, without what every run has anew.
fn result(report: &Value) -> Value {
    let mut result = report.clone();
    for name in [
        "id",
        "sources",
        "proof",
        "started_at",
        "finished_at",
        "tasks",
        "result",
        "configuration_version",
        "change_set_digest",
    ] {
        result.as_object_mut().unwrap().remove(name);
    }
    result
}

#[test]
fn what_the_last_run_left_is_used_and_in_any_doubt_it_is_not() {
    let muster = school();
    apply(&muster, "school");
    assert_eq!(assert_snapshots_hold(&muster, "first"), 1);
    let first = snapshot(&muster);
    let again = apply(&muster, "school");
    assert_figures(&again, "entity_types", "pupil", &[("read", 4), ("unchanged", 4)]);
    assert_figures(&again, "associations", "member", &[("rejected", 1)]);
    let (written, known) = (rows(&muster), result(&again));
    // Nothing has changed, so that what was known is handed on as it is.
    assert_eq!(snapshot(&muster), first);

    let store = muster.folder.path().join("store");
    let doubts: &[(&str, &dyn Fn())] = &[
        ("its object is lost", &|| fs::remove_file(store.join(snapshot(&muster))).unwrap()),
        ("its object was changed", &|| {
            let path = store.join(snapshot(&muster));
            let mut content = fs::read(&path).unwrap();
            *content.last_mut().unwrap() ^= 1;
            fs::write(path, content).unwrap();
        }),
        ("its object was cut", &|| {
            let path = store.join(snapshot(&muster));
            let content = fs::read(&path).unwrap();
            fs::write(path, &content[..content.len() - 9]).unwrap();
        }),
        ("somebody else wrote to its resources", &|| execute(&muster, "update connectors set touched = touched + 1")),
        ("the state moved", &|| execute(&muster, "update connectors set state_version = state_version + 1")),
        ("it was made for other changes", &|| {
            execute(&muster, "update runs set change_set_digest = 'sha256:0' where id = (select max(id) from runs)")
        }),
        ("another run was applied", &|| execute(&muster, "delete from snapshots")),
        ("the configuration was edited", &|| document(&muster, &format!("{DOCUMENT}# as before\n"))),
    ];
    for (name, doubt) in doubts {
        let before = snapshot(&muster);
        doubt();
        let run = apply(&muster, "school");
        assert_ne!(snapshot(&muster), before, "{name}: it was read out of the database");
        assert_eq!(result(&run), known, "{name}");
        assert_eq!(rows(&muster), written, "{name}: nothing is written");
        assert_eq!(assert_snapshots_hold(&muster, name), 1);
    }
    // What is over is removed.
    let kept = fs::read_dir(store.join("snapshots/1")).unwrap().count();
    assert!(kept <= 2, "{kept} snapshots");
}

#[test]
fn a_run_after_a_snapshot_does_what_it_would_do_without() {
    let days = [
        (
            "id,name,mail,clubs\n1,Ada L.,ada@example.org,go;chess\n2,Bob,bob@example.org,\n5,Eve,eve@example.org,go\n",
            CLUBS,
        ),
        (
            "id,name,mail,clubs\n1,Ada L.,ada@example.org,go\n1,Ida,ada@example.org,go\n2,Bob,bob@example.org,rowing\n",
            "code\nrowing\ngo\n",
        ),
        (PUPILS, "code\nrowing\nchess\n"),
        (PUPILS, CLUBS),
    ];
    let (with, without) = (school(), school());
    apply(&with, "school");
    apply(&without, "school");
    for (pupils, clubs) in days {
        feed(&with, pupils, clubs);
        feed(&without, pupils, clubs);
        execute(&without, "delete from snapshots");
        assert_eq!(result(&apply(&with, "school")), result(&apply(&without, "school")));
        assert_eq!(state(&with), state(&without));
        assert_snapshots_hold(&with, pupils);
        let digests = "select key || ' ' || coalesce(digest::text, '-') || coalesce(links_digest::text, '-') from digested_resources";
        assert_eq!(lines(&with, digests), lines(&without, digests));
    }
}

#[test]
fn a_change_set_that_waits_leaves_nothing_that_holds_before_it_is_applied() {
    let muster = school();
    apply(&muster, "school");
    let first = snapshot(&muster);
    feed(&muster, &PUPILS.replace("Ada", "Ida"), CLUBS);
    muster.run(&["run", "school", "--dry-run", "--wait"]).succeeded();
    assert_eq!(snapshot(&muster), first, "the dry run was not applied");
    assert_snapshots_hold(&muster, "after a dry run");
    // It is thrown away by a run over what there was before.
    feed(&muster, PUPILS, CLUBS);
    let run = apply(&muster, "school");
    assert_figures(&run, "entity_types", "pupil", &[("read", 4), ("unchanged", 4)]);
    feed(&muster, &PUPILS.replace("Ada", "Ida"), CLUBS);
    muster.run(&["run", "school", "--dry-run", "--wait"]).succeeded();
    muster.run(&["run", "school", "--task", "synchronize", "--wait"]).succeeded();
    assert_eq!(assert_snapshots_hold(&muster, "applied later"), 1);
}

#[test]
fn a_source_with_the_same_bytes_is_not_read_again() {
    let muster = school();
    apply(&muster, "school");
    let first = files(&muster);
    assert_eq!(first.len(), 3, "{first:?}");
    apply(&muster, "school");
    assert_eq!(files(&muster), first, "both tables and the pairs");
    // Written anew by its sender, but the same.
    feed(&muster, PUPILS, "code\nchess\n");
    let run = apply(&muster, "school");
    let second = files(&muster);
    assert_eq!(second.iter().filter(|path| first.contains(path)).count(), 2, "pupils and their clubs: {second:?}");
    assert_figures(&run, "entity_types", "club", &[("read", 1), ("unchanged", 1), ("deleted", 1)]);

    // In any doubt the source is read.
    let doubts: &[(&str, &dyn Fn())] = &[
        ("another mapping", &|| document(&muster, &DOCUMENT.replace("column = \"name\"", "expression = \"row.name\""))),
        ("other settings", &|| {
            document(&muster, &DOCUMENT.replace("file = \"pupils.csv\"", "file = \"pupils.csv\"\nencoding = \"utf-8\""))
        }),
        ("the object is lost", &|| {
            let path = files(&muster).into_iter().find(|path| path.ends_with("pupils.csv")).unwrap();
            fs::remove_file(muster.folder.path().join("store").join(path)).unwrap();
        }),
        ("the last run was not applied", &|| {
            execute(&muster, "update runs set applied_at = null where id = (select max(id) from runs)");
        }),
    ];
    for (name, doubt) in doubts {
        let before = files(&muster);
        doubt();
        apply(&muster, "school");
        let after = files(&muster);
        assert!(
            before.iter().filter(|path| path.contains("pupils")).all(|path| !after.contains(path)),
            "{name}: {after:?}"
        );
    }
}

#[test]
fn a_changed_extraction_is_refused_and_never_taken_over() {
    let muster = school();
    apply(&muster, "school");
    let path = files(&muster).into_iter().find(|path| path.ends_with("pupils.csv")).unwrap();
    let path = muster.folder.path().join("store").join(path);
    let content = fs::read_to_string(&path).unwrap();
    fs::write(path, content.replace("Ada", "Eva")).unwrap();
    let before = rows(&muster);
    muster.run(&["run", "school", "--wait"]).exited(1);
    assert_eq!(rows(&muster), before);
    // The next one reads the source.
    let run = apply(&muster, "school");
    assert_figures(&run, "entity_types", "pupil", &[("read", 4), ("unchanged", 4)]);
}

#[test]
fn shared_files_stay_as_long_as_an_extraction_needs_them() {
    use chrono::Utc;
    use muster::jobs::cleanup;
    use muster::store::{Store, StoreLocation};
    let muster = school();
    let settings = "[retention]\nextractions_days = 30\n";
    fs::write(muster.folder.path().join("settings.toml"), settings).unwrap();
    muster.run(&["apply", "settings.toml"]).succeeded();
    apply(&muster, "school");
    let first = files(&muster);
    apply(&muster, "school");
    assert_eq!(files(&muster), first);
    let folder = muster.folder.path().join("store");
    let store = Store::at(&StoreLocation::folder(&folder)).unwrap();
    let pool = muster::db::pool(muster.database.url(), 1).unwrap();
    let is_there = |path: &String| folder.join(path).exists();
    let clean = || cleanup::clean(&mut pool.get().unwrap(), &store, Utc::now()).unwrap();

    execute(&muster, "update extractions set created_at = now() - interval '31 days' where id = 1");
    clean();
    assert_eq!(count(&muster, "select count(*) from extractions where deleted_at is not null"), 1);
    assert!(first.iter().all(is_there), "the second extraction needs them");
    // The sweep before an export knows them too, and a third extraction shares them.
    apply(&muster, "school");
    assert_eq!(files(&muster), first);
    assert!(first.iter().all(is_there));

    execute(&muster, "update extractions set created_at = now() - interval '31 days'");
    clean();
    assert_eq!(count(&muster, "select count(*) from extractions where deleted_at is null"), 0);
    assert!(!first.iter().any(is_there), "nobody needs them");
    // Nothing is taken over from an extraction that is gone.
    apply(&muster, "school");
    assert!(files(&muster).iter().all(is_there));
    assert_ne!(files(&muster), first);
}

#[test]
fn digests_of_owners_stand_beside_them_until_a_quarter_does() {
    let muster = school();
    let school_of = |second: &str, chess: &[usize]| {
        let pupil = |number| {
            let name = if number == 2 { second } else { "Pupil" };
            let club = if chess.contains(&number) { "chess" } else { "go" };
            format!("{number},{name},p{number}@example.org,{club}\n")
        };
        let pupils: String = (1..=12).map(pupil).collect();
        feed(&muster, &format!("id,name,mail,clubs\n{pupils}"), CLUBS);
        // Out of the database, each time: what stands there must be the whole truth.
        execute(&muster, "delete from snapshots");
        let report = apply(&muster, "school");
        assert!(["equal", "stands"].contains(&report["proof"]["verdict"].as_str().unwrap()), "{report}");
        report
    };
    let beside = || count(&muster, "select count(*) from newer_digests");
    let moved = |report: &Value, links: u64| {
        assert_figures(report, "associations", "member", &[("inserted", links), ("deleted", links)]);
    };
    school_of("Bo", &[2]);
    assert_eq!(beside(), 0);

    moved(&school_of("Bo", &[1, 2]), 1);
    assert_eq!(beside(), 1);
    // What the record's own digest says is what once was: it must not hide the way back.
    moved(&school_of("Bo", &[2]), 1);
    moved(&school_of("Bo", &[]), 1);
    assert_eq!(beside(), 2);
    let report = school_of("Bo", &[]);
    assert_figures(&report, "entity_types", "pupil", &[("read", 12), ("unchanged", 12)]);
    moved(&report, 0);

    // A record that changes itself takes its digests with it.
    moved(&school_of("Bea", &[2]), 1);
    assert_eq!(beside(), 1);
    moved(&school_of("Bea", &[2]), 0);

    moved(&school_of("Bea", &[2, 3, 4, 5]), 3);
    assert_eq!(beside(), 0);
    moved(&school_of("Bea", &[2, 3, 4, 5]), 0);
}
