//! Local groups: made, filled and emptied by administrators or by rules; runs leave them alone.

use crate::support::desk::Desk;
use crate::support::program::Program;
use crate::support::town::Town;
use chrono::Utc;
use muster::model::as_of::AsOf;
use muster::model::person;
use muster::pipeline::local_groups::rules;
use std::fs;

/// The address of the group of that name, on a page of groups.
fn address(desk: &Desk, name: &str) -> String {
    let html = desk.get(&format!("/groups?q={}", name.replace(' ', "+"))).html();
    let before = html.split(&format!(">{name}</a>")).next().unwrap();
    before.rsplit("href=\"").next().unwrap().split('"').next().unwrap().to_owned()
}

/// The groups of a user, each with the way into it.
fn groups(muster: &Program, user: i64) -> Vec<String> {
    let memberships = person::memberships(&mut muster.database.connect(), &AsOf::Now, &[user]).unwrap();
    memberships
        .into_iter()
        .map(|one| match one.via {
            Some(via) => format!("{} via {via}", one.name),
            None => one.name,
        })
        .collect()
}

fn work_out(muster: &Program) {
    let mut connection = muster.database.connect();
    while rules::work_out(&mut connection, Utc::now()).unwrap() {}
}

#[test]
fn a_local_group_is_made_filled_by_a_list_and_left_alone_by_runs() {
    let town = Town::synchronized();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let desk = Desk::of(&town.muster);
    let page = desk.send("/groups", &[("name", "Choir"), ("description", "Who sings")]);
    assert!(page.contains("The group Choir has been made"), "{page}");
    assert!(desk.send("/groups", &[("name", "choir")]).contains("There is a local group choir already"));
    let choir = address(&desk, "Choir");
    let list = "ALOVELACE, grace@example.org\nnobody;nobody\nalovelace";
    let page = desk.send(&format!("{choir}/call"), &[("list", list)]);
    assert!(page.contains("2 users would be added") && page.contains("Unknown (1): nobody"), "{page}");
    assert!(groups(&town.muster, ada).iter().all(|name| name != "Choir"), "nothing has been written");
    let page = desk.send(&format!("{choir}/members"), &[("persons", &format!("{ada},{grace}"))]);
    assert!(page.contains("2 members added") && page.contains("Who sings") && page.contains("Grace Hopper"), "{page}");
    let page = desk.send(&format!("{choir}/call"), &[("list", "alovelace")]);
    assert!(page.contains("0 users would be added; 1 is in the group already"), "{page}");

    town.a_day_later();
    assert!(groups(&town.muster, ada).contains(&"Choir".to_owned()), "runs leave it alone");
    assert!(groups(&town.muster, grace).contains(&"Choir".to_owned()), "a leaver's, too");
    let before = Utc::now();
    let page = desk.send(&format!("{choir}/members/remove"), &[("person", &ada.to_string())]);
    assert!(page.contains("The member has been taken out"), "{page}");
    assert_eq!(groups(&town.muster, ada).iter().filter(|name| *name == "Choir").count(), 0);

    desk.send(&format!("{choir}/edit"), &[("name", "Chamber choir"), ("description", "")]);
    let then = muster::web::moment::parameter(before);
    let page = desk.page(&format!("{choir}?as_of={then}"));
    assert!(page.contains("Ada Lovelace") && page.contains("Who sings"), "it can be looked back at: {page}");
    let page = desk.send(&format!("{choir}/delete"), &[]);
    assert!(page.contains("The group Chamber choir is gone"), "{page}");
    assert_eq!(desk.get(&choir).status, 404);
    assert!(desk.page(&format!("{choir}?as_of={then}")).contains("Grace Hopper"));
    assert!(groups(&town.muster, grace).iter().all(|name| !name.contains("hoir")));
    assert!(desk.page("/groups?kind=managed").contains("Engineering Company directory"));
}

#[test]
fn groups_within_local_groups_count_and_cycles_end() {
    let town = Town::synchronized();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let desk = Desk::of(&town.muster);
    for name in ["House", "Yard"] {
        desk.send("/groups", &[("name", name)]);
    }
    let (house, yard) = (address(&desk, "House"), address(&desk, "Yard"));
    assert!(desk.send(&format!("{house}/nest"), &[("group", "nowhere")]).contains("There is no group \"nowhere\""));
    assert!(desk.send(&format!("{house}/nest"), &[("group", "House")]).contains("can't be within itself"));
    desk.send(&format!("{yard}/nest"), &[("group", "engineering")]);
    desk.send(&format!("{house}/nest"), &[("group", "Yard")]);
    desk.send(&format!("{yard}/nest"), &[("group", "House")]);
    let of_ada = groups(&town.muster, ada);
    assert!(of_ada.contains(&"House via Engineering".to_owned()), "managed within local within local: {of_ada:?}");
    assert!(groups(&town.muster, grace).contains(&"Yard via Compilers".to_owned()));
    let page = desk.page(&format!("{house}?members=via"));
    assert!(page.contains("Ada") && page.contains("Yard") && page.contains("Engineering 2 steps within"), "{page}");

    // A run that moves managed groups keeps what was nested by hand.
    let path = town.muster.folder.path().join("directory/groups.csv");
    let moved = fs::read_to_string(&path).unwrap().replace(";Compilers", "");
    fs::write(&path, moved).unwrap();
    town.muster.run(&["run", "directory", "--wait"]).succeeded();
    assert!(groups(&town.muster, ada).contains(&"House via Engineering".to_owned()));
    assert!(!groups(&town.muster, grace).contains(&"Yard via Compilers".to_owned()));
    desk.send(&format!("{house}/take-out"), &[("group", yard.rsplit('/').next().unwrap())]);
    assert!(!groups(&town.muster, ada).contains(&"House via Engineering".to_owned()));
    assert!(groups(&town.muster, ada).contains(&"Yard via Engineering".to_owned()));
}

#[test]
fn a_rule_decides_who_is_in_a_group_after_every_run_and_every_edit() {
    let town = Town::synchronized();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let desk = Desk::of(&town.muster);
    desk.send("/groups", &[("name", "Mathematicians")]);
    let group = address(&desk, "Mathematicians");
    let rule = format!("{group}/rule");
    let with = |text: &str, what: &str| desk.send(&rule, &[("rule", text), ("act", what)]);
    assert!(with("profile.departement == 'x'", "try").contains("did you mean department?"));
    assert!(with("profile.mail ==", "save").contains("Line 1"), "what can't be compiled is not saved");
    let page = with("profile.mail in ['ada@example.org', 'grace@example.org']", "try");
    assert!(page.contains("2 users come , 0 go , 0 stay") && page.contains("Ada Lovelace"), "{page}");
    assert_eq!(groups(&town.muster, ada), ["Engineering", "Staff via Engineering"], "nothing has been written");
    let page = with("profile.mail in ['ada@example.org', 'grace@example.org']", "save");
    assert!(page.contains("its rule decides who is in it") && page.contains("It is being worked out"), "{page}");
    work_out(&town.muster);
    assert!(!desk.page(&group).contains("It is being worked out"));
    for user in [ada, grace] {
        assert!(groups(&town.muster, user).contains(&"Mathematicians".to_owned()));
    }
    let page = desk.send(&format!("{group}/members"), &[("persons", &ada.to_string())]);
    assert!(page.contains("Its rule decides who is in this group"), "{page}");

    // A run changes Ada's mail and makes Grace past: both go, in the same transaction.
    let before = Utc::now();
    town.a_day_later();
    for user in [ada, grace] {
        assert!(!groups(&town.muster, user).contains(&"Mathematicians".to_owned()));
    }
    let then = muster::web::moment::parameter(before);
    assert!(desk.page(&format!("{group}?as_of={then}")).contains("Ada Lovelace"));
    let log = desk.get("/runs/3/log.txt").text();
    assert!(log.contains("removed-user-from-group: removed user Ada Lovelace from group Mathematicians"), "{log}");

    // An edit by hand is followed at once.
    let mail = format!("/users/{ada}/override/mail");
    desk.send(&mail, &[("value", "ada@example.org"), ("reason", "back")]);
    assert!(groups(&town.muster, ada).contains(&"Mathematicians".to_owned()));
    desk.send(&format!("{mail}/end"), &[]);
    assert!(!groups(&town.muster, ada).contains(&"Mathematicians".to_owned()));

    // What can't be told leaves things as they are, and says so.
    let page = with("int(profile.employee_id) > 0", "try");
    assert!(
        page.contains("it can't be told, and they stay as they are") && page.contains("For whom it can't be told"),
        "{page}"
    );
    with("int(profile.phone) > 0", "save");
    work_out(&town.muster);
    let page = desk.page(&format!("/users/{ada}"));
    assert!(page.contains("Whether the rule of Mathematicians holds can't be told"), "{page}");
    assert!(desk.page(&group).contains("it can't be told; they stay as they were"));
    let page = with("", "remove");
    assert!(page.contains("The rule is gone"), "{page}");
    assert!(!desk.page(&format!("/users/{ada}")).contains("can't be told"));
    assert!(desk.send("/groups", &[("name", "x".repeat(201).as_str())]).contains("1 to 200 characters"));
}

#[test]
fn newcomers_and_those_whom_a_run_removes_come_and_go_by_rule_as_well() {
    let town = Town::synchronized();
    let desk = Desk::of(&town.muster);
    desk.send("/groups", &[("name", "Visitors")]);
    let group = address(&desk, "Visitors");
    desk.send(&format!("{group}/rule"), &[("rule", "profile.user_name.startsWith('guest')"), ("act", "save")]);
    work_out(&town.muster);
    let document = fs::read_to_string(town.muster.folder.path().join("directory.toml")).unwrap();
    let document = document.replace("on_missing = \"keep\"", "on_missing = \"delete\"");
    fs::write(town.muster.folder.path().join("directory.toml"), document).unwrap();
    town.muster.run(&["apply", "directory.toml"]).succeeded();
    let path = town.muster.folder.path().join("directory/users.csv");
    let users = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{users}guest1,Guest One,g1@example.org,,\n")).unwrap();
    let run = town.muster.run(&["run", "directory", "--wait", "--json"]);
    if run.code == 3 {
        let id = run.json()[0]["id"].to_string();
        town.muster.run(&["resume", &id, "--wait"]).succeeded();
    }
    let guest = town.user("guest1");
    assert_eq!(groups(&town.muster, guest), ["Visitors"]);
    fs::write(&path, users).unwrap();
    let run = town.muster.run(&["run", "directory", "--wait", "--json"]);
    if run.code == 3 {
        let id = run.json()[0]["id"].to_string();
        town.muster.run(&["resume", &id, "--wait"]).succeeded();
    }
    assert!(desk.page(&group).contains("No user is directly in this group"));
}
