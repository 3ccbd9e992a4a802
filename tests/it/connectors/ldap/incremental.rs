//! A complete run is the sequence of incremental ones: over change sets made by chance, with every mechanism and whatever
//! the key is made of.

use super::Document;
use super::replica::Replica;
use crate::support::changing::Changing;
use crate::support::directory::{Directory, SUFFIX};
use chrono::{TimeDelta, Utc};

/// How many change sets each directory goes through.
const CHANGE_SETS: usize = 40;

fn document(directory: &Directory, mechanism: &str, key: &str) -> Document {
    let table = |name: &str, base: &str, filter: &str, attributes: &str| {
        format!(
            "name = \"{name}\"\nbase = \"ou={base},{SUFFIX}\"\nfilter = \"{filter}\"\nattributes = {attributes}\nchanges = \
             \"{mechanism}\""
        )
    };
    let of_groups = if key == "uid" { "cn" } else { key };
    let filter = "(&(objectClass=inetOrgPerson)(!(employeeType=left)))";
    Document::new(&[directory.url()])
        .set("page_size", 7)
        .table(&table("people", "people", filter, "[\"uid\", \"cn\", \"mail\"]"))
        .table(&table("groups", "groups", "(objectClass=groupOfNames)", "[\"cn\", \"entryUUID\", \"member\"]"))
        .key("people", key)
        .key("groups", of_groups)
        .pairs("groups", of_groups, "member")
}

/// How the steps were followed.
#[derive(Debug, Default)]
struct Steps {
    /// The server named what is gone.
    named: usize,
    /// The server listed what is there.
    listed: usize,
    /// Entries were listed because branches were written.
    branches: usize,
    updates: usize,
    deletes: usize,
}

/// Follows change sets by chance with each kind of key.
fn follow(directory: Directory, mechanism: &str, seed: u64) -> Steps {
    let mut changing = Changing::new(directory, seed, false);
    let documents: Vec<Document> =
        ["entryUUID", "uid", "dn"].iter().map(|key| document(&changing.directory, mechanism, key)).collect();
    let mut replicas: Vec<Replica> = documents.iter().map(Replica::whole).collect();
    let mut steps = Steps::default();
    for set in 0..CHANGE_SETS {
        let ldif = changing.step();
        for (document, replica) in documents.iter().zip(&mut replicas) {
            let what = format!("seed {seed}, set {set}, {mechanism}:\n{ldif}");
            let now = Replica::whole(document);
            let step = replica.follow(document).unwrap_or_else(|error| panic!("{what}{error}"));
            replica.assert_is(&now, &what);
            let end = &step.ends["people"];
            steps.named += usize::from(end.contains("named what is gone"));
            steps.listed += usize::from(end.contains("the server listed"));
            steps.branches += usize::from(end.contains("branches were written"));
            let words = |word: &str| step.commands.values().flatten().filter(|(said, _)| said == word).count();
            (steps.updates, steps.deletes) = (steps.updates + words("update"), steps.deletes + words("delete"));

            let again = replica.follow(document).unwrap();
            assert!(again.commands.values().flatten().all(|(word, _)| word == "update"), "nothing happened: {again:?}");
            replica.assert_is(&now, "again");
        }
    }
    assert!(steps.updates > 3 * CHANGE_SETS && steps.deletes > CHANGE_SETS, "{steps:?}");
    steps
}

#[test]
fn changes_by_content_synchronization_come_to_what_is_there() {
    for seed in 1..4 {
        let directory = Directory::builder().synchronized(1000).start();
        let steps = follow(directory, "syncrepl", seed);
        assert!(steps.named > CHANGE_SETS && steps.branches > 5 && steps.branches < steps.named, "{steps:?}");
    }
}

#[test]
fn changes_by_a_log_that_is_too_short_come_to_what_is_there() {
    // Most of the time the server can only list what is there.
    let directory = Directory::builder().synchronized(3).start();
    let steps = follow(directory, "syncrepl", 11);
    assert!(steps.listed > CHANGE_SETS, "{steps:?}");
}

#[test]
fn changes_by_stamps_come_to_what_is_there() {
    for seed in 21..24 {
        follow(Directory::start(), "timestamp", seed);
    }
}

#[test]
fn changes_by_stamps_of_whole_seconds_come_to_what_is_there() {
    follow(Directory::builder().anonymous().start(), "timestamp", 31);
}

#[test]
fn a_second_write_within_a_second_is_seen_whatever_else_was_read() {
    let person = |uid: &str, more: &str| {
        format!("dn: uid={uid},ou=people,{SUFFIX}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: {uid}\nsn: x\n{more}\n")
    };
    // As if it had been written while the others were being read already.
    let later = (Utc::now() + TimeDelta::seconds(5)).format("%Y%m%d%H%M%SZ");
    let entries = [person("ada", ""), person("later", &format!("modifyTimestamp: {later}\n"))];
    let directory = Directory::builder().anonymous().entries(&entries.join("\n")).start();
    let document = document(&directory, "timestamp", "uid");
    let write = |mail: &str| {
        let dn = format!("uid=ada,ou=people,{SUFFIX}");
        directory.modify(&format!("dn: {dn}\nchangetype: modify\nreplace: mail\nmail: {mail}\n"));
    };
    let stamp = |replica: &Replica| {
        let people = &replica.tables["people"];
        let at = people.header.iter().position(|name| name == "modifyTimestamp").unwrap();
        people.records["ada"][at].clone()
    };
    for attempt in 0..50 {
        write(&format!("first{attempt}@x"));
        let mut replica = Replica::whole(&document);
        write(&format!("second{attempt}@x"));
        let now = Replica::whole(&document);
        if stamp(&replica) == stamp(&now) {
            replica.follow(&document).unwrap();
            replica.assert_is(&now, &format!("attempt {attempt}"));
            return;
        }
    }
    panic!("no two writes came within a second");
}

#[test]
fn numbers_of_writes_of_a_database_that_is_not_seen_are_no_use() {
    // What a domain controller says of itself, to an account that may not see more.
    let root = tempfile::NamedTempFile::new().unwrap();
    let said = "dn:\nsupportedCapabilities: 1.2.840.113556.1.4.800\nhighestCommittedUSN: 7\n";
    std::fs::write(root.path(), said).unwrap();
    let attributes: String = ["supportedCapabilities", "highestCommittedUSN"]
        .iter()
        .enumerate()
        .map(|(number, name)| {
            format!(
                "attributetype ( 1.3.6.1.4.1.4203.666.1.{number} NAME '{name}' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
            )
        })
        .collect();
    let lines = format!("{attributes}rootDSE {}", root.path().display());
    let directory = Directory::builder().configure_server(&lines).start();
    let document = document(&directory, "usn", "uid");
    assert!(document.export().unwrap().cursors.is_empty());
    let findings = muster::connectors::kind("ldap").unwrap().check(&document.request()).unwrap();
    assert!(findings.iter().any(|finding| finding.message.contains("would not be noticed")), "{findings:?}");
}
