//! The kind `files` from end to end: what arrives, in which format, through the program itself.

use crate::support::documents::wide_open;
use crate::support::program::Program;
use std::process::Child;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(60);

fn document(connection: &str) -> String {
    let wide_open = wide_open!();
    format!(
        r#"
name = "directory"
{wide_open}
[guards]
first_run = false
volume_percentage = 0
[[connection]]
name = "feed"
kind = "files"
folder = "feed"
{connection}
[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
  [entity_type.users]
    [entity_type.users.fields]
    user_name = "dn"
  [[entity_type.property]]
  name = "dn"
  column = "dn"
  key = true
  [[entity_type.property]]
  name = "name"
  column = "cn"
  [[entity_type.property]]
  name = "mail"
  column = "mail"
  multivalued = true
"#
    )
}

fn prepared(connection: &str) -> Program {
    let muster = Program::new();
    std::fs::create_dir(muster.folder.path().join("feed")).unwrap();
    std::fs::write(muster.folder.path().join("directory.toml"), document(connection)).unwrap();
    muster.run(&["apply", "directory.toml"]).succeeded();
    muster
}

fn write(muster: &Program, name: &str, content: impl AsRef<[u8]>) {
    // Written elsewhere, then renamed, as the documentation asks for.
    let folder = muster.folder.path();
    std::fs::write(folder.join("half"), content).unwrap();
    std::fs::rename(folder.join("half"), folder.join("feed").join(name)).unwrap();
}

fn stored(muster: &Program) -> Vec<String> {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let rows = diesel::sql_query("select (key || ' ' || attributes::text) as row from resources order by key");
    rows.load::<Row>(&mut muster.database.connect()).unwrap().into_iter().map(|row| row.row).collect()
}

#[test]
fn changes_in_ldif_are_applied_as_the_directory_made_them() {
    let muster = prepared(
        "[[connection.table]]\nname = \"people\"\nfile = \"people-*.ldif\"\ndelta_file = \"changes-*.ldif\"\n",
    );
    write(
        &muster,
        "people-1.ldif",
        "version: 1\n\ndn: uid=ada\ncn: Ada\nmail: a@x\nmail: b@x\n\ndn: uid=bob\ncn: Bob\nmail: bob@x\n\ndn: uid=cy\ncn: Cy\n",
    );
    muster.run(&["run", "directory", "--wait"]).succeeded();
    let before = stored(&muster);
    assert_eq!(before.len(), 3);
    assert!(before[0].contains("a@x") && before[0].contains("b@x"), "{before:?}");
    write(
        &muster,
        "changes-1.ldif",
        "version: 1\n\ndn: uid=ada\nchangetype: modify\nreplace: mail\nmail: c@x\n-\n\ndn: uid=bob\nchangetype: delete\n\n\
         dn: uid=di\nchangetype: add\ncn:: RMOt\nmail: d@x\n\ndn: uid=cy\nchangetype: modify\nadd: telephoneNumber\n\
         telephoneNumber: 1\n-\n",
    );
    muster.run(&["run", "directory", "--mode", "incremental", "--wait"]).succeeded();
    let after = stored(&muster);
    let keys: Vec<&str> = after.iter().filter_map(|row| row.split(' ').next()).collect();
    assert_eq!(keys, ["uid=ada", "uid=cy", "uid=di"]);
    assert!(after[0].contains("Ada") && after[0].contains("c@x") && !after[0].contains("a@x"), "{after:?}");
    assert_eq!(after[1], before[2], "what concerns no column changes nothing");
    assert!(after[2].contains("Dí"), "{after:?}");

    write(&muster, "changes-2.ldif", "dn: uid=ada\nchangetype: modify\nadd: mail\nmail: e@x\n-\n");
    let refused = muster.run(&["run", "directory", "--mode", "incremental", "--wait"]).exited(1).stdout;
    assert!(refused.contains("changes-2.ldif, line 3, column 1: adds values to \"mail\""), "{refused}");
    assert!(refused.contains("run a complete run"), "{refused}");
    assert_eq!(stored(&muster), after, "nothing was written");
    write(&muster, "people-2.ldif", "dn: uid=ada\ncn: Ada\nmail: c@x\nmail: e@x\n");
    muster.run(&["run", "directory", "--wait"]).succeeded();
    assert_eq!(stored(&muster).len(), 1, "the last complete file is the whole truth");
}

#[test]
fn files_that_arrive_start_a_run_on_a_server() {
    struct Serving(Child);
    impl Drop for Serving {
        fn drop(&mut self) {
            let id = nix::unistd::Pid::from_raw(self.0.id() as i32);
            let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
            let _ = self.0.wait();
        }
    }
    let muster = prepared("on_arrival = true\n[[connection.table]]\nname = \"people\"\nfile = \"people-*.csv.gz\"\n");
    let mut server = muster.command(&["serve", "--role", "worker"]);
    let _server =
        Serving(server.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, b"dn,cn,mail\nuid=ada,Ada,a@x\n").unwrap();
    write(&muster, "people-1.csv.gz", packed.finish().unwrap());
    let since = Instant::now();
    while stored(&muster).is_empty() {
        assert!(since.elapsed() < DEADLINE, "no run has come: {}", muster.run(&["runs", "--json"]).stdout);
        std::thread::sleep(Duration::from_millis(200));
    }
    let runs = muster.run(&["runs", "directory", "--json"]).stdout;
    assert!(runs.contains("\"arrival\""), "{runs}");
    assert_eq!(runs.lines().count(), 1, "one run: {runs}");
}
