//! A real Active Directory: read whole, and followed.

mod following;
mod rounds;

use super::Document;
use crate::support::active_directory::{ADMINISTRATOR, CLERK, COMPANY, DomainController, PASSWORD, PEOPLE, person_dn};
use muster::connectors::{PairColumn, kind};
use std::collections::{BTreeMap, BTreeSet};

/// A document that reads from the shared domain controller.
pub fn document() -> Document {
    Document::new(&[DomainController::shared().url()]).set("bind_dn", ADMINISTRATOR).password(Some(PASSWORD))
}

/// People below this branch, with these attributes.
pub fn people(document: Document, base: &str, attributes: &[&str]) -> Document {
    document.table(&format!(
        "name = \"people\"\nbase = \"{base}\"\nfilter = \"(&(objectCategory=person)(objectClass=user))\"\n\
         attributes = {attributes:?}\n"
    ))
}

/// Groups below this branch, their members as pairs.
pub fn groups(mut document: Document, base: &str) -> Document {
    let member = PairColumn { key_column: "objectGUID".into(), column: "member".into(), separator: None };
    document.pairs.insert("groups".to_owned(), vec![member]);
    document.table(&format!(
        "name = \"groups\"\nbase = \"{base}\"\nfilter = \"(objectClass=group)\"\n\
         attributes = [\"objectGUID\", \"sAMAccountName\", \"member\"]\n"
    ))
}

/// The name as an export writes it.
fn exported(dn: &str) -> String {
    dn.replace("CN=", "cn=").replace("OU=", "ou=").replace("DC=", "dc=")
}

#[test]
fn a_company_is_read_whole_with_its_large_group() {
    let attributes = ["objectGUID", "objectSid", "sAMAccountName", "userAccountControl", "accountExpires", "memberOf"];
    let export = groups(people(document(), COMPANY, &attributes), COMPANY).export().unwrap();

    assert_eq!(export.rows("people").len(), PEOPLE);
    let names: BTreeSet<&str> = export.column("people", "dn").into_iter().collect();
    assert_eq!(
        names,
        (0..PEOPLE).map(|number| exported(&person_dn(number))).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
    let guids: BTreeSet<&str> = export.column("people", "objectGUID").into_iter().collect();
    assert_eq!(guids.len(), PEOPLE);
    assert!(guids.iter().all(|guid| guid.len() == 24), "16 bytes in base64");
    assert!(export.column("people", "memberOf").iter().all(|groups| groups.contains("cn=everybody,")));
    let disabled = export.column("people", "userAccountControl").iter().filter(|control| **control == "546").count();
    assert_eq!(disabled, PEOPLE / 10);
    let expires: BTreeSet<&str> = export.column("people", "accountExpires").into_iter().collect();
    assert_eq!(expires, BTreeSet::from(["0", "9223372036854775807", "135380160000000000"]));

    let key: BTreeMap<&str, &str> =
        export.column("groups", "sAMAccountName").into_iter().zip(export.column("groups", "objectGUID")).collect();
    let members = |group: &str| -> BTreeSet<&str> {
        export.rows("groups.member").iter().filter(|pair| pair[0] == key[group]).map(|pair| pair[1].as_str()).collect()
    };
    assert_eq!(members("everybody"), names);
    assert!(members("outer").contains(exported(&format!("CN=inner,OU=Groups,{COMPANY}")).as_str()));
    assert!(members("inner").contains(exported(&format!("CN=outer,OU=Groups,{COMPANY}")).as_str()), "a circle");
}

#[test]
fn whoever_is_in_their_primary_group_has_its_token() {
    let base = "DC=example,DC=org";
    let document = people(document(), COMPANY, &["objectGUID", "primaryGroupID"]).table(&format!(
        "name = \"domain users\"\nbase = \"{base}\"\nfilter = \"(sAMAccountName=Domain Users)\"\n\
         attributes = [\"member\", \"primaryGroupToken\"]\n"
    ));
    let export = document.export().unwrap();
    assert_eq!(export.column("domain users", "primaryGroupToken"), ["513"]);
    assert_eq!(export.column("domain users", "member"), [""], "the primary group does not list its people");
    assert!(export.column("people", "primaryGroupID").iter().all(|token| *token == "513"));
}

#[test]
fn a_password_that_is_not_encrypted_or_wrong_is_refused() {
    let wrong = people(document(), COMPANY, &["objectGUID"]).password(Some("canary-wrong")).failure();
    assert!(wrong.message.contains("invalidCredentials (49)"), "{wrong}");
    let nobody = people(document(), COMPANY, &["objectGUID"]).password(None).set("bind_dn", "").failure();
    assert!(nobody.message.contains("operationsError (1)") && nobody.message.contains("bind_dn"), "{nobody}");
}

#[test]
fn an_ordinary_account_reads_what_everybody_may() {
    let document = people(document(), COMPANY, &["objectGUID", "sAMAccountName"]).set("bind_dn", CLERK);
    assert_eq!(document.export().unwrap().rows("people").len(), PEOPLE);
}

#[test]
fn a_check_says_what_it_is_and_how_changes_are_told() {
    let check = |document: Document| {
        let findings = kind("ldap").unwrap().check(&document.request()).unwrap();
        assert!(findings.iter().all(|finding| finding.ok), "{findings:?}");
        [findings[0].message.clone(), findings[1].message.clone()]
    };
    let [server, table] = check(people(document(), COMPANY, &["objectGUID"]));
    assert!(server.starts_with("Active Directory (Samba"), "{server}");
    assert!(table.contains("changes by dirsync: this account may follow changes by DirSync"), "{table}");

    let [_, table] = check(people(document().set("bind_dn", CLERK), COMPANY, &["objectGUID"]));
    assert!(table.contains("changes by usn") && table.contains("not by dirsync: not permitted"), "{table}");
    assert!(table.contains("insufficientAccessRights (50)"), "{table}");
    assert!(table.contains("Replicating Directory Changes"), "{table}");

    let [_, table] = check(people(document(), COMPANY, &["mail", "memberOf", "lastLogon"]));
    assert!(table.contains("read whole each time: lastLogon, memberOf"), "{table}");
}
