//! `active_directory.toml` as it stands, but for the server's address, against a real domain controller.

use super::stored::{assert_figures, count, lines, report, resume, rows, run, state};
use crate::support::active_directory::{COMPANY, DomainController, PASSWORD, PEOPLE};
use crate::support::changing_domain::Changing;
use crate::support::documents::wide_open;
use crate::support::program::{Program, examples};
use serde_json::json;

/// The connector of the example, changed by `change`; nothing has run.
pub fn connector(change: impl Fn(String) -> String) -> Program {
    let muster = Program::new().with_environment("DIRECTORY_PASSWORD", PASSWORD);
    let example = std::fs::read_to_string(examples().join("active_directory.toml")).unwrap();
    let document = example.replace("ldap://127.0.0.1:389", &DomainController::shared().url());
    assert_ne!(document, example);
    std::fs::write(muster.folder.path().join("active_directory.toml"), change(document)).unwrap();
    muster.run(&["apply", "active_directory.toml"]).succeeded();
    muster
}

#[test]
fn a_company_arrives_whole_from_active_directory() {
    // Other tests make groups meanwhile.
    let ours = ["Domain Users", "everybody", "inner", "outer"].map(|name| format!("(sAMAccountName={name})")).concat();
    let muster = connector(|document| document.replace("(objectClass=group)", &format!("(|{ours})")));
    let blocked = run(&muster, "active_directory").exited(3);
    assert!(!blocked.stdout.contains(PASSWORD) && !blocked.stderr.contains(PASSWORD), "{blocked:?}");
    let run_report = resume(&muster, &blocked);
    assert_figures(&run_report, "entity_types", "ad_user", &[("read", PEOPLE as u64), ("inserted", PEOPLE as u64)]);
    assert_figures(&run_report, "associations", "primary_group", &[("inserted", PEOPLE as u64)]);
    assert_figures(&run_report, "associations", "manager", &[("inserted", PEOPLE as u64 - 1)]);
    assert_eq!(run_report["persons"]["created"], json!(PEOPLE));

    let attributes = |account: &str, name: &str| {
        let question = format!(
            "select coalesce(attributes ->> '{name}', 'null') from resources where attributes ->> 'account' = '{account}'"
        );
        lines(&muster, &question).remove(0)
    };
    assert_eq!(attributes("p0013", "disabled"), "true");
    assert_eq!(attributes("p0012", "disabled"), "false");
    assert_eq!([attributes("p0000", "expires"), attributes("p0001", "expires")], ["null", "null"], "never and never");
    assert_eq!(attributes("p0002", "expires"), "2030-01-02T00:00:00Z");
    assert!(attributes("p0000", "sid").starts_with("S-1-5-21-"));
    assert_eq!(attributes("p0000", "guid").len(), 36);

    let members = |group: &str| {
        let question = format!(
            "select count(distinct r.person_id) from groups g
               join links l on g.resource_id in (l.from_id, l.to_id)
               join associations a on a.id = l.association_id and a.membership
               join resources r on r.id in (l.from_id, l.to_id) and r.person_id is not null where g.name = '{group}'"
        );
        count(&muster, &question)
    };
    assert_eq!(members("everybody"), PEOPLE as i64);
    assert_eq!(members("Domain Users"), PEOPLE as i64, "whose primary group it is");
    assert_eq!(members("inner"), 20);
    let nested = "select a.name || ' > ' || d.name from group_closure c join groups a on a.id = c.ancestor_id
                    join groups d on d.id = c.descendant_id where a.name in ('outer', 'inner')";
    assert_eq!(lines(&muster, nested), ["inner > outer", "outer > inner"], "a circle is borne");

    let before = rows(&muster);
    let again = report(&run(&muster, "active_directory").succeeded());
    assert_figures(&again, "entity_types", "ad_user", &[("read", PEOPLE as u64), ("unchanged", PEOPLE as u64)]);
    assert_eq!(rows(&muster), before, "the same directory again writes nothing");
}

/// The example over a branch, with thresholds that stop nothing.
fn follower(base: &str, mechanism: &str) -> Program {
    let groups = "base = \"DC=example,DC=org\"";
    connector(|document| {
        let open = format!(
            "{}\n[guards]\nfirst_run = false\nreject_percentage = 0\nvolume_percentage = 0\n\n[[connection]]",
            wide_open!()
        );
        document
            .replacen("[[connection]]", &open, 1)
            .replace(
                &format!("base = \"{COMPANY}\""),
                &format!("base = \"OU=people,{base}\"\nchanges = \"{mechanism}\""),
            )
            .replace(groups, &format!("base = \"OU=groups,{base}\"\nchanges = \"{mechanism}\""))
            .replace("(objectClass=user))", "(objectClass=user)(!(company=left)))")
    })
}

fn start(muster: &Program, mode: &str) -> serde_json::Value {
    report(&muster.run(&["run", "active_directory", "--mode", mode, "--wait", "--json"]).succeeded())
}

#[test]
fn runs_over_changes_come_to_what_a_complete_run_finds() {
    let mut changing = Changing::new("runs", 7);
    let followers = ["dirsync", "usn"].map(|mechanism| follower(&changing.base, mechanism));
    for muster in &followers {
        start(muster, "complete");
    }
    for _ in 0..6 {
        changing.step();
        for muster in &followers {
            let run = start(muster, "incremental");
            assert_eq!(run["mode"], "incremental", "{run}");
        }
    }
    assert_eq!(state(&followers[0]), state(&followers[1]), "both ways come to the same");
    for muster in &followers {
        assert!(count(muster, "select count(*) from resources_history") > 5, "much has happened");
        let before = state(muster);
        let run = start(muster, "complete");
        for one in run["entity_types"].as_array().unwrap().iter().chain(run["associations"].as_array().unwrap()) {
            for figure in ["inserted", "updated", "deleted"] {
                assert_eq!(one[figure], 0, "{figure} in {run}");
            }
        }
        assert_eq!(state(muster), before);
    }
}
