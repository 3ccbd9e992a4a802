//! A connector whose people are in an SQL database, through the program: complete, again, incremental.

use super::stored::{report, rows, state};
use crate::connectors::sql::Source;
use crate::support::documents::wide_open;
use crate::support::mariadb;
use crate::support::program::Program;
use serde_json::Value;

const DOCUMENT: &str = concat!(
    "name = \"staff\"\n",
    wide_open!(),
    r#"
[guards]
first_run = false

[[connection]]
name = "db"
kind = "sql"
{address}

[[connection.table]]
name = "people"
query = "select id, login, mail, teams, changed, gone from people"
watermark = "changed"
deleted_where = "gone = 1"

[[connection.table]]
name = "units"
table = "units"
watermark = "changed"

[[entity_type]]
name = "unit"
source = "db.units"

  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true

[[entity_type]]
name = "person"
source = "db.people"
represents = "users"

  [[entity_type.property]]
  name = "id"
  column = "id"
  type = "integer"
  key = true

  [[entity_type.property]]
  name = "login"
  column = "login"
  required = true

  [[entity_type.property]]
  name = "mail"
  column = "mail"

  [[entity_type.property]]
  name = "changed"
  column = "changed"
  type = "datetime"

  [entity_type.users]
  correlate = [{ property = "id", field = "employee_id" }]
  on_missing = "delete"

    [entity_type.users.fields]
    employee_id = "id"
    user_name = "login"
    mail = "mail"

[[association]]
name = "team"
from = "person"
to = "unit"
column = "teams"
separator = ";"
cardinality = "many_to_many"
"#
);

fn office(source: &Source) -> Program {
    let moment = match source {
        Source::Postgres(_) => "timestamptz",
        Source::Mariadb(_) => "datetime(6)",
        Source::Sqlite(_) => "text",
    };
    source.execute(&format!(
        "create table people (id integer primary key, login varchar(50), mail varchar(100), teams varchar(50),
           changed {moment}, gone integer not null default 0);
         create table units (code varchar(10) primary key, changed {moment});
         insert into units values ('red', '2026-11-01 08:00:00'), ('blue', '2026-11-01 08:00:00');
         insert into people (id, login, mail, teams, changed) values
           (1, 'ada', 'ada@example.org', 'red;blue', '2026-11-20 10:00:00'),
           (2, 'bob', 'bob@example.org', 'red', '2026-11-20 10:00:00'),
           (3, 'cy', 'cy@example.org', null, '2026-11-20 10:00:00'),
           (4, 'dee', 'dee@example.org', 'blue', '2026-11-20 10:00:00')"
    ));
    let settings = source.document("[[table]]\nname = \"t\"\ntable = \"t\"\n").definition.settings;
    let address: Vec<String> = settings
        .iter()
        .map(|(name, value)| match value {
            Value::Object(secret) => format!("{name} = {{ env = {} }}", secret["env"]),
            value => format!("{name} = {value}"),
        })
        .collect();
    let muster = Program::new().with_environment("SOURCE_PASSWORD", mariadb::PASSWORD);
    let document = DOCUMENT.replace("{address}", &address.join("\n"));
    std::fs::write(muster.folder.path().join("staff.toml"), document).unwrap();
    muster.run(&["apply", "staff.toml"]).succeeded();
    muster
}

fn run(muster: &Program, mode: &str) -> Value {
    report(&muster.run(&["run", "staff", "--mode", mode, "--wait", "--json"]).succeeded())
}

fn figures(report: &Value, name: &str) -> [u64; 5] {
    let one = report["entity_types"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    ["read", "inserted", "updated", "unchanged", "deleted"].map(|figure| one[figure].as_u64().unwrap())
}

#[test]
fn people_of_a_database_are_kept_in_step() {
    for source in Source::all() {
        let name = source.name();
        let muster = office(&source);
        muster.run(&["check", "staff"]).succeeded().shows("6 columns");
        let first = run(&muster, "complete");
        assert_eq!(figures(&first, "person"), [4, 4, 0, 0, 0], "{name}");
        let before = rows(&muster);
        let again = run(&muster, "complete");
        assert_eq!(figures(&again, "person"), [4, 0, 0, 4, 0], "{name}");
        assert_eq!(rows(&muster), before, "{name}: nothing is written");

        source.execute(
            "update people set mail = 'bobby@example.org', teams = 'blue', changed = '2026-11-20 11:00:00' where id = 2;
             update people set gone = 1, changed = '2026-11-20 11:00:00' where id = 3;
             insert into people (id, login, mail, teams, changed) values
               (5, 'eve', 'eve@example.org', 'red', '2026-11-20 11:00:00')",
        );
        let next = run(&muster, "incremental");
        assert_eq!(next["mode"], "incremental", "{name}");
        let [_, inserted, updated, _, _] = figures(&next, "person");
        let one = next["entity_types"].as_array().unwrap().iter().find(|one| one["name"] == "person").unwrap();
        assert_eq!((inserted, updated), (1, 1), "{name}: {one}");
        assert_eq!(one["deleted_by_command"], 1, "{name}: {one}");
        let incremental = state(&muster);

        // The whole says the same; what is gone without a trace is seen by it alone.
        let before = rows(&muster);
        run(&muster, "complete");
        assert_eq!(rows(&muster), before, "{name}: the complete run finds nothing to do");
        assert_eq!(state(&muster), incremental, "{name}");
        source.execute("delete from people where id = 5");
        let unaware = run(&muster, "incremental");
        assert_eq!(figures(&unaware, "person")[4], 0, "{name}");
        assert_eq!(figures(&run(&muster, "complete"), "person")[4], 1, "{name}");
    }
}

#[test]
fn a_database_that_is_away_fails_the_run_and_leaves_everything() {
    let source = Source::sqlite();
    let muster = office(&source);
    run(&muster, "complete");
    let before = rows(&muster);
    std::fs::rename(source.file(), source.file().with_extension("away")).unwrap();
    let failed = muster.run(&["run", "staff", "--wait", "--json"]).exited(1);
    assert!(failed.stdout.contains("source.db"), "{failed:?}");
    assert_eq!(rows(&muster), before);
}
