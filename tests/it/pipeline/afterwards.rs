//! What is left to do once a run is applied: nobody interrupts it.

use super::stored::{count, execute};
use crate::support::town::Town;
use std::fs;

#[test]
fn what_an_applied_run_leaves_is_done_however_long_that_takes() {
    let town = Town::synchronized();
    // So long that the run's heartbeat has found the claim gone several times.
    execute(
        &town.muster,
        "create function take_time() returns event_trigger language plpgsql as 'begin perform pg_sleep(2); end';
         create event trigger slowly on ddl_command_start when tag in ('DROP SCHEMA') execute function take_time()",
    );
    let users = town.muster.folder.path().join("directory/users.csv");
    let changed = fs::read_to_string(&users).unwrap().replace("+44 20", "+44 21");
    fs::write(users, changed).unwrap();
    town.muster.run(&["run", "directory", "--wait"]).succeeded();
    let schemas = r"select count(*) from pg_namespace where nspname ~ '^run_\d+_\d+$'";
    assert_eq!(count(&town.muster, schemas), 0, "what it was applied from is gone");
    // Sorted in again, it would be so many pages.
    let unsorted = "select sum(gin_clean_pending_list(i.indexrelid)) from pg_index i
                      join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
                     where a.amname = 'gin' and c.relkind = 'i' and i.indrelid::regclass::text like 'persons%'";
    assert_eq!(count(&town.muster, unsorted), 0, "the search's index is sorted");
}
