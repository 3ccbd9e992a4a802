//! Checking a connection and listing what its tables hold.

use super::Document;
use crate::support::directory::{ADMIN, Directory, Organization};
use crate::support::responder::Responder;
use muster::connectors::kind;

#[test]
fn a_check_speaks_about_every_server_and_table() {
    let directory = Directory::builder()
        .entries(&Organization { users: 20, groups: 0, staff: 0 }.ldif())
        .certificate_for("DNS:localhost")
        .start();
    let hanging = Responder::silent();
    let url = directory.url_of("localhost");
    let document = Document::new(&[url.clone(), hanging.url()])
        .people(&["uid"])
        .groups()
        .table("name = \"nowhere\"\nbase = \"ou=nowhere\"\nattributes = []")
        .set("start_tls", true)
        .set("ca_file", directory.ca_file().to_str().unwrap())
        .set("timeout_seconds", 1);
    let findings = kind("ldap").unwrap().check(&document.request()).unwrap();
    let found: Vec<(String, bool)> =
        findings.iter().map(|finding| (finding.subject.replace(&url, "it"), finding.ok)).collect();
    let expected = [
        ("it", true),
        ("it, table people", true),
        ("it, table groups", true),
        ("it, table nowhere", false),
        (&hanging.url(), false),
    ];
    assert_eq!(found, expected.map(|(subject, ok)| (subject.to_owned(), ok)), "{findings:#?}");
    assert_eq!(findings[0].message, format!("OpenLDAP, TLS 1.3, signed in as {ADMIN}"));
    assert_eq!(findings[1].message, "3 entries read to try");
    assert!(findings[2].message.contains("no entry found"));
    assert!(findings[3].message.contains("noSuchObject (32)"));
}

#[test]
fn a_check_finds_a_wrong_password_without_telling_it() {
    let directory = Directory::start();
    let document = Document::new(&[directory.url()]).people(&["uid"]).password(Some("canary-wrong"));
    let findings = kind("ldap").unwrap().check(&document.request()).unwrap();
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].ok && findings[0].message.contains("invalidCredentials"), "{findings:?}");
    assert!(!format!("{findings:?}").contains("canary"));
}

#[test]
fn tables_know_their_columns_from_the_schema() {
    let directory = Directory::builder().entries(&Organization { users: 5, groups: 2, staff: 5 }.ldif()).start();
    let document = Document::new(&[directory.url()]).people(&["entryUUID", "uid", "jpegPhoto", "unheardOf"]).groups();
    let tables = kind("ldap").unwrap().tables(&document.request()).unwrap();
    let columns: Vec<(&str, Option<&str>, bool)> = tables[0]
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.native_type.as_deref(), column.multivalued))
        .collect();
    assert_eq!(
        columns,
        [
            ("dn", Some("DN"), false),
            ("entryUUID", Some("UUID"), false),
            ("uid", Some("Directory String"), true),
            ("jpegPhoto", Some("JPEG"), true),
            ("unheardOf", None, true),
        ]
    );
    assert_eq!(tables[0].samples.len(), 3);
    assert_eq!(tables[0].samples[0][2], "u00000");
    assert_eq!(tables[1].samples.len(), 2);
    assert_eq!(tables[1].columns[3].name, "member");
    assert!(tables[1].samples[0][3].chars().count() <= 201, "long cells are cut");
}
