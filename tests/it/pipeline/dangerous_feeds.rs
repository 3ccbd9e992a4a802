//! Feeds that went wrong in one way each, and feeds that only look so: what becomes of a run that reads them. The base is
//! applied once; every case is a dry run on it, through the whole pipeline.

mod cases;

use crate::support::feed::Feed;
use crate::support::mill::Mill;
use muster::model::run::{Run, RunState};
use std::fmt::Write as _;

/// 380 people, 14 units and 6 teams: 400 resources. 380 links to units, 370 to managers, 760 memberships.
pub const PEOPLE: usize = 380;

const DOCUMENT: &str = r#"
name = "company"

[thresholds]
max_percentage_link_inserted_lines = 10
max_percentage_link_updated_lines = 10
max_percentage_link_deleted_lines = 10

[guards]
first_run = false

[[connection]]
name = "feed"
kind = "files"
folder = "{folder}"

[[connection.table]]
name = "people"
file = "people.csv"

[[connection.table]]
name = "units"
file = "units.csv"

[[connection.table]]
name = "teams"
file = "teams.csv"

[[connection.table]]
name = "members"
file = "members.csv"

[[entity_type]]
name = "unit"
source = "feed.units"
  [entity_type.thresholds]
  maximum_deleted_lines = 2
  [[entity_type.property]]
  name = "code"
  column = "Code"
  key = true
  [[entity_type.property]]
  name = "title"
  column = "Title"

[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
  [[entity_type.property]]
  name = "id"
  column = "Id"
  key = true
  [[entity_type.property]]
  name = "login"
  column = "Login"
  required = true
  [[entity_type.property]]
  name = "given_name"
  column = "GivenName"
  [[entity_type.property]]
  name = "family_name"
  column = "FamilyName"
  [[entity_type.property]]
  name = "mail"
  column = "Mail"
  [[entity_type.property]]
  name = "phone"
  column = "Phone"
  [[entity_type.property]]
  name = "hire_date"
  column = "HireDate"
  type = "date"
  format = "%d/%m/%Y"
  [[entity_type.property]]
  name = "salary"
  column = "Salary"
  type = "number"
  [[entity_type.property]]
  name = "active"
  column = "Active"
  type = "bool"
  [[entity_type.property]]
  name = "room"
  column = "Room"
  [[entity_type.property]]
  name = "unit_code"
  column = "Unit"
  [entity_type.users]
  correlate = [{ property = "id", field = "employee_id" }]
  on_missing = "block"
    [entity_type.users.fields]
    employee_id = "id"
    user_name = "login"
    given_name = "given_name"
    family_name = "family_name"
    mail = "mail"
    phone = "phone"

[[entity_type]]
name = "team"
source = "feed.teams"
represents = "groups"
  [[entity_type.property]]
  name = "name"
  column = "Name"
  key = true
  [entity_type.groups]
  name = "name"

[[association]]
name = "unit"
from = "person"
to = "unit"
column = "Unit"
cardinality = "many_to_one"
  [association.thresholds]
  maximum_link_updated_lines = 15

[[association]]
name = "manager"
from = "person"
to = "person"
column = "Manager"
cardinality = "many_to_one"

[[association]]
name = "member"
from = "team"
to = "person"
source = "feed.members"
from_column = "Team"
to_column = "Person"
cardinality = "many_to_many"
membership = true
"#;

const GIVEN: &[&str] =
    &["Ada", "Grace", "José", "Zoë", "健雄", "Łucja", "Sofía", "Björn", "Anna", "Ngozi", "Пётр", "Mary-Jane", "Émile"];
const FAMILY: &[&str] = &[
    "Lovelace",
    "García-Núñez",
    "Müller",
    "O'Neill",
    "Wu",
    "Kowalski",
    "Østergård",
    "Smith",
    "Nguyễn",
    "Çelik",
    "Novák",
];

/// The feed that is applied.
pub fn base() -> Feed {
    let people = (0..PEOPLE).map(|n| {
        let (day, month, year) = (n * 7 % 28 + 1, n * 5 % 12 + 1, 1990 + n % 33);
        let manager = if n < 10 { String::new() } else { id(n / 10) };
        vec![
            id(n),
            format!("User{n:03}"),
            GIVEN[n % GIVEN.len()].to_owned(),
            FAMILY[n % FAMILY.len()].to_owned(),
            format!("User.{n:03}@Example.org"),
            format!("+41 44 {:03} {:02} {:02}", 200 + n % 700, n % 89 + 10, n * 3 % 90 + 10),
            format!("{day:02}/{month:02}/{year}"),
            format!("{}.{:02}", 3000 + n * 13, n * 37 % 100),
            if n % 9 == 0 { "no" } else { "yes" }.to_owned(),
            format!("{}{:02}", ["A", "B", "C"][n % 3], n % 60),
            unit(n * 14 / PEOPLE),
            manager,
            format!("note {n}"),
            format!("B{:05}", n * 31),
        ]
    });
    let header = [
        "Id",
        "Login",
        "GivenName",
        "FamilyName",
        "Mail",
        "Phone",
        "HireDate",
        "Salary",
        "Active",
        "Room",
        "Unit",
        "Manager",
        "Note",
        "Badge",
    ];
    let units = (0..14).map(|n| vec![unit(n), format!("Unit number {n}")]);
    let teams = (0..6).map(|n| vec![format!("team-{n}"), String::new()]);
    let members = (0..PEOPLE).flat_map(|n| [n % 6, (n + 1) % 6].map(|team| vec![format!("team-{team}"), id(n)]));
    Feed::default()
        .with("people.csv", &header, people.collect())
        .with("units.csv", &["Code", "Title"], units.collect())
        .with("teams.csv", &["Name", "Remark"], teams.collect())
        .with("members.csv", &["Team", "Person"], members.collect())
}

/// A person's key, with leading zeros.
pub fn id(n: usize) -> String {
    format!("{:06}", 1000 + n * 17)
}

/// A unit's key.
pub fn unit(n: usize) -> String {
    format!("U{n:02}")
}

/// What became of a run, in one line: its state, the guards that were exceeded, and the likeliest cause.
fn verdict(run: &Run) -> String {
    let mut line = run.state.as_str().to_owned();
    for breach in run.breaches.iter() {
        let guard = match (&breach.setting, breach.guard) {
            (Some(setting), _) => setting.clone(),
            (None, guard) => serde_json::to_value(guard).unwrap().as_str().unwrap().to_owned(),
        };
        let _ = write!(line, " | {} {guard}", breach.scope);
    }
    if let Some(failure) = &run.failure {
        let _ = write!(line, " | {}", failure.message);
    }
    if let Some(cause) = run.causes.first() {
        let _ = write!(line, " => {}", cause.name);
    }
    line
}

/// Whether the verdict is the expected one; of a failure's message a part is enough.
fn agree(verdict: &str, expected: &str) -> bool {
    if !expected.starts_with("failed | ") {
        return verdict == expected;
    }
    let (message, cause) = expected.split_once(" => ").unwrap_or((expected, ""));
    let (said, named) = verdict.split_once(" => ").unwrap_or((verdict, ""));
    said.starts_with("failed | ") && said.contains(message.trim_start_matches("failed | ")) && named == cause
}

#[test]
fn sixty_feeds_get_the_verdicts_they_should() {
    let mill = Mill::new();
    let connector = mill.configure(DOCUMENT);
    // A day before, so that there is a yesterday to go back to.
    let mut yesterday = base();
    yesterday.table("people.csv").map("Phone", |phone| phone.replace("+41 44 2", "+41 43 2"));
    yesterday.table("people.csv").rows.truncate(PEOPLE - 8);
    yesterday.write(&mill.folder());
    mill.apply(&connector);
    base().write(&mill.folder());
    let applied = mill.apply(&connector);
    assert!(applied.counters.problems.is_empty(), "{:#?}", applied.counters);
    assert_eq!(applied.counters.persons.stored + applied.counters.persons.created, PEOPLE as u64);

    let cases = cases::all(&yesterday);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let mut feed = base();
        (case.change)(&mut feed);
        feed.write(&mill.folder());
        let run = mill.dry_run(&connector);
        let verdict = verdict(&run);
        if !agree(&verdict, case.verdict) {
            let _ = writeln!(wrong, "{}\n  expected {}\n  found    {verdict}", case.name, case.verdict);
            for cause in run.causes.iter().take(3) {
                let _ = writeln!(wrong, "    {} {}: {}", cause.name, cause.confidence, cause.message);
            }
        }
        assert!(run.counters.entity_types.iter().all(|one| one.balances()), "{}: the books balance", case.name);
        assert!(run.applied_at.is_none() && run.state != RunState::Completed);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_first_run_is_blocked_whatever_its_size_and_says_so() {
    let mill = Mill::new();
    let connector = mill.configure(&DOCUMENT.replace("first_run = false", "first_run = true"));
    base().write(&mill.folder());
    assert_eq!(verdict(&mill.dry_run(&connector)), "blocked | company first_run => first_run");
    let mut one = base();
    for table in ["people.csv", "members.csv", "teams.csv"] {
        one.table(table).rows.clear();
    }
    one.table("units.csv").rows.truncate(1);
    one.write(&mill.folder());
    assert_eq!(verdict(&mill.run(&connector)), "blocked | company first_run => first_run");
}

#[test]
fn an_edit_of_ours_is_told_from_a_change_of_the_source() {
    let mill = Mill::new();
    let connector = mill.configure(DOCUMENT);
    base().write(&mill.folder());
    mill.apply(&connector);
    let connector = mill.configure(
        &DOCUMENT
            .replace("name = \"room\"\n  column = \"Room\"", "name = \"room\"\n  expression = \"'CH-' + row.Room\""),
    );
    let run = mill.dry_run(&connector);
    let [cause, ..] = &run.causes[..] else { panic!("no cause: {}", verdict(&run)) };
    assert_eq!((cause.name.as_str(), cause.confidence), ("configuration_changed", 1.0), "{}", verdict(&run));
    assert!(cause.evidence["new_lines"].to_string().contains("CH-"), "{:?}", cause.evidence);
    assert_eq!(cause.evidence["edited_by"], "test");

    // An edit that changes no meaning is none, whatever the source does.
    let connector = mill.configure(&DOCUMENT.replace("name = \"company\"", "name = \"company\" # the whole of it"));
    let mut feed = base();
    feed.table("people.csv").keep(|row| row[10] != "U03");
    feed.write(&mill.folder());
    assert!(verdict(&mill.dry_run(&connector)).ends_with("=> dominated_by_value"));
}

#[test]
fn guards_come_from_the_settings_where_the_document_is_silent() {
    let mill = Mill::new();
    let connector = mill.configure(DOCUMENT);
    base().write(&mill.folder());
    mill.apply(&connector);
    let mut feed = base();
    feed.table("people.csv").rows.truncate(PEOPLE - 2);
    feed.write(&mill.folder());
    assert_eq!(verdict(&mill.dry_run(&connector)), "ready");
    mill.settle("[thresholds]\nmaximum_deleted_lines = 1\n");
    assert_eq!(
        verdict(&mill.dry_run(&connector)),
        "blocked | company maximum_deleted_lines | persons maximum_deleted_lines"
    );
    let connector = mill.configure(&DOCUMENT.replace(
        "[thresholds]\nmax_percentage_link_i",
        "[thresholds]\nmaximum_deleted_lines = 2\nmax_percentage_link_i",
    ));
    assert_eq!(verdict(&mill.dry_run(&connector)), "ready");
}
