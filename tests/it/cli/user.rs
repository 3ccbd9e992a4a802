//! `muster user`.

use crate::support::town::Town;
use serde_json::json;

#[test]
fn users_are_listed_with_values_sources_and_groups() {
    let town = Town::synchronized();
    town.a_day_later();
    let users = town.muster.run(&["user", "list", "--json"]).succeeded().json();
    assert_eq!(users.len(), 66);
    let ada = users.iter().find(|user| user["fields"]["user_name"] == "alovelace").unwrap();
    assert_eq!((&ada["state"], &ada["blocked"]), (&json!("current"), &json!(false)));
    assert_eq!(
        ada["provenance"]["mail"],
        json!({"connector": "hr", "entity_type": "hr_person", "run": 3, "file": "people.csv", "line": 2})
    );
    assert_eq!(ada["provenance"]["phone"]["connector"], "directory");
    let groups: Vec<_> =
        ada["groups"].as_array().unwrap().iter().map(|group| (&group["name"], &group["via"])).collect();
    assert_eq!(groups, [(&json!("Engineering"), &json!(null)), (&json!("Staff"), &json!("Engineering"))]);

    let grace = users.iter().find(|user| user["fields"]["user_name"] == "ghopper").unwrap();
    assert_eq!((&grace["state"], &grace["blocked"]), (&json!("past"), &json!(true)));
    assert_eq!((&grace["blocks"][0]["connector"], &grace["blocks"][0]["run"]), (&json!("hr"), &json!(3)));
}

#[test]
fn lists_are_searched_and_filtered() {
    let town = Town::synchronized();
    town.a_day_later();
    let names = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["user", "list", "--json"].iter().chain(arguments).copied().collect();
        let users = town.muster.run(&arguments).succeeded().json();
        users.iter().map(|user| user["fields"]["user_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--search", "NUNEZ garcía"]), ["jgarcia"]);
    assert_eq!(names(&["--state", "past"]), ["ghopper"]);
    assert_eq!(names(&["--state", "current", "--search", "grace"]), Vec::<String>::new());
    town.muster.run(&["user", "list", "--state", "gone"]).exited(2).says("all, current, past or blocked");
    town.muster.run(&["user", "list", "--search", "nobody"]).succeeded().says("no user matches");
}

#[test]
fn one_user_is_shown_by_id_or_name_and_exported_whole() {
    let town = Town::synchronized();
    town.a_day_later();
    let muster = &town.muster;
    let ran = muster.run(&["user", "show", "ADA.L@example.org"]).succeeded();
    ran.shows("Ada Lovelace  (hr, run 1, people.csv line 2)").shows("in Staff (via Engineering)");
    muster.run(&["user", "show", "nobody"]).exited(4).says("muster user list");
    muster.run(&["user", "show", "999999"]).exited(4);

    let id = town.user("alovelace").to_string();
    let ran = muster.run(&["user", "export", &id]).succeeded();
    let all: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    // Once the directory added the phone, once HR changed the mail.
    let before = all["history"].as_array().unwrap();
    assert_eq!((before.len(), &before[0]["fields"]["mail"]), (2, &json!("ada@example.org")));
    let resources = all["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert_eq!(
        (&resources[0]["key"], &resources[0]["attributes"]["hire_date"]),
        (&json!("1001"), &json!("2019-12-10"))
    );
    assert_eq!(resources[0]["history"][0]["attributes"]["mail"], "ada@example.org");
    let department =
        json!({"association": "department", "direction": "to", "entity_type": "hr_department", "key": "D10"});
    assert!(resources[0]["links"].as_array().unwrap().contains(&department), "{all}");
    assert_eq!(all["groups"].as_array().unwrap().len(), 2);

    let grace = muster.run(&["user", "export", "ghopper"]).succeeded();
    let grace: serde_json::Value = serde_json::from_str(&grace.stdout).unwrap();
    assert!(grace["photo_content"].as_str().unwrap().starts_with("iVBOR"), "the photo itself is held, too");
}

#[test]
fn users_are_shown_and_listed_as_of_a_moment() {
    let town = Town::synchronized();
    town.a_day_later();
    let then = town.applied_at(2).to_rfc3339();
    let ada = town.muster.run(&["user", "show", "ada@example.org", "--as-of", &then, "--json"]).succeeded().json();
    assert_eq!((&ada[0]["fields"]["mail"], &ada[0]["groups"][1]["name"]), (&json!("ada@example.org"), &json!("Staff")));
    assert_eq!(ada[0]["provenance"]["mail"]["run"], 1);
    let list = |arguments: &[&str]| {
        let all = [&["user", "list", "--json"][..], arguments].concat();
        town.muster.run(&all).succeeded().json()
    };
    assert_eq!(list(&["--as-of", &then, "--state", "past"]).len(), 0);
    assert_eq!(list(&["--state", "past"]).len(), 1);
    assert_eq!(list(&["--as-of", &then]).len(), 66);
    // Before the directory was there.
    assert_eq!(list(&["--as-of", &town.applied_at(1).to_rfc3339()]).len(), 5);
    town.muster.run(&["user", "list", "--as-of", "yesterday"]).exited(2).says("2026-11-20T10:00:00Z");
    town.muster.run(&["user", "list", "--as-of", "2999-01-01"]).exited(4).says("still to come");
}

#[test]
fn a_user_is_blocked_and_unblocked_by_hand_with_a_reason() {
    let town = Town::synchronized();
    let blocked = |expected: bool| {
        let ada = town.muster.run(&["user", "show", "ada@example.org", "--json"]).succeeded().json();
        assert_eq!(ada[0]["blocked"], expected);
    };
    town.muster.run(&["user", "block", "ada@example.org"]).exited(2);
    town.muster.run(&["user", "unblock", "ada@example.org", "--reason", "x"]).exited(5).says("nobody has blocked");
    town.muster.run(&["user", "block", "ada@example.org", "--reason", "lost badge"]).succeeded();
    blocked(true);
    town.muster.run(&["user", "unblock", "ada@example.org", "--reason", "found"]).succeeded();
    blocked(false);
    town.muster.run(&["user", "block", "nobody@example.org", "--reason", "x"]).exited(4);
}

#[test]
fn who_was_anonymized_is_found_by_a_name_and_comes_back_as_a_new_user_once_that_is_lifted() {
    let town = Town::synchronized();
    let muster = &town.muster;
    muster.run(&["user", "anonymized"]).succeeded().says("nobody who was anonymized");
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    for id in [ada, grace] {
        muster.run(&["user", "anonymize", &id.to_string(), "--yes"]).succeeded();
    }
    let list = |name: &[&str]| {
        let all = muster.run(&[&["user", "anonymized", "--json"][..], name].concat()).succeeded().json();
        all.into_iter().map(|one| (one["id"].clone(), one["user"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(list(&[]), [(json!(2), json!(grace)), (json!(1), json!(ada))]);
    for name in ["ADA@example.org", "1001", "ada.l", " alovelace"] {
        let expected = if name.trim() == "alovelace" { vec![] } else { vec![(json!(1), json!(ada))] };
        assert_eq!(list(&[name]), expected, "{name}");
    }
    muster.run(&["user", "anonymized", "nobody@example.org"]).succeeded().says("nobody who was anonymized");

    let lift = |number: &str, more: &[&str]| {
        muster.run(&[&["user", "lift", number, "--reason", "hired again"][..], more].concat())
    };
    lift("1", &[]).exited(2).says("Say --yes");
    lift("3", &["--yes"]).exited(4).says("muster user anonymized");
    muster.run(&["user", "lift", "1", "--reason", " ", "--yes"]).exited(2).says("say why");
    assert_eq!(lift("1", &["--yes", "--json"]).succeeded().json()[0]["outcome"], "lifted");
    lift("1", &["--yes"]).exited(5).says("lifted already");
    muster.run(&["user", "anonymized"]).succeeded().shows("(command line): hired again").shows("passed over");
    let line = muster::model::audit::newest(&mut muster.database.connect(), None, 1).unwrap().remove(0);
    assert_eq!((&*line.action, line.subject), ("lift-suppression", format!("user {ada}")));
    assert_eq!(line.detail, json!({ "anonymization": 1, "reason": "hired again" }));

    let report = muster.run(&["run", "hr", "--wait", "--json"]).exited(3).json().remove(0);
    muster.run(&["resume", &report["id"].to_string(), "--wait"]).succeeded();
    let back = town.user("alovelace");
    assert!(back > ada, "somebody new");
    muster.run(&["run", "directory", "--wait"]);
    let ada = muster.run(&["user", "show", "alovelace", "--json"]).succeeded().json().remove(0);
    assert_eq!(ada["fields"]["phone"], "+44 20", "the directory finds her, too");
    let groups: Vec<&str> = ada["groups"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(groups, ["Engineering", "Staff"], "and so does the group, although it did not change");
    muster.run(&["user", "show", "ghopper"]).exited(4);
}
