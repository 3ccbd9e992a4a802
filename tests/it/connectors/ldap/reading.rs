//! Whole directories, page by page, encrypted or not.

use super::Document;
use crate::support::directory::{ADMIN, Directory, Organization, group_dn, make_certificate, user_dn};
use crate::support::recorder::Recorder;
use crate::support::responder::Responder;
use muster::connectors::{Setting, kind};
use muster::model::connection::ConnectionDefinition;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

#[test]
fn the_example_document_reads_a_company_to_its_end() {
    let company = Organization::company();
    let directory = Directory::builder().entries(&company.ldif()).start();
    let export = Document::new(&[directory.url()])
        .people(&["entryUUID", "uid", "givenName", "sn", "cn", "mail", "telephoneNumber", "jpegPhoto"])
        .groups()
        .export()
        .unwrap();

    assert_eq!(export.tables["people"].header[..3], ["dn", "entryUUID", "uid"]);
    let people: BTreeSet<&str> = export.column("people", "dn").into_iter().collect();
    let expected: Vec<String> = (0..2000).map(user_dn).collect();
    assert_eq!(people, expected.iter().map(String::as_str).collect());
    assert_eq!(export.rows("people").len(), 2000);
    assert_eq!(export.column("people", "entryUUID").into_iter().collect::<BTreeSet<_>>().len(), 2000);
    assert!(export.column("people", "jpegPhoto").iter().all(|photo| photo.is_empty()));

    assert!(export.ends["people"].words.ends_with(" pages with 2000 entries"), "{:?}", export.ends);

    assert_eq!(export.tables["groups"].header, ["dn", "cn", "description"]);
    assert_eq!(export.rows("groups").len(), 60);
    assert_eq!(export.tables["groups.member"].header, ["cn", "member"]);
    let mut members: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pair in export.rows("groups.member") {
        members.entry(&pair[0]).or_default().insert(&pair[1]);
    }
    for group in 0..60 {
        let expected = company.members(group);
        let found = &members[format!("group{group:02}").as_str()];
        assert_eq!(found, &expected.iter().map(String::as_str).collect::<BTreeSet<_>>(), "group {group}");
    }
    assert_eq!(members["group00"].len(), 1601);
    assert!(members["group00"].contains(group_dn(10).as_str()));
}

#[test]
fn the_connection_of_the_example_is_accepted_as_it_stands() {
    let document: toml::Table = toml::from_str(include_str!("../../../fixtures/examples/directory.toml")).unwrap();
    let connection: ConnectionDefinition = document["connection"][0].clone().try_into().unwrap();
    let ldap = kind("ldap").unwrap();
    let declared = |settings: &'static [Setting], key: &str| settings.iter().any(|setting| setting.name == key);
    assert!(connection.settings.keys().all(|key| declared(ldap.settings(), key)));
    assert!(
        connection
            .tables
            .iter()
            .flat_map(|table| table.settings.keys())
            .all(|key| { declared(ldap.table_settings(), key) })
    );

    let directory = Directory::builder().entries(&Organization { users: 3, groups: 1, staff: 3 }.ldif()).start();
    let mut request = Document::new(&[]).request();
    request.definition = connection;
    request.definition.settings.insert("servers".to_owned(), serde_json::json!([directory.url()]));
    let mut export = Recorder::default();
    ldap.export(&request, &mut export).unwrap();
    assert_eq!(export.rows("people").len(), 3);
    assert_eq!(export.column("groups", "member")[0].split('\u{1f}').count(), 3, "several values stay in the column");
}

#[test]
fn renamed_changed_and_deleted_entries_are_seen_as_they_are_now() {
    let directory = Directory::builder().entries(&Organization { users: 5, groups: 1, staff: 5 }.ldif()).start();
    let document = Document::new(&[directory.url()]).people(&["entryUUID", "uid", "mail"]).set("page_size", 2);
    let before = document.export().unwrap();
    directory.load("dn: uid=new,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: new\nsn: N\ncn: N\n\n");
    directory.rename(&user_dn(1), "uid=ada");
    directory.delete(&user_dn(2));
    directory.modify(&format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: new@example.org\n", user_dn(3)));
    let after = document.export().unwrap();

    let by_uuid = |export: &Recorder| -> BTreeMap<String, Vec<String>> {
        export.rows("people").iter().map(|row| (row[1].clone(), row.clone())).collect()
    };
    let (before, after) = (by_uuid(&before), by_uuid(&after));
    let uuid = |uid: &str| before.iter().find(|(_, row)| row[2] == uid).unwrap().0.clone();
    assert_eq!(after.len(), 5);
    assert_eq!(after[&uuid("u00001")][0], "uid=ada,ou=people,dc=example,dc=org");
    assert!(!after.contains_key(&uuid("u00002")));
    assert_eq!(after[&uuid("u00003")][3], "new@example.org");
}

#[test]
fn an_empty_branch_is_a_table_without_rows() {
    let directory = Directory::start();
    let export = Document::new(&[directory.url()]).people(&["uid"]).export().unwrap();
    assert_eq!(export.tables["people"].header, ["dn", "uid"]);
    assert!(export.rows("people").is_empty());
}

#[test]
fn encrypted_connections_are_verified_with_the_ca_of_the_document() {
    let directory = Directory::builder()
        .entries(&Organization { users: 700, groups: 0, staff: 0 }.ldif())
        .certificate_for("DNS:localhost")
        .start();
    let ca = directory.ca_file().to_str().unwrap().to_owned();
    let read = |url: String, start_tls: bool, ca: Option<&str>| {
        let mut document = Document::new(&[url]).people(&["uid"]).set("start_tls", start_tls).set("page_size", 100);
        if let Some(ca) = ca {
            document = document.set("ca_file", ca);
        }
        match document.export() {
            Ok(export) => Ok(export.rows("people").len()),
            Err(_) => Err(document.failure()),
        }
    };
    assert_eq!(read(directory.url_of("localhost"), true, Some(&ca)).unwrap(), 700);
    assert_eq!(read(directory.secure_url_of("localhost"), false, Some(&ca)).unwrap(), 700);

    let elsewhere = tempfile::tempdir().unwrap();
    make_certificate(elsewhere.path(), "DNS:localhost");
    let other_ca = elsewhere.path().join("ca.pem").to_str().unwrap().to_owned();
    for (url, start_tls) in [(directory.url_of("localhost"), true), (directory.secure_url_of("localhost"), false)] {
        for ca in [Some(other_ca.as_str()), None] {
            let error = read(url.clone(), start_tls, ca).unwrap_err();
            assert!(error.message.contains("CA that is not trusted"), "{error}");
            assert_eq!((error.place.as_str(), error.transient), (url.as_str(), false));
        }
    }
    for (url, start_tls) in [(directory.url(), true), (directory.secure_url_of("127.0.0.1"), false)] {
        let error = read(url, start_tls, Some(&ca)).unwrap_err();
        assert!(error.message.contains("not for the name 127.0.0.1"), "{error}");
    }
    let error = read(directory.url(), true, Some("/nonexistent/ca.pem")).unwrap_err();
    assert!(error.place.contains("/nonexistent/ca.pem") && error.message.contains("ca_file"), "{error}");
}

#[test]
fn the_connection_itself_may_say_who_reads() {
    let directory = Directory::builder()
        .entries(&Organization { users: 5, groups: 0, staff: 0 }.ldif())
        .certificate_for("DNS:localhost")
        .configure("require authc")
        .start();
    let by_socket = Document::new(&[directory.socket_url()]).people(&["uid"]).external();
    assert_eq!(by_socket.export().unwrap().rows("people").len(), 5);
    let findings = kind("ldap").unwrap().check(&by_socket.request()).unwrap();
    assert!(findings[0].message.contains("SASL EXTERNAL"), "{findings:?}");

    let secure = directory.secure_url_of("localhost");
    let of = |document: Document| document.people(&["uid"]).set("ca_file", directory.ca_file().to_str().unwrap());
    let (certificate, key) = directory.client_certificate();
    let by_certificate = of(Document::new(std::slice::from_ref(&secure)).external())
        .set("client_certificate", certificate.to_str().unwrap())
        .set("client_key", key.to_str().unwrap());
    assert_eq!(by_certificate.export().unwrap().rows("people").len(), 5);
    let without = of(Document::new(std::slice::from_ref(&secure)).external());
    assert!(
        without.failure().message.contains("neither a socket (ldapi://) nor encrypted with a `client_certificate`")
    );
    let nobody = of(Document::new(&[secure]).external().set("sasl_external", false));
    assert!(!nobody.failure().transient, "nobody may read");
}

#[test]
fn a_server_without_a_certificate_refuses_start_tls() {
    let directory = Directory::start();
    let ca = tempfile::tempdir().unwrap();
    make_certificate(ca.path(), "DNS:localhost");
    let error = Document::new(&[directory.url()])
        .people(&["uid"])
        .set("start_tls", true)
        .set("ca_file", ca.path().join("ca.pem").to_str().unwrap())
        .failure();
    assert!(error.message.contains("StartTLS was refused"), "{error}");
}

#[test]
fn a_wrong_password_is_refused_and_not_tried_elsewhere() {
    let directory = Directory::start();
    let second = Responder::silent();
    let document = Document::new(&[directory.url(), second.url()]).people(&["uid"]).password(Some("canary-wrong"));
    let error = document.failure();
    assert!(error.message.contains("invalidCredentials (49)") && error.message.contains(ADMIN), "{error}");
    assert!(!error.to_string().contains("canary-wrong"));
    assert_eq!((error.place.as_str(), error.transient), (directory.url().as_str(), false));
    assert_eq!(second.connections(), 0);
}

#[test]
fn an_empty_password_is_refused_before_anything_is_sent() {
    let server = Responder::silent();
    for password in [None, Some(""), Some("  ")] {
        let error = Document::new(&[server.url()]).people(&["uid"]).password(password).failure();
        assert!(error.message.contains("`bind_password` is empty"), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn the_next_server_is_used_if_one_does_not_answer() {
    let directory = Directory::builder().entries(&Organization { users: 3, groups: 0, staff: 0 }.ldif()).start();
    let gone = "ldap://127.0.0.1:1".to_owned();
    let hanging = Responder::silent();
    let began = Instant::now();
    let export = Document::new(&[gone.clone(), hanging.url(), directory.url()])
        .people(&["uid"])
        .set("timeout_seconds", 1)
        .export()
        .unwrap();
    assert_eq!(export.rows("people").len(), 3);
    assert!(began.elapsed() < Duration::from_secs(4));

    let error = Document::new(&[gone, hanging.url()]).people(&["uid"]).set("timeout_seconds", 1).failure();
    assert!(error.transient && error.message.contains("127.0.0.1:1: can't connect"), "{error}");
    assert!(error.message.contains(&hanging.url()), "{error}");
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    let cases: &[(&str, serde_json::Value, &str)] = &[
        ("servers", serde_json::json!([]), "`servers` is empty"),
        ("servers", serde_json::json!(["http://directory"]), "none of ldap://, ldaps:// and ldapi://"),
        ("servers", serde_json::json!(["ldap://me:canary-in-url@directory"]), "`bind_dn`"),
        ("servers", serde_json::json!(["ldap://directory/dc=example"]), "host and port"),
        ("page_size", 0.into(), "`page_size` is 0"),
        ("timeout_seconds", 1_000_000.into(), "`timeout_seconds` is 1000000"),
        ("start_tls", "yes".into(), "invalid type"),
    ];
    for (name, value, expected) in cases {
        let error = Document::new(&["ldap://127.0.0.1:1".to_owned()]).set(name, value.clone()).failure();
        assert!(error.message.contains(expected) && !error.transient, "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let tables: &[(&str, &str)] = &[
        ("scope = \"deep\"\nattributes = [\"uid\"]", "`scope` is `deep`"),
        ("filter = \"(uid=\"\nattributes = [\"uid\"]", "`filter` is not an LDAP filter"),
        ("attributes = [\"*\"]", "`*` is not the name"),
        ("attributes = [\"uid\", \"UID\"]", "`UID` twice"),
    ];
    for (settings, expected) in tables {
        let error = Document::new(&["ldap://127.0.0.1:1".to_owned()])
            .table(&format!("name = \"t\"\nbase = \"dc=example\"\n{settings}"))
            .failure();
        assert!(error.message.contains(expected) && error.place.contains("table `t`"), "{error}");
    }
    let filter = "(!".repeat(5000) + "(uid=a)" + &")".repeat(5000);
    let error = Document::new(&["ldap://127.0.0.1:1".to_owned()])
        .table(&format!("name = \"t\"\nbase = \"dc=example\"\nfilter = {filter:?}\nattributes = []"))
        .failure();
    assert!(error.message.contains("`filter`"), "{error}");
}
