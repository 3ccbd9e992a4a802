//! What single changes come to, and when nothing but reading everything helps.

use super::Document;
use super::replica::Replica;
use crate::support::directory::{Directory, Organization, SUFFIX, group_dn, user_dn};
use muster::connectors::{ChangesError, kind};

const SMALL: Organization = Organization { users: 40, groups: 12, staff: 30 };

fn people(directory: &Directory) -> Document {
    of(directory, "auto")
}

fn of(directory: &Directory, mechanism: &str) -> Document {
    Document::new(&[directory.url()])
        .table(&format!(
            "name = \"people\"\nbase = \"ou=people,{SUFFIX}\"\nfilter = \"(objectClass=inetOrgPerson)\"\nattributes = \
             [\"uid\", \"mail\"]\nchanges = \"{mechanism}\""
        ))
        .key("people", "uid")
}

#[track_caller]
fn expired(replica: &mut Replica, document: &Document) -> String {
    match replica.follow(document) {
        Err(ChangesError::Expired(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn change_mail(directory: &Directory, user: usize, mail: &str) {
    directory.modify(&format!("dn: {}\nchangetype: modify\nreplace: mail\nmail: {mail}\n", user_dn(user)));
}

#[test]
fn the_server_names_what_changed_and_what_is_gone() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let document = people(&directory);
    let mut replica = Replica::whole(&document);
    assert_eq!(replica.tables["people"].header, ["dn", "uid", "mail", "entryUUID"]);

    let nothing = replica.follow(&document).unwrap();
    assert!(nothing.commands["people"].is_empty(), "{nothing:?}");
    let cursor = replica.cursors.clone();

    change_mail(&directory, 3, "new@example.org");
    directory.delete(&user_dn(4));
    directory.rename(&user_dn(5), "uid=renamed");
    let step = replica.follow(&document).unwrap();
    let mut said: Vec<(&str, &str)> =
        step.commands["people"].iter().map(|(word, row)| (word.as_str(), row[1].as_str())).collect();
    said.sort_unstable();
    assert_eq!(said, [("delete", "u00004"), ("delete", "u00005"), ("update", "renamed"), ("update", "u00003")]);
    assert!(step.ends["people"].contains("the server named what is gone"), "{:?}", step.ends);
    assert_ne!(replica.cursors, cursor, "the cookie has moved on");
    replica.assert_is(&Replica::whole(&document), "after changes");
}

#[test]
fn a_server_that_has_lost_its_log_lists_what_is_there() {
    let mut directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let document = people(&directory);
    let mut replica = Replica::whole(&document);
    change_mail(&directory, 3, "new@example.org");
    directory.delete(&user_dn(4));
    directory.restart();
    change_mail(&directory, 7, "newer@example.org");
    let step = replica.follow(&document).unwrap();
    assert!(step.ends["people"].contains("the server listed what is there"), "{:?}", step.ends);
    let deleted: Vec<&str> =
        step.commands["people"].iter().filter(|(word, _)| word == "delete").map(|(_, row)| row[1].as_str()).collect();
    assert_eq!(deleted, ["u00004"]);
    replica.assert_is(&Replica::whole(&document), "after a restart");
}

#[test]
fn without_content_synchronization_stamps_are_held_against_what_was_read() {
    let directory = Directory::builder().entries(&SMALL.ldif()).start();
    let document = people(&directory);
    let mut replica = Replica::whole(&document);
    assert_eq!(replica.tables["people"].header, ["dn", "uid", "mail", "entryUUID", "entryCSN"]);
    let nothing = replica.follow(&document).unwrap();
    assert!(nothing.commands["people"].is_empty(), "{nothing:?}");

    change_mail(&directory, 3, "new@example.org");
    directory.delete(&user_dn(4));
    let step = replica.follow(&document).unwrap();
    let said: Vec<(&str, &str)> =
        step.commands["people"].iter().map(|(word, row)| (word.as_str(), row[1].as_str())).collect();
    assert_eq!(said, [("delete", "u00004"), ("update", "u00003")]);
    replica.assert_is(&Replica::whole(&document), "after changes");
}

#[test]
fn a_large_group_and_groups_within_groups_are_followed_by_their_members() {
    let directory = Directory::builder().entries(&Organization::company().ldif()).synchronized(1000).start();
    let groups = |mechanism: &str| {
        Document::new(&[directory.url()])
            .table(&format!(
                "name = \"groups\"\nbase = \"ou=groups,{SUFFIX}\"\nfilter = \"(objectClass=groupOfNames)\"\nattributes \
                 = [\"entryUUID\", \"cn\", \"member\"]\nchanges = \"{mechanism}\""
            ))
            .key("groups", "entryUUID")
            .pairs("groups", "entryUUID", "member")
    };
    let documents = [groups("syncrepl"), groups("timestamp")];
    let mut replicas = documents.each_ref().map(Replica::whole);
    let member = |word: &str, group: usize, member: &str| {
        let dn = group_dn(group);
        directory.modify(&format!("dn: {dn}\nchangetype: modify\n{word}: member\nmember: {member}\n"));
    };
    member("delete", 0, &user_dn(17));
    member("add", 0, &user_dn(1999));
    member("add", 3, &group_dn(4));
    for (document, replica) in documents.iter().zip(&mut replicas) {
        let step = replica.follow(document).unwrap();
        assert_eq!(step.commands["groups"].len(), 2, "{:?}", step.commands["groups"]);
        assert_eq!(replica.tables["groups"].pairs.values().map(std::collections::BTreeSet::len).max(), Some(1601));
        replica.assert_is(&Replica::whole(document), "members");
    }
}

#[test]
fn what_can_not_be_gone_on_from_is_read_whole_and_says_why() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let document = people(&directory);
    let replica = Replica::whole(&document);

    let mut nothing = replica.clone();
    nothing.cursors.clear();
    assert!(expired(&mut nothing, &document).contains("no applied run has read the table people whole"));

    let filtered = Document::new(&[directory.url()])
        .table(&format!(
            "name = \"people\"\nbase = \"ou=people,{SUFFIX}\"\nfilter = \"(uid=*)\"\nattributes = [\"uid\", \"mail\"]"
        ))
        .key("people", "uid");
    assert!(expired(&mut replica.clone(), &filtered).contains("base, scope, filter or attributes"));

    assert!(expired(&mut replica.clone(), &of(&directory, "timestamp")).contains("told by syncrepl and are now by"));

    let mut elsewhere = replica.clone();
    elsewhere.cursors.get_mut("people").unwrap()["server"] = "ldap://other:389".into();
    assert!(expired(&mut elsewhere, &document).contains("counts in its own way"));

    let mut broken = replica.clone();
    broken.cursors.get_mut("people").unwrap()["position"] = "not base64!".into();
    assert!(expired(&mut broken, &document).contains("a cookie that can't be read"));

    // OpenLDAP takes a cookie without numbers for none, gives everything, and claims to have named all that is gone.
    let mut garbled = replica.clone();
    garbled.cursors.get_mut("people").unwrap()["position"] = "cmlkPTAwMCxjc249Z2FyYmFnZQ==".into();
    directory.delete(&user_dn(9));
    garbled.follow(&document).unwrap();
    garbled.assert_is(&Replica::whole(&document), "a cookie without numbers");

    let mut forgotten = replica.clone();
    forgotten.tables.get_mut("people").unwrap().header.retain(|column| column != "entryUUID");
    change_mail(&directory, 3, "new@example.org");
    assert!(expired(&mut forgotten, &document).contains("extractions are gone"));

    // A cookie from ahead of this server, as from a database that was restored since.
    let mut ahead = replica.clone();
    let cookie = "cmlkPTAwMCxjc249MjA5OTAxMDEwMDAwMDAuMDAwMDAwWiMwMDAwMDAjMDAwIzAwMDAwMA==";
    ahead.cursors.get_mut("people").unwrap()["position"] = cookie.into();
    assert!(expired(&mut ahead, &document).contains("consumer state is newer than provider"));
}

#[test]
fn a_list_that_has_become_empty_is_for_a_complete_run_unless_it_was_short() {
    for (users, is_short) in [(20, false), (19, true)] {
        let organization = Organization { users, groups: 0, staff: 0 };
        let directory = Directory::builder().entries(&organization.ldif()).start();
        let document = people(&directory);
        let mut replica = Replica::whole(&document);
        let gone = |user| format!("dn: {}\nchangetype: delete\n\n", user_dn(user));
        directory.modify(&(0..users).map(gone).collect::<String>());
        if is_short {
            let step = replica.follow(&document).unwrap();
            assert_eq!(step.commands["people"].iter().filter(|(word, _)| word == "delete").count(), users);
            assert!(replica.tables["people"].records.is_empty());
        } else {
            // A right that was taken away looks like this: a complete run has a guard for it.
            assert!(expired(&mut replica, &document).contains("the table people shows no entry at all any more"));
            assert_eq!(replica.tables["people"].records.len(), users);
        }
    }
}

#[test]
fn two_entries_with_one_key_are_for_a_complete_run_to_settle() {
    let directory = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    for mechanism in ["syncrepl", "timestamp"] {
        let document = of(&directory, mechanism);
        let mut replica = Replica::whole(&document);
        directory.modify(&format!(
            "dn: ou=branch,ou=people,{SUFFIX}\nchangetype: add\nobjectClass: organizationalUnit\nou: branch\n"
        ));
        let twin = format!("uid=u00001,ou=branch,ou=people,{SUFFIX}");
        directory.load(&format!("dn: {twin}\nobjectClass: inetOrgPerson\nuid: u00001\nsn: Twin\ncn: Twin\n"));
        assert!(expired(&mut replica, &document).contains("several entries with one key"));
        directory.delete(&twin);
        directory.delete(&format!("ou=branch,ou=people,{SUFFIX}"));
    }
}

#[test]
fn a_check_says_how_changes_will_be_told() {
    let with = Directory::builder().entries(&SMALL.ldif()).synchronized(1000).start();
    let without = Directory::builder().entries(&SMALL.ldif()).start();
    let say = |document: &Document| {
        let findings = kind("ldap").unwrap().check(&document.request()).unwrap();
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
        findings[1].message.clone()
    };
    assert!(say(&people(&with)).contains("changes by syncrepl: the server offers content synchronization (RFC 4533)"));
    let said = say(&people(&without));
    assert!(said.contains("changes by timestamp: all entries are listed"), "{said}");
    assert!(said.contains("not by syncrepl: the server does not offer"), "{said}");
    assert!(say(&of(&without, "syncrepl")).contains("changes can't be told, so it is read whole each time"));
    assert!(say(&of(&with, "none")).ends_with("3 entries read to try"));
}
