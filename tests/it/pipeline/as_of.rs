//! Looking back (SPEC 3.7): at every moment of a random history, everything as of then is what was there then.
//! `AS_OF_SEED` repeats an earlier test.

use super::stored::{apply, lines};
use crate::support::documents::wide_open;
use crate::support::program::Program;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::PgConnection;
use muster::db;
use muster::model::as_of::AsOf;
use muster::model::group::{self, Kind};
use muster::model::person::{self, Filter, StateFilter};
use muster::model::resource;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

const RUNS: usize = 10;

const OPEN: &str = concat!(
    wide_open!(),
    r#"[guards]
first_run = false
empty_source = false
header = false
volume_percentage = 0
reject_percentage = 0
[[connection]]
name = "feed"
kind = "files"
folder = "feed"
"#
);

/// Its leavers are deleted.
const STAFF: &str = r#"
[[connection.table]]
name = "people"
file = "people.csv"
[[connection.table]]
name = "units"
file = "units.csv"
[[entity_type]]
name = "unit"
source = "feed.units"
represents = "organizations"
  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "name"
[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
  [[entity_type.property]]
  name = "id"
  column = "id"
  key = true
  [[entity_type.property]]
  name = "login"
  column = "login"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [entity_type.users]
  correlate = [{ property = "mail", field = "mail" }]
  on_missing = "delete"
    [entity_type.users.fields]
    user_name = "login"
    mail = "mail"
[[association]]
name = "unit"
from = "person"
to = "unit"
column = "unit"
cardinality = "many_to_one"
[[association]]
name = "parent"
from = "unit"
to = "unit"
column = "parent"
cardinality = "many_to_one"
"#;

/// Its leavers are blocked; groups within groups, in circles too.
const CLUB: &str = r#"
[[connection.table]]
name = "members"
file = "members.csv"
[[connection.table]]
name = "teams"
file = "teams.csv"
[[entity_type]]
name = "member"
source = "feed.members"
represents = "users"
  [[entity_type.property]]
  name = "uid"
  column = "uid"
  key = true
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [[entity_type.property]]
  name = "phone"
  column = "phone"
  [entity_type.users]
  correlate = [{ property = "mail", field = "mail" }]
    [entity_type.users.fields]
    user_name = "uid"
    mail = "mail"
    phone = "phone"
[[entity_type]]
name = "team"
source = "feed.teams"
represents = "groups"
  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "name"
  [entity_type.groups]
  name = "name"
[[association]]
name = "in_team"
from = "team"
to = ["member", "team"]
column = "members"
separator = ";"
cardinality = "many_to_many"
membership = true
"#;

/// Chance that repeats itself.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 32) as usize) % bound
    }

    fn pick<'c>(&mut self, choices: &[&'c str]) -> &'c str {
        choices[self.below(choices.len())]
    }
}

/// File → key → the row behind it.
type Feed = BTreeMap<&'static str, BTreeMap<String, String>>;

fn edit(dice: &mut Dice, feed: &mut Feed) {
    for _ in 0..1 + dice.below(5) {
        let mails = ["a@x", "b@x", "c@x", "d@x", "e@x", "f@x"];
        let (file, key, row) = match dice.below(5) {
            0 => ("units.csv", dice.pick(&["U1", "U2", "U3"]), {
                format!("{},{}", dice.pick(&["red", "blue"]), dice.pick(&["", "U1", "U2", "U3"]))
            }),
            1 | 2 => ("people.csv", dice.pick(&["P1", "P2", "P3", "P4", "P5"]), {
                let login = dice.pick(&["ada", "Bob", "cy", "dee", ""]);
                format!("{login},{},{}", dice.pick(&mails), dice.pick(&["", "U1", "U2", "U3"]))
            }),
            3 => ("members.csv", dice.pick(&["m1", "m2", "m3", "m4"]), {
                format!("{},{}", dice.pick(&mails), dice.pick(&["1", "2", ""]))
            }),
            _ => ("teams.csv", dice.pick(&["T1", "T2", "T3", "T4"]), {
                let members: Vec<&str> =
                    (0..dice.below(5)).map(|_| dice.pick(&["m1", "m2", "m3", "m4", "T1", "T2", "T3", "T4"])).collect();
                format!("{},{}", dice.pick(&["Red", "Blue", "Green"]), members.join(";"))
            }),
        };
        let rows = feed.entry(file).or_default();
        if dice.below(3) == 0 {
            rows.remove(key);
        } else {
            rows.insert(key.to_owned(), row);
        }
    }
}

fn write(muster: &Program, feed: &Feed) {
    for (file, header) in [
        ("units.csv", "code,name,parent"),
        ("people.csv", "id,login,mail,unit"),
        ("members.csv", "uid,mail,phone"),
        ("teams.csv", "code,name,members"),
    ] {
        let mut text = format!("{header}\n");
        for (key, row) in feed.get(file).into_iter().flatten() {
            writeln!(text, "{key},{row}").unwrap();
        }
        fs::write(muster.folder.path().join("feed").join(file), text).unwrap();
    }
}

/// Everything that pages and command line say, in the words of the model: page by page, so that paging is held against
/// it as well.
fn everything(conn: &mut PgConnection, at: &AsOf) -> Vec<String> {
    let mut said = Vec::new();
    for entity_type in 1..=4 {
        let mut after = None;
        loop {
            let page = resource::page(conn, at, entity_type, "", after.as_deref(), 3).unwrap().resources;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for one in &page {
                said.push(format!("{one:?}"));
                assert_eq!(resource::find(conn, at, entity_type, one.id).unwrap().as_ref(), Some(one));
                assert_eq!(resource::by_key(conn, at, entity_type, &one.key).unwrap().as_ref(), Some(one));
                for link in resource::neighbours(conn, at, entity_type, one.id, 100).unwrap() {
                    said.push(format!("{} {} {} {}", one.key, link.association, link.outgoing, link.key));
                    let way = (link.association.as_str(), link.outgoing);
                    let linked = resource::linked(conn, at, (entity_type, one.id), way, link.id - 1, 1).unwrap();
                    assert_eq!(linked.first().map(|one| one.id), Some(link.id));
                }
            }
        }
        let found = resource::page(conn, at, entity_type, "a", None, 100).unwrap();
        said.push(format!("found {:?}", found.resources.iter().map(|one| &one.key).collect::<Vec<_>>()));
    }
    for state in [StateFilter::All, StateFilter::Current, StateFilter::Past, StateFilter::Blocked] {
        for search in ["", "a@x", "B"] {
            let filter = Filter { search: search.to_owned(), state };
            let mut place: Option<(Option<String>, i64)> = None;
            loop {
                let after = place.as_ref().map(|(name, id)| (name.as_deref(), *id));
                let page = person::page(conn, at, &filter, after, 2).unwrap().persons;
                let Some(last) = page.last() else { break };
                place = Some((last.fields["user_name"].as_str().map(str::to_owned), last.id));
                said.extend(page.iter().map(|one| format!("{state:?} {search} {one:?}")));
            }
        }
    }
    let persons = person::after_id(conn, at, &Filter::default(), i64::MIN, 1000).unwrap();
    let ids: Vec<i64> = persons.iter().map(|one| one.id).collect();
    for one in &persons {
        assert_eq!(person::find(conn, at, one.id).unwrap().as_ref(), Some(one));
        said.push(format!("{one:?} {:?}", resource::of_person(conn, at, one.id).unwrap()));
        said.extend(person::organizations(conn, at, one.id).unwrap().iter().map(|way| format!("{way:?}")));
    }
    said.extend(person::memberships(conn, at, &ids).unwrap().iter().map(|one| format!("{one:?}")));
    for one in group::page(conn, at, "", Kind::All, None, 100).unwrap() {
        said.push(format!("{one:?} {:?}", group::related(conn, at, one.id, 100).unwrap()));
        for direct in [true, false] {
            let mut place = None;
            loop {
                let page = group::members(conn, at, one.id, direct, place, 2).unwrap();
                let Some(last) = page.last() else { break };
                place = Some(last.place());
                said.extend(page.iter().map(|member| format!("{direct} {member:?}")));
            }
        }
    }
    said
}

#[test]
fn as_of_a_moment_everything_is_what_it_was_then() {
    let seed: u64 = std::env::var("AS_OF_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("AS_OF_SEED={seed}");
    let mut dice = Dice(seed);
    let muster = Program::new();
    fs::create_dir(muster.folder.path().join("feed")).unwrap();
    for (name, document) in [("staff", STAFF), ("club", CLUB)] {
        let path = muster.folder.path().join(format!("{name}.toml"));
        fs::write(&path, format!("name = \"{name}\"\n{OPEN}{document}")).unwrap();
        muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    }
    let mut feed = Feed::new();
    for _ in 0..12 {
        edit(&mut dice, &mut feed);
    }
    let mut conn = muster.database.connect();
    let mut recorded: Vec<(DateTime<Utc>, Vec<String>)> = Vec::new();
    for _ in 0..RUNS {
        write(&muster, &feed);
        let connector = dice.pick(&["staff", "club"]);
        apply(&muster, connector);
        recorded.push((db::now(&mut conn).unwrap(), everything(&mut conn, &AsOf::Now)));
        edit(&mut dice, &mut feed);
    }
    for (number, (moment, then)) in recorded.iter().enumerate() {
        // Any moment until the next run was applied.
        let until = recorded.get(number + 1).map_or(*moment, |_| {
            let applied =
                lines(&muster, &format!("select applied_at::text from runs order by id offset {} limit 1", number + 1));
            let next: DateTime<Utc> = format!("{}:00", applied[0]).replace(' ', "T").parse().unwrap();
            next - TimeDelta::microseconds(1)
        });
        let span = (until - *moment).num_microseconds().unwrap().max(1) as usize;
        for at in [*moment, until, *moment + TimeDelta::microseconds(dice.below(span) as i64)] {
            let as_of = AsOf::at(&mut conn, at).unwrap();
            let found = everything(&mut conn, &as_of);
            for (was, is) in then.iter().zip(&found) {
                assert_eq!(is, was, "seed {seed}, after run {} as of {at}", number + 1);
            }
            assert_eq!(found.len(), then.len(), "seed {seed}, after run {} as of {at}", number + 1);
        }
    }
    let before = recorded[0].0 - TimeDelta::days(1);
    let nothing = AsOf::at(&mut conn, before).unwrap();
    let found = everything(&mut conn, &nothing);
    assert!(found.iter().all(|line| line == "found []"), "nothing was there: {found:?}");
}
