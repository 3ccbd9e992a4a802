//! What is left to do once a run is applied: nobody waits for it, and nobody interrupts it.

use super::stored::{count, execute};
use crate::support::site::Site;
use crate::support::town::Town;
use std::fs;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_an_applied_run_leaves_is_removed_however_long_that_takes() {
    let site = Site::start(Town::synchronized().muster);
    // So long that the run's heartbeat has found the claim gone several times.
    execute(
        &site.program,
        "create function take_time() returns event_trigger language plpgsql as 'begin perform pg_sleep(2); end';
         create event trigger slowly on ddl_command_start when tag in ('DROP SCHEMA') execute function take_time()",
    );
    let users = site.program.folder.path().join("directory/users.csv");
    let changed = fs::read_to_string(&users).unwrap().replace("+44 20", "+44 21");
    fs::write(users, changed).unwrap();
    site.program.run(&["run", "directory", "--wait"]).succeeded();
    let schema = r"select count(*) from pg_namespace where nspname ~ '^run_\d+_\d+$'";
    let began = Instant::now();
    while count(&site.program, schema) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "nobody removed it, or it was interrupted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
