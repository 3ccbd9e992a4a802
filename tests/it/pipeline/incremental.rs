//! Incremental runs: files of changes with a command for each row, whole files that are compared, and cursors that only
//! an applied run moves.

use super::histories::Dice;
use super::stored::{assert_figures, assert_snapshots_hold, count, execute, lines, report, state};
use crate::support::documents::wide_open;
use crate::support::program::{Program, Ran};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Units and people, each with a complete file and numbered delta files; people have a boss (a column), teams (a column
/// with several values) and friends (a table of pairs).
pub const DOCUMENT: &str = concat!(
    r#"
name = "office"

"#,
    wide_open!(),
    r#"
[guards]
first_run = false
reject_percentage = 0

[[connection]]
name = "feed"
kind = "files"
folder = "feed"

[[connection.table]]
name = "units"
file = "units.csv"
delta_file = "units-*.csv"

[[connection.table]]
name = "people"
file = "people.csv"
delta_file = "people-*.csv"
command_column = "Op"

[[connection.table]]
name = "pairs"
file = "pairs.csv"
delta_file = "pairs-*.csv"

[[entity_type]]
name = "unit"
source = "feed.units"

  [[entity_type.property]]
  name = "code"
  column = "Code"
  key = true

  [[entity_type.property]]
  name = "title"
  column = "Title"

[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
where = "row.State != 'gone'"

  [[entity_type.property]]
  name = "id"
  column = "Id"
  key = true

  [[entity_type.property]]
  name = "login"
  column = "Login"
  required = true

  [[entity_type.property]]
  name = "grade"
  column = "Grade"
  type = "integer"

  [[entity_type.property]]
  name = "label"
  expression = "row.Login + '/' + row.Grade"

  [entity_type.users]
  correlate = [{ property = "id", field = "employee_id" }]
  on_missing = "delete"

    [entity_type.users.fields]
    employee_id = "id"
    user_name = "login"

[[association]]
name = "boss"
from = "person"
to = "person"
column = "Boss"
cardinality = "many_to_one"

[[association]]
name = "team"
from = "person"
to = "unit"
column = "Teams"
separator = ";"
cardinality = "many_to_many"

[[association]]
name = "friend"
from = "person"
to = "person"
source = "feed.pairs"
from_column = "A"
to_column = "B"
cardinality = "many_to_many"
"#
);

pub const PEOPLE: &str = "Id,Login,Grade,State,Boss,Teams\n";

/// A program with that document, and a complete run over a small office applied.
pub fn office() -> Program {
    let muster = with(DOCUMENT);
    file(&muster, "units.csv", "Code,Title\nU1,Red\nU2,Green\nU3,Blue\n");
    file(
        &muster,
        "people.csv",
        &format!("{PEOPLE}P1,ada,1,here,,U1;U2\nP2,bob,2,here,P1,U1\nP3,cy,3,here,P1,\nP4,dee,,here,P2,U2\n"),
    );
    file(&muster, "pairs.csv", "A,B\nP1,P2\nP2,P3\n");
    complete(&muster);
    muster
}

pub fn with(document: &str) -> Program {
    let muster = Program::new();
    fs::create_dir(muster.folder.path().join("feed")).unwrap();
    fs::write(muster.folder.path().join("office.toml"), document).unwrap();
    muster.run(&["apply", "office.toml"]).succeeded();
    muster
}

pub fn file(muster: &Program, name: &str, content: &str) {
    fs::write(muster.folder.path().join("feed").join(name), content).unwrap();
}

pub fn remove(muster: &Program, name: &str) {
    fs::remove_file(muster.folder.path().join("feed").join(name)).unwrap();
}

#[track_caller]
pub fn complete(muster: &Program) -> Value {
    report(&muster.run(&["run", "office", "--wait", "--json"]).succeeded())
}

pub fn start(muster: &Program) -> Ran {
    muster.run(&["run", "office", "--mode", "incremental", "--wait", "--json"])
}

#[track_caller]
pub fn incremental(muster: &Program) -> Value {
    let run = report(&start(muster).succeeded());
    assert_eq!(run["mode"], "incremental", "{run}");
    run
}

pub fn people(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select concat_ws(' ', r.key, r.attributes ->> 'login', r.attributes ->> 'grade', r.attributes ->> 'label')
           from resources r join entity_types e on e.id = r.entity_type_id and e.name = 'person'",
    )
}

pub fn links(muster: &Program, association: &str) -> Vec<String> {
    let question = format!(
        "select f.key || '>' || t.key from links l join associations a on a.id = l.association_id and a.name = '{association}'
           join resources f on f.id = l.from_id join resources t on t.id = l.to_id"
    );
    lines(muster, &question)
}

/// A complete run over a feed that says the same finds nothing to write.
#[track_caller]
pub fn has_no_drift(muster: &Program) {
    let before = state(muster);
    let run = complete(muster);
    for one in run["entity_types"].as_array().unwrap().iter().chain(run["associations"].as_array().unwrap()) {
        for figure in ["inserted", "updated", "deleted"] {
            assert_eq!(one[figure], 0, "{figure} in {run}");
        }
    }
    assert_eq!(state(muster), before);
}

#[test]
fn each_command_does_what_it_says_and_other_keys_stay() {
    let muster = office();
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\n\
         update,P2,bobby,2,here,P3,U2;U3\n\
         delete,P4,,,,,\n\
         insert,P5,eve,5,here,P2,U1\n\
         delete,P9,,,,,\n\
         update,P1,ada,1,here,,U1;U2\n",
    );
    let run = incremental(&muster);
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 5), ("updated", 1), ("deleted", 1), ("deleted_by_command", 1), ("inserted", 1), ("unchanged", 2)],
    );
    assert_figures(&run, "entity_types", "unit", &[]);
    assert_eq!(people(&muster), ["P1 ada 1 ada/1", "P2 bobby 2 bobby/2", "P3 cy 3 cy/3", "P5 eve 5 eve/5"]);
    assert_eq!(links(&muster, "boss"), ["P2>P3", "P3>P1", "P5>P2"]);
    assert_eq!(links(&muster, "team"), ["P1>U1", "P1>U2", "P2>U2", "P2>U3", "P5>U1"]);
    assert_eq!(links(&muster, "friend"), ["P1>P2", "P2>P3"]);
    assert_eq!(count(&muster, "select count(*) from persons"), 4);

    // The complete file that says the same is skipped row by row: what was written carries its digest.
    file(
        &muster,
        "people.csv",
        &format!("{PEOPLE}P1,ada,1,here,,U1;U2\nP2,bobby,2,here,P3,U2;U3\nP3,cy,3,here,P1,\nP5,eve,5,here,P2,U1\n"),
    );
    assert_eq!(count(&muster, "select count(*) from digested_resources where digest is null"), 0);
    has_no_drift(&muster);
}

#[test]
fn a_merge_changes_the_given_columns_only() {
    let muster = office();
    file(&muster, "people-1.csv", "Id,Grade,Login,Op\nP1,7,ada,merge\nP6,6,fay,merge\nP3,,cy,merge\nP2,8,bob,update\n");
    let run = incremental(&muster);
    // An update replaces the whole record, which this feed can't.
    assert_figures(&run, "entity_types", "person", &[("read", 4), ("updated", 2), ("inserted", 1), ("rejected", 1)]);
    assert_eq!(run["problems"]["invalid_value"], 1);
    assert_eq!(people(&muster), ["P1 ada 7 ada/7", "P2 bob 2 bob/2", "P3 cy cy/", "P4 dee dee/", "P6 fay 6 fay/6"]);
    // Links whose columns are not given stay.
    assert_eq!(links(&muster, "boss"), ["P2>P1", "P3>P1", "P4>P2"]);
    assert_eq!(links(&muster, "team"), ["P1>U1", "P1>U2", "P2>U1", "P4>U2"]);

    // An expression over columns of which only some are given can't be computed: the record is protected.
    file(&muster, "people-2.csv", "Id,Grade,Op\nP1,9,merge\n");
    let run = incremental(&muster);
    assert_figures(&run, "entity_types", "person", &[("read", 1), ("rejected", 1)]);
    let problem = lines(
        &muster,
        &format!(
            "select file || ' ' || line || ' ' || key || ' ' || message from problems where run_id = {}",
            run["id"]
        ),
    );
    assert!(problem[0].starts_with("people-2.csv 2 P1 label is computed from several columns"), "{problem:?}");
    assert_eq!(people(&muster)[0], "P1 ada 7 ada/7");

    // A merge of a link's column moves that link, and no other.
    file(&muster, "people-3.csv", "Id,Boss,Teams,Op\nP1,P3,U3,merge\n");
    incremental(&muster);
    assert_eq!(links(&muster, "boss"), ["P1>P3", "P2>P1", "P3>P1", "P4>P2"]);
    assert_eq!(links(&muster, "team"), ["P1>U3", "P2>U1", "P4>U2"]);
    file(
        &muster,
        "people.csv",
        &format!(
            "{PEOPLE}P1,ada,7,here,P3,U3\nP2,bob,2,here,P1,U1\nP3,cy,,here,P1,\nP4,dee,,here,P2,U2\nP6,fay,6,,,\n"
        ),
    );
    has_no_drift(&muster);
}

#[test]
fn several_commands_for_a_key_apply_in_order() {
    let muster = office();
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\n\
         update,P2,x,1,here,P1,U1\nmerge,P2,bert,4,here,P3,U3\n\
         delete,P3,,,,,\ninsert,P3,cyra,3,here,P2,U2\n\
         insert,P7,gus,7,here,,\ndelete,P7,,,,,\n\
         delete,P4,,,,,\nmerge,P4,don,,here,,U1\n",
    );
    let run = incremental(&muster);
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 8), ("updated", 3), ("duplicates_dropped", 4), ("unchanged", 1)],
    );
    assert_eq!(people(&muster), ["P1 ada 1 ada/1", "P2 bert 4 bert/4", "P3 cyra 3 cyra/3", "P4 don don/"]);
    assert_eq!(links(&muster, "boss"), ["P2>P3", "P3>P2"]);
    assert_eq!(links(&muster, "team"), ["P1>U1", "P1>U2", "P2>U3", "P3>U2", "P4>U1"]);
}

#[test]
fn a_command_that_can_not_be_understood_protects_its_key() {
    let muster = office();
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\nremove,P2,,,,,\nupdate,P2,bo,2,here,,\nupdate,P3,cyd,3,here,P1,\n",
    );
    let run = incremental(&muster);
    assert_figures(&run, "entity_types", "person", &[("read", 3), ("rejected", 2), ("updated", 1)]);
    let problems = lines(&muster, "select concat_ws('|', file, line, column_name, key, value, code) from problems");
    assert_eq!(problems, ["people-1.csv|2|Op|P2|remove|invalid_value", "people-1.csv|3|Op|P2|update|invalid_value"]);
    assert_eq!(people(&muster), ["P1 ada 1 ada/1", "P2 bob 2 bob/2", "P3 cyd 3 cyd/3", "P4 dee dee/"]);
}

#[test]
fn pairs_have_commands_of_their_own() {
    let muster = office();
    file(
        &muster,
        "pairs-1.csv",
        "command,A,B\ninsert,P1,P3\ndelete,P1,P2\ndelete,P4,P1\ninsert,P2,P3\ninsert,P3,P9\nadd,P3,P1\n",
    );
    let run = incremental(&muster);
    assert_figures(&run, "associations", "friend", &[("inserted", 1), ("deleted", 1), ("rejected", 2)]);
    assert_eq!(links(&muster, "friend"), ["P1>P3", "P2>P3"]);
    file(&muster, "pairs.csv", "A,B\nP1,P3\nP2,P3\n");
    has_no_drift(&muster);
}

/// What the last run left is gone: what is stored has to be asked for.
fn forget_what_is_known(muster: &Program) {
    execute(muster, "delete from snapshots");
}

#[test]
fn links_to_what_is_deleted_go_and_their_owners_stay() {
    links_to_what_is_deleted(|_| ());
    links_to_what_is_deleted(forget_what_is_known);
}

fn links_to_what_is_deleted(before: fn(&Program)) {
    let muster = office();
    before(&muster);
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\ndelete,P1,,,,,\nupdate,P3,cy,3,gone,P1,\n");
    file(&muster, "units-1.csv", "command,Code,Title\ndelete,U1,\n");
    let run = incremental(&muster);
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 2), ("deleted", 2), ("deleted_by_command", 1), ("out_of_scope", 1)],
    );
    assert_eq!(people(&muster), ["P2 bob 2 bob/2", "P4 dee dee/"]);
    assert_eq!(links(&muster, "boss"), ["P4>P2"]);
    assert_eq!(links(&muster, "team"), ["P4>U2"]);
    assert_eq!(links(&muster, "friend"), Vec::<String>::new());

    // They are back: the next complete run heals what led there.
    file(&muster, "people-2.csv", "Op,Id,Login,Grade,State,Boss,Teams\ninsert,P1,ada,1,here,,U2\n");
    file(&muster, "units-2.csv", "command,Code,Title\ninsert,U1,Red\n");
    before(&muster);
    incremental(&muster);
    file(&muster, "people.csv", &format!("{PEOPLE}P1,ada,1,here,,U2\nP2,bob,2,here,P1,U1\nP4,dee,,here,P2,U2\n"));
    file(&muster, "pairs.csv", "A,B\nP1,P2\n");
    complete(&muster);
    assert_eq!(links(&muster, "boss"), ["P2>P1", "P4>P2"]);
    assert_eq!(links(&muster, "team"), ["P1>U2", "P2>U1", "P4>U2"]);
    assert_eq!(links(&muster, "friend"), ["P1>P2"]);
}

#[test]
fn a_unique_value_stays_with_its_holder_whether_the_changes_name_it_or_not() {
    let muster = with(&DOCUMENT.replace("required = true", "required = true\n  unique = true"));
    file(&muster, "units.csv", "Code,Title\n");
    file(&muster, "people.csv", &format!("{PEOPLE}P1,a,,,,\nP2,b,,,,\nP3,c,,,,\nP4,d,,,,\n"));
    file(&muster, "pairs.csv", "A,B\n");
    complete(&muster);
    // P1 wants what P2 has, P5 what P4 gives up.
    file(
        &muster,
        "people-1.csv",
        "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,b,,,,\ninsert,P5,d,,,,\nupdate,P4,e,,,,\n",
    );
    forget_what_is_known(&muster);
    let run = incremental(&muster);
    assert_figures(&run, "entity_types", "person", &[("read", 3), ("updated", 1), ("inserted", 1), ("rejected", 1)]);
    assert_eq!(run["problems"]["duplicate_value"], 1);
    assert_eq!(people(&muster), ["P1 a a/", "P2 b b/", "P3 c c/", "P4 e e/", "P5 d d/"]);
}

#[test]
fn deletions_by_command_are_held_against_the_thresholds() {
    let muster = with(&DOCUMENT.replace("maximum_deleted_lines = 1000", "maximum_deleted_lines = 2"));
    file(&muster, "units.csv", "Code,Title\n");
    file(&muster, "people.csv", &format!("{PEOPLE}P1,a,,,,\nP2,b,,,,\nP3,c,,,,\nP4,d,,,,\n"));
    file(&muster, "pairs.csv", "A,B\n");
    complete(&muster);
    file(&muster, "people-1.csv", "Op,Id\ndelete,P1\ndelete,P2\ndelete,P3\n");
    let blocked = start(&muster).exited(3);
    assert_eq!(report(&blocked)["breaches"][0]["setting"], "maximum_deleted_lines");
    assert_eq!(people(&muster).len(), 4);
    // Until somebody has decided, no incremental run starts.
    let refused = start(&muster).exited(5);
    assert!(refused.stderr.contains("is blocked"), "{refused:?}");
    let id = report(&blocked)["id"].to_string();
    muster.run(&["resume", &id, "--wait", "--json"]).succeeded();
    assert_eq!(people(&muster), ["P4 d d/"]);
}

#[test]
fn only_an_applied_run_moves_the_cursors_and_what_was_read_is_not_read_again() {
    let muster = office();
    let cursor = || {
        lines(
            &muster,
            "select cursor ->> 'file' from cursors where source_table = 'feed.people' and cursor ->> 'file' is not null",
        )
    };
    assert_eq!(cursor(), Vec::<String>::new());
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada1,1,here,,\n");
    muster.run(&["run", "office", "--mode", "incremental", "--dry-run", "--wait"]).succeeded();
    assert_eq!(cursor(), Vec::<String>::new());
    assert_eq!(people(&muster)[0], "P1 ada 1 ada/1");

    incremental(&muster);
    assert_eq!(cursor(), ["people-1.csv"]);
    file(&muster, "people-2.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada2,1,here,,\n");
    file(&muster, "people-3.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada3,1,here,,\n");
    let run = incremental(&muster);
    assert_figures(&run, "entity_types", "person", &[("read", 2), ("updated", 1), ("duplicates_dropped", 1)]);
    assert_eq!(people(&muster)[0], "P1 ada3 1 ada3/1");
    assert_figures(&incremental(&muster), "entity_types", "person", &[]);

    // A complete file is at least as new as the changes that lie beside it.
    complete(&muster);
    assert_eq!(people(&muster)[0], "P1 ada 1 ada/1");
    incremental(&muster);
    assert_eq!(people(&muster)[0], "P1 ada 1 ada/1");
}

#[test]
fn a_complete_file_is_not_read_again_unless_its_delta_files_moved_on() {
    let muster = office();
    let object = || {
        let newest = "select f.path from extraction_files f where f.source_table = 'feed.people'
                       order by f.extraction_id desc limit 1";
        lines(&muster, newest).remove(0)
    };
    let first = object();
    complete(&muster);
    assert_eq!(object(), first);

    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada1,1,here,,\n");
    complete(&muster);
    assert_ne!(object(), first, "where its changes stand is another place");
    // The complete file is at least as new as the changes that lie beside it.
    assert_figures(&incremental(&muster), "entity_types", "person", &[]);
}

#[test]
fn a_cursor_that_is_no_longer_valid_turns_the_run_into_a_complete_one_and_it_says_so() {
    let muster = office();
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada1,1,here,,\n");
    incremental(&muster);
    // Somebody cleaned the folder up before the next run.
    remove(&muster, "people-1.csv");
    file(&muster, "people-3.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P2,bob3,1,here,,\n");
    // The complete file is older than what was applied since: it would make P1 what it was.
    let refused = start(&muster).exited(1).stdout;
    for words in
        ["people.csv", "would take them back", "start a complete run by hand", "people-1.csv, the delta file that was"]
    {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert_eq!(people(&muster)[..2], ["P1 ada1 1 ada1/1", "P2 bob 2 bob/2"]);

    let rows = "P1,ada1,1,here,,\nP2,bob3,1,here,,\nP3,cy,3,here,P1,\nP4,dee,,here,P2,U2\n";
    file(&muster, "people.csv", &format!("{PEOPLE}{rows}"));
    let run = report(&start(&muster).succeeded());
    assert_eq!(run["mode"], "complete");
    assert!(
        run["became_complete"].as_str().unwrap().starts_with("people-1.csv, the delta file that was applied last"),
        "{run}"
    );
    assert_eq!(people(&muster)[..2], ["P1 ada1 1 ada1/1", "P2 bob3 1 bob3/1"]);
    let logged = lines(
        &muster,
        &format!("select message from run_log where run_id = {} and event = 'became-complete'", run["id"]),
    );
    assert_eq!(logged.len(), 1);

    // The one that was applied last has been written anew; the complete file is as new as what was applied.
    file(&muster, "people-3.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P2,bob4,1,here,,\n");
    let run = report(&start(&muster).succeeded());
    assert!(
        run["became_complete"]
            .as_str()
            .unwrap()
            .contains("people-3.csv, the delta file that was applied last, has changed")
    );
}

#[test]
fn without_an_applied_run_before_it_an_incremental_run_is_complete() {
    let muster = with(DOCUMENT);
    file(&muster, "units.csv", "Code,Title\nU1,Red\n");
    file(&muster, "people.csv", &format!("{PEOPLE}P1,ada,1,here,,U1\n"));
    file(&muster, "pairs.csv", "A,B\n");
    let run = report(&start(&muster).succeeded());
    assert_eq!(
        (&run["mode"], &run["became_complete"]),
        (&"complete".into(), &"no run of this connector was applied yet".into())
    );
    assert_eq!(people(&muster), ["P1 ada 1 ada/1"]);
    incremental(&muster);
}

#[test]
fn a_connector_that_compares_takes_nothing_for_absent() {
    let document = DOCUMENT.replace("delta_file = \"people-*.csv\"\ncommand_column = \"Op\"\n", "");
    let muster = with(&document);
    file(&muster, "units.csv", "Code,Title\nU1,Red\n");
    file(&muster, "people.csv", &format!("{PEOPLE}P1,ada,1,here,,U1\nP2,bob,2,here,P1,\nP3,cy,3,here,P1,U1\n"));
    file(&muster, "pairs.csv", "A,B\nP1,P2\nP2,P1\n");
    complete(&muster);
    start(&muster).exited(5).says("feed.people can't tell what changed since the last run").says("compare = true");

    fs::write(
        muster.folder.path().join("office.toml"),
        document.replace("name = \"office\"", "name = \"office\"\ncompare = true"),
    )
    .unwrap();
    muster.run(&["apply", "office.toml"]).succeeded();
    file(&muster, "people.csv", &format!("{PEOPLE}P1,adah,1,here,,\nP3,cy,3,gone,P1,U1\nP4,dee,4,here,P2,U1\n"));
    let run = incremental(&muster);
    // P2 is absent, and stays; P3's row says that it is out of scope.
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 3), ("updated", 1), ("inserted", 1), ("out_of_scope", 1), ("deleted", 1)],
    );
    assert_eq!(people(&muster), ["P1 adah 1 adah/1", "P2 bob 2 bob/2", "P4 dee 4 dee/4"]);
    assert_eq!(links(&muster, "team"), ["P4>U1"]);
    assert_eq!(links(&muster, "boss"), ["P2>P1", "P4>P2"]);
    assert_eq!(links(&muster, "friend"), ["P1>P2", "P2>P1"]);
    let run = complete(&muster);
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 3), ("unchanged", 2), ("out_of_scope", 1), ("deleted", 1)],
    );
}

#[test]
fn rejects_of_the_night_are_no_news_after_incremental_runs() {
    let muster = with(&DOCUMENT.replace("reject_percentage = 0", "reject_percentage = 5"));
    file(&muster, "units.csv", "Code,Title\n");
    file(&muster, "people.csv", &format!("{PEOPLE}P1,a,,,,\nP2,b,high,,,\nP3,c,,,,\n"));
    file(&muster, "pairs.csv", "A,B\n");
    let blocked = muster.run(&["run", "office", "--wait", "--json"]).exited(3);
    super::stored::resume(&muster, &blocked);
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,aa,,,,\n");
    incremental(&muster);
    file(&muster, "people.csv", &format!("{PEOPLE}P1,aa,,,,\nP2,b,high,,,\nP3,c,,,,\n"));
    complete(&muster);
}

/// Two incremental runs after the first complete one: 2 changes P1, 3 changes P2.
fn two_days_of_changes() -> Program {
    let muster = office();
    file(&muster, "people-1.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P1,ada1,1,here,,U3\n");
    incremental(&muster);
    file(&muster, "people-2.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P2,bob2,2,here,,\ndelete,P4,,,,,\n");
    incremental(&muster);
    muster
}

#[track_caller]
pub fn revert(muster: &Program, run: &str) -> Value {
    report(&muster.run(&["revert", run, "--wait", "--json"]).succeeded())
}

#[test]
fn after_a_revert_of_the_last_changes_they_are_read_again_unless_they_are_held() {
    let muster = two_days_of_changes();
    let after = state(&muster);
    revert(&muster, "3");
    assert_eq!(people(&muster), ["P1 ada1 1 ada1/1", "P2 bob 2 bob/2", "P3 cy 3 cy/3", "P4 dee dee/"]);
    let run = incremental(&muster);
    assert_figures(
        &run,
        "entity_types",
        "person",
        &[("read", 2), ("updated", 1), ("deleted", 1), ("deleted_by_command", 1)],
    );
    assert_eq!(state(&muster), after);

    let id = run["id"].to_string();
    muster.run(&["revert", &id, "--hold", "--wait"]).succeeded();
    let held = incremental(&muster);
    assert_figures(&held, "entity_types", "person", &[("read", 2), ("withheld", 2)]);
    assert_eq!(people(&muster), ["P1 ada1 1 ada1/1", "P2 bob 2 bob/2", "P3 cy 3 cy/3", "P4 dee dee/"]);
}

#[test]
fn after_a_revert_of_older_changes_the_next_incremental_run_becomes_complete_and_says_so() {
    let muster = two_days_of_changes();
    revert(&muster, "2");
    assert_eq!(people(&muster), ["P1 ada 1 ada/1", "P2 bob2 2 bob2/2", "P3 cy 3 cy/3"]);
    file(&muster, "people-3.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P3,cy3,3,here,,\n");
    let run = report(&start(&muster).succeeded());
    let why = "run 4 took back changes of run 2, so what is stored is nothing that the source has said";
    assert_eq!((&run["mode"], &run["became_complete"]), (&"complete".into(), &why.into()));
    has_no_drift(&muster);
    assert_eq!(incremental(&muster)["mode"], "incremental");
}

#[test]
fn a_dry_run_from_before_a_revert_moves_no_cursor_that_was_forgotten() {
    let muster = two_days_of_changes();
    file(&muster, "people-3.csv", "Op,Id,Login,Grade,State,Boss,Teams\nupdate,P3,cy3,3,here,,\n");
    let dry =
        report(&muster.run(&["run", "office", "--mode", "incremental", "--dry-run", "--wait", "--json"]).succeeded());
    let reverting = muster.run(&["revert", "2", "--wait", "--json"]).succeeded();
    assert_eq!(report(&reverting)["state"], "completed");
    // Whether it can still be applied or not: what was reverted is missed, so the source is read whole.
    muster.run(&["resume", &dry["id"].to_string(), "--wait"]);
    assert_eq!(report(&start(&muster).succeeded())["mode"], "complete");
    has_no_drift(&muster);
}

/// A person of the feed: Login, Grade, Boss, Teams.
type Person = [String; 4];

#[test]
fn a_sequence_of_incremental_runs_is_one_complete_run_over_the_last_feed() {
    let seed: u64 = std::env::var("HISTORIES_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("HISTORIES_SEED={seed}");
    std::thread::scope(|scope| {
        for number in 0..3 {
            scope.spawn(move || history(seed.wrapping_add(number)));
        }
    });
}

/// How much is stored of each entity type and association.
fn stored(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select concat_ws(' ', 'entity_types', name, (select count(*) from resources where entity_type_id = e.id))
           from entity_types e
         union all
         select concat_ws(' ', 'associations', name, (select count(*) from links where association_id = a.id))
           from associations a",
    )
}

fn history(seed: u64) {
    let mut dice = Dice(seed);
    let step_by_step = office();
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for row in ["P1,ada,1,,U1;U2", "P2,bob,2,P1,U1", "P3,cy,3,P1,", "P4,dee,,P2,U2"] {
        let fields: Vec<&str> = row.split(',').collect();
        people.insert(fields[0].into(), std::array::from_fn(|field| fields[field + 1].to_owned()));
    }
    let mut pairs: BTreeSet<(String, String)> = [("P1", "P2"), ("P2", "P3")].map(|(a, b)| (a.into(), b.into())).into();
    let mut next = 5;
    for step in 1..8 {
        let some = |dice: &mut Dice, people: &BTreeMap<String, Person>| {
            people.keys().nth(dice.below(people.len())).unwrap().clone()
        };
        let mut changes = Vec::new();
        // Either whole records, or merges of some columns.
        let partial = dice.below(3) == 0;
        for _ in 0..1 + dice.below(5) {
            let id = some(&mut dice, &people);
            let (login, grade) = (format!("l{}", dice.below(9)), format!("{}", dice.below(4)));
            if partial {
                let person = people.get_mut(&id).unwrap();
                (person[0], person[1]) = (login.clone(), grade.clone());
                changes.push(format!("merge,{id},{login},{grade}"));
                continue;
            }
            let boss = if dice.below(2) == 0 { some(&mut dice, &people) } else { String::new() };
            let teams = ["", "U1", "U2;U1", "U3"][dice.below(4)].to_owned();
            match dice.below(6) {
                0 if people.len() > 3 => {
                    people.remove(&id);
                    changes.push(format!("delete,{id},,,,,"));
                }
                1 | 2 => {
                    let id = format!("P{next}");
                    next += 1;
                    changes.push(format!("insert,{id},{login},{grade},here,{boss},{teams}"));
                    people.insert(id, [login, grade, boss, teams]);
                }
                3 if people.len() > 3 => {
                    // What leaves the scope is gone.
                    people.remove(&id);
                    changes.push(format!("update,{id},{login},{grade},gone,{boss},{teams}"));
                }
                word => {
                    let word = if word == 4 { "merge" } else { "update" };
                    changes.push(format!("{word},{id},{login},{grade},here,{boss},{teams}"));
                    people.insert(id, [login, grade, boss, teams]);
                }
            }
        }
        let header = if partial { "Op,Id,Login,Grade" } else { "Op,Id,Login,Grade,State,Boss,Teams" };
        file(&step_by_step, &format!("people-{step}.csv"), &format!("{header}\n{}\n", changes.join("\n")));
        let mut moved = Vec::new();
        for _ in 0..dice.below(3) {
            let pair = (some(&mut dice, &people), some(&mut dice, &people));
            let insert = dice.below(3) > 0;
            moved.push(format!("{},{},{}", if insert { "insert" } else { "delete" }, pair.0, pair.1));
            if insert {
                pairs.insert(pair)
            } else {
                pairs.remove(&pair)
            };
        }
        pairs.retain(|(a, b)| people.contains_key(a) && people.contains_key(b));
        file(&step_by_step, &format!("pairs-{step}.csv"), &format!("command,A,B\n{}\n", moved.join("\n")));
        let is_known = dice.below(2) == 0;
        if !is_known {
            forget_what_is_known(&step_by_step);
        }
        let knew = assert_snapshots_hold(&step_by_step, "before");
        let stored = stored(&step_by_step);
        incremental(&step_by_step);
        let figures = "select concat_ws(' ', kind, one ->> 'name', one ->> 'stored') from runs,
                              (values ('entity_types'), ('associations')) kinds (kind), jsonb_array_elements(counters -> kind) one
                        where id = (select max(id) from runs)";
        assert_eq!(lines(&step_by_step, figures), stored, "seed {seed}, step {step}");
        // What was read out of the database in part is left to nobody.
        assert_eq!(assert_snapshots_hold(&step_by_step, &format!("seed {seed}, step {step}")), knew);
    }
    let rows: Vec<String> = people
        .iter()
        .map(|(id, [login, grade, boss, teams])| format!("{id},{login},{grade},here,{boss},{teams}"))
        .collect();
    let rows = format!("{PEOPLE}{}\n", rows.join("\n"));
    let friends: Vec<String> = pairs.iter().map(|(a, b)| format!("{a},{b}")).collect();
    let friends = format!("A,B\n{}\n", friends.join("\n"));

    let at_once = with(DOCUMENT);
    file(&at_once, "units.csv", "Code,Title\nU1,Red\nU2,Green\nU3,Blue\n");
    for muster in [&at_once, &step_by_step] {
        file(muster, "people.csv", &rows);
        file(muster, "pairs.csv", &friends);
    }
    complete(&at_once);
    assert_eq!(state(&step_by_step), state(&at_once), "seed {seed}");
    has_no_drift(&step_by_step);
}
