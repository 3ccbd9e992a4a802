//! `directory.toml` as it stands, but for the server's address, against a real directory: 2,000 users, 60 groups in ten
//! chains of six, one group of 1,600 members.

use super::stored::{apply, assert_figures, count, lines, report, resume, rows, run};
use crate::support::directory::{Directory, Organization, PASSWORD, group_dn, user_dn};
use crate::support::program::{Program, Ran, examples};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

/// A directory, and a database with its connector.
pub struct Company {
    /// The program.
    pub muster: Program,
    /// The directory.
    pub directory: Directory,
}

impl Company {
    /// The connector is applied, and nothing has run.
    pub fn new(entries: &str) -> Self {
        Self::of(Directory::builder().entries(entries).start())
    }

    /// The same with a directory that stands there.
    pub fn of(directory: Directory) -> Self {
        let muster = Program::new().with_environment("DIRECTORY_PASSWORD", PASSWORD);
        let company = Self { muster, directory };
        company.apply_document(&company.directory.url(), |document| document);
        company
    }

    /// Applies the example with another server's address, and changed further by `change`.
    pub fn apply_document(&self, url: &str, change: impl Fn(String) -> String) {
        let example = fs::read_to_string(examples().join("directory.toml")).unwrap();
        let document = example.replace("ldap://127.0.0.1:3389", url);
        assert_ne!(document, example);
        let path = self.muster.folder.path().join("directory.toml");
        fs::write(&path, change(document)).unwrap();
        self.muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    }

    /// Starts a run and waits for it; the password stands nowhere.
    pub fn run(&self) -> Ran {
        let ran = run(&self.muster, "directory");
        assert!(!ran.stdout.contains(PASSWORD) && !ran.stderr.contains(PASSWORD), "{ran:?}");
        ran
    }
}

/// The user names of who is in a group: direct, or only by way of groups in it.
fn members(muster: &Program, group: usize) -> (Vec<String>, Vec<String>) {
    let direct = format!(
        "select distinct p.fields ->> 'user_name' from groups g
           join links l on l.from_id = g.resource_id join resources r on r.id = l.to_id
           join persons p on p.id = r.person_id where g.name = 'group{group:02}'"
    );
    let via = format!(
        "select distinct p.fields ->> 'user_name' from groups g
           join group_closure c on c.ancestor_id = g.id join groups d on d.id = c.descendant_id
           join links l on l.from_id = d.resource_id join resources r on r.id = l.to_id
           join persons p on p.id = r.person_id where g.name = 'group{group:02}'"
    );
    (lines(muster, &direct), lines(muster, &via))
}

fn user_names(dns: &[String]) -> BTreeSet<String> {
    dns.iter().filter_map(|dn| dn.strip_prefix("uid=")?.split(',').next().map(str::to_owned)).collect()
}

#[test]
fn the_company_arrives_whole() {
    let organization = Organization::company();
    let company = Company::new(&organization.ldif());
    let muster = &company.muster;
    let untouched = rows(muster);

    let blocked = company.run().exited(3);
    let run = report(&blocked);
    assert_eq!((&run["state"], &run["breaches"][0]["guard"]), (&json!("blocked"), &json!("first_run")));
    assert_eq!(run["breaches"].as_array().unwrap().len(), 1, "{run}");
    assert_eq!(rows(muster), untouched);
    assert_eq!(run["persons"]["created"], 2000);

    let run = resume(muster, &blocked);
    assert_eq!((&run["state"], &run["problems"]["dangling_reference"]), (&json!("completed"), &json!(0)));
    let links: usize = (0..60).map(|group| organization.members(group).len()).sum();
    assert_figures(&run, "entity_types", "ldap_user", &[("read", 2000), ("inserted", 2000)]);
    assert_figures(&run, "entity_types", "ldap_group", &[("read", 60), ("inserted", 60)]);
    assert_figures(&run, "associations", "member", &[("inserted", links as u64)]);
    assert_eq!(run["persons"], json!({ "created": 2000, "updated": 0, "blocked": 0, "unblocked": 0, "deleted": 0 }));

    assert_eq!(count(muster, "select count(*) from resources"), 2060);
    assert_eq!(count(muster, "select count(*) from links"), links as i64);
    assert_eq!(count(muster, "select count(*) from groups"), 60);
    // Ten chains of six groups each: 5 + 4 + 3 + 2 + 1 ways down.
    assert_eq!(count(muster, "select count(*) from group_closure"), 150);
    let person = lines(
        muster,
        "select concat_ws(' ', p.fields ->> 'user_name', p.fields ->> 'display_name', p.fields ->> 'mail',
                p.fields ->> 'phone', c.name, e.name, coalesce(p.provenance -> 'mail', p.provenance -> '') ->> 2)
           from persons p join connectors c on c.id = (coalesce(p.provenance -> 'mail', p.provenance -> '') ->> 0)::int
           join entity_types e on e.id = (coalesce(p.provenance -> 'mail', p.provenance -> '') ->> 1)::int
          where p.fields ->> 'user_name' = 'u00042'",
    );
    let id = &run["id"];
    let name = name_of(42);
    assert_eq!(person, [format!("u00042 {name} u00042@example.org +49 30 0000042 directory ldap_user {id}")]);
    for group in [0, 10, 23, 59] {
        let (direct, via) = members(muster, group);
        assert_eq!(BTreeSet::from_iter(direct), user_names(&organization.members(group)), "group {group}");
        let below: Vec<String> = (group + 10..60).step_by(10).flat_map(|group| organization.members(group)).collect();
        assert_eq!(BTreeSet::from_iter(via), user_names(&below), "below group {group}");
    }

    let before = rows(muster);
    let again = report(&company.run().succeeded());
    assert_figures(&again, "entity_types", "ldap_user", &[("read", 2000), ("unchanged", 2000)]);
    assert_figures(&again, "entity_types", "ldap_group", &[("read", 60), ("unchanged", 60)]);
    assert_figures(&again, "associations", "member", &[]);
    assert_eq!(rows(muster), before, "the same directory again writes nothing");
}

/// The common name that the organization gives a user.
fn name_of(user: usize) -> String {
    let ldif = Organization { users: user + 1, groups: 0, staff: 0 }.ldif();
    ldif.lines().filter_map(|line| line.strip_prefix("cn: ")).next_back().unwrap().to_owned()
}

#[test]
fn renamed_deleted_and_moved_between_groups() {
    let company = Company::new(&Organization::company().ldif());
    let Company { muster, directory } = &company;
    apply(muster, "directory");
    let who =
        |uid: &str| lines(muster, &format!("select id::text from persons where fields ->> 'user_name' = '{uid}'"));
    let groups_of = |uid: &str| {
        lines(
            muster,
            &format!(
                "select g.name from persons p join resources r on r.person_id = p.id join links l on l.to_id = r.id
                   join groups g on g.resource_id = l.from_id where p.fields ->> 'user_name' = '{uid}'"
            ),
        )
    };
    let (renamed, renamed_groups) = (who("u00007"), groups_of("u00007"));
    let deleted = who("u00008");
    assert_eq!((renamed_groups.len(), groups_of("u00008").len()), (2, 2));

    // The directory renames in place; its groups follow, as with the refint overlay.
    directory.rename(&user_dn(7), "uid=renamed");
    let new_dn = user_dn(7).replace("u00007", "renamed");
    for group in [0, 1] {
        directory.modify(&format!(
            "dn: {}\nchangetype: modify\ndelete: member\nmember: {}\n-\nadd: member\nmember: {new_dn}\n",
            group_dn(group),
            user_dn(7)
        ));
    }
    // Deleted without its groups noticing: what is left there leads nowhere.
    directory.delete(&user_dn(8));
    directory.modify(&format!(
        "dn: {}\nchangetype: modify\nadd: member\nmember: {}\n-\ndelete: member\nmember: {}\n",
        group_dn(5),
        user_dn(1999),
        user_dn(35)
    ));

    let run = report(&company.run().succeeded());
    assert_eq!(run["state"], "completed_with_problems");
    let users = [("read", 1999), ("updated", 1), ("unchanged", 1998), ("deleted", 1)];
    assert_figures(&run, "entity_types", "ldap_user", &users);
    assert_figures(&run, "entity_types", "ldap_group", &[("read", 60), ("unchanged", 60)]);
    assert_figures(&run, "associations", "member", &[("inserted", 1), ("deleted", 3), ("rejected", 2)]);
    assert_eq!(run["persons"], json!({ "created": 0, "updated": 1, "blocked": 0, "unblocked": 0, "deleted": 0 }));
    assert_eq!(run["problems"]["dangling_reference"], 2);

    assert_eq!(
        (who("renamed"), groups_of("renamed")),
        (renamed, renamed_groups),
        "the same person, in the same groups"
    );
    assert!(who("u00007").is_empty());
    assert_eq!(count(muster, "select count(*) from resources where attributes ->> 'uid' = 'u00008'"), 0);
    assert_eq!(who("u00008"), deleted, "on_missing = keep");
    assert_eq!(
        lines(
            muster,
            "select state || jsonb_array_length(blocks) from persons where fields ->> 'user_name' = 'u00008'"
        ),
        ["current0"]
    );
    assert!(groups_of("u00008").is_empty());
    assert_eq!(
        (groups_of("u01999"), groups_of("u00035").contains(&"group05".to_owned())),
        (vec!["group05".into()], false)
    );
    let told =
        lines(muster, &format!("select distinct kind || ' ' || operation from outbox where run_id = {}", run["id"]));
    assert_eq!(told, ["membership delete", "membership insert", "person update"]);

    let before = rows(muster);
    let again = report(&company.run().succeeded());
    assert_figures(&again, "associations", "member", &[("rejected", 2)]);
    assert_eq!(rows(muster), before, "what stays open is looked at again, and written once");

    // Deleted and back under the same name it is another entry, but the same person: mail and user name say so.
    directory.load(&format!(
        "dn: {}\nobjectClass: inetOrgPerson\nuid: u00008\nsn: Back\ncn: Back Again\nmail: U00008@Example.ORG\n",
        user_dn(8)
    ));
    let run = report(&company.run().succeeded());
    assert_figures(&run, "entity_types", "ldap_user", &[("read", 2000), ("inserted", 1), ("unchanged", 1999)]);
    assert_figures(&run, "associations", "member", &[("inserted", 2)]);
    assert_eq!((who("u00008"), groups_of("u00008").len()), (deleted, 2), "the references have healed");
}
