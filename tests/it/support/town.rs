//! A small world that was really synchronized: an HR feed and a company directory, with nested groups and a photo.

use super::program::{Program, examples};
use base64::Engine;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use muster::model::run::{self, RunId};
use muster::schema::runs;
use std::fs;

/// A photo: a PNG, eight red pixels wide and high.
pub const PHOTO: &[u8] =
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x08\x08\x02\x00\x00\x00Km)\xdc\x00\x00\x00\x11\
IDATx\xdac8!'\x87\x151\x0c-\t\x00\x90\xbfA\x01\xcfp\xa1<\x00\x00\x00\x00IEND\xaeB`\x82";

/// Muster with the HR example and a directory, and what they are fed from.
pub struct Town {
    /// The program and its database.
    pub muster: Program,
}

const DIRECTORY: &str = r#"
name = "directory"
display_name = "Company directory"
[guards]
first_run = false
[thresholds]
maximum_inserted_lines = 1000
[[connection]]
name = "files"
kind = "files"
folder = "directory"
[[connection.table]]
name = "users"
file = "users.csv"
[[connection.table]]
name = "groups"
file = "groups.csv"
[[entity_type]]
name = "account"
display_name = "Directory - Users"
source = "files.users"
represents = "users"
  [[entity_type.property]]
  name = "uid"
  column = "uid"
  key = true
  [[entity_type.property]]
  name = "cn"
  column = "cn"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  [[entity_type.property]]
  name = "phone"
  column = "phone"
  [[entity_type.property]]
  name = "photo"
  column = "photo"
  type = "binary"
  [entity_type.users]
  correlate = [{ property = "mail", field = "mail", ignore_case = true }]
  on_missing = "keep"
    [entity_type.users.fields]
    user_name = "uid"
    display_name = "cn"
    mail = "mail"
    phone = "phone"
    photo = "photo"
[[entity_type]]
name = "group"
display_name = "Directory - Groups"
source = "files.groups"
represents = "groups"
  [[entity_type.property]]
  name = "name"
  column = "name"
  key = true
  [entity_type.groups]
  name = "name"
[[association]]
name = "member"
display_name = "Members"
from = "group"
to = ["account", "group"]
column = "members"
separator = ";"
cardinality = "many_to_many"
membership = true
"#;

impl Town {
    /// HR applied, then the directory: `Staff` holds `Engineering` holds `Compilers`; Ada and sixty others are in
    /// Engineering, Grace in Compilers.
    pub fn synchronized() -> Self {
        let muster = Program::new();
        let folder = muster.folder.path();
        fs::create_dir_all(folder.join("feeds/hr")).unwrap();
        for name in ["hr.toml", "feeds/hr/people.csv", "feeds/hr/departments.tsv"] {
            fs::copy(examples().join(name), folder.join(name)).unwrap();
        }
        let photo = base64::engine::general_purpose::STANDARD.encode(PHOTO);
        let script = base64::engine::general_purpose::STANDARD.encode("<script>alert(1)</script>");
        let mut users = format!(
            "uid,cn,mail,phone,photo\nada.l,\"Ada, Countess\",ada@example.org,+44 20,\n\
             ghopper,Grace Hopper,GRACE@example.org,+1 555,{photo}\nmallory,<b>Mallory</b>,m@example.org,,{script}\n"
        );
        let mut engineers = "ada.l;Compilers".to_owned();
        for number in 0..60 {
            users += &format!("user{number:02},Person {number:02},user{number:02}@example.org,,\n");
            engineers += &format!(";user{number:02}");
        }
        fs::create_dir(folder.join("directory")).unwrap();
        fs::write(folder.join("directory/users.csv"), users).unwrap();
        let groups = format!("name,members\nStaff,Engineering\nEngineering,{engineers}\nCompilers,ghopper\n");
        fs::write(folder.join("directory/groups.csv"), groups).unwrap();
        fs::write(folder.join("directory.toml"), DIRECTORY).unwrap();
        muster.run(&["apply", "hr.toml", "directory.toml"]).succeeded();
        muster.run(&["run", "hr", "--wait"]).exited(3);
        muster.run(&["resume", "1", "--wait"]).succeeded();
        muster.run(&["run", "directory", "--wait"]).succeeded();
        Self { muster }
    }

    /// Ada gets another mail address and Grace leaves HR: run 3.
    pub fn a_day_later(&self) {
        let path = self.muster.folder.path().join("feeds/hr/people.csv");
        let people = fs::read_to_string(&path).unwrap();
        let kept: Vec<&str> = people.lines().filter(|line| !line.starts_with("1002,")).collect();
        fs::write(path, kept.join("\n").replace("ada@example.org", "ada.l@example.org") + "\n").unwrap();
        self.muster.run(&["run", "hr", "--wait"]).exited(3);
        self.muster.run(&["resume", "3", "--wait"]).succeeded();
    }

    /// When a run was applied.
    pub fn applied_at(&self, run: i32) -> DateTime<Utc> {
        run::by_id(&mut self.muster.database.connect(), RunId(run)).unwrap().unwrap().applied_at.unwrap()
    }

    /// As if a run had been applied so much earlier.
    pub fn backdate(&self, run: i32, by: TimeDelta) {
        diesel::update(runs::table.find(RunId(run)))
            .set(runs::applied_at.eq(self.applied_at(run) - by))
            .execute(&mut self.muster.database.connect())
            .unwrap();
    }

    /// The id of the user of that user name.
    pub fn user(&self, user_name: &str) -> i64 {
        self.muster.run(&["user", "show", user_name, "--json"]).succeeded().json()[0]["id"].as_i64().unwrap()
    }
}
