//! Authority and correlation do not depend on the order in which connectors run.

use super::stored::lines;
use crate::support::guild::Guild;
use proptest::prelude::*;

/// What persons say, and which records feed each, told by keys and never by ids.
fn told(guild: &Guild) -> Vec<String> {
    lines(
        &guild.muster,
        "select concat_ws(' ', (select string_agg(e.name || ':' || r.key, '+' order by e.name, r.key)
                                  from resources r join entity_types e on e.id = r.entity_type_id
                                 where r.person_id = p.id),
                          p.state, jsonb_array_length(p.blocks), p.fields) from persons p",
    )
}

/// By person, of at most five: what a source says of its mail and phone, if it has the person at all. Addresses are of one
/// person each, as correlation asks for.
#[derive(Debug, Clone)]
struct Feeds {
    staff: Vec<Option<Option<u8>>>,
    register: Vec<Option<Option<u8>>>,
}

fn feeds() -> impl Strategy<Value = Feeds> {
    let source = || proptest::collection::vec(proptest::option::of(proptest::option::of(0..9_u8)), 5);
    (source(), source()).prop_map(|(staff, register)| Feeds { staff, register })
}

fn rows(prefix: &str, said: &[Option<Option<u8>>]) -> Vec<String> {
    let row = |(person, phone): (usize, &Option<Option<u8>>)| {
        let phone = phone.as_ref()?.map(|phone| phone.to_string()).unwrap_or_default();
        // Letters of another case are the same address.
        let mail = if prefix == "R" { format!("P{person}@X") } else { format!("p{person}@x") };
        Some(format!("{prefix}{person},{prefix} {person},{mail},{phone}"))
    };
    said.iter().enumerate().filter_map(row).collect()
}

fn run(guild: &Guild, name: &str, feeds: &Feeds) {
    let rows = match name {
        "staff" => rows("S", &feeds.staff),
        _ => rows("R", &feeds.register),
    };
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    guild.apply(name, &rows);
}

/// The mail that a person shows is that of the source created first, in its own letters; all else likewise.
fn settled(order: &[bool], steps: &[Feeds]) -> Vec<String> {
    let guild = Guild::new();
    for (feeds, staff_first) in steps.iter().zip(order) {
        let names = if *staff_first { ["staff", "register"] } else { ["register", "staff"] };
        for name in names {
            run(&guild, name, feeds);
        }
    }
    told(&guild)
}

proptest! {
    // A case is a dozen runs of the program on a database of its own.
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whichever_connector_runs_first_the_same_persons_say_the_same(
        steps in proptest::collection::vec(feeds(), 1..4),
        orders in proptest::collection::vec(any::<bool>(), 6),
    ) {
        prop_assert_eq!(settled(&orders[..3], &steps), settled(&orders[3..], &steps));
    }
}

#[test]
fn the_losers_of_a_field_are_shown_beside_the_winner() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10"]);
    guild.apply("register", &["R1,Countess,ada@x,99"]);
    let person = guild.person("staff", "1").unwrap();
    let reader = crate::support::reader::Reader::serve(&guild.muster);
    let page = reader.page(&format!("/users/{person}"));
    assert!(page.contains("Phone 10 Staff run 1 people.csv line 2 1 other source 99 Register"), "{page}");
    let why = reader.page(&format!("/users/{person}/why?field=phone"));
    for words in [
        "Why Phone is so",
        "1. Read run 1 The record 1 was read among the Staff - Users of Staff.",
        "Stood in people.csv line 2",
        "Column phone",
        "2. In scope The entity type has no filter",
        "3. Matched by run 1 A record of this connector made the user",
        "mail = mail ada@x",
        "4. Authority The first that has a value wins, in the order in which the connectors were created.",
        "1. Staff 10 (people.csv line 2) 2. Register 99 (people.csv line 2)",
        "5. Value What the profile shows. Property phone Value 10",
    ] {
        assert!(why.contains(words), "{words}: {why}");
    }
    let received = reader.page(&format!("/users/{person}/received"));
    assert!(received.contains("number 1 name Ada mail ada@x phone 10"), "{received}");
    assert!(received.contains("number R1 name Countess mail ada@x phone 99"), "{received}");
}

#[test]
fn why_names_the_rule_that_matched_then_whatever_agrees_now() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,20"]);
    let by_number_then_mail = "correlate = [{ property = \"number\", field = \"employee_id\" }, \
                               { property = \"mail\", field = \"mail\", ignore_case = true }]";
    guild.configure("register", by_number_then_mail);
    guild.apply("register", &["R1,Countess,ADA@x,99", "2,Baroness,other@x,98"]);
    let (ada, bea) = (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap());
    assert_eq!((guild.person("register", "R1"), guild.person("register", "2")), (Some(ada), Some(bea)));
    // Since then she is called otherwise on both sides, the rules are others, and what agreed does no more.
    guild.apply("staff", &["1,Ada,countess@x,10", "2,Bea,bea@x,20"]);
    guild.configure("register", "correlate = [{ property = \"number\", field = \"employee_id\" }]");
    guild.apply("register", &["R1,Countess,gone@x,99", "2,Baroness,other@x,98"]);
    let reader = crate::support::reader::Reader::serve(&guild.muster);
    let why = |person: i64| reader.page(&format!("/users/{person}/why?field=title"));
    let page = why(ada);
    assert!(
        page.contains("3. Matched by run 2 The rule mail = mail found the user, who was here already: both had ada@x."),
        "{page}"
    );
    assert!(!page.contains(", now"), "no rule agrees now: {page}");
    let page = why(bea);
    assert!(page.contains("The rule number = employee_id found the user") && page.contains("both had 2."), "{page}");
    assert!(page.contains("number = employee_id, now 2"), "{page}");

    // Given by hand, it is that; a merge is told as one.
    let by = muster::model::decision::Decider { name: "tester", comment: None };
    let connection = &mut guild.muster.database.connect();
    muster::pipeline::people::by_hand::merge(connection, bea, ada, &by).unwrap();
    let page = reader.page(&format!("/users/{ada}/why?field=title"));
    assert!(page.contains("Matched by") && !page.contains("who was here already: both had 2"), "{page}");
}

#[test]
fn a_source_that_could_not_be_read_keeps_its_say_and_one_that_says_empty_loses_it() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10"]);
    guild.apply("register", &["R1,Countess,ada@x,99"]);
    std::fs::remove_file(guild.muster.folder.path().join("staff/people.csv")).unwrap();
    guild.muster.run(&["run", "staff", "--wait", "--json"]).exited(1);
    guild.apply("register", &["R1,Countess,ada@x,98"]);
    assert!(guild.persons()[0].contains("\"phone\": \"10\""), "{:#?}", guild.persons());
    guild.apply("staff", &["1,Ada,ada@x,"]);
    assert!(guild.persons()[0].contains("\"phone\": \"98\""), "{:#?}", guild.persons());
}

#[test]
fn a_leaver_that_was_outvoted_has_its_say_when_the_winner_falls_silent_or_leaves_as_well() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,20"]);
    guild.apply("register", &["R1,Countess,ada@x,99", "R2,Baroness,bea@x,98"]);
    let left = guild.apply("register", &[]);
    assert!(guild.persons()[0].contains("\"phone\": \"10\""), "{:#?}", guild.persons());
    // It is held, so it is part of what is held on the person.
    let id = guild.person("staff", "1").unwrap().to_string();
    let held = guild.muster.run(&["user", "export", &id]).succeeded();
    let held: serde_json::Value = serde_json::from_str(&held.stdout).unwrap();
    assert_eq!(held["outvoted"]["phone"][0][0], "99", "{held:#}");
    guild.apply("staff", &["1,Ada,ada@x,", "2,Bea,bea@x,20"]);
    assert!(guild.persons()[0].contains("\"phone\": \"99\""), "{:#?}", guild.persons());
    let person = guild.person("staff", "1").unwrap();
    let reader = crate::support::reader::Reader::serve(&guild.muster);
    let page = reader.page(&format!("/users/{person}"));
    assert!(
        page.contains(&format!("Phone 99 Register run {} people.csv line 2", left["id"].as_i64().unwrap() - 1)),
        "{page}"
    );
    // Who comes back is asked again, and what was said before is forgotten.
    guild.apply("register", &["R1,Countess,ada@x,"]);
    assert!(!guild.persons()[0].contains("phone"), "{:#?}", guild.persons());
}

#[test]
fn only_the_persons_that_a_run_touches_are_worked_out_again() {
    let guild = Guild::new();
    guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,20", "3,Cid,cid@x,30"]);
    let run = guild.apply("staff", &["1,Ada,ada@x,10", "2,Bea,bea@x,21", "3,Cid,cid@x,30"]);
    let id = run["id"].to_string();
    let written = lines(&guild.muster, &format!("select fields ->> 'mail' from persons where run_id = {id}"));
    assert_eq!(written, ["bea@x"]);
}
