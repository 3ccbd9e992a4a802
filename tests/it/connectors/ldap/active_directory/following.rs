//! What changed in a real Active Directory: a complete run is the sequence of incremental ones, by DirSync and by numbers
//! of writes.

use super::branch::Changing;
use super::document;
use crate::connectors::ldap::Document;
use crate::connectors::ldap::replica::{Replica, Step};
use crate::support::active_directory::CLERK;
use std::collections::BTreeSet;

/// How many change sets are followed.
const CHANGE_SETS: usize = 110;

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
    let mut changing = Changing::new("chance", 1);
    let clerk = |document: Document| document.set("bind_dn", CLERK);
    let followers = [
        ("dirsync", follower(&changing.base, "auto", "objectGUID")),
        ("dirsync", follower(&changing.base, "dirsync", "sAMAccountName")),
        ("dirsync", follower(&changing.base, "dirsync", "dn")),
        ("usn", follower(&changing.base, "usn", "objectGUID")),
        ("usn", clerk(follower(&changing.base, "auto", "sAMAccountName"))),
    ];
    let mut replicas: Vec<Replica> = followers.iter().map(|(_, document)| Replica::whole(document)).collect();
    for ((mechanism, _), replica) in followers.iter().zip(&replicas) {
        assert!(replica.cursors.values().all(|cursor| cursor["mechanism"] == *mechanism), "{:?}", replica.cursors);
    }
    let mut figures: Vec<Figures> = followers.iter().map(|_| Figures::default()).collect();
    for set in 0..CHANGE_SETS {
        let ldif = changing.step();
        let key = |at: usize| ["objectGUID", "sAMAccountName", "dn", "objectGUID", "sAMAccountName"][at];
        let mut now: Vec<(&str, Replica)> = Vec::new();
        for (at, ((mechanism, document), replica)) in followers.iter().zip(&mut replicas).enumerate() {
            let what = format!("set {set}, {mechanism}, key {}:\n{ldif}", key(at));
            let step = replica.follow(document).unwrap_or_else(|error| panic!("{what}{error}"));
            figures[at].add(&step);
            // One look at the whole for each kind of key.
            if !now.iter().any(|(known, _)| *known == key(at)) {
                now.push((key(at), Replica::whole(document)));
            }
            let whole = now.iter().find(|(known, _)| *known == key(at)).map(|(_, whole)| whole);
            assert_same(replica, whole.unwrap(), &what);
        }
    }
    for (at, figures) in figures.iter().enumerate() {
        assert!(figures.updates > CHANGE_SETS && figures.deletes > CHANGE_SETS / 4, "{at}: {figures:?}");
    }
    assert!(figures[0].listed > 5 && figures[0].listed < CHANGE_SETS, "only when branches move: {figures:?}");
}
