//! What a person leaves out of a run, for once or until further notice, and what becomes of it.

use crate::support::works::{Employee, Works};
use diesel::connection::SimpleConnection;
use serde_json::Value;

/// The figures of an entity type or association.
fn of<'r>(report: &'r Value, name: &str) -> &'r Value {
    let both = [&report["entity_types"], &report["associations"]];
    let mut all = both.iter().flat_map(|list| list.as_array().unwrap());
    all.find(|one| one["name"] == name).unwrap()
}

fn without<'a>(run: &'a str, filters: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["resume", run];
    filters.iter().for_each(|filter| arguments.extend(["--without", filter]));
    arguments.extend(more);
    arguments
}

#[test]
fn forty_of_nine_hundred_changes_go_through_and_the_others_are_proposed_again() {
    let mut works = Works::applied(900);
    works.people.iter_mut().for_each(|one| one.mail = one.mail.replace("example.org", "example.net"));
    works.run().exited(3);
    // All but those whose key begins with 103 or 104 or 105 or 106.
    let rest: Vec<String> = ["100", "101", "102", "107", "108", "109", "11", "12", "13", "14", "15", "16", "17", "18"]
        .iter()
        .map(|beginning| format!("person,update,key={beginning}*"))
        .collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let (code, report) = works.report(&without("2", &rest, &["--comment", "only the smiths"]));
    assert_eq!((code, report["state"].as_str()), (0, Some("completed")), "{report:#}");
    let person = of(&report, "person");
    assert_eq!((&person["updated"], &person["withheld"], &person["unchanged"]), (&40.into(), &860.into(), &0.into()));
    assert_eq!(report["result"]["skipped"], 860);
    Works::balances(&report);
    assert_eq!(works.stored("1030", "mail").as_deref(), Some("user0030@example.net"));
    assert_eq!(works.stored("1070", "mail").as_deref(), Some("user0070@example.org"));
    assert!(works.muster.run(&["holds"]).succeeded().stdout.is_empty(), "nothing is held");

    // Who decided, over which figures.
    let audit = works.muster.database.connect().batch_execute(
        "do $$ begin
           perform from audit where action = 'resume_without' and subject = 'run 2' and account like '%command line%'
              and detail ->> 'comment' = 'only the smiths' and (detail ->> 'left_out')::int = 860
              and (detail ->> 'changes')::int = 900 and detail ->> 'digest' like 'sha256:%';
           if not found then raise 'no line in the audit log'; end if;
         end $$",
    );
    audit.unwrap();
    // They were left out for once only.
    let (code, report) = works.report(&["run", "works"]);
    assert_eq!((code, &of(&report, "person")["updated"]), (3, &860.into()), "{report:#}");
}

#[test]
fn a_held_delete_stays_away_until_the_record_is_back() {
    let mut works = Works::applied(40);
    let gone = works.people.split_off(30);
    works.run().exited(3);
    let (code, report) = works.report(&["hold", "2", "person,delete", "--comment", "they come back"]);
    // With the deletes held nothing is left for the guards to stop.
    assert_eq!((code, report["state"].as_str()), (0, Some("completed")), "{report:#}");
    let person = of(&report, "person");
    assert_eq!(
        (&person["deleted"], &person["withheld_deletes"], &person["withheld"]),
        (&0.into(), &10.into(), &0.into())
    );
    Works::balances(&report);
    assert_eq!(report["persons"]["blocked"], 0);
    assert_eq!(works.linked("manager", "1035").as_deref(), Some("1000"), "its links stay");
    let holds = works.muster.run(&["holds", "works", "--json"]).succeeded().json();
    assert_eq!(holds.len(), 10);
    assert_eq!((&holds[0]["operation"], &holds[0]["reason"]), (&"delete".into(), &"they come back".into()));

    // Every night the same.
    for _ in 0..2 {
        let (code, report) = works.report(&["run", "works"]);
        assert_eq!((code, &of(&report, "person")["withheld_deletes"]), (0, &10.into()), "{report:#}");
    }
    // Back in the source: the hold is over, and a later absence is news.
    works.people.extend(gone);
    works.run().succeeded();
    assert!(works.muster.run(&["holds", "works"]).succeeded().stdout.is_empty());
    let ended = works.muster.run(&["holds", "works", "--ended", "--json"]).succeeded().json();
    assert_eq!((ended.len(), &ended[0]["ended_why"], &ended[0]["ended_by"]), (10, &"differs".into(), &"run 5".into()));
    works.people.truncate(30);
    works.run().exited(3);
}

#[test]
fn a_held_update_stays_away_until_another_value_is_proposed_or_it_is_released() {
    let mut works = Works::applied(40);
    for id in ["1001", "1002"] {
        works.employee(id).mail = "wrong@example.org".into();
    }
    works.write();
    works.muster.run(&["run", "works", "--dry-run", "--wait"]).succeeded();
    let (code, report) = works.report(&["hold", "2", "property=mail"]);
    assert_eq!((code, report["state"].as_str()), (0, Some("ready")), "a dry run stays one: {report:#}");
    assert_eq!((&of(&report, "person")["updated"], &of(&report, "person")["withheld"]), (&0.into(), &2.into()));
    assert_eq!(works.report(&["run", "works"]).1["entity_types"][1]["withheld"], 2);
    assert_eq!(works.stored("1001", "mail").as_deref(), Some("user0001@example.org"));

    // Another value is another change.
    works.employee("1001").mail = "right@example.org".into();
    works.run().succeeded();
    assert_eq!(works.stored("1001", "mail").as_deref(), Some("right@example.org"));
    assert_eq!(works.stored("1002", "mail").as_deref(), Some("user0002@example.org"));
    let standing = works.muster.run(&["holds", "--json"]).succeeded().json();
    assert_eq!((standing.len(), &standing[0]["key"]), (1, &"1002".into()));

    // Released, the same feed brings it.
    let id = standing[0]["id"].to_string();
    works.muster.run(&["release", &id]).succeeded();
    works.muster.run(&["release", &id]).exited(4);
    let (code, report) = works.report(&["run", "works"]);
    assert_eq!(
        (code, &of(&report, "person")["updated"], &of(&report, "person")["withheld"]),
        (0, &1.into(), &0.into())
    );
    assert_eq!(works.stored("1002", "mail").as_deref(), Some("wrong@example.org"));
}

#[test]
fn a_hold_ends_on_its_day() {
    let mut works = Works::applied(40);
    works.people.truncate(30);
    works.run().exited(3);
    works.muster.run(&["hold", "2", "delete", "--until", "2001-01-01"]).exited(2);
    works.report(&["hold", "2", "delete", "--until", "2999-12-31"]);
    works.report(&["run", "works"]);
    assert!(works.muster.run(&["holds"]).succeeded().stdout.contains("until 2999-12-31"));
    works.muster.database.connect().batch_execute("update holds set due_at = now() - interval '1 second'").unwrap();
    // The day has come, whether the daily job was there or not.
    let (code, report) = works.report(&["run", "works"]);
    assert_eq!((code, &of(&report, "person")["deleted"]), (3, &10.into()), "{report:#}");
    muster::model::hold::end_due(&mut works.muster.database.connect(), chrono::Utc::now()).unwrap();
    let ended = works.muster.run(&["holds", "--ended", "--json"]).succeeded().json();
    assert_eq!(ended[0]["ended_why"], "due");
}

#[test]
fn leaving_an_insert_out_leaves_out_the_links_that_need_it_and_they_are_no_problems() {
    let mut works = Works::applied(40);
    works.departments.push(("D3".into(), "Forge".into()));
    let new = Employee {
        id: "2000".into(),
        login: "boss".into(),
        mail: "boss@example.org".into(),
        department: "D3".into(),
        manager: String::new(),
    };
    works.people.push(new);
    // 1001 follows the new boss into the new department, and the boss joins the club.
    works.employee("1001").manager = "2000".into();
    works.employee("1001").department = "D3".into();
    works.clubs[0].1.push("2000".into());
    works.write();
    works.muster.run(&["run", "works", "--dry-run", "--wait"]).succeeded();
    let (code, report) = works.report(&without("2", &["person,key=2000", "department,insert"], &["--hold"]));
    assert_eq!((code, report["state"].as_str()), (0, Some("completed")), "{report:#}");
    assert!(report["problems"].as_object().unwrap().values().all(|count| count == 0), "{report:#}");
    Works::balances(&report);
    assert_eq!(works.stored("2000", "login"), None);
    assert_eq!(works.linked("manager", "1001").as_deref(), Some("1000"), "a link without its new target stays");
    assert_eq!(works.linked("department", "1001").as_deref(), Some("D2"));
    assert_eq!(of(&report, "member")["withheld"], 1);
    assert_eq!(report["persons"]["created"], 0);
    let again = works.report(&["run", "works"]).1;
    assert_eq!((&of(&again, "person")["withheld"], &of(&again, "member")["withheld"]), (&1.into(), &1.into()));

    // Released, all of it comes.
    works.muster.run(&["release", "--all", "works"]).succeeded();
    let (code, report) = works.report(&["run", "works"]);
    assert_eq!((code, report["persons"]["created"].as_u64()), (0, Some(1)), "{report:#}");
    assert_eq!(works.linked("manager", "1001").as_deref(), Some("2000"));
    assert_eq!(works.linked("department", "1001").as_deref(), Some("D3"));
}

#[test]
fn links_are_left_out_one_by_one() {
    let mut works = Works::applied(40);
    works.employee("1001").manager = "1002".into();
    works.employee("1003").manager = "1002".into();
    works.clubs[0].1.retain(|member| member != "1004" && member != "1005");
    works.clubs[0].1.push("1020".into());
    works.write();
    works.muster.run(&["run", "works", "--dry-run", "--wait"]).succeeded();
    let filters = ["scope=manager,key=1001", "scope=member,delete"];
    let (code, report) = works.report(&without("2", &filters, &["--hold"]));
    assert_eq!(code, 0, "{report:#}");
    assert_eq!((&of(&report, "manager")["updated"], &of(&report, "manager")["withheld"]), (&1.into(), &1.into()));
    let member = of(&report, "member");
    assert_eq!((&member["inserted"], &member["deleted"], &member["withheld"]), (&1.into(), &0.into(), &2.into()));
    assert_eq!(works.linked("manager", "1001").as_deref(), Some("1000"));
    assert_eq!(works.linked("manager", "1003").as_deref(), Some("1002"));
    let again = works.report(&["run", "works"]).1;
    assert_eq!((&of(&again, "manager")["withheld"], &of(&again, "member")["withheld"]), (&1.into(), &2.into()));

    // A manager who goes takes the held link along: nothing leads to somebody who is not there.
    works.employee("1001").manager = "1003".into();
    works.run().succeeded();
    assert_eq!(works.linked("manager", "1001").as_deref(), Some("1003"), "another target is another change");
}

#[test]
fn what_is_left_out_of_a_first_load_is_not_there() {
    let mut works = Works::of(60);
    works.configure(|document| document.replace("first_run = false", "first_run = true"));
    works.clubs[0].1.push("1050".into());
    works.run().exited(3);
    let filters = ["person,key=105*", "scope=member,key=chess"];
    let (code, report) = works.report(&without("1", &filters, &[]));
    assert_eq!((code, report["state"].as_str()), (0, Some("completed")), "{report:#}");
    assert_eq!((&of(&report, "person")["inserted"], &of(&report, "person")["withheld"]), (&50.into(), &10.into()));
    assert_eq!((&of(&report, "member")["inserted"], &of(&report, "member")["withheld"]), (&0.into(), &11.into()));
    assert_eq!(report["persons"]["created"], 50);
    Works::balances(&report);
    let (code, report) = works.report(&["run", "works"]);
    assert_eq!(
        (code, &of(&report, "person")["inserted"], &of(&report, "member")["inserted"]),
        (0, &10.into(), &11.into())
    );
}

#[test]
fn resume_without_blocks_again_when_the_state_or_the_configuration_moved() {
    let mut works = Works::applied(60);
    works.people.truncate(50);
    works.run().exited(3);
    works.muster.database.connect().batch_execute("update connectors set state_version = state_version + 1").unwrap();
    let (code, report) = works.report(&without("2", &["delete,key=105*"], &[]));
    assert_eq!((code, report["state"].as_str()), (3, Some("blocked")), "{report:#}");
    assert_eq!(report["breaches"][0]["guard"], "approval");
    assert!(report["breaches"][0]["message"].as_str().unwrap().contains("another run was applied"), "{report:#}");
    assert_eq!(of(&report, "person")["withheld_deletes"], 10, "what was left out stays left out");

    works.configure(|document| document.replace("display_name = \"Works\"", "display_name = \"Old works\""));
    let ran = works.muster.run(&["resume", "2", "--wait", "--json"]).exited(5).says("prepared anew");
    assert!(ran.stderr.contains("configuration"), "{ran:#?}");
    let report = &ran.json()[0];
    assert_eq!((report["state"].as_str(), report["configuration_version"].as_u64()), (Some("blocked"), Some(2)));
    assert!(report["breaches"][0]["message"].as_str().unwrap().contains("configuration was edited"), "{report:#}");
    works.muster.run(&["resume", "2", "--wait"]).succeeded();
}

#[test]
fn an_approval_does_not_cover_what_was_not_seen() {
    let mut works = Works::applied(60);
    works.people.truncate(50);
    works.run().exited(3);
    // As if the stored records had changed behind the approval: their update was not among what was seen.
    works
        .muster
        .database
        .connect()
        .batch_execute(
            "update resources set digest = null, attributes = attributes || '{\"mail\": \"x\"}' where key = '1001';
             update connectors set touched = touched + 1",
        )
        .unwrap();
    let (code, report) = works.report(&without("2", &["delete,key=1055"], &[]));
    assert_eq!((code, report["breaches"][0]["guard"].as_str()), (3, Some("approval")), "{report:#}");
    assert_eq!(report["breaches"][0]["actual"], 1.0);
    // A second look at exactly that, and it goes through.
    let (code, report) = works.report(&["resume", "2"]);
    assert_eq!((code, report["state"].as_str()), (0, Some("completed")), "{report:#}");
    assert_eq!(of(&report, "person")["deleted"], 9);
}

#[test]
fn what_matches_nothing_is_refused_and_decides_nothing() {
    let mut works = Works::applied(60);
    works.people.truncate(50);
    works.run().exited(3);
    works.muster.run(&["resume", "2", "--without", "key=nobody"]).exited(5).says("no change of run 2 matches");
    works.muster.run(&["hold", "2", ","]).exited(2);
    works.muster.run(&["hold", "2", "delete", "--digest", "sha256:00"]).exited(5).says("look again");
    assert_eq!(works.muster.run(&["show", "2", "--json"]).json()[0]["state"], "blocked");
}
