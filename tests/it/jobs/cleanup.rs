//! Cleaning up, and the months ahead.

use super::office::{Office, breach, exported, prepared};
use chrono::{NaiveDate, Utc};
use muster::jobs::cleanup;
use muster::model::claim::Ending;
use muster::model::{partition, purge};

#[test]
fn months_are_there_ahead_made_by_two_servers_at_once() {
    let office = Office::new();
    let from = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| partition::ensure_months(&mut office.connection(), from, 3).unwrap());
        }
    });
    assert_eq!(office.count("pg_inherits where inhparent = 'changes'::regclass"), 3);
    for (table, rows) in [
        ("changes (run_id, seq, created_on, operation, key)", "(1, 1, '2027-01-31', 'insert', 'k')"),
        (
            "links_history (from_id, to_id, association_id, run_id, ended_by_run_id, valid_from, valid_to)",
            "(1, 2, 3, 4, 5, '2026-11-01', '2026-12-31 23:59:59Z')",
        ),
    ] {
        office.execute(&format!("insert into {table} values {rows}"));
    }
    assert_eq!(office.count("changes_2027_01"), 1);
    assert_eq!(office.count("links_history_2026_12"), 1);
    // Indexes are those of the table.
    let indexes = |table: &str| office.count(&format!("pg_indexes where tablename = '{table}'"));
    assert!(indexes("resources_history") > 0);
    assert_eq!(indexes("resources_history_2026_11"), indexes("resources_history"));
}

#[test]
fn months_are_dropped_by_age() {
    let office = Office::new();
    let from = NaiveDate::from_ymd_opt(2026, 9, 1).unwrap();
    partition::ensure_months(&mut office.connection(), from, 3).unwrap();
    let dropped =
        partition::drop_months_before(&mut office.connection(), NaiveDate::from_ymd_opt(2026, 11, 15).unwrap())
            .unwrap();
    assert_eq!(dropped.len(), 2 * partition::TABLES.len());
    assert_eq!(office.count("pg_inherits where inhparent = 'changes'::regclass"), 1);
}

#[test]
fn schemas_of_unfinished_preparations_are_dropped_and_no_others() {
    let office = Office::new();
    let hr = office.connector("hr", "");
    let stands = office.start(&hr);
    office.go(stands, exported());
    let claim = office.claim(stands).unwrap();
    let kept = claim.pending_schema();
    office.execute(&format!("create schema {kept}; create schema run_9999_1; create schema running_1_1"));
    assert_eq!(purge::pending_schemas(&mut office.connection()).unwrap(), ["run_9999_1"], "the claim is live");

    let Ending::Prepared(mut frozen) = prepared(0, vec![breach()]) else { unreachable!() };
    frozen.pending_schema = Some(kept.clone());
    office.finish(&claim, Ending::Prepared(frozen)).unwrap();
    assert!(purge::pending_schemas(&mut office.connection()).unwrap().is_empty(), "the change set waits");

    // As it is after a synchronization that attached the table where it lies: its rows are live.
    office.execute(&format!(
        "create table {kept}.pending (like links including all);
         alter table links attach partition {kept}.pending for values in (77);
         update runs set state = 'completed' where id = {stands}"
    ));
    assert!(purge::pending_schemas(&mut office.connection()).unwrap().is_empty(), "its table is attached");
    office.execute(&format!("alter table {kept}.pending set schema public"));
    assert_eq!(purge::pending_schemas(&mut office.connection()).unwrap(), [kept]);
    assert_eq!(office.count("pending"), 0);
}

#[test]
fn sessions_end_and_cleaning_twice_is_cleaning_once() {
    let office = Office::new();
    office.execute(
        "insert into accounts (name, role) values ('ada', 'viewer');
         insert into sessions (digest, account_id, csrf, expires_at)
         values ('a', 1, 'x', now() - interval '1 second'), ('b', 1, 'x', now() + interval '1 hour');",
    );
    for _ in 0..2 {
        cleanup::clean(&mut office.connection(), &office.context.store, Utc::now()).unwrap();
    }
    assert_eq!(office.count("sessions where digest = 'b'"), 1);
    assert_eq!(office.count("sessions"), 1);
    office.runtime.block_on(office.queue.purge()).unwrap();
}

#[test]
fn received_files_that_no_feed_knows_are_deleted_by_age() {
    let office = Office::new();
    let hr = office.connector("hr", "");
    let data = office.context.data_dir.clone();
    let folder = data.join(format!("uploads/{}", hr.id));
    std::fs::create_dir_all(folder.join("reading/7-1")).unwrap();
    for name in ["waits", "stray", "reading/7-1/0"] {
        std::fs::write(folder.join(name), "Id\n1\n").unwrap();
    }
    office.execute(&format!(
        "insert into uploads (connector_id, source_table, path, file_name, bytes, sha256, uploaded_at, uploaded_by)
         values ({id}, 'feed.people', 'uploads/{id}/waits', 'people.csv', 5, '', now(), 'test')",
        id = hr.id
    ));
    let there = || ["waits", "stray", "reading/7-1/0"].map(|name| folder.join(name).exists());
    let now = Utc::now();
    cleanup::forget_strays(&mut office.connection(), &data, now - chrono::TimeDelta::days(7)).unwrap();
    assert_eq!(there(), [true, true, true], "none is old");
    cleanup::forget_strays(&mut office.connection(), &data, now + chrono::TimeDelta::hours(1)).unwrap();
    assert_eq!(there(), [true, false, true], "what waits, or is being read, stays");
}

#[test]
fn what_searches_would_read_through_is_sorted_into_their_index() {
    let office = Office::new();
    office.execute(
        "create extension pgstattuple;
         insert into persons (id, valid_from, fields, provenance, search)
         select number, now(), '{}', '{}', 'somebody ' || number from generate_series(1, 50) number",
    );
    let waiting = || office.count("pgstatginindex('persons_by_hand_search_idx') where pending_tuples > 0");
    assert_eq!(waiting(), 1);
    cleanup::clean(&mut office.connection(), &office.context.store, Utc::now()).unwrap();
    assert_eq!(waiting(), 0);
    assert_eq!(office.count("persons where search like '%body 37%'"), 1);
}
