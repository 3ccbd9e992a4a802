//! Taking one person out changes nothing of anybody else: random people, managers, clubs and histories; every row of every
//! table before and after, every line of every file; then the next run of the same feed; then the suppression is lifted,
//! and everything is as it was, with a new person. `ANONYMIZING_SEED` repeats an earlier test.

use super::histories::Dice;
use crate::support::traces::{files, is_named};
use crate::support::works::{Employee, Works};
use chrono::Utc;
use diesel::prelude::*;
use diesel::sql_types::Text;
use muster::model::profile_field::Editor;
use muster::pipeline::people::edits;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const WORLDS: u64 = 4;

/// Rows that only say that somebody was taken out.
const NEW: [&str; 5] = ["anonymizations", "audit", "erasures", "outbox", "suppressions"];
/// What is no one's: columns of bookkeeping that follow any change.
const BOOKKEEPING: [(&str, &[&str]); 3] = [
    ("connectors", &["state_version", "touched"]),
    ("extractions", &["to_clean", "digest"]),
    ("extraction_files", &["path", "sha256", "bytes", "rows", "lines", "profile", "indexes", "source"]),
];
/// What a run that changes nothing leaves as it is, apart from digests.
const STATE: [&str; 16] = [
    "groups",
    "groups_history",
    "links",
    "links_history",
    "local_edits",
    "local_memberships",
    "local_memberships_history",
    "merges",
    "outbox",
    "overrides",
    "persons",
    "persons_history",
    "resources_history",
    "departures",
    "doubts",
    "correlation_decisions",
];

type Rows = BTreeMap<String, BTreeMap<String, usize>>;

/// Whom it is about, in all that tells it.
struct Victim {
    person: i64,
    resources: BTreeSet<i64>,
    names: Vec<String>,
}

#[test]
fn nobody_else_is_changed_and_whoever_is_lifted_comes_back_as_somebody_new() {
    let seed: u64 = std::env::var("ANONYMIZING_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("ANONYMIZING_SEED={seed}");
    std::thread::scope(|scope| {
        for number in 0..WORLDS {
            scope.spawn(move || world(seed ^ number));
        }
    });
}

fn world(seed: u64) {
    let mut dice = Dice(seed);
    let mut works = Works::of(6 + dice.below(6));
    // Managers are named by their keys, or by another property.
    let by_login = dice.below(2) == 0;
    works.configure(|document| {
        let document = match by_login {
            true => document.replace("column = \"manager\"", "column = \"manager\"\nmatch = \"login\""),
            false => document,
        };
        document.replace("volume_percentage = 0", "volume_percentage = 0\nreject_percentage = 0").replace(
            "[thresholds]",
            "[thresholds]\nmax_percentage_updated_lines = 0\nmax_percentage_deleted_lines = 0\n\
             max_percentage_link_updated_lines = 0\nmax_percentage_link_deleted_lines = 0",
        )
    });
    works.muster.run_with_stdin(&["apply", "-"], "[[profile_field]]\nname = \"badge\"\neditable_by = \"person\"\n");
    works.clubs.push(("games".into(), vec!["chess".into()]));
    let boss = if by_login { works.people[0].login.clone() } else { works.people[0].id.clone() };
    works.people.iter_mut().skip(1).for_each(|one| one.manager.clone_from(&boss));
    for round in 0..3 {
        chance(&mut works, &mut dice, round, by_login);
        works.run().succeeded();
        by_hand(&works, &mut dice, round);
    }
    let victim = choose(&works, &mut dice);
    let story = format!("seed {seed}, person {}, {:?}", victim.person, victim.names);
    let in_feed = works.people.iter().any(|one| victim.names.contains(&one.id));

    let (before, store) = (rows(&works), lines(&works));
    let linked = links(&works);
    works.muster.run(&["user", "anonymize", &victim.person.to_string(), "--yes"]).succeeded();
    let after = rows(&works);
    others_are_as_they_were(&before, &after, &victim, &story);
    for (line, _) in lost(&store, &lines(&works)) {
        assert!(is_named(&line, &victim.names), "{story}: a line of somebody else is gone: {line}");
    }

    // The same feed again, twice: nobody comes, nobody changes, and the books balance.
    for _ in 0..2 {
        let before = rows(&works);
        let (_, report) = works.report(&["run", "works"]);
        Works::balances(&report);
        assert_eq!(suppressed(&report), u64::from(in_feed), "{story}: {report:#}");
        assert_eq!(report["persons"]["created"], 0, "{story}");
        let problems = report["problems"].as_object().unwrap().values();
        assert!(problems.into_iter().all(|count| *count == 0), "{story}: a problem would name them: {report:#}");
        let after = rows(&works);
        for table in STATE {
            assert_eq!(before[table], after[table], "{story}: {table}");
        }
        assert_eq!(undigested(&before), undigested(&after), "{story}: resources");
    }
    assert!(links(&works).is_subset(&linked), "{story}");

    // Lifted: a new person, and all that refers to it.
    let before = people(&works);
    works.muster.run(&["user", "lift", "1", "--reason", "hired again", "--yes"]).succeeded();
    let (_, report) = works.report(&["run", "works"]);
    Works::balances(&report);
    assert_eq!(suppressed(&report), 0, "{story}: {report:#}");
    assert_eq!(report["persons"]["created"], u64::from(in_feed), "{story}: {report:#}");
    let now = people(&works);
    let new: Vec<&i64> = now.keys().filter(|id| !before.contains_key(id)).collect();
    assert_eq!(new.len(), usize::from(in_feed), "{story}");
    assert!(!now.contains_key(&victim.person), "{story}: not the one who was");
    for (id, person) in &before {
        assert_eq!(now[id], *person, "{story}: somebody else");
    }
    if in_feed {
        assert_eq!(links(&works), linked, "{story}: whatever refers to the person does so again");
    }
    let (_, report) = works.report(&["run", "works"]);
    assert_eq!(report["persons"], json!({"created": 0, "updated": 0, "blocked": 0, "unblocked": 0, "deleted": 0}));
}

/// Whatever happens at a works between two feeds.
fn chance(works: &mut Works, dice: &mut Dice, round: usize, by_login: bool) {
    let keys: Vec<String> = works.people.iter().map(|one| one.id.clone()).collect();
    let one = |dice: &mut Dice| keys[dice.below(keys.len())].clone();
    for _ in 0..3 {
        let (who, boss) = (one(dice), one(dice));
        let login = works.employee(&boss).login.clone();
        works.employee(&who).manager = if by_login { login } else { boss };
        let who = one(dice);
        works.employee(&who).mail = format!("{who}.{round}@example.org");
        let who = one(dice);
        works.employee(&who).department = format!("D{}", 1 + dice.below(2));
        let who = one(dice);
        let club = dice.below(works.clubs.len());
        match works.clubs[club].1.iter().position(|member| *member == who) {
            Some(member) => _ = works.clubs[club].1.remove(member),
            None => works.clubs[club].1.push(who),
        }
    }
    if round > 0 && dice.below(2) == 0 {
        let Employee { id: gone, login, .. } = works.people.remove(dice.below(works.people.len()));
        let theirs = works.people.iter_mut().filter(|one| one.manager == gone || one.manager == login);
        theirs.for_each(|one| one.manager.clear());
        works.clubs.iter_mut().for_each(|(_, members)| members.retain(|member| *member != gone));
    }
}

/// Whatever accounts do meanwhile.
fn by_hand(works: &Works, dice: &mut Dice, round: usize) {
    let mut connection = works.muster.database.connect();
    let ids: Vec<i64> = people(works).into_keys().collect();
    let one = |dice: &mut Dice| ids[dice.below(ids.len())];
    let badge = json!(format!("B-{round}"));
    let entries = BTreeMap::from([("badge".to_owned(), Some(badge))]);
    edits::set_local(&mut connection, one(dice), &entries, Editor::Administrator, "a test", Utc::now()).unwrap();
    let (person, value) = (one(dice), json!(format!("Title {round}")));
    let wanted = edits::Overruling { person, field: "title", value, reason: "a test", due_at: None };
    edits::overrule(&mut connection, &wanted, "a test", Utc::now()).unwrap();
    works.muster.run(&["user", "block", &one(dice).to_string(), "--reason", "a test"]).succeeded();
}

fn choose(works: &Works, dice: &mut Dice) -> Victim {
    let ids: Vec<i64> = people(works).into_keys().collect();
    let person = ids[dice.below(ids.len())];
    let of = format!(
        "from (select id, key, attributes, person_id from resources union all
                            select id, key, attributes, person_id from resources_history) r where person_id = {person}"
    );
    let mut names: BTreeSet<String> = texts(works, &format!("select distinct key as text {of}")).into_iter().collect();
    for property in ["login", "mail"] {
        names.extend(texts(works, &format!("select distinct attributes ->> '{property}' as text {of}")));
    }
    let resources = texts(works, &format!("select distinct id::text as text {of}"));
    Victim {
        person,
        resources: resources.iter().map(|id| id.parse().unwrap()).collect(),
        names: names.into_iter().collect(),
    }
}

#[track_caller]
fn others_are_as_they_were(before: &Rows, after: &Rows, victim: &Victim, story: &str) {
    for (table, rows) in before {
        let (gone, come) = (lost(rows, &after[table]), lost(&after[table], rows));
        let bookkeeping = BOOKKEEPING.iter().find(|(of, _)| of == table);
        if let Some((_, columns)) = bookkeeping {
            let rest = |rows: &BTreeMap<String, usize>| without(rows, columns);
            assert_eq!(rest(rows), rest(&after[table]), "{story}: {table}");
            continue;
        }
        if table == "snapshots" {
            continue;
        }
        let theirs: Vec<&String> = gone.keys().filter(|row| !is_about(table, row, victim)).collect();
        assert!(theirs.is_empty(), "{story}: rows of others in {table} are gone or changed: {theirs:#?}");
        if !NEW.contains(&table.as_str()) {
            assert!(come.len() <= gone.len(), "{story}: {table} has new rows: {come:#?}");
        }
    }
}

/// Whether a row is about somebody: it belongs to the person or a record of it, refers to one, or names it.
fn is_about(table: &str, row: &str, victim: &Victim) -> bool {
    let value: Value = serde_json::from_str(row).unwrap();
    let number = |column: &str| value[column].as_i64();
    let of_person = ["person_id", "into_id"].iter().any(|column| number(column) == Some(victim.person))
        || table.starts_with("persons") && number("id") == Some(victim.person);
    let columns: &[&str] = match table.starts_with("resources") {
        true => &["id"],
        false => &["resource_id", "from_id", "to_id", "before_to_id"],
    };
    let of_record = columns.iter().any(|column| number(column).is_some_and(|id| victim.resources.contains(&id)));
    of_person || of_record || is_named(row, &victim.names)
}

/// All rows of all tables.
fn rows(works: &Works) -> Rows {
    let tables = texts(
        works,
        "select relname::text as text from pg_class
          where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
            and relname not like '\\_\\_%'",
    );
    let of = |table: &String| counted(texts(works, &format!("select to_jsonb(t)::text as text from {table} t")));
    tables.iter().map(|table| (table.clone(), of(table))).collect()
}

/// All lines of all extractions.
fn lines(works: &Works) -> BTreeMap<String, usize> {
    let files = files(&works.muster.folder.path().join("store"));
    let texts = files.into_iter().filter(|(path, _)| path.ends_with(".csv"));
    counted(
        texts.flat_map(|(_, bytes)| String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()),
    )
}

/// Links by the keys that they connect.
fn links(works: &Works) -> BTreeSet<String> {
    let found = texts(
        works,
        "select concat_ws(' ', a.name, f.key, t.key) as text from links l join associations a on a.id = l.association_id
           join resources f on f.id = l.from_id join resources t on t.id = l.to_id",
    );
    found.into_iter().collect()
}

fn people(works: &Works) -> BTreeMap<i64, Value> {
    let found = texts(works, "select to_jsonb(p)::text as text from persons p");
    let person = |text: String| {
        let value: Value = serde_json::from_str(&text).unwrap();
        (value["id"].as_i64().unwrap(), value)
    };
    found.into_iter().map(person).collect()
}

fn undigested(rows: &Rows) -> BTreeMap<String, usize> {
    without(&rows["resources"], &["digest", "links_digest"])
}

fn without(rows: &BTreeMap<String, usize>, columns: &[&str]) -> BTreeMap<String, usize> {
    counted(rows.iter().flat_map(|(row, count)| {
        let mut value: Value = serde_json::from_str(row).unwrap();
        value.as_object_mut().unwrap().retain(|name, _| !columns.contains(&name.as_str()));
        vec![value.to_string(); *count]
    }))
}

/// What there is less of.
fn lost(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let less = before.iter().filter_map(|(row, count)| {
        let left = after.get(row).copied().unwrap_or_default();
        (left < *count).then(|| (row.clone(), count - left))
    });
    less.collect()
}

fn counted(texts: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

fn suppressed(report: &Value) -> u64 {
    report["entity_types"].as_array().unwrap().iter().map(|one| one["suppressed"].as_u64().unwrap()).sum()
}

fn texts(works: &Works, question: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let rows: Vec<Row> = diesel::sql_query(question).load(&mut works.muster.database.connect()).unwrap();
    rows.into_iter().map(|row| row.text).collect()
}
