//! The settings document: jobs and profile fields.

use crate::support::program::Program;
use diesel::prelude::*;
use muster::model::job::{self, Job};
use muster::model::profile_field::{self, ProfileField};
use muster::schema::settings_versions;

const SETTINGS: &str = include_str!("../../fixtures/examples/settings.toml");

#[test]
fn jobs_become_those_of_the_document_and_the_built_in_ones_stay() {
    let muster = Program::new();
    let mut connection = muster.database.connect();
    let before = job::list(&mut connection).unwrap();
    assert_eq!(names(&before), ["complete", "incremental"]);

    let text = "[[job]]\nname = \"complete\"\ncron = \"30 2 * * 1-5\"\ntime_zone = \"Europe/Zurich\"\nmode = \"complete\"\n\
                enabled = false\n\n[[job]]\nname = \"noon\"\ncron = \"0 12 * * *\"\nmode = \"incremental\"\n";
    muster.run_with_stdin(&["apply"], text).succeeded().shows("settings: created, version 1");
    let jobs = job::list(&mut connection).unwrap();
    assert_eq!(names(&jobs), ["complete", "incremental", "noon"]);
    assert_eq!(jobs[1], before[1]);
    let (complete, zone) = (&jobs[0], "Europe/Zurich");
    assert_eq!((complete.cron.as_str(), complete.time_zone.as_str(), complete.enabled), ("30 2 * * 1-5", zone, false));

    muster.run_with_stdin(&["apply"], "[retention]\nhistory_days = 30\n").succeeded().shows("changed, now version 2");
    assert_eq!(job::list(&mut connection).unwrap(), before, "what the document no longer says is as it was");
}

#[test]
fn profile_fields_are_declared_and_forgotten() {
    let muster = Program::new();
    muster.apply_example("hr.toml");
    let ran = muster.run_with_stdin(&["apply"], SETTINGS).succeeded();
    assert!(ran.stderr.contains("there is no connector \"directory\" yet"), "{ran:?}");
    let phone = field(&muster, "phone");
    assert_eq!(phone.sources, [Some("directory".to_owned()), Some("hr".to_owned())]);
    assert_eq!((phone.title.as_str(), phone.declared_by.as_str()), ("Phone", "built_in"));
    let pronouns = field(&muster, "pronouns");
    assert_eq!((pronouns.editable_by.as_str(), pronouns.declared_by.as_str()), ("person", "settings"));
    assert_eq!(pronouns.value_type, "text");

    let ran = muster.run_with_stdin(&["apply"], "[retention]\n").succeeded();
    assert!(ran.stderr.contains("\"pronouns\" is no longer declared"), "{ran:?}");
    assert_eq!(field(&muster, "phone").sources, []);
    assert_eq!(field(&muster, "pronouns").editable_by, "nobody");
}

#[test]
fn the_same_settings_write_nothing() {
    let muster = Program::new();
    muster.run_with_stdin(&["apply"], SETTINGS).succeeded();
    muster.run_with_stdin(&["apply"], SETTINGS).succeeded().shows("settings: unchanged, version 1");
    let mut connection = muster.database.connect();
    assert_eq!(settings_versions::table.count().get_result::<i64>(&mut connection).unwrap(), 1);
    assert_eq!(muster.run(&["export", "--settings"]).succeeded().stdout, SETTINGS);
}

#[test]
fn what_exists_from_the_start_is_the_same_in_code_and_database() {
    let muster = Program::new();
    let stored: Vec<(String, String)> = profile_field::list(&mut muster.database.connect())
        .unwrap()
        .into_iter()
        .map(|field| (field.name, field.value_type))
        .collect();
    let known = profile_field::BUILT_IN.map(|(name, value_type)| (name.to_owned(), value_type.as_str().to_owned()));
    assert_eq!(stored, known);
    let jobs: Vec<(String, String)> =
        job::list(&mut muster.database.connect()).unwrap().into_iter().map(|job| (job.name, job.cron)).collect();
    assert_eq!(jobs, job::built_in().map(|job| (job.name, job.cron)));
}

fn names(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.name.as_str()).collect()
}

fn field(muster: &Program, name: &str) -> ProfileField {
    let fields = profile_field::list(&mut muster.database.connect()).unwrap();
    fields.into_iter().find(|field| field.name == name).unwrap()
}
