//! Whole services, page by page.

use super::Document;
use crate::support::directory::make_certificate;
use crate::support::scim::{ScimServer, group, user};
use crate::support::web_responder::{Reply, WebResponder, answer};
use muster::connectors::kind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const COLUMNS: [&str; 8] = [
    "id",
    "USERNAME",
    "name.familyName",
    "emails[type eq \"work\"].value",
    "emails.value",
    "active",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
];

/// So many users, the first managing all others, and a group of all.
fn company(server: &ScimServer, users: usize) -> Vec<String> {
    let first = server.create("Users", &user(0, None));
    let others: Vec<Value> = (1..users).map(|number| user(number, Some(&first))).collect();
    let mut ids = vec![first];
    ids.extend(server.create_all("Users", &others));
    server.create("Groups", &group("everybody", &ids));
    server.create("Groups", &group("nobody", &[]));
    ids
}

#[test]
fn every_resource_is_read_by_index_and_by_cursor() {
    let server = ScimServer::start(json!({ "cursor": true, "most": 40 }));
    let ids = company(&server, 203);
    let mut read = Vec::new();
    for paging in ["index", "cursor"] {
        let table = format!("name = \"users\"\nresource = \"Users\"\npaging = {paging:?}\n");
        let export = Document::new(&server.url()).table(&table, &COLUMNS).groups().export().unwrap();
        assert_eq!(export.tables["users"].header, COLUMNS);
        assert_eq!(export.rows("users").len(), 203);
        let of = |column: &str| export.column("users", column).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(of("id"), ids.iter().cloned().collect());
        assert_eq!(of(COLUMNS[1]).len(), 203);
        let place = export.column("users", "USERNAME").iter().position(|name| *name == "user0007").unwrap();
        let row = &export.rows("users")[place];
        let home_and_work = "user0007@home.example\u{1f}user0007@work.example";
        let expected =
            [&ids[7], "user0007", "Family7", "user0007@work.example", home_and_work, "true", "1007", &ids[0]];
        assert_eq!(row, &expected);

        assert_eq!(export.tables["groups"].header, ["id", "displayName"]);
        assert_eq!(export.rows("groups").len(), 2);
        let members: BTreeSet<&str> = export.column("groups.members.value", "members.value").into_iter().collect();
        assert_eq!(members, ids.iter().map(String::as_str).collect());

        let end = &export.ends["users"];
        assert!(end.words.contains("with 203 records, as many as there are (203)"), "{end:?}");
        assert!(end.figures["pages"].as_u64().unwrap() >= 6, "{end:?}");
        let mut rows = export.rows("users").to_vec();
        rows.sort();
        read.push(rows);
    }
    assert_eq!(read[0], read[1]);
}

#[test]
fn a_filter_leaves_some_and_attributes_alone_may_be_asked_for() {
    let server = ScimServer::start(json!({}));
    let ids = company(&server, 30);
    server.set("Users", &ids[3], "active", json!(false));
    let table = "name = \"users\"\nresource = \"Users\"\nfilter = \"active eq false\"\nrequest_attributes = true\n\
                 attributes = [\"title\"]\n";
    let export = Document::new(&server.url()).table(table, &COLUMNS[..4]).export().unwrap();
    assert_eq!(export.tables["users"].header.last().unwrap(), "title");
    let [row] = export.rows("users") else { panic!("{:?}", export.rows("users")) };
    assert_eq!(row, &[&ids[3], "user0003", "Family3", "user0003@work.example", "Clerk"]);

    let none = "name = \"users\"\nresource = \"Users\"\nfilter = \"userName eq \\\"nobody\\\"\"\n";
    let export = Document::new(&server.url()).table(none, &["id"]).export().unwrap();
    assert!(export.rows("users").is_empty() && export.ends.contains_key("users"));
}

#[test]
fn a_column_that_the_service_does_not_know_is_told_with_names_like_it() {
    let server = ScimServer::start(json!({}));
    company(&server, 3);
    let document = Document::new(&server.url()).users(&["id", "userLogin"]);
    document.fails_with(&["no resource has `userLogin`", "userName", "table `users` (Users)"]);
    // One that it knows, and that nobody has, is empty.
    let export = Document::new(&server.url()).users(&["id", "nickName", "phoneNumbers.value"]).export().unwrap();
    assert!(export.column("users", "nickName").iter().all(|value| value.is_empty()));
}

#[test]
fn a_wrong_token_address_or_filter_is_told() {
    let server = ScimServer::start(json!({}));
    let users = |document: Document| document.users(&["id"]);
    let error = users(Document::new(&server.url()).token(Some("canary-wrong"))).fails_with(&["401", "Check the token"]);
    assert!(!error.transient && !error.to_string().contains("canary-wrong"), "{error}");
    assert!(!users(Document::new(&server.url()).token(None)).fails_with(&["401"]).transient);
    let table = "name = \"people\"\nresource = \"People\"\n";
    Document::new(&server.url()).table(table, &["id"]).fails_with(&["404", "People", "nothing at this address"]);
    let table = "name = \"users\"\nresource = \"Users\"\nfilter = \"active eq\"\n";
    Document::new(&server.url()).table(table, &["id"]).fails_with(&["400", "table `users` (Users)"]);
    let unreached = Document::new("http://127.0.0.1:1/v2").users(&["id"]).fails_with(&["can't connect"]);
    assert!(unreached.transient);
}

#[test]
fn check_and_tables_say_what_the_service_is() {
    let server = ScimServer::start(json!({ "most": 50 }));
    company(&server, 5);
    let request = Document::new(&server.url()).users(&COLUMNS).groups().request();
    let findings = kind("scim").unwrap().check(&request).unwrap();
    assert!(findings.iter().all(|finding| finding.ok), "{findings:#?}");
    let service = &findings[0].message;
    for words in ["SCIM 2.0", "filter", "patch", "bulk", "at most 50", "one signs in by bearer_token"] {
        assert!(service.contains(words), "{words} in {service}");
    }
    assert_eq!(findings[1].message, "3 resources of 5 read to try");

    let tables = kind("scim").unwrap().tables(&request).unwrap();
    assert_eq!(tables[0].samples.len(), 3);
    let column = |name: &str| tables[0].columns.iter().find(|column| column.name == name).unwrap();
    assert_eq!(column("USERNAME").native_type.as_deref(), Some("string"));
    assert_eq!(column("active").native_type.as_deref(), Some("boolean"));
    assert!(column("emails.value").multivalued && !column("name.familyName").multivalued);
    assert_eq!(column(COLUMNS[6]).native_type.as_deref(), Some("string"));
    assert!(tables[1].columns.iter().any(|column| column.name == "members.value" && column.multivalued));

    let request = Document::new(&server.url()).users(&["id"]).token(Some("no")).request();
    let findings = kind("scim").unwrap().check(&request).unwrap();
    // What the service is, it tells everybody.
    assert!(findings[0].ok && !findings[1].ok && findings[1].message.contains("401"), "{findings:?}");
}

#[test]
fn settings_that_can_not_work_are_refused_before_anything_is_asked() {
    let refused = |change: &dyn Fn(Document) -> Document| {
        let request = change(Document::new("https://scim.example.org/v2").users(&["id"])).request();
        kind("scim").unwrap().check_settings(&request).unwrap_err().to_string()
    };
    for (url, words) in [
        ("ftp://scim.example.org", "https://"),
        ("scim.example.org", "https://"),
        ("https://ada:canary@scim.example.org", "user name"),
        ("https://scim.example.org/?key=canary", "query"),
    ] {
        let error = refused(&|document| document.set("url", url));
        assert!(error.contains(words) && !error.contains("canary"), "{url}: {error}");
    }
    assert!(refused(&|document| document.set("user", "ada")).contains("several ways"));
    assert!(refused(&|document| document.token(None).set("user", "ada")).contains("needs its `password`"));
    assert!(refused(&|document| document.token(Some(" "))).contains("`token` is empty"));
    assert!(refused(&|document| document.token(Some("a\nb"))).contains("can't be sent"));
    let table = |text: &'static str| move |document: Document| document.table(text, &[]);
    assert!(refused(&table("name = \"x\"\nresource = \"../x\"\n")).contains("`resource`"));
    assert!(refused(&table("name = \"x\"\nattributes = [\"a[\"]\n")).contains("is no path"));
    let refused = Document::new("http://169.254.169.254/v2").users(&["id"]).fails_with(&["link-local"]);
    assert!(!refused.transient);
}

/// The head and the whole of each answer come encrypted from a responder behind a real TLS server.
#[test]
fn encrypted_services_are_verified_with_the_ca_of_the_document() {
    let plain = WebResponder::start(|_, _| {
        let list = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0 });
        answer("200 OK", &[("Content-Type", "application/json")], &list.to_string())
    });
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path(), "DNS:localhost");
    let port = tls_before(folder.path(), &plain.url());
    let ca = folder.path().join("ca.pem").to_str().unwrap().to_owned();
    let of = |host: &str| Document::new(&format!("https://{host}:{port}")).users(&["id"]);
    assert!(of("localhost").set("ca_file", ca.clone()).export().unwrap().rows("users").is_empty());
    of("127.0.0.1").set("ca_file", ca).fails_with(&["not for the name 127.0.0.1"]);
    let error = of("localhost").fails_with(&["CA that is not trusted", "ca_file"]);
    assert!(!error.transient);
    let plain_port = of("localhost").set("url", plain.url().replace("http://127.0.0.1", "https://localhost"));
    plain_port.fails_with(&["localhost"]);
}

/// A TLS server that hands each connection on to a plain one.
fn tls_before(folder: &std::path::Path, plain: &str) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    crate::support::provide_tls();
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let plain = plain.trim_start_matches("http://").to_owned();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, plain) = (acceptor.clone(), plain.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut to = tokio::net::TcpStream::connect(plain).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
                });
            }
        });
    });
    told.recv().unwrap()
}

#[test]
fn a_service_without_a_description_is_read_by_index() {
    let responder = WebResponder::start(|_, request| match request.target.starts_with("/Users") {
        true => {
            let from: usize = request.parameter("startIndex").unwrap().parse().unwrap();
            let resources: Vec<Value> = (from..=7).take(3).map(|id| json!({ "ID": id.to_string() })).collect();
            let list = json!({
                "Schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "TOTALRESULTS": 7, "resources": resources,
            });
            answer("200 OK", &[("Content-Type", "application/scim+json; charset=utf-8")], &list.to_string())
        }
        false => Reply::Bytes(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec()),
    });
    let export = Document::new(&responder.url()).users(&["id", "userName"]).export().unwrap();
    assert_eq!(export.column("users", "id"), ["1", "2", "3", "4", "5", "6", "7"]);
    assert!(export.cursors.is_empty(), "without meta.lastModified nobody can tell what changed");
    // Each page begins with the last resource of the one before.
    let asked: Vec<String> =
        responder.requests().iter().filter_map(|it| Some(it.parameter("startIndex")?.into())).collect();
    assert_eq!(asked, ["1", "3", "5"]);
    assert!(responder.requests().iter().all(|request| request.head.contains("accept-encoding: identity")));
}
