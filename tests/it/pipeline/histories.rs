//! Small random histories of a feed, each run held against a model of what the rules say (SPEC 3.2): conflicting and
//! invalid rows protect their key, unique values stay with their holder, references resolve against what is there after
//! the run and heal, sets have no order, another mapping of the same values changes nothing.
//! `HISTORIES_SEED` repeats an earlier test.

use super::stored::{assert_figures, assert_snapshots_hold, count, execute, lines, report, rows, run};
use crate::support::documents::wide_open;
use crate::support::program::Program;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

const HISTORIES: u64 = 4;
const RUNS: usize = 10;

pub(super) const DOCUMENT: &str = concat!(
    r#"
name = "random"

"#,
    wide_open!(),
    r#"
[guards]
first_run = false
empty_source = false
header = false
volume_percentage = 0
reject_percentage = 0

[[connection]]
name = "feed"
kind = "files"
folder = "feed"

[[connection.table]]
name = "units"
file = "units.csv"

[[connection.table]]
name = "people"
file = "people.csv"

[[connection.table]]
name = "pairs"
file = "pairs.csv"

[[entity_type]]
name = "unit"
source = "feed.units"

  [[entity_type.property]]
  name = "code"
  column = "Code"
  key = true

  [[entity_type.property]]
  name = "title"
  column = "Title"
  unique = true

[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
where = "row.State != 'gone'"

  [[entity_type.property]]
  name = "id"
  column = "Id"
  key = true

  [[entity_type.property]]
  name = "login"
  column = "Login"
  unique = true
  required = true

  [[entity_type.property]]
  name = "grade"
  column = "Grade"
  type = "integer"

  [entity_type.users]
  correlate = [{ property = "id", field = "employee_id" }]
  on_missing = "delete"

    [entity_type.users.fields]
    employee_id = "id"
    user_name = "login"

[[association]]
name = "unit"
from = "person"
to = "unit"
column = "Unit"
match = "title"
cardinality = "many_to_one"

[[association]]
name = "boss"
from = "person"
to = "person"
column = "Boss"
cardinality = "many_to_one"

[[association]]
name = "team"
from = "person"
to = "unit"
column = "Teams"
separator = ";"
cardinality = "many_to_many"

[[association]]
name = "friend"
from = "person"
to = ["person", "unit"]
source = "feed.pairs"
from_column = "A"
to_column = "B"
cardinality = "many_to_many"
"#
);

/// The files of a feed. People: Id, Login, Grade, State, Unit, Boss, Teams.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Feed {
    pub(super) units: Vec<[String; 2]>,
    pub(super) people: Vec<[String; 7]>,
    pub(super) pairs: Vec<[String; 2]>,
}

/// Values of a record: the unique one, and another.
type Values = (Option<String>, Option<i64>);

/// What is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct World {
    units: BTreeMap<String, Values>,
    people: BTreeMap<String, Values>,
    /// Association, owner, target.
    links: BTreeSet<(&'static str, String, String)>,
}

/// What became of the rows of an entity type.
#[derive(Debug, Default)]
struct Fate {
    read: u64,
    inserted: u64,
    updated: u64,
    deleted: u64,
    rejected: u64,
    duplicates: u64,
    out_of_scope: u64,
    protected: BTreeSet<String>,
}

/// A row as far as the rules look at it.
struct Row {
    key: String,
    in_scope: bool,
    /// None: invalid.
    values: Option<Values>,
    raw: String,
}

impl Feed {
    fn unit_rows(&self) -> Vec<Row> {
        let row = |[code, title]: &[String; 2]| Row {
            key: code.clone(),
            in_scope: true,
            values: Some((text(title), None)),
            raw: format!("{code},{title}"),
        };
        self.units.iter().map(row).collect()
    }

    fn person_rows(&self) -> Vec<Row> {
        let row = |all: &[String; 7]| {
            let [id, login, grade, state, ..] = all;
            let grade = if grade.is_empty() { Some(None) } else { grade.parse().ok().map(Some) };
            Row {
                key: id.clone(),
                in_scope: state != "gone",
                values: grade.zip(text(login)).map(|(grade, login)| (Some(login), grade)),
                // What leaves the export as pairs is no part of the row.
                raw: all[..6].join(","),
            }
        };
        self.people.iter().map(row).collect()
    }

    pub(super) fn write(&self, muster: &Program) {
        let file = |name: &str, header: &str, rows: Vec<String>| {
            fs::write(muster.folder.path().join("feed").join(name), format!("{header}\n{}\n", rows.join("\n")))
                .unwrap();
        };
        file("units.csv", "Code,Title", self.units.iter().map(|row| row.join(",")).collect());
        file(
            "people.csv",
            "Id,Login,Grade,State,Unit,Boss,Teams",
            self.people.iter().map(|row| row.join(",")).collect(),
        );
        file("pairs.csv", "A,B", self.pairs.iter().map(|row| row.join(",")).collect());
    }
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// What is stored of an entity type after a run.
fn records(stored: &BTreeMap<String, Values>, rows: &[Row]) -> (BTreeMap<String, Values>, Fate) {
    let mut fate = Fate { read: rows.len() as u64, ..Fate::default() };
    let mut by_key: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        match (row.in_scope, row.key.is_empty()) {
            (false, _) => fate.out_of_scope += 1,
            (true, true) => fate.rejected += 1,
            (true, false) => by_key.entry(&row.key).or_default().push(row),
        }
    }
    let mut wanted: BTreeMap<String, Values> = BTreeMap::new();
    for (key, rows) in by_key {
        let different: BTreeSet<&str> = rows.iter().map(|row| row.raw.as_str()).collect();
        fate.duplicates += (rows.len() - different.len()) as u64;
        match (&rows[0].values, different.len()) {
            (Some(values), 1) => {
                wanted.insert(key.to_owned(), values.clone());
            }
            (_, different) => {
                fate.rejected += different as u64;
                fate.protected.insert(key.to_owned());
            }
        }
    }
    // A unique value stays with its holder, and of several newcomers none gets it. Who is refused keeps what it holds,
    // which another may have counted on.
    loop {
        let held = |key: &String| stored.get(key).and_then(|values| values.0.clone());
        let keeps = |value: &String| {
            stored.keys().filter(|key| held(key).as_ref() == Some(value)).any(|key| {
                fate.protected.contains(key) || wanted.get(key).is_some_and(|wants| wants.0.as_ref() == Some(value))
            })
        };
        let mut newcomers: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (key, (value, _)) in &wanted {
            if let Some(value) = value.as_ref().filter(|value| held(key).as_ref() != Some(*value)) {
                newcomers.entry(value).or_default().push(key);
            }
        }
        let refused: Vec<String> = newcomers
            .into_iter()
            .filter(|(value, keys)| keys.len() > 1 || keeps(value))
            .flat_map(|(_, keys)| keys.into_iter().cloned())
            .collect();
        if refused.is_empty() {
            break;
        }
        for key in refused {
            wanted.remove(&key);
            fate.rejected += 1;
            fate.protected.insert(key);
        }
    }
    let mut after = wanted;
    for key in &fate.protected {
        if let Some(values) = stored.get(key) {
            after.insert(key.clone(), values.clone());
        }
    }
    fate.inserted = after.keys().filter(|key| !stored.contains_key(*key)).count() as u64;
    fate.deleted = stored.keys().filter(|key| !after.contains_key(*key)).count() as u64;
    fate.updated =
        after.iter().filter(|(key, values)| stored.get(*key).is_some_and(|was| was != *values)).count() as u64;
    (after, fate)
}

/// What is stored after a run over the feed, what became of units and people, and the references that lead nowhere:
/// association, owner, value.
fn model(before: &World, feed: &Feed) -> (World, [Fate; 2], BTreeSet<(String, String, String)>) {
    let (units, unit_fate) = records(&before.units, &feed.unit_rows());
    let (people, person_fate) = records(&before.people, &feed.person_rows());
    let mut links = BTreeSet::new();
    let mut dangling = BTreeSet::new();
    let exists = |key: &String| people.contains_key(key) || units.contains_key(key);
    for link in &before.links {
        if person_fate.protected.contains(&link.1) && exists(&link.1) && exists(&link.2) {
            links.insert(link.clone());
        }
    }
    let mut refer = |association: &'static str, owner: &str, value: &str, target: Option<&String>| {
        match target {
            _ if value.is_empty() => {}
            Some(target) => drop(links.insert((association, owner.to_owned(), target.clone()))),
            None => drop(dangling.insert((association.to_owned(), owner.to_owned(), value.to_owned()))),
        };
    };
    let by_title =
        |value: &str| units.iter().find(|(_, (title, _))| title.as_deref() == Some(value)).map(|(code, _)| code);
    let settled = |owner: &str| people.contains_key(owner) && !person_fate.protected.contains(owner);
    for [id, _, _, state, unit, boss, teams] in &feed.people {
        if !settled(id) {
            continue;
        }
        if state != "gone" {
            refer("unit", id, unit, by_title(unit));
            refer("boss", id, boss, people.get_key_value(boss).map(|(key, _)| key));
        }
        // Pairs leave the export by their owner's key: those of several rows are one set.
        for team in teams.split(';') {
            refer("team", id, team, units.get_key_value(team).map(|(key, _)| key));
        }
    }
    for [owner, value] in &feed.pairs {
        let target = people.get_key_value(value).or(units.get_key_value(value)).map(|(key, _)| key);
        if !people.contains_key(owner) {
            refer("friend", owner, owner, None);
        } else if settled(owner) {
            refer("friend", owner, value, target);
        }
    }
    (World { units, people, links }, [unit_fate, person_fate], dangling)
}

/// Links of an association that come, change their target, go.
fn moved(before: &World, after: &World, association: &str, single: bool) -> [u64; 3] {
    let of = |world: &World| -> BTreeSet<(String, String)> {
        world
            .links
            .iter()
            .filter(|link| link.0 == association)
            .map(|(_, from, to)| (from.clone(), to.clone()))
            .collect()
    };
    let (was, is) = (of(before), of(after));
    let new: Vec<_> = is.difference(&was).collect();
    let gone: Vec<_> = was.difference(&is).collect();
    let updated =
        if single { new.iter().filter(|(owner, _)| gone.iter().any(|(was, _)| was == owner)).count() } else { 0 };
    [new.len() - updated, updated, gone.len() - updated].map(|count| count as u64)
}

fn figures<'f>(fate: &Fate) -> Vec<(&'f str, u64)> {
    let accounted = fate.inserted + fate.updated + fate.rejected + fate.duplicates + fate.out_of_scope;
    vec![
        ("read", fate.read),
        ("inserted", fate.inserted),
        ("updated", fate.updated),
        ("deleted", fate.deleted),
        ("rejected", fate.rejected),
        ("duplicates_dropped", fate.duplicates),
        ("out_of_scope", fate.out_of_scope),
        ("unchanged", fate.read - accounted),
    ]
}

fn stored(muster: &Program) -> Vec<String> {
    lines(
        muster,
        "select concat_ws('|', e.name, r.key, r.attributes ->> 'title', r.attributes ->> 'login',
                          r.attributes ->> 'grade', p.fields ->> 'user_name')
           from resources r join entity_types e on e.id = r.entity_type_id left join persons p on p.id = r.person_id
         union all
         select concat_ws('|', 'link', a.name, f.key, t.key) from links l join associations a on a.id = l.association_id
           left join resources f on f.id = l.from_id left join resources t on t.id = l.to_id
         union all
         select concat_ws('|', 'user', fields ->> 'employee_id') from persons",
    )
}

fn expected(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for (code, (title, _)) in &world.units {
        all.push(join(["unit", code, title.as_deref().unwrap_or_default()]));
    }
    for (id, (login, grade)) in &world.people {
        let (login, grade) =
            (login.as_deref().unwrap_or_default(), grade.map_or_else(String::new, |grade| grade.to_string()));
        all.push(join(["person", id, login, &grade, login]));
        all.push(join(["user", id]));
    }
    all.extend(world.links.iter().map(|(association, from, to)| join(["link", association, from, to])));
    all.sort();
    all
}

fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("|")
}

/// Runs over the feed, and holds everything against the model.
pub(super) fn step(muster: &Program, world: &mut World, feed: &Feed, context: &str) {
    feed.write(muster);
    let old = |table: &str| count(muster, &format!("select count(*) from {table}"));
    let (old_resources, old_links) = (old("resources_history"), old("links_history"));
    let run = report(&run(muster, "random").succeeded());
    let (after, fates, dangling) = model(world, feed);
    let context = format!("{context}\n{run}\nwas {world:?}");

    let mut wanted = expected(&after);
    let mut found = stored(muster);
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted, "{context}");
    let problems: BTreeSet<String> = lines(
        muster,
        &format!("select concat_ws('|', scope, key, value) from problems where run_id = {} and not rejects", run["id"]),
    )
    .into_iter()
    .collect();
    let leads_nowhere = dangling.iter().map(|(association, owner, value)| join([association, owner, value])).collect();
    assert_eq!(problems, leads_nowhere, "{context}");

    for (name, fate) in ["unit", "person"].into_iter().zip(&fates) {
        check(&run, "entity_types", name, &figures(fate), &context);
    }
    let mut links_gone = 0;
    for (name, single) in [("unit", true), ("boss", true), ("team", false), ("friend", false)] {
        let [inserted, updated, deleted] = moved(world, &after, name, single);
        links_gone += updated + deleted;
        check(
            &run,
            "associations",
            name,
            &[("inserted", inserted), ("updated", updated), ("deleted", deleted)],
            &context,
        );
    }
    let [units, people] = &fates;
    let resources_gone = units.updated + units.deleted + people.updated + people.deleted;
    assert_eq!(old("resources_history") - old_resources, resources_gone as i64, "{context}");
    assert_eq!(old("links_history") - old_links, links_gone as i64, "{context}");
    assert_eq!(run["persons"]["created"], people.inserted, "{context}");
    assert_eq!(run["persons"]["deleted"], people.deleted, "{context}");
    *world = after;
}

/// These figures, whatever the others are.
fn check(run: &Value, list: &str, name: &str, figures: &[(&str, u64)], context: &str) {
    let found = run[list].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    for (figure, value) in figures {
        assert_eq!(found[figure], *value, "{figure} of {name}: {context}");
    }
}

pub(super) fn installed() -> Program {
    let muster = Program::new();
    fs::create_dir(muster.folder.path().join("feed")).unwrap();
    apply_document(&muster, DOCUMENT);
    muster
}

pub(super) fn apply_document(muster: &Program, document: &str) {
    fs::write(muster.folder.path().join("random.toml"), document).unwrap();
    muster.run(&["apply", "random.toml"]).succeeded();
}

/// The same values by another mapping.
fn mapped_otherwise() -> String {
    let other = DOCUMENT.replace("column = \"Login\"", "expression = \"trim(row.Login)\"");
    assert_ne!(other, DOCUMENT);
    other
}

/// Chance that repeats itself.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 32) as usize) % bound
    }

    fn pick(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    fn unit(&mut self) -> [String; 2] {
        [self.pick(&["U1", "U2", "U3", "U4", ""]), self.pick(&["red", "green", "blue", "grey", ""])]
    }

    fn person(&mut self, column: usize) -> String {
        match column {
            0 => self.pick(&["P1", "P2", "P3", "P4", "P5", "P6", "P7", ""]),
            1 => self.pick(&["ada", "bob", "cy", "dee", "eve", "fay", "gus", "hal", ""]),
            2 => self.pick(&["1", "2", "3", "", "high"]),
            3 => self.pick(&["here", "here", "here", "gone"]),
            4 => self.pick(&["red", "green", "blue", "grey", ""]),
            5 => self.pick(&["P1", "P2", "P3", "P8", ""]),
            _ => self.pick(&["", "U1", "U1;U2", "U2;U1", "U3;U1;U2", "U4", "U9"]),
        }
    }

    fn pair(&mut self) -> [String; 2] {
        [self.pick(&["P1", "P2", "P3", "P4", "P9"]), self.pick(&["P1", "P2", "P5", "U1", "U2", "X"])]
    }

    /// Another day of the feed.
    pub(super) fn edit(&mut self, feed: &mut Feed) {
        for _ in 0..1 + self.below(4) {
            match self.below(10) {
                0 => feed.units.push(self.unit()),
                1 if !feed.units.is_empty() => drop(feed.units.remove(self.below(feed.units.len()))),
                2 if !feed.units.is_empty() => {
                    let unit = self.below(feed.units.len());
                    feed.units[unit][1] = self.unit()[1].clone();
                }
                3 => feed.people.push(std::array::from_fn(|column| self.person(column))),
                4 if !feed.people.is_empty() => drop(feed.people.remove(self.below(feed.people.len()))),
                5 if !feed.people.is_empty() => {
                    let twice = feed.people[self.below(feed.people.len())].clone();
                    feed.people.insert(self.below(feed.people.len()), twice);
                }
                6 if feed.people.len() > 1 => {
                    // Two rows swap a value.
                    let (one, other) = (self.below(feed.people.len()), self.below(feed.people.len()));
                    let column = 1 + self.below(6);
                    let value = std::mem::take(&mut feed.people[one][column]);
                    let value = std::mem::replace(&mut feed.people[other][column], value);
                    feed.people[one][column] = value;
                }
                7 => feed.pairs.push(self.pair()),
                8 if !feed.pairs.is_empty() => drop(feed.pairs.remove(self.below(feed.pairs.len()))),
                _ if !feed.people.is_empty() => {
                    let (row, column) = (self.below(feed.people.len()), 1 + self.below(6));
                    feed.people[row][column] = self.person(column);
                }
                _ => {}
            }
        }
    }
}

pub(super) fn some_feed() -> Feed {
    let people = [
        "P1,ada,1,here,red,,U1;U2",
        "P2,bob,2,here,red,P1,U1",
        "P3,cy,,here,green,P1,",
        "P4,dee,3,here,blue,P2,U2",
        "P5,eve,1,here,,P2,U3;U1",
    ];
    Feed {
        units: [["U1", "red"], ["U2", "green"], ["U3", "blue"]].map(|unit| unit.map(str::to_owned)).to_vec(),
        people: people.map(|row| std::array::from_fn(|column| row.split(',').nth(column).unwrap().to_owned())).to_vec(),
        pairs: [["P1", "P2"], ["P1", "U1"], ["P2", "P1"], ["P4", "P5"]].map(|pair| pair.map(str::to_owned)).to_vec(),
    }
}

#[test]
fn every_run_of_a_random_history_does_what_the_rules_say() {
    let seed: u64 = std::env::var("HISTORIES_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("HISTORIES_SEED={seed}");
    std::thread::scope(|scope| {
        for number in 0..HISTORIES {
            scope.spawn(move || history(seed ^ number));
        }
    });
}

fn history(seed: u64) {
    let mut dice = Dice(seed);
    let muster = installed();
    let (mut world, mut feed) = (World::default(), some_feed());
    let mut story = String::new();
    for number in 0..RUNS {
        writeln!(story, "{number}: {feed:?}").unwrap();
        step(&muster, &mut world, &feed, &format!("seed {seed}\n{story}"));
        match dice.below(4) {
            0 => {
                let before = rows(&muster);
                step(&muster, &mut world, &feed, &format!("seed {seed}, the same again\n{story}"));
                assert_eq!(rows(&muster), before, "the same again: seed {seed}\n{story}");
            }
            1 => {
                writeln!(story, "   mapped otherwise").unwrap();
                apply_document(&muster, &if number % 2 == 0 { mapped_otherwise() } else { DOCUMENT.to_owned() });
                step(&muster, &mut world, &feed, &format!("seed {seed}\n{story}"));
            }
            _ => {}
        }
        // What the run left is what is stored; and whoever finds nothing left behind does the same.
        let holding = assert_snapshots_hold(&muster, &story);
        assert_eq!(holding, 1, "{story}");
        if dice.below(3) == 0 {
            writeln!(story, "   without a snapshot").unwrap();
            execute(&muster, "delete from snapshots");
        }
        dice.edit(&mut feed);
    }
}

#[test]
fn another_mapping_of_the_same_values_changes_nothing() {
    let muster = installed();
    let (mut world, feed) = (World::default(), some_feed());
    step(&muster, &mut world, &feed, "first");
    apply_document(&muster, &mapped_otherwise());
    step(&muster, &mut world, &feed, "mapped otherwise");
    let before = rows(&muster);
    let again = report(&run(&muster, "random").succeeded());
    assert_figures(&again, "entity_types", "person", &[("read", 5), ("unchanged", 5)]);
    assert_eq!(rows(&muster), before);
}

/// A feed with some rows of people replaced, by their position.
fn with_people(feed: &Feed, rows: &[(usize, &str)]) -> Feed {
    let mut feed = feed.clone();
    for (position, row) in rows {
        feed.people[*position] = std::array::from_fn(|column| row.split(',').nth(column).unwrap().to_owned());
    }
    feed
}

#[test]
fn two_swap_a_unique_value_and_newcomers_do_not_get_it() {
    let muster = installed();
    let (mut world, feed) = (World::default(), some_feed());
    step(&muster, &mut world, &feed, "first");
    let swapped = with_people(&feed, &[(0, "P1,bob,1,here,red,,U1;U2"), (1, "P2,ada,2,here,red,P1,U1")]);
    step(&muster, &mut world, &swapped, "swapped");
    assert_eq!(world.people["P1"].0.as_deref(), Some("bob"));
    let mut newcomers = swapped.clone();
    newcomers.people.push(["P6", "ada", "", "here", "", "", ""].map(str::to_owned));
    newcomers.people.push(["P7", "zoe", "", "here", "", "", ""].map(str::to_owned));
    newcomers.people.push(["P8", "zoe", "", "here", "", "", ""].map(str::to_owned));
    step(&muster, &mut world, &newcomers, "newcomers");
    assert_eq!(world.people.len(), 5);
    newcomers.people.pop();
    step(&muster, &mut world, &newcomers, "one newcomer less");
    assert_eq!(world.people.keys().map(String::as_str).collect::<Vec<_>>(), ["P1", "P2", "P3", "P4", "P5", "P7"]);
}

#[test]
fn links_of_a_protected_record_heal_when_their_target_is_back() {
    let muster = installed();
    let (mut world, feed) = (World::default(), some_feed());
    step(&muster, &mut world, &feed, "first");
    let all = world.links.clone();
    // P2 is invalid while its boss, its unit and its friend are gone.
    let mut broken = with_people(&feed, &[(1, "P2,bob,high,here,red,P1,U1")]);
    broken.people.remove(0);
    broken.units.remove(0);
    step(&muster, &mut world, &broken, "protected, and its targets gone");
    assert!(!world.links.iter().any(|(_, from, _)| from == "P2"));
    step(&muster, &mut world, &feed, "as it was");
    assert_eq!(world.links, all);
}
