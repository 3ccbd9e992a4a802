//! `kill -9` at any moment of a run: after a restart the same final state as undisturbed, nothing lost, nothing doubled.

use crate::support::program::Program;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PEOPLE: u32 = 20_000;
const KILLS: u32 = 20;
const DEADLINE: Duration = Duration::from_secs(120);

const DOCUMENT: &str = r#"
name = "hr"

[guards]
first_run = false

[thresholds]
maximum_inserted_lines = 1000000
maximum_updated_lines = 1000000
maximum_deleted_lines = 1000000
max_percentage_inserted_lines = 0
max_percentage_updated_lines = 0
max_percentage_deleted_lines = 0
maximum_link_inserted_lines = 1000000
maximum_link_updated_lines = 1000000
maximum_link_deleted_lines = 1000000
max_percentage_link_inserted_lines = 0
max_percentage_link_updated_lines = 0
max_percentage_link_deleted_lines = 0

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

[[entity_type]]
name = "department"
source = "feed.departments"
represents = "organizations"
property = [{ name = "code", column = "Code", key = true }, { name = "title", column = "Title" }]

[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
property = [
  { name = "id", column = "Id", key = true },
  { name = "login", column = "Login" },
  { name = "surname", column = "Surname" },
]

  [entity_type.users]
  correlate = [{ property = "login", field = "user_name" }]
  on_missing = "block"

    [entity_type.users.fields]
    user_name = "login"
    family_name = "surname"

[[association]]
name = "department"
from = "person"
to = "department"
column = "Department"
cardinality = "many_to_one"
"#;

/// What stands in the database after a run, without numbers that depend on how often it was begun.
const FINGERPRINT: &str = "
select jsonb_build_object(
  'resources', (select md5(string_agg(entity_type_id || key || attributes::text, ',' order by entity_type_id, key))
                  from resources),
  'links', (select md5(string_agg(f.key || '>' || t.key, ',' order by f.key, t.key))
              from links join resources f on f.id = from_id join resources t on t.id = to_id),
  'links_count', (select count(*) from links),
  'persons', (select md5(string_agg(
                fields::text || state || (select count(*) from jsonb_array_elements(blocks)), ','
                order by fields ->> 'user_name')) from persons),
  'persons_count', (select count(*) from persons),
  'resources_history', (select count(*) from resources_history),
  'links_history', (select count(*) from links_history),
  'persons_history', (select count(*) from persons_history),
  'outbox', (select count(*) from outbox),
  'applied', (select count(*) from runs where applied_at is not null),
  'state_version', (select state_version from connectors),
  'counters', (select counters from runs order by id desc limit 1),
  'problems', (select count(*) from problems)
)::text as fingerprint";

#[test]
fn killed_twenty_times_the_final_state_is_that_of_an_undisturbed_run() {
    let undisturbed = Firm::new();
    let disturbed = Firm::new();
    let mut interrupted = 0;
    for day in 0..KILLS {
        let (expected, lasted) = undisturbed.day(day);
        // Spread over the run, from the export's first moment to the commit.
        let moment = lasted.mul_f64(f64::from(day * 7 % KILLS) / f64::from(KILLS));
        let (state, was_interrupted) = disturbed.day_with_a_kill(day, moment);
        interrupted += u32::from(was_interrupted);
        println!("day {day}: killed at {moment:?} of {lasted:?}, interrupted: {was_interrupted}");
        assert_eq!(state, expected, "after the kill of day {day} at {moment:?} of {lasted:?}");
    }
    assert!(interrupted >= KILLS * 3 / 4, "only {interrupted} kills met a run at work");
}

#[test]
fn a_killed_workers_run_is_taken_over_within_thirty_seconds() {
    let firm = Firm::new();
    firm.write_feed(0);
    firm.muster.run(&["run", "hr"]).succeeded();
    let mut server = firm.serve();
    firm.wait_until("leases", "a worker has claimed the run");
    firm.kill(&mut server);
    let killed = Instant::now();
    let server = firm.serve();
    let epoch = firm.number("select epoch as number from runs");
    firm.wait_until(&format!("leases where epoch > {epoch}"), "another worker has taken it over");
    assert!(killed.elapsed() < Duration::from_secs(30), "it took {:?}", killed.elapsed());
    firm.wait_until("runs where state = 'completed'", "the run is over");
    firm.stop(server);
}

/// A firm whose feed changes from day to day.
struct Firm {
    muster: Program,
}

impl Firm {
    fn new() -> Self {
        let muster = Program::new();
        fs::create_dir_all(muster.folder.path().join("feed")).unwrap();
        fs::write(muster.folder.path().join("hr.toml"), DOCUMENT).unwrap();
        let firm = Self { muster };
        firm.write_feed(0);
        firm.muster.run(&["apply", "hr.toml"]).succeeded();
        // Jobs of their own accord would add runs at midnight.
        firm.execute("update jobs set enabled = false");
        firm
    }

    /// An undisturbed run; what stands there afterwards, and how long its stages took.
    fn day(&self, day: u32) -> (String, Duration) {
        self.write_feed(day);
        let report = self.muster.run(&["run", "hr", "--wait", "--json"]).succeeded().json();
        let lasted = report[0]["result"]["timeLapsed"].as_u64().unwrap();
        (self.fingerprint(), Duration::from_millis(lasted))
    }

    /// The same with a server that is killed after `moment` of work, and another one after it.
    fn day_with_a_kill(&self, day: u32, moment: Duration) -> (String, bool) {
        self.write_feed(day);
        self.muster.run(&["run", "hr"]).succeeded();
        let mut server = self.serve();
        self.wait_until("runs where state <> 'queued' and id = (select max(id) from runs)", "the run has begun");
        std::thread::sleep(moment);
        self.kill(&mut server);
        let was_interrupted = self.number("select count(*) as number from runs where applied_at is null") == 1;
        // As if the fifteen seconds had passed; the test beside this one waits for them.
        self.execute("update leases set leased_until = now()");
        let server = self.serve();
        self.wait_until(
            "(select 1 where not exists (select from runs where applied_at is null)) done",
            "it is applied",
        );
        self.stop(server);
        (self.fingerprint(), was_interrupted)
    }

    fn write_feed(&self, day: u32) {
        let folder = self.muster.folder.path().join("feed");
        let mut departments = String::from("Code,Title\n");
        for number in 0..50 {
            writeln!(departments, "D{number},Department {number}").unwrap();
        }
        let mut people = String::from("Id,Login,Surname,Department\n");
        for number in (0..PEOPLE).filter(|number| number % 100 != day % 7 + 1) {
            let married = if number % 20 == day % 5 { "-Day" } else { "" };
            let moved = if number % 30 == day % 3 { 1 } else { 0 };
            writeln!(people, "{number},user{number},Name{number}{married},D{}", (number + moved) % 50).unwrap();
        }
        fs::write(folder.join("departments.csv"), departments).unwrap();
        fs::write(folder.join("people.csv"), people).unwrap();
    }

    /// A server that is ready to be told to stop.
    fn serve(&self) -> Child {
        let mut server = self.muster.command(&["serve", "--role", "worker"]).stdout(Stdio::null()).spawn().unwrap();
        let mut messages = BufReader::new(server.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Muster works") {
            line.clear();
            assert!(messages.read_line(&mut line).unwrap() > 0, "the server ended by itself");
        }
        std::thread::spawn(move || std::io::copy(&mut messages, &mut std::io::sink()));
        server
    }

    fn kill(&self, server: &mut Child) {
        server.kill().unwrap();
        server.wait().unwrap();
    }

    fn stop(&self, mut server: Child) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(server.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(server.wait().unwrap().success());
    }

    #[track_caller]
    fn wait_until(&self, rows: &str, what: &str) {
        let since = Instant::now();
        while self.number(&format!("select count(*) as number from {rows}")) == 0 {
            if since.elapsed() > DEADLINE {
                let run =
                    self.muster.run(&["show", &self.number("select max(id)::bigint as number from runs").to_string()]);
                panic!("never came: {what}; {run:#?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn fingerprint(&self) -> String {
        #[derive(QueryableByName)]
        struct Fingerprint {
            #[diesel(sql_type = Text)]
            fingerprint: String,
        }
        diesel::sql_query(FINGERPRINT)
            .get_result::<Fingerprint>(&mut self.muster.database.connect())
            .unwrap()
            .fingerprint
    }

    fn number(&self, query: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let query = format!("select number::bigint as number from ({query}) numbers");
        diesel::sql_query(query).get_result::<Number>(&mut self.muster.database.connect()).unwrap().number
    }

    fn execute(&self, statement: &str) {
        self.muster.database.connect().batch_execute(statement).unwrap();
    }
}
