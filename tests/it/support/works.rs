//! A works: an HR feed as tests want it, people with managers, departments and clubs, applied by the program itself.

use super::program::{Program, Ran};
use serde_json::Value;
use std::fs;

/// Someone in the feed.
#[derive(Debug, Clone)]
pub struct Employee {
    /// The key.
    pub id: String,
    /// Unique.
    pub login: String,
    /// Mail.
    pub mail: String,
    /// The department's key.
    pub department: String,
    /// The manager's key; empty: none.
    pub manager: String,
}

/// Muster with a connector `works`.
pub struct Works {
    /// The program and its database.
    pub muster: Program,
    /// Who is in the feed.
    pub people: Vec<Employee>,
    /// Departments: code, title.
    pub departments: Vec<(String, String)>,
    /// Clubs: code, name, members' keys (or other clubs').
    pub clubs: Vec<(String, Vec<String>)>,
}

const DOCUMENT: &str = r#"
name = "works"
display_name = "Works"
[guards]
first_run = false
volume_percentage = 0
[thresholds]
maximum_inserted_lines = 2000
max_percentage_inserted_lines = 0
maximum_link_inserted_lines = 100000
max_percentage_link_inserted_lines = 0
[[connection]]
name = "feed"
kind = "files"
folder = "feed"
[[connection.table]]
name = "people"
file = "people.csv"
[[connection.table]]
name = "departments"
file = "departments.csv"
[[connection.table]]
name = "clubs"
file = "clubs.csv"
[[connection.table]]
name = "members"
file = "members.csv"
[[entity_type]]
name = "department"
source = "feed.departments"
represents = "organizations"
  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true
  [[entity_type.property]]
  name = "title"
  column = "title"
[[entity_type]]
name = "person"
display_name = "People"
source = "feed.people"
represents = "users"
  [[entity_type.property]]
  name = "id"
  column = "id"
  key = true
  [[entity_type.property]]
  name = "login"
  column = "login"
  unique = true
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [entity_type.users]
  correlate = [{ property = "login", field = "user_name", ignore_case = true }]
    [entity_type.users.fields]
    user_name = "login"
    display_name = "login"
    mail = "mail"
[[entity_type]]
name = "club"
source = "feed.clubs"
represents = "groups"
  [[entity_type.property]]
  name = "code"
  column = "code"
  key = true
  [entity_type.groups]
  name = "code"
[[association]]
name = "department"
from = "person"
to = "department"
column = "department"
cardinality = "many_to_one"
[[association]]
name = "manager"
from = "person"
to = "person"
column = "manager"
cardinality = "many_to_one"
[[association]]
name = "member"
from = "club"
to = ["person", "club"]
source = "feed.members"
from_column = "club"
to_column = "member"
cardinality = "many_to_many"
membership = true
"#;

impl Works {
    /// So many people (1000, 1001, …) in departments D1 and D2, each managed by 1000, the first ten in the club `chess`;
    /// nothing has run yet.
    pub fn of(people: usize) -> Self {
        let employee = |number: usize| Employee {
            id: (1000 + number).to_string(),
            login: format!("user{number:04}"),
            mail: format!("user{number:04}@example.org"),
            department: format!("D{}", 1 + number % 2),
            manager: if number == 0 { String::new() } else { "1000".into() },
        };
        let works = Self {
            muster: Program::new(),
            people: (0..people).map(employee).collect(),
            departments: vec![("D1".into(), "Smithy".into()), ("D2".into(), "Foundry".into())],
            clubs: vec![("chess".into(), (0..people.min(10)).map(|number| (1000 + number).to_string()).collect())],
        };
        works.configure(|document| document);
        works
    }

    /// The same, synchronized.
    pub fn applied(people: usize) -> Self {
        let works = Self::of(people);
        works.run().succeeded();
        works
    }

    /// Applies the document as this changes it.
    pub fn configure(&self, change: impl Fn(String) -> String) {
        fs::write(self.muster.folder.path().join("works.toml"), change(DOCUMENT.to_owned())).unwrap();
        self.muster.run(&["apply", "works.toml"]).succeeded();
    }

    /// Whoever has this key.
    pub fn employee(&mut self, id: &str) -> &mut Employee {
        self.people.iter_mut().find(|one| one.id == id).unwrap()
    }

    /// Writes the feed.
    pub fn write(&self) {
        let folder = self.muster.folder.path().join("feed");
        fs::create_dir_all(&folder).unwrap();
        let mut people = "id,login,mail,department,manager\n".to_owned();
        for Employee { id, login, mail, department, manager } in &self.people {
            people += &format!("{id},{login},{mail},{department},{manager}\n");
        }
        let departments: String = self.departments.iter().map(|(code, title)| format!("{code},{title}\n")).collect();
        let clubs: String = self.clubs.iter().map(|(code, _)| format!("{code}\n")).collect();
        let pairs = self.clubs.iter().flat_map(|(code, members)| members.iter().map(move |member| (code, member)));
        let members: String = pairs.map(|(code, member)| format!("{code},{member}\n")).collect();
        fs::write(folder.join("people.csv"), people).unwrap();
        fs::write(folder.join("departments.csv"), format!("code,title\n{departments}")).unwrap();
        fs::write(folder.join("clubs.csv"), format!("code\n{clubs}")).unwrap();
        fs::write(folder.join("members.csv"), format!("club,member\n{members}")).unwrap();
    }

    /// Writes the feed and runs the connector to its rest.
    pub fn run(&self) -> Ran {
        self.write();
        self.muster.run(&["run", "works", "--wait", "--json"])
    }

    /// Runs a command that reports one run, with `--wait --json`.
    pub fn report(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.muster.run(&[arguments, &["--wait", "--json"]].concat());
        assert!(!ran.stdout.is_empty(), "{ran:#?}");
        (ran.code, ran.json().remove(0))
    }

    /// A stored property of a person by key; none if the record is not there.
    pub fn stored(&self, key: &str, property: &str) -> Option<String> {
        self.text(&format!("select attributes ->> '{property}' as text from resources where key = '{key}'"))
    }

    /// The key that a person's link leads to.
    pub fn linked(&self, association: &str, key: &str) -> Option<String> {
        self.text(&format!(
            "select t.key as text from links l join associations a on a.id = l.association_id and a.name = '{association}'
               join resources f on f.id = l.from_id join resources t on t.id = l.to_id where f.key = '{key}'"
        ))
    }

    /// Whether the books of every entity type of a report balance.
    #[track_caller]
    pub fn balances(report: &Value) {
        for one in report["entity_types"].as_array().unwrap() {
            let figure = |name: &str| one[name].as_u64().unwrap();
            let parts = ["inserted", "updated", "unchanged", "deleted_by_command", "rejected", "duplicates_dropped"];
            let others = ["out_of_scope", "withheld", "suppressed"];
            let sum: u64 = parts.iter().chain(&others).map(|name| figure(name)).sum();
            assert_eq!(figure("read"), sum, "the books do not balance: {one:#}");
        }
    }

    fn text(&self, question: &str) -> Option<String> {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Nullable<diesel::sql_types::Text>)]
            text: Option<String>,
        }
        let row = diesel::sql_query(question).get_result::<Row>(&mut self.muster.database.connect()).optional();
        row.unwrap().and_then(|row| row.text)
    }
}
