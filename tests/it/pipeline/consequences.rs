//! The blast radius: what a blocked run would do to others than those it names.

use crate::support::works::Works;
use muster::model::account::{self, Role};
use serde_json::Value;

fn named<'r>(report: &'r Value, name: &str) -> Option<&'r Value> {
    report["consequences"].as_array().unwrap().iter().find(|one| one["name"] == name)
}

fn keys(consequence: &Value) -> Vec<&str> {
    consequence["examples"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect()
}

#[test]
fn a_first_load_has_no_consequences_for_others() {
    let works = Works::of(30);
    works.write();
    let (_, report) = works.report(&["run", "works"]);
    assert_eq!(report["consequences"], serde_json::json!([]));
}

#[test]
fn the_consequences_of_a_change_set_are_counted_and_named_before_anybody_resumes() {
    let mut works = Works::of(40);
    works.clubs = vec![
        ("all".into(), vec!["games".into()]),
        ("chess".into(), vec!["1001".into(), "1002".into()]),
        ("games".into(), vec!["chess".into()]),
        ("rowing".into(), vec!["1003".into(), "1004".into(), "1001".into()]),
        ("running".into(), vec!["1004".into()]),
    ];
    works.departments.push(("D3".into(), "Forge".into()));
    for id in ["1001", "1002"] {
        works.employee(id).department = "D3".into();
    }
    works.employee("1005").manager = "1001".into();
    works.employee("1006").manager = "1001".into();
    works.run().succeeded();
    let mut connection = works.muster.database.connect();
    account::add(&mut connection, "USER0001", Role::Operator, None, "test").unwrap();
    account::add(&mut connection, "user0030", Role::Viewer, None, "test").unwrap();

    // The two of Forge and chess leave; rowing loses one of three; 1003 leaves rowing, his only club.
    works.people.retain(|one| one.id != "1001" && one.id != "1002");
    works.employee("1006").manager = "1000".into();
    works.employee("1005").manager = String::new();
    works
        .clubs
        .iter_mut()
        .for_each(|(_, members)| members.retain(|one| !["1001", "1002", "1003"].contains(&one.as_str())));
    works.write();
    let (_, report) = works.report(&["run", "works", "--dry-run"]);
    let groups = named(&report, "groups_emptied").unwrap_or_else(|| panic!("{report:#}"));
    // Chess itself, and all that held nobody but chess.
    assert_eq!((groups["count"].as_u64(), keys(groups)), (Some(3), vec!["all", "chess", "games"]));
    let without_group = named(&report, "last_group_lost").unwrap();
    assert_eq!((without_group["count"].as_u64(), keys(without_group)), (Some(1), vec!["1003"]), "{without_group:#}");
    assert!(without_group["examples"][0]["person_id"].is_i64());
    let without_manager = named(&report, "manager_lost").unwrap();
    assert_eq!((without_manager["count"].as_u64(), keys(without_manager)), (Some(1), vec!["1005"]));
    let accounts = named(&report, "accounts_blocked").unwrap();
    assert_eq!((keys(accounts), &accounts["examples"][0]["role"]), (vec!["USER0001"], &"operator".into()));
    let organizations = named(&report, "organizations_emptied").unwrap();
    assert_eq!((keys(organizations), &organizations["examples"][0]["name"]), (vec!["D3"], &"Forge".into()));
    let text = works.muster.run(&["show", "2"]).succeeded();
    assert!(text.stdout.contains("consequence: 3 groups would have no member any more"), "{}", text.stdout);

    // What is held has no consequences.
    let (_, report) = works.report(&["hold", "2", "person,delete", "scope=member"]);
    assert!(named(&report, "groups_emptied").is_none() && named(&report, "accounts_blocked").is_none(), "{report:#}");
}
