//! Configuration as code: apply, export, diff, drafts, activity.

use crate::support::program::{Program, examples};
use diesel::prelude::*;
use muster::document::{self, Document};
use muster::model::{association, configuration, connector, entity_type};
use muster::schema::{audit, configurations, profile_fields};
use std::fs;

const CAMPUS: &str = include_str!("../../fixtures/examples/campus.toml");

#[test]
fn the_examples_are_applied_as_they_stand() {
    let muster = Program::new();
    let ran = muster.run(&["apply", examples().to_str().unwrap()]).succeeded();
    let told: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        told,
        [
            "connector active_directory: created, version 1",
            "connector campus: created, version 1",
            "connector directory: created, version 1",
            "connector hr: created, version 1",
            "connector portal: created, version 1",
            "connector idp: created, version 1",
            "settings: created, version 1"
        ]
    );
    assert!(ran.stderr.contains("the profile field \"card_number\" did not exist and was made, as text"), "{ran:?}");
    let again = muster.run(&["apply", "--json", examples().to_str().unwrap()]).succeeded();
    assert!(again.json().iter().all(|line| line["outcome"] == "unchanged"), "{again:?}");
}

#[test]
fn exported_and_applied_again_nothing_changes_wherever_one_stands() {
    let muster = Program::new();
    muster.run(&["apply", examples().to_str().unwrap()]).succeeded();
    let exported = muster.run(&["export"]).succeeded();
    let applied = muster.run_with_stdin(&["apply"], &exported.stdout).succeeded();
    assert_eq!(applied.stdout.matches("unchanged").count(), 7, "{applied:?}");

    let elsewhere = Program::new();
    let applied = elsewhere.run_with_stdin(&["apply", "-"], &exported.stdout).succeeded();
    assert_eq!(applied.stdout.matches("created").count(), 7, "{applied:?}");
    assert_eq!(elsewhere.run(&["export"]).succeeded().stdout, exported.stdout);

    let one = muster.run(&["export", "campus"]).succeeded();
    assert_eq!(one.stdout, CAMPUS, "without relative paths it is the administrator's text");
    muster.run_with_stdin(&["diff", "-"], &exported.stdout).exited(0);
    let settings = muster.run(&["export", "--settings", "--json"]).succeeded();
    assert_eq!(settings.json()[0]["version"], 1);
}

#[test]
fn a_difference_is_shown_and_told_by_the_exit_code() {
    let muster = Program::new();
    let file = muster.folder.path().join("campus.toml");
    fs::write(&file, CAMPUS).unwrap();
    let path = file.to_str().unwrap();
    muster.run(&["diff", path]).exited(1).shows("--- connector campus, nothing").shows("+name = \"campus\"");
    muster.run(&["apply", path]).succeeded();
    assert_eq!(muster.run(&["diff", path]).exited(0).stdout, "");

    fs::write(&file, CAMPUS.replace("create = false", "create = true")).unwrap();
    let ran = muster.run(&["diff", path]).exited(1).shows("--- connector campus, version 1\n");
    assert!(ran.stdout.contains("\n-  create = false") && ran.stdout.contains("\n+  create = true"), "{}", ran.stdout);
    let ran = muster.run(&["diff", "--json", path]).exited(1);
    assert_eq!(ran.json()[0]["outcome"], "changed");

    fs::write(&file, "name = 1").unwrap();
    muster.run(&["diff", path]).exited(2).says(&format!("{path}:1:8: name takes a text in quotes, not 1"));
    muster.run(&["diff", "nowhere.toml"]).exited(2);
}

#[test]
fn a_dry_run_writes_nothing() {
    let muster = Program::new();
    let hr = examples().join("hr.toml");
    let ran = muster.run(&["apply", "--dry-run", hr.to_str().unwrap()]).succeeded();
    assert_eq!(ran.stdout, "connector hr: would be created\n");
    assert_eq!(connector::list(&mut muster.database.connect()).unwrap(), []);
}

#[test]
fn one_wrong_document_keeps_all_from_being_applied_and_every_mistake_is_told() {
    let muster = Program::new();
    let folder = muster.folder.path();
    fs::write(folder.join("a.toml"), CAMPUS).unwrap();
    fs::write(folder.join("b.toml"), CAMPUS.replace("\"campus\"", "\"b\"").replace("represents", "reprsents")).unwrap();
    fs::write(folder.join("c.toml"), "[retention]\nhistory_days = \"x\"\n").unwrap();
    let ran = muster.run(&["apply", "."]).exited(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr.matches("did you mean \"represents\"?").count(), 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("c.toml:2:16: history_days takes a whole number"), "{}", ran.stderr);
    assert_eq!(connector::list(&mut muster.database.connect()).unwrap(), []);

    fs::write(folder.join("b.toml"), CAMPUS).unwrap();
    fs::remove_file(folder.join("c.toml")).unwrap();
    muster.run(&["apply", "."]).exited(1).says("connector campus stands in");
    fs::write(folder.join("b.toml"), b"name = \"\xff\"").unwrap();
    muster.run(&["apply", "b.toml"]).exited(1).says("b.toml:1: not UTF-8");
    fs::create_dir(folder.join("empty")).unwrap();
    muster.run(&["apply", "empty"]).exited(4).says("no document");
}

#[test]
fn identities_stay_when_things_go_and_come_back() {
    let muster = Program::new();
    let mut connection = muster.database.connect();
    let apply = |text: &str| muster.run_with_stdin(&["apply"], text).succeeded();
    apply(CAMPUS);
    let campus = connector::by_name(&mut connection, "campus").unwrap().unwrap();
    let before = entity_type::ids(&mut connection, campus.id).unwrap();
    let associations = association::ids(&mut connection, campus.id).unwrap();

    let without_clubs = &CAMPUS[..CAMPUS.find("[[entity_type]]\nname = \"club\"").unwrap()];
    apply(without_clubs).shows("changed, now version 2");
    let stored = entity_type::of_connector(&mut connection, campus.id).unwrap();
    assert_eq!(
        stored.iter().map(|one| (one.name.as_str(), one.retired)).collect::<Vec<_>>(),
        [("card", false), ("club", true)]
    );
    assert!(association::of_connector(&mut connection, campus.id).unwrap()[0].retired);

    apply(&CAMPUS.replace("Campus - Clubs", "Clubs")).shows("changed, now version 3");
    assert_eq!(entity_type::ids(&mut connection, campus.id).unwrap(), before);
    assert_eq!(association::ids(&mut connection, campus.id).unwrap(), associations);
    let stored = entity_type::of_connector(&mut connection, campus.id).unwrap();
    assert_eq!((stored[1].display_name.as_str(), stored[1].retired), ("Clubs", false));
    assert_eq!(configuration::versions(&mut connection, campus.id).unwrap().len(), 3);
    assert_eq!(configuration::version(&mut connection, campus.id, 2).unwrap().document, without_clubs);
}

#[test]
fn activity_changes_once_and_is_audited() {
    let muster = Program::new();
    muster.apply_example("hr.toml");
    let ran = muster.run(&["deactivate", "hr", "--json"]).succeeded();
    assert_eq!(ran.json()[0], serde_json::json!({ "connector": "hr", "active": false, "changed": true }));
    muster.run(&["deactivate", "hr"]).succeeded().shows("connector hr: already deactivated");
    let mut connection = muster.database.connect();
    let hr = connector::by_name(&mut connection, "hr").unwrap().unwrap();
    assert!(!hr.active && hr.activity_changed_by.unwrap().ends_with("(command line)"));
    muster.run(&["activate", "hr"]).succeeded().shows("connector hr: now active");
    let actions: Vec<(String, String)> =
        audit::table.select((audit::action, audit::subject)).order(audit::id).load(&mut connection).unwrap();
    let told: Vec<&str> = actions.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(told, ["apply", "deactivate", "activate"]);
    assert!(actions.iter().all(|(_, subject)| subject == "connector hr"));
}

#[test]
fn a_draft_waits_for_reload() {
    let muster = Program::new();
    muster.run_with_stdin(&["apply"], CAMPUS).succeeded();
    let mut connection = muster.database.connect();
    let campus = connector::by_name(&mut connection, "campus").unwrap().unwrap();
    assert!(!campus.is_stale());
    let text = CAMPUS.replace("Campus cards", "Cards");
    configuration::save_draft(&mut connection, &campus, &text, "ada").unwrap();
    let stale = connector::by_name(&mut connection, "campus").unwrap().unwrap();
    assert!(stale.is_stale());
    assert_eq!((stale.configuration_version, stale.display_name.as_str()), (1, "Campus cards"));
    muster.run_with_stdin(&["apply"], CAMPUS).succeeded().says("a draft of ada still waits for Reload");

    let Document::Connector { text, definition } = document::parse(&text, None).unwrap() else { panic!("a connector") };
    let other = configuration::reload(&mut connection, &campus, CAMPUS, &definition, "ada").unwrap();
    assert_eq!(other, None, "what was not the draft is not made the version that runs use");
    let applied = configuration::reload(&mut connection, &campus, &text, &definition, "ada").unwrap().unwrap();
    assert_eq!(applied.version, 2);
    let reloaded = connector::by_name(&mut connection, "campus").unwrap().unwrap();
    assert!(!reloaded.is_stale());
    assert_eq!((reloaded.configuration_version, reloaded.display_name.as_str()), (2, "Cards"));
    assert_eq!(configuration::current(&mut connection, &reloaded).unwrap().document, text);
}

#[test]
fn correlating_by_another_field_makes_the_field_and_its_index() {
    let muster = Program::new();
    let field = "Karte '\\\" 健";
    let text = CAMPUS.replace("field = \"employee_id\"", &format!("field = '''{field}'''"));
    muster.run_with_stdin(&["apply"], &text).succeeded();
    let mut connection = muster.database.connect();
    let declared_by: String =
        profile_fields::table.find(field).select(profile_fields::declared_by).first(&mut connection).unwrap();
    assert_eq!(declared_by, "campus");
    let plan = "explain (costs off) select id from persons where lower(fields ->> $1) = 'x'";
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
        line: String,
    }
    diesel::sql_query("set enable_seqscan = off").execute(&mut connection).unwrap();
    let lines: Vec<Line> = diesel::sql_query(plan.replace("$1", &format!("'{}'", field.replace('\'', "''"))))
        .load(&mut connection)
        .unwrap();
    let plan = lines.into_iter().map(|line| line.line).collect::<String>();
    assert!(plan.contains("Index Cond: (lower((fields ->> 'Karte"), "{plan}");
}

#[test]
fn two_edits_at_once_make_two_versions() {
    let muster = Program::new();
    muster.run_with_stdin(&["apply"], CAMPUS).succeeded();
    let texts: Vec<String> = (0..6).map(|number| CAMPUS.replace("Campus cards", &format!("Cards {number}"))).collect();
    std::thread::scope(|scope| {
        for text in &texts {
            let mut connection = muster.database.connect();
            scope.spawn(move || {
                let definition = document::connector(text).unwrap();
                configuration::apply(&mut connection, text, &definition, "ada").unwrap();
            });
        }
    });
    let mut connection = muster.database.connect();
    let versions: Vec<i32> = configurations::table
        .select(configurations::version)
        .order(configurations::version)
        .load(&mut connection)
        .unwrap();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
}
