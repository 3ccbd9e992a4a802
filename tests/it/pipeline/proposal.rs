//! A proposal for a real directory: users, nested groups and who is in them, accepted and read as it stands.

use crate::support::directory::{ADMIN, Directory, Organization, PASSWORD};
use crate::support::program::Program;
use muster::model::connection::{ConnectionDefinition, TableDefinition};
use muster::pipeline::export;
use muster::pipeline::proposal::{self, Sketch};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn users_and_nested_groups_of_a_directory_are_proposed_and_read() {
    let directory = Directory::builder().entries(&Organization::company().ldif()).start();
    let program = Program::new();
    let secrets = program.folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let secret = secrets.join("password");
    std::fs::write(&secret, PASSWORD).unwrap();
    let map = |value: Value| value.as_object().unwrap().clone();
    let table = |name: &str, filter: &str, attributes: &[&str]| TableDefinition {
        name: name.into(),
        settings: map(
            json!({ "base": format!("ou={name},dc=example,dc=org"), "filter": filter, "attributes": attributes }),
        ),
    };
    muster::secret::trust_folders(std::slice::from_ref(&secrets));
    let connection = ConnectionDefinition {
        name: "ldap".into(),
        kind: "ldap".into(),
        settings: map(json!({
            "servers": [directory.url()], "bind_dn": ADMIN, "bind_password": { "file": secret.to_str().unwrap() }
        })),
        tables: vec![
            table("people", "(objectClass=inetOrgPerson)", &["entryUUID", "uid", "givenName", "sn", "cn", "mail"]),
            table("groups", "(objectClass=groupOfNames)", &["entryUUID", "cn", "description", "member"]),
        ],
    };
    let (connection, observed) =
        export::survey(Path::new(env!("CARGO_BIN_EXE_muster")), connection, Vec::new()).unwrap();
    let proposal =
        proposal::propose(&Sketch { name: "directory", display_name: None, connection: &connection }, &observed);
    let document = &proposal.document;
    assert!(!document.contains(PASSWORD));
    for line in ["match = \"dn\"", "membership = true", "user_name = \"uid\"", "represents = \"groups\""] {
        assert!(document.contains(line), "{line} does not stand in\n{document}");
    }
    program.run_with_stdin(&["apply", "-"], document).succeeded();
    let run = program.run(&["run", "directory", "--wait", "--json"]).exited(3).json().remove(0);
    let problems = run["problems"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum::<u64>();
    assert_eq!(problems, 0, "{document}\n{run:#}");
    assert_eq!(run["persons"]["created"], 2_000, "{run:#}");
    let members = &run["associations"][0];
    assert!(members["inserted"].as_u64().unwrap() > 1_600, "{run:#}");
}
