//! What changed in a real Active Directory: a complete run is the sequence of incremental ones, by DirSync and by numbers
//! of writes.

use super::document;
use crate::connectors::ldap::Document;
use crate::connectors::ldap::replica::{Replica, Step};
use crate::support::active_directory::{CLERK, DOMAIN, DomainController, PEOPLE, branch, group, person, person_dn};
use crate::support::changing_domain::Changing;
use muster::connectors::ChangesError;
use std::collections::BTreeSet;

/// Change sets that are followed: two hundred, each by both mechanisms with this column as key.
const SEQUENCES: [Sequence; 3] = [
    Sequence { name: "chance", seed: 1, key: "objectGUID", sets: 80 },
    Sequence { name: "hazard", seed: 2, key: "sAMAccountName", sets: 60 },
    Sequence { name: "luck", seed: 3, key: "dn", sets: 60 },
];

struct Sequence {
    /// Of the branch, and of what is in it.
    name: &'static str,
    seed: u64,
    key: &'static str,
    sets: usize,
}

/// People and groups of a branch, followed by a mechanism; with these columns as keys.
fn follower(base: &str, mechanism: &str, key: &str) -> Document {
    let filter = "(&(objectCategory=person)(objectClass=user)(!(company=left)))";
    let table = |name: &str, filter: &str, attributes: &str| {
        format!(
            "name = \"{name}\"\nbase = \"OU={name},{base}\"\nfilter = \"{filter}\"\nattributes = {attributes}\nchanges = \
             \"{mechanism}\""
        )
    };
    document()
        .set("page_size", 11)
        .table(&table(
            "people",
            filter,
            "[\"objectGUID\", \"sAMAccountName\", \"displayName\", \"otherTelephone\", \"manager\"]",
        ))
        .table(&table("groups", "(objectClass=group)", "[\"objectGUID\", \"sAMAccountName\", \"member\"]"))
        .key("people", key)
        .key("groups", key)
        .pairs("groups", key, "member")
}

/// Without references to what is not there: Active Directory takes them away without writing the entry, and a run drops
/// them with the record.
fn without_dangling(replica: &Replica) -> Replica {
    let mut replica = replica.clone();
    let column =
        |copy: &crate::connectors::ldap::replica::Copy, name: &str| copy.header.iter().position(|one| one == name);
    let names: BTreeSet<String> = replica
        .tables
        .values()
        .flat_map(|copy| copy.records.values().map(|row| row[0].clone()).collect::<Vec<_>>())
        .collect();
    for copy in replica.tables.values_mut() {
        let manager = column(copy, "manager");
        for row in copy.records.values_mut() {
            if let Some(manager) = manager.filter(|&manager| !names.contains(&row[manager])) {
                row[manager].clear();
            }
        }
        copy.pairs.values_mut().for_each(|values| values.retain(|value| names.contains(value)));
        copy.pairs.retain(|_, values| !values.is_empty());
    }
    replica
}

#[track_caller]
fn assert_same(replica: &Replica, now: &Replica, what: &str) {
    without_dangling(replica).assert_is(&without_dangling(now), what);
}

/// What the steps of one follower were.
#[derive(Debug, Default)]
struct Figures {
    updates: usize,
    deletes: usize,
    listed: usize,
}

impl Figures {
    fn add(&mut self, step: &Step) {
        let words = |word: &str| step.commands.values().flatten().filter(|(said, _)| said == word).count();
        self.updates += words("update");
        self.deletes += words("delete");
        self.listed += step.ends.values().filter(|end| end.contains("listed")).count();
    }
}

#[test]
fn changes_made_by_chance_come_to_what_is_there() {
    for sequence in SEQUENCES {
        follow(&sequence);
    }
}

fn follow(&Sequence { name, seed, key, sets }: &Sequence) {
    let mut changing = Changing::new(name, seed);
    // The administrator may follow by DirSync, the clerk has to go by numbers.
    let dirsync = follower(&changing.base, if seed == 1 { "auto" } else { "dirsync" }, key);
    let usn = match seed {
        2 => follower(&changing.base, "auto", key).set("bind_dn", CLERK),
        _ => follower(&changing.base, "usn", key),
    };
    let followers = [("dirsync", dirsync), ("usn", usn)];
    let mut replicas = followers.each_ref().map(|(_, document)| Replica::whole(document));
    for ((mechanism, _), replica) in followers.iter().zip(&replicas) {
        assert!(replica.cursors.values().all(|cursor| cursor["mechanism"] == *mechanism), "{:?}", replica.cursors);
    }
    let mut figures = [Figures::default(), Figures::default()];
    for set in 0..sets {
        let ldif = changing.step();
        let now = Replica::whole(&followers[0].1);
        for (((mechanism, document), replica), figures) in followers.iter().zip(&mut replicas).zip(&mut figures) {
            let what = format!("{name}, set {set}, {mechanism}, key {key}:\n{ldif}");
            let step = replica.follow(document).unwrap_or_else(|error| panic!("{what}{error}"));
            figures.add(&step);
            // What leads nowhere is not kept: a run keeps links to records, not to names that somebody else may take.
            *replica = without_dangling(replica);
            replica.assert_is(&without_dangling(&now), &what);
        }
    }
    for figures in &figures {
        assert!(figures.updates > sets && figures.deletes > sets / 4, "{name}: {figures:?}");
    }
    let listed = figures[0].listed;
    assert!(listed > sets / 20 && listed < sets, "{name}: only when branches move: {figures:?}");
}

/// A branch with three people, and a large group in it.
fn small(name: &str) -> String {
    let base = format!("OU={name},{DOMAIN}");
    let mut ldif = branch(&base);
    for unit in ["people", "groups"] {
        ldif += &branch(&format!("OU={unit},{base}"));
    }
    for account in ["a", "b", "c"] {
        ldif += &person(&format!("{name}-{account}"), &format!("OU=people,{base}"), "displayName: Somebody\n");
    }
    let members: Vec<String> = (0..PEOPLE).map(person_dn).collect();
    ldif += &group(&format!("{name}-large"), &format!("OU=groups,{base}"), &members);
    DomainController::shared().modify(&ldif);
    base
}

/// Commands by table, with the account that each is about.
fn said(step: &Step, table: &str) -> Vec<(String, String)> {
    step.commands[table].iter().map(|(word, row)| (word.clone(), row[2].clone())).collect()
}

fn change(name: &str, base: &str, change: &str) {
    DomainController::shared().modify(&format!("dn: CN={name},{base}\nchangetype: modify\n{change}\n"));
}

#[test]
fn what_nobody_reads_is_not_told_and_a_large_group_follows() {
    let base = small("single");
    let followers = ["dirsync", "usn"].map(|mechanism| follower(&base, mechanism, "objectGUID"));
    let mut replicas = followers.each_ref().map(Replica::whole);
    let mut follow = |expected: [&[(&str, &str)]; 2], table: &str| {
        for ((document, replica), expected) in followers.iter().zip(&mut replicas).zip(expected) {
            let step = replica.follow(document).unwrap();
            let said = said(&step, table);
            let said: Vec<(&str, &str)> =
                said.iter().map(|(word, account)| (word.as_str(), account.as_str())).collect();
            assert_eq!(said, expected, "{:?}", step.ends);
            assert_same(replica, &Replica::whole(document), "after a step");
        }
    };
    let people = format!("OU=people,{base}");
    change("single-a", &people, "replace: info\ninfo: nobody reads this");
    follow([&[], &[("update", "single-a")]], "people");
    change("single-a", &people, "replace: displayName\ndisplayName: Somebody else");
    follow([&[("update", "single-a")]; 2], "people");
    follow([&[]; 2], "people");

    let groups = format!("OU=groups,{base}");
    change("single-large", &groups, &format!("add: member\nmember: CN=single-a,{people}"));
    follow([&[("update", "single-large")]; 2], "groups");
    change("single-large", &groups, &format!("delete: member\nmember: {}", person_dn(17)));
    follow([&[("update", "single-large")]; 2], "groups");
    DomainController::shared().modify(&format!("dn: CN=single-b,{people}\nchangetype: delete\n"));
    follow([&[("delete", "single-b")]; 2], "people");
    assert_eq!(replicas[0].tables["groups"].pairs.values().next().unwrap().len(), PEOPLE);
}

#[test]
fn whoever_comes_back_is_in_the_groups_that_never_noticed() {
    let base = small("back");
    let people = format!("OU=people,{base}");
    change("back-large", &format!("OU=groups,{base}"), &format!("add: member\nmember: CN=back-c,{people}"));
    change("back-c", &people, "add: company\ncompany: left");
    for mechanism in ["dirsync", "usn"] {
        let document = follower(&base, mechanism, "objectGUID");
        let mut replica = Replica::whole(&document);
        change("back-c", &people, "delete: company");
        let step = replica.follow(&document).unwrap();
        assert_eq!(said(&step, "people"), [("update".to_owned(), "back-c".to_owned())]);
        assert_eq!(said(&step, "groups"), [("update".to_owned(), "back-large".to_owned())], "{:?}", step.ends);
        change("back-c", &people, "add: company\ncompany: left");
    }
}

#[test]
fn a_filter_by_membership_is_followed_by_numbers_of_writes() {
    let base = small("filter");
    let groups = format!("OU=groups,{base}");
    let document = document()
        .table(&format!(
            "name = \"people\"\nbase = \"OU=people,{base}\"\nfilter = \"(memberOf=CN=filter-large,{groups})\"\n\
             attributes = [\"objectGUID\", \"sAMAccountName\"]"
        ))
        .key("people", "objectGUID");
    let mut replica = Replica::whole(&document);
    assert_eq!(replica.cursors["people"]["mechanism"], "usn");
    for (word, expected) in [("add", "update"), ("delete", "delete")] {
        change("filter-large", &groups, &format!("{word}: member\nmember: CN=filter-a,OU=people,{base}"));
        let step = replica.follow(&document).unwrap();
        assert_eq!(said(&step, "people"), [(expected.to_owned(), "filter-a".to_owned())], "the person was not written");
    }
}

#[test]
fn a_position_of_another_server_or_a_restored_one_lets_everything_be_read() {
    let base = small("expired");
    let cases = [
        ("dirsync", "cookie", serde_json::json!("bm8gY29va2ll"), "the server says unavailableCriticalExtension (12)"),
        ("dirsync", "cookie", serde_json::json!("?"), "cookie that can't be read"),
        ("dirsync", "invocation", serde_json::json!("AAAA"), "restored or replaced"),
        ("usn", "invocation", serde_json::json!("AAAA"), "restored or replaced"),
        ("usn", "usn", serde_json::json!(1u64 << 40), "counts fewer writes now"),
    ];
    for (mechanism, field, value, expected) in cases {
        let document = follower(&base, mechanism, "objectGUID");
        let mut replica = Replica::whole(&document);
        replica.cursors.get_mut("people").unwrap()["position"][field] = value;
        let Err(ChangesError::Expired(why)) = replica.follow(&document) else { panic!("{mechanism} {field}") };
        assert!(why.contains(expected) && why.contains("table people"), "{why}");
    }
    let document = follower(&base, "dirsync", "objectGUID");
    let mut replica = Replica::whole(&document);
    replica.cursors.get_mut("people").unwrap()["server"] = "CN=NTDS Settings,CN=DC2".into();
    let Err(ChangesError::Expired(why)) = replica.follow(&document) else { panic!("another server") };
    assert!(why.contains("CN=DC2"), "{why}");
}

#[test]
fn whoever_loses_the_right_to_replicate_is_read_whole() {
    let base = small("right");
    let document = follower(&base, "dirsync", "objectGUID");
    let mut replica = Replica::whole(&document);
    let clerk = follower(&base, "dirsync", "objectGUID").set("bind_dn", CLERK);
    let Err(ChangesError::Expired(why)) = replica.follow(&clerk) else { panic!("the clerk may not replicate") };
    assert!(why.contains("insufficientAccessRights (50)"), "{why}");
}
