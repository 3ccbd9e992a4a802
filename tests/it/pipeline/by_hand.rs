//! Records taken off a person, and persons merged, by hand: what follows, and that later runs keep to it.

use super::stored::{count, execute, lines, rows};
use crate::support::guild::Guild;
use crate::support::town::Town;
use chrono::Utc;
use muster::model::as_of::AsOf;
use muster::model::decision::Decider;
use muster::model::merge;
use muster::model::person::{self, blocking};
use muster::pipeline::people::by_hand::{self, ByHandError};
use muster::pipeline::people::edits::{self, Overruling};
use muster::pipeline::people::graces;
use serde_json::json;

const BY: Decider<'_> = Decider { name: "tester", comment: Some("a mistake") };
const STAFF: &[&str] = &["1,Ada,ada@x,10", "2,Bea,bea@x,"];
const REGISTER: &[&str] = &["R1,Countess,ada@x,99", "R2,Second,bea@x,22"];

fn together() -> Guild {
    let guild = Guild::new();
    guild.apply("staff", STAFF);
    guild.apply("register", REGISTER);
    assert_eq!(guild.person("register", "R1"), guild.person("staff", "1"));
    guild
}

fn resource(guild: &Guild, key: &str) -> i64 {
    guild.number(&format!("select id as number from resources where key = '{key}'"))
}

fn value(guild: &Guild, person: i64, field: &str) -> String {
    let found =
        lines(&guild.muster, &format!("select coalesce(fields ->> '{field}', '-') from persons where id = {person}"));
    found.into_iter().next().unwrap_or_else(|| "gone".into())
}

/// Every connector runs again, and nothing is written: what was done by hand stays as it is.
fn runs_keep_to_it(guild: &Guild) {
    let before = rows(&guild.muster);
    guild.apply("register", REGISTER);
    guild.apply("staff", STAFF);
    assert_eq!(rows(&guild.muster), before);
}

#[test]
fn a_record_taken_off_a_person_becomes_one_of_its_own_and_stays_it_whatever_runs() {
    let guild = together();
    let ada = guild.person("staff", "1").unwrap();
    let connection = &mut guild.muster.database.connect();
    let began = Utc::now();
    assert_eq!(value(&guild, ada, "title"), "Countess");
    let own = by_hand::separate(connection, ada, resource(&guild, "R1"), None, &BY).unwrap();
    assert_ne!(own, ada);
    assert_eq!((value(&guild, ada, "title"), value(&guild, ada, "phone")), ("-".into(), "10".into()));
    assert_eq!((value(&guild, own, "title"), value(&guild, own, "phone")), ("Countess".into(), "99".into()));
    runs_keep_to_it(&guild);

    // Gone and back: it is still the one of its own.
    guild.apply("register", &REGISTER[1..]);
    guild.apply("register", REGISTER);
    assert_eq!(guild.person("register", "R1"), Some(own));
    // As it was before: one person, with both records.
    let then = AsOf::at(connection, began).unwrap();
    let was = person::find(connection, &then, ada).unwrap().unwrap();
    assert_eq!(was.field("title"), Some("Countess"));
    assert_eq!(muster::model::resource::of_person(connection, &then, ada).unwrap().len(), 2);
    assert!(person::find(connection, &then, own).unwrap().is_none());
    assert_eq!(count(&guild.muster, "select count(*) from audit where action = 'separate' and account = 'tester'"), 1);
    let only = by_hand::separate(connection, ada, resource(&guild, "1"), None, &BY);
    assert!(matches!(only, Err(ByHandError::OnlyOne)), "{only:?}");
}

#[test]
fn a_record_may_be_given_to_another_person() {
    let guild = together();
    let (ada, bea) = (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap());
    let connection = &mut guild.muster.database.connect();
    by_hand::separate(connection, ada, resource(&guild, "R1"), Some(bea), &BY).unwrap();
    assert_eq!(guild.person("register", "R1"), Some(bea));
    assert_eq!(value(&guild, ada, "title"), "-");
    assert_eq!(value(&guild, bea, "mail"), "bea@x", "her own staff record says so");
    runs_keep_to_it(&guild);
}

#[test]
fn two_persons_become_one_and_whatever_leads_to_the_one_leads_to_the_other() {
    let guild = together();
    let (ada, bea) = (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap());
    execute(
        &guild.muster,
        &format!(
            "insert into groups (name) values ('Chess');
             insert into local_memberships (group_id, person_id, added_by) select id, {bea}, 'x' from groups;
             update persons set local = '{{\"summary\": \"plays\"}}' where id = {bea}"
        ),
    );
    let connection = &mut guild.muster.database.connect();
    let began = Utc::now();
    by_hand::merge(connection, bea, ada, &BY).unwrap();
    assert_eq!(value(&guild, bea, "mail"), "gone");
    assert_eq!(merge::became(connection, bea).unwrap(), Some(ada));
    for key in ["1", "2"] {
        assert_eq!(guild.person("staff", key), Some(ada));
    }
    assert_eq!(person::memberships(connection, &AsOf::Now, &[ada]).unwrap().len(), 1, "local groups come along");
    assert_eq!(lines(&guild.muster, "select local ->> 'summary' from persons"), ["plays"]);
    runs_keep_to_it(&guild);
    guild.apply("staff", &STAFF[..1]);
    guild.apply("staff", STAFF);
    assert_eq!(guild.person("staff", "2"), Some(ada), "back after it was gone");

    let then = AsOf::at(connection, began).unwrap();
    assert_eq!(person::find(connection, &then, bea).unwrap().unwrap().field("mail"), Some("bea@x"));
    assert_eq!(count(&guild.muster, "select count(*) from audit where action = 'merge'"), 1);
    // And apart again: the record that was hers.
    let own = by_hand::separate(connection, ada, resource(&guild, "2"), None, &BY).unwrap();
    assert_eq!(value(&guild, own, "display_name"), "Bea");
}

#[test]
fn what_was_prepared_before_something_was_changed_by_hand_is_prepared_anew() {
    let guild = together();
    guild.write("staff", &["1,Ada,ada@x,11", "2,Bea,bea@x,"]);
    let ready = guild.muster.run(&["run", "staff", "--dry-run", "--wait", "--json"]).succeeded().json().remove(0);
    let (ada, bea) = (guild.person("staff", "1").unwrap(), guild.person("staff", "2").unwrap());
    by_hand::merge(&mut guild.muster.database.connect(), ada, bea, &BY).unwrap();
    let resumed = guild.muster.run(&["resume", &ready["id"].to_string(), "--wait", "--json"]);
    assert!(resumed.stderr.contains("prepared anew") || resumed.code == 0, "{resumed:#?}");
    guild.apply("staff", &["1,Ada,ada@x,11", "2,Bea,bea@x,"]);
    assert_eq!(guild.person("staff", "1"), Some(bea));
    assert_eq!(value(&guild, ada, "mail"), "gone");
}

#[test]
fn a_block_by_hand_outlasts_every_run_unless_the_source_lifts_it_always() {
    let guild = together();
    let ada = guild.person("staff", "1").unwrap();
    let connection = &mut guild.muster.database.connect();
    blocking::block(connection, ada, "tester", "lost badge", Utc::now()).unwrap();
    for on_return in ["never", "by_run"] {
        guild.configure("staff", &format!("on_return = \"{on_return}\"\n{}", crate::support::guild::BY_MAIL));
        guild.apply("staff", &STAFF[1..]);
        guild.apply("staff", STAFF);
        let blocks = guild.persons()[0].clone();
        let expected = if on_return == "never" { "past 2" } else { "current 1" };
        assert!(blocks.starts_with(expected), "{on_return}: {blocks}");
    }
    let by_hand = person::find(connection, &AsOf::Now, ada).unwrap().unwrap();
    assert!(by_hand.is_blocked(Utc::now()));
    guild.configure("staff", &format!("on_return = \"always\"\n{}", crate::support::guild::BY_MAIL));
    guild.apply("staff", &STAFF[1..]);
    guild.apply("staff", STAFF);
    assert!(guild.persons()[0].starts_with("current 0"), "{:#?}", guild.persons());

    blocking::block(connection, ada, "tester", "again", Utc::now()).unwrap();
    blocking::unblock(connection, ada, "tester", "found", Utc::now()).unwrap();
    let nothing = blocking::unblock(connection, ada, "tester", "", Utc::now());
    assert!(matches!(nothing, Err(blocking::BlockError::NotBlocked)), "{nothing:?}");
    assert!(guild.persons()[0].starts_with("current 0"));
    assert_eq!(
        person::history(connection, &AsOf::Now, ada, 100).unwrap().iter().filter(|one| one.run_id.is_none()).count(),
        2
    );
}

#[test]
fn a_grace_period_ends_by_the_daily_job_and_not_before() {
    let guild = Guild::new();
    guild.configure("staff", &format!("grace_days = 14\n{}", crate::support::guild::BY_MAIL));
    guild.apply("staff", STAFF);
    guild.apply("staff", &STAFF[1..]);
    let connection = &mut guild.muster.database.connect();
    assert!(guild.persons()[0].starts_with("current 1"), "{:#?}", guild.persons());
    assert_eq!(graces::end(connection, Utc::now() + chrono::Days::new(13)).unwrap(), 0);
    assert_eq!(graces::end(connection, Utc::now() + chrono::Days::new(15)).unwrap(), 1);
    assert!(guild.persons()[0].starts_with("past 1"), "{:#?}", guild.persons());
    guild.apply("staff", STAFF);
    assert!(guild.persons()[0].starts_with("current 0"), "who returns is here again: {:#?}", guild.persons());
}

#[test]
fn what_lay_beneath_an_override_of_who_is_merged_comes_along_and_the_override_ends() {
    let guild = Guild::new();
    guild.apply("staff", STAFF);
    guild.apply("register", &["R7,Treasurer,other@x,77"]);
    let (ada, other) = (guild.person("staff", "1").unwrap(), guild.person("register", "R7").unwrap());
    assert_ne!(ada, other);
    let connection = &mut guild.muster.database.connect();
    let boss = json!("Boss");
    let wanted = Overruling { person: other, field: "title", value: boss, reason: "for now", due_at: None };
    edits::overrule(connection, &wanted, "tester", Utc::now()).unwrap();
    // The register has lost the record: what it said last stays with the leaver, beneath the override.
    guild.apply("register", &[]);
    assert_eq!(value(&guild, other, "title"), "Boss");

    by_hand::merge(connection, other, ada, &BY).unwrap();
    assert_eq!(value(&guild, ada, "title"), "Treasurer");
    assert_eq!(count(&guild.muster, "select count(*) from overrides where ended_at is null"), 0);
    assert_eq!(count(&guild.muster, "select count(*) from overrides where ended_by = 'tester'"), 1);
}

#[test]
fn deliveries_are_told_who_left_and_joined_which_group_by_what_was_changed_by_hand() {
    let town = Town::synchronized();
    let (ada, grace) = (town.user("alovelace"), town.user("ghopper"));
    let connection = &mut town.muster.database.connect();
    let record = count(&town.muster, "select id from resources where key = 'ada.l'");
    let mut seen = 0;
    let mut told = || {
        let question = format!(
            "select concat_ws(' ', o.kind, o.operation, o.person_id, g.name)
               from outbox o left join groups g on g.id = o.group_id where o.id > {seen} and o.kind <> 'scope'"
        );
        let lines = lines(&town.muster, &question);
        seen = count(&town.muster, "select max(id) from outbox");
        lines
    };
    told();
    let own = by_hand::separate(connection, ada, record, None, &BY).unwrap();
    assert_eq!(
        told(),
        [
            format!("membership delete {ada} Engineering"),
            format!("membership insert {own} Engineering"),
            format!("person insert {own}"),
            format!("person update {ada}"),
        ]
    );

    execute(
        &town.muster,
        &format!(
            "insert into groups (name) values ('Chess');
             insert into local_memberships (group_id, person_id, added_by) select id, {own}, 'x' from groups
              where name = 'Chess';
             update persons set local = '{{\"summary\": \"plays\"}}' where id = {own}"
        ),
    );
    by_hand::merge(connection, own, grace, &BY).unwrap();
    let told = told();
    for line in [
        format!("membership delete {own} Chess"),
        format!("membership delete {own} Engineering"),
        format!("membership insert {grace} Chess"),
        format!("membership insert {grace} Engineering"),
        format!("person delete {own}"),
        format!("person update {grace}"),
    ] {
        assert!(told.contains(&line), "{line:?} is not in {told:#?}");
    }
    assert_eq!(
        told.iter().filter(|line| line.starts_with("membership")).count(),
        4,
        "what stays is not told: {told:#?}"
    );
}
