//! Records of which it is not clear who they are: they wait, somebody decides, and runs go by that.

use super::stored::{count, execute, rows};
use crate::support::guild::Guild;
use muster::model::correlation::{self, DecidedFilter, Verdict};

/// Two persons share a mail address: the staff list found them by another field.
fn twins() -> Guild {
    let guild = Guild::new();
    guild.configure("staff", "correlate = [{ property = \"number\", field = \"employee_id\" }]");
    guild.apply("staff", &["1,Ada,shared@x,10", "2,Bea,shared@x,20", "3,Cid,cid@x,30"]);
    guild
}

const REGISTER: &[&str] = &["R1,Twin,SHARED@x,99", "R3,Third,cid@x,33"];

fn ids(guild: &Guild) -> Vec<i64> {
    let decided = correlation::standing(&mut guild.muster.database.connect(), &DecidedFilter::default(), 100).unwrap();
    decided.into_iter().map(|one| one.id).collect()
}

#[test]
fn who_matches_several_waits_until_somebody_says_who_it_is_and_stays_that() {
    let guild = twins();
    let run = guild.apply("register", REGISTER);
    assert_eq!(
        (run["state"].as_str(), &run["problems"]["ambiguous_match"]),
        (Some("completed_with_problems"), &1.into())
    );
    assert_eq!((guild.doubts(), guild.person("register", "R1")), (vec!["ambiguous_match R1".to_owned()], None));

    let bea = guild.person("staff", "2").unwrap();
    guild.decide("register", "R1", Verdict::Person(bea));
    let run = guild.apply("register", REGISTER);
    assert_eq!((run["state"].as_str(), &run["persons"]["updated"]), (Some("completed"), &1.into()));
    assert_eq!((guild.doubts(), guild.person("register", "R1")), (vec![], Some(bea)));
    assert!(guild.persons()[1].contains("\"title\": \"Twin\""), "{:#?}", guild.persons());

    // Decided once: nothing is asked, nothing written any more, also when the decision is taken back.
    let before = rows(&guild.muster);
    assert_eq!(guild.apply("register", REGISTER)["state"], "completed");
    assert_eq!(correlation::undo(&mut guild.muster.database.connect(), &ids(&guild), "tester").unwrap(), 1);
    assert_eq!(guild.apply("register", REGISTER)["state"], "completed");
    assert_eq!(rows(&guild.muster), before);
    let said = count(&guild.muster, "select count(*) from audit where action in ('correlate', 'undo_correlate')");
    assert_eq!(said, 2);
}

#[test]
fn who_is_ignored_is_no_problem_until_that_is_taken_back() {
    let guild = twins();
    guild.apply("register", REGISTER);
    guild.decide("register", "R1", Verdict::Ignore);
    for _ in 0..2 {
        let run = guild.apply("register", REGISTER);
        assert_eq!(run["state"], "completed", "ignored: {run:#}");
        assert_eq!(guild.person("register", "R1"), None);
    }
    let changed = guild.apply("register", &["R1,Twin,shared@x,98", REGISTER[1]]);
    assert_eq!((changed["state"].as_str(), &changed["persons"]["created"]), (Some("completed"), &0.into()));
    assert_eq!(correlation::undo(&mut guild.muster.database.connect(), &ids(&guild), "tester").unwrap(), 1);
    let run = guild.apply("register", &["R1,Twin,shared@x,98", REGISTER[1]]);
    assert_eq!(run["problems"]["ambiguous_match"], 1);
    assert_eq!(guild.doubts(), ["ambiguous_match R1"]);
}

#[test]
fn who_is_new_becomes_one_person_and_comes_back_as_that() {
    let guild = twins();
    guild.apply("register", REGISTER);
    guild.decide("register", "R1", Verdict::New);
    assert_eq!(guild.apply("register", REGISTER)["persons"]["created"], 1);
    let made = guild.person("register", "R1").unwrap();
    guild.apply("register", &REGISTER[1..]);
    assert_eq!(guild.apply("register", REGISTER)["persons"]["created"], 0, "a correlation stays once made");
    assert_eq!(guild.person("register", "R1"), Some(made));
}

#[test]
fn where_no_person_is_made_somebody_may_make_one_or_name_one() {
    let guild = twins();
    guild.configure("register", "create = false\ncorrelate = [{ property = \"mail\", field = \"mail\" }]");
    let feed = ["R7,Nobody,nobody@x,1", "R8,Nobody,nobody@x,1"];
    guild.apply("register", &feed);
    assert_eq!(guild.doubts(), ["no_match R7", "no_match R8"]);
    guild.decide("register", "R7", Verdict::New);
    guild.decide("register", "R8", Verdict::Person(guild.person("staff", "1").unwrap()));
    assert_eq!(guild.apply("register", &feed)["persons"]["created"], 1);
    assert_eq!(guild.person("register", "R8"), guild.person("staff", "1"));
    assert_eq!(guild.doubts(), Vec::<String>::new());
}

#[test]
fn a_person_made_by_hand_is_touched_only_if_somebody_says_so() {
    let guild = Guild::new();
    execute(
        &guild.muster,
        "insert into persons (id, state, valid_from, fields, provenance, search)
         values (nextval('person_ids'), 'current', now() - interval '1 day', '{\"mail\": \"eve@x\"}', '{}', 'eve@x')",
    );
    guild.apply("register", &["R1,Eve,eve@x,5"]);
    assert_eq!(guild.doubts(), ["local_person R1"]);
    let eve = guild.number("select id as number from persons where created_by is null");
    guild.decide("register", "R1", Verdict::Person(eve));
    assert_eq!(guild.apply("register", &["R1,Eve,eve@x,5"])["persons"]["updated"], 1);
    assert_eq!(guild.person("register", "R1"), Some(eve));
}

#[test]
fn a_decision_about_what_waits_to_be_applied_has_it_prepared_anew() {
    let guild = twins();
    guild.write("register", REGISTER);
    let ready = guild.muster.run(&["run", "register", "--dry-run", "--wait", "--json"]).succeeded().json().remove(0);
    let ada = guild.person("staff", "1").unwrap();
    guild.decide("register", "R1", Verdict::Person(ada));
    guild.muster.run(&["resume", &ready["id"].to_string(), "--wait"]);
    let applied = guild.apply("register", REGISTER);
    assert_eq!(applied["problems"]["ambiguous_match"], 0);
    assert_eq!(guild.person("register", "R1"), Some(ada));
}
