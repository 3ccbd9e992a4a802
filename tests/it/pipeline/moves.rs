//! A new key where the old one is gone: the same user, unless somebody says that it is not.

use super::stored::{count, lines};
use crate::support::guild::{BY_MAIL, Guild};
use muster::model::correlation::Verdict;
use muster::model::key_move;
use muster::model::run::RunId;

fn joined() -> Guild {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,20"]);
    guild
}

/// Old key, new key, field, decision, whether it waits.
fn moves(guild: &Guild, run: &serde_json::Value) -> Vec<String> {
    let run = RunId(run["id"].as_i64().unwrap() as i32);
    let moves = key_move::of_run(&mut guild.muster.database.connect(), run, None, 100).unwrap();
    moves
        .iter()
        .map(|one| {
            let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
            format!("{} {} {} {} {}", one.old_key, one.new_key, word(&one.field), word(&one.decision), one.waits)
        })
        .collect()
}

const MOVED: &[&str] = &["1,Ada,ada@x,10", "22,Bea,bea@x,21"];

#[test]
fn a_new_key_of_the_same_person_is_a_move_and_no_leaver_with_a_joiner() {
    let guild = joined();
    let bea = guild.person("staff", "2").unwrap();
    guild.write("staff", MOVED);
    let ready = guild.muster.run(&["run", "staff", "--dry-run", "--wait", "--json"]).succeeded().json().remove(0);
    assert_eq!(moves(&guild, &ready), ["2 22 mail - false"], "shown before anything is written");
    assert_eq!(guild.person("staff", "2"), Some(bea));
    assert_eq!((&ready["persons"]["created"], &ready["persons"]["blocked"]), (&0.into(), &0.into()));

    let run = guild.apply("staff", MOVED);
    assert_eq!(moves(&guild, &run), ["2 22 mail - false"]);
    assert_eq!(guild.person("staff", "22"), Some(bea));
    assert!(guild.persons()[1].starts_with("current 0"), "{:#?}", guild.persons());
    let entity_type = guild.number("select id::bigint as number from entity_types where name = 'staff_user'") as i32;
    let others = |key: &str| key_move::other_keys(&mut guild.muster.database.connect(), entity_type, key).unwrap();
    let (was, is) = (others("22"), others("2"));
    assert_eq!((was[0].key.as_str(), was[0].is_before, is[0].key.as_str(), is[0].is_before), ("2", true, "22", false));
    assert!(was[0].resource_id.is_some() && is[0].resource_id.is_some(), "the history keeps both");
    assert_eq!(was.len() + is.len(), 2, "a dry run has moved nobody");
}

#[test]
fn a_move_that_is_refused_is_a_leaver_and_a_joiner() {
    let guild = joined();
    let bea = guild.person("staff", "2").unwrap();
    guild.write("staff", MOVED);
    let ready = guild.muster.run(&["run", "staff", "--dry-run", "--wait", "--json"]).succeeded().json().remove(0);
    guild.decide("staff", "22", Verdict::New);
    // What was looked at can't be applied any more: it is prepared anew.
    guild.muster.run(&["resume", &ready["id"].to_string(), "--wait"]);
    let run = guild.apply("staff", MOVED);
    assert_eq!(moves(&guild, &run), Vec::<String>::new());
    assert_ne!(guild.person("staff", "22"), Some(bea));
    let past = lines(&guild.muster, "select state from persons where fields ->> 'mail' = 'bea@x'");
    assert_eq!(past, ["current", "past"]);
}

#[test]
fn where_moves_are_asked_for_both_stay_until_somebody_decides() {
    let guild = joined();
    let bea = guild.person("staff", "2").unwrap();
    guild.configure("staff", &format!("on_move = \"ask\"\n{BY_MAIL}"));
    for _ in 0..2 {
        let run = guild.apply("staff", MOVED);
        assert_eq!(run["problems"]["possible_move"], 1, "{run:#}");
        assert_eq!(run["persons"]["blocked"], 0);
        assert_eq!((guild.person("staff", "2"), guild.person("staff", "22")), (Some(bea), None), "nobody left");
        assert_eq!(guild.doubts(), ["possible_move 22"]);
    }
    guild.decide("staff", "22", Verdict::Person(bea));
    let run = guild.apply("staff", MOVED);
    assert_eq!(moves(&guild, &run), ["2 22 - person false"]);
    assert_eq!((guild.person("staff", "22"), guild.doubts()), (Some(bea), vec![]));
    assert_eq!(count(&guild.muster, "select count(*) from resources where key = '2'"), 0);
    assert!(guild.persons()[1].starts_with("current 0"), "{:#?}", guild.persons());
}
