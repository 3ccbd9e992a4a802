//! Encrypted or not at all: PostgreSQL and MariaDB with certificates of their own.

use super::{Document, Source};
use crate::support::directory::make_certificate;
use muster::connectors::kind;
use std::path::Path;

const TABLES: &str = "[[table]]\nname = \"people\"\ntable = \"people\"\n";

fn document(source: &Source, host: &str) -> Document {
    source.by_network(TABLES).set("host", host)
}

#[test]
fn the_servers_certificate_is_checked() {
    let others = tempfile::tempdir().unwrap();
    make_certificate(others.path(), "DNS:localhost");
    let [postgres, mariadb, _] = Source::all();
    for source in [&postgres, &mariadb] {
        source.execute("create table people (id integer); insert into people values (1)");
        let own = match source {
            Source::Postgres(it) => &it.ca_file,
            Source::Mariadb(it) => &it.ca_file,
            Source::Sqlite(_) => unreachable!("a file has no TLS"),
        };
        let with = |host: &str, ca: &Path| document(source, host).set("ca_file", ca.to_str().unwrap());
        let read = with("localhost", own).export().unwrap_or_else(|error| panic!("{}: {error}", source.name()));
        assert_eq!(read.lines("people"), ["1"]);
        let findings = kind("sql").unwrap().check(&with("localhost", own).request()).unwrap();
        assert!(findings[0].message.contains("with TLS"), "{findings:?}");

        // No other CA is trusted, and no other name.
        let error = with("localhost", &others.path().join("ca.pem")).failure();
        assert!(error.message.contains("from a CA that is not trusted: set ca_file"), "{}: {error}", source.name());
        let error = with("127.0.0.1", own).failure();
        assert!(error.message.contains("is not for this host"), "{}: {error}", source.name());
        assert!(!error.transient);
        let error = document(source, "localhost").set("tls", "verify").failure();
        assert!(error.message.contains("CA"), "{}: {error}", source.name());

        // Encrypted, whoever answers; and not at all on this machine.
        for (tls, words) in [("require", "with TLS"), ("none", "not encrypted")] {
            let findings =
                kind("sql").unwrap().check(&document(source, "localhost").set("tls", tls).request()).unwrap();
            assert!(findings.iter().all(|finding| finding.ok), "{}: {findings:?}", source.name());
            assert!(findings[0].message.contains(words), "{findings:?}");
        }
        let error = with("localhost", &others.path().join("names")).failure();
        assert!(error.message.contains("ca_file"), "{error}");
    }
}
