//! A guild: a staff list that makes persons, and a register that looks for them. Small, for who is who.

use super::program::{Program, Ran};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use muster::model::correlation::{self, NewDecision, Verdict};
use serde_json::Value;
use std::fs;

/// Muster with the connectors `staff` and `register`.
pub struct Guild {
    /// The program and its database.
    pub muster: Program,
}

const DOCUMENT: &str = r#"
name = "{name}"
display_name = "{title}"
[guards]
first_run = false
volume_percentage = 0
empty_source = false
reject_percentage = 0
[thresholds]
maximum_inserted_lines = 1000
max_percentage_inserted_lines = 0
maximum_updated_lines = 1000
max_percentage_updated_lines = 0
maximum_deleted_lines = 1000
max_percentage_deleted_lines = 0
[[connection]]
name = "feed"
kind = "files"
folder = "{name}"
[[connection.table]]
name = "people"
file = "people.csv"
[[entity_type]]
name = "{name}_user"
display_name = "{title} - Users"
source = "feed.people"
represents = "users"
  [[entity_type.property]]
  name = "number"
  column = "number"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "name"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [[entity_type.property]]
  name = "phone"
  column = "phone"
  [entity_type.users]
  {users}
    [entity_type.users.fields]
    {fields}
"#;

/// What the document of `staff` says about users: found again by mail.
pub const BY_MAIL: &str = "correlate = [{ property = \"mail\", field = \"mail\", ignore_case = true }]";

impl Guild {
    /// Both connectors; `staff` was created first. Nothing has run yet.
    pub fn new() -> Self {
        let guild = Self { muster: Program::new() };
        guild.configure("staff", BY_MAIL);
        guild.configure("register", BY_MAIL);
        guild
    }

    /// Applies a connector's document, with this about users.
    pub fn configure(&self, name: &str, users: &str) {
        let fields = match name {
            "staff" => "employee_id = \"number\"\ndisplay_name = \"name\"\nmail = \"mail\"\nphone = \"phone\"",
            _ => "mail = \"mail\"\nphone = \"phone\"\ntitle = \"name\"",
        };
        let title = name[..1].to_uppercase() + &name[1..];
        let document = DOCUMENT
            .replace("{name}", name)
            .replace("{title}", &title)
            .replace("{users}", users)
            .replace("{fields}", fields);
        let path = self.muster.folder.path().join(format!("{name}.toml"));
        fs::write(&path, document).unwrap();
        self.muster.run(&["apply", path.to_str().unwrap()]).succeeded();
    }

    /// Writes a connector's feed: `number,name,mail,phone` a line.
    pub fn write(&self, name: &str, people: &[&str]) {
        let folder = self.muster.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("people.csv"), format!("number,name,mail,phone\n{}\n", people.join("\n"))).unwrap();
    }

    /// Writes a connector's feed and runs it to its rest.
    pub fn run(&self, name: &str, people: &[&str]) -> Ran {
        self.write(name, people);
        self.muster.run(&["run", name, "--wait", "--json"])
    }

    /// The same; it must be applied, or have been blocked by nothing.
    #[track_caller]
    pub fn apply(&self, name: &str, people: &[&str]) -> Value {
        self.run(name, people).succeeded().json().remove(0)
    }

    /// Decides about a record of a connector.
    pub fn decide(&self, name: &str, key: &str, verdict: Verdict) {
        let entity_type =
            self.number(&format!("select id::bigint as number from entity_types where name = '{name}_user'"));
        let decision = NewDecision { entity_type: entity_type as i32, key: key.to_owned(), verdict };
        assert_eq!(correlation::decide(&mut self.muster.database.connect(), &[decision], "tester", None).unwrap(), 1);
    }

    /// Whom a record of a connector feeds.
    pub fn person(&self, name: &str, key: &str) -> Option<i64> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Nullable<BigInt>)]
            person_id: Option<i64>,
        }
        let row: Option<Row> = diesel::sql_query(format!(
            "select person_id from resources r join entity_types e on e.id = r.entity_type_id
              where e.name = '{name}_user' and r.key = '{key}'"
        ))
        .get_result(&mut self.muster.database.connect())
        .optional()
        .unwrap();
        row.unwrap_or_else(|| panic!("{name} has no record {key}")).person_id
    }

    /// The one number that a question answers with, in a column `number`.
    pub fn number(&self, question: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        let row: Row = diesel::sql_query(question).get_result(&mut self.muster.database.connect()).unwrap();
        row.number
    }

    /// Persons as lines: number of the person, state, blocks, values.
    pub fn persons(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let rows: Vec<Row> = diesel::sql_query(
            "select concat_ws(' ', state, jsonb_array_length(blocks), fields) as line from persons order by id",
        )
        .load(&mut self.muster.database.connect())
        .unwrap();
        rows.into_iter().map(|row| row.line).collect()
    }

    /// The keys in doubt, with why.
    pub fn doubts(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            line: String,
        }
        let rows: Vec<Row> = diesel::sql_query("select code || ' ' || key as line from doubts order by 1")
            .load(&mut self.muster.database.connect())
            .unwrap();
        rows.into_iter().map(|row| row.line).collect()
    }
}
