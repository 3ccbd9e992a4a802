//! The run as JSON.

use super::office::{Office, breach, exported, prepared};
use chrono::Utc;
use muster::model::run_report;
use serde_json::{Value, json};

#[test]
fn every_counter_is_there() {
    let office = Office::new();
    let run = office.blocked(&office.connector("hr", ""));
    let report = run_report::of(&mut office.connection(), run.id, Utc::now()).unwrap().unwrap();
    let mut report = serde_json::to_value(report).unwrap();
    assert!(report["result"]["timeLapsed"].as_i64().unwrap() >= 0);
    assert!(report["started_at"].is_string() && report["result"]["startedAt"].is_string());
    for (stage, rows) in [(0, 3), (1, 3)] {
        assert_eq!(report["tasks"][stage]["rows"], rows);
        assert!(report["tasks"][stage]["finished_at"].is_string());
    }
    assert_eq!(
        report["tasks"][2],
        json!({
            "stage": "synchronize", "state": "pending", "started_at": null, "finished_at": null, "rows": 0
        })
    );
    for moving in ["started_at", "tasks"] {
        report[moving] = Value::Null;
    }
    report["result"]["startedAt"] = Value::Null;
    report["result"]["timeLapsed"] = json!(0);
    assert_eq!(
        report,
        json!({
            "id": run.id, "connector": "hr", "mode": "complete", "trigger": "person", "state": "blocked",
            "dry_run": false, "reverts": null, "reverted_by": null, "sources": [], "proof": null, "started_at": null, "finished_at": null, "configuration_version": 1,
            "change_set_digest": "sha256:00", "tasks": null,
            "entity_types": [ { "name": "person", "read": 3, "inserted": 2, "updated": 0, "deleted": 0,
                "deleted_by_command": 0, "unchanged": 1, "rejected": 0, "duplicates_dropped": 0, "out_of_scope": 0,
                "withheld": 0, "withheld_deletes": 0, "suppressed": 0 } ],
            "associations": [],
            "persons": { "created": 0, "updated": 0, "blocked": 0, "unblocked": 0, "deleted": 0 },
            "breaches": [ { "guard": "first_run", "scope": "hr", "limit": null, "actual": null, "base": 0,
                "message": "this is the initial load" } ],
            "causes": [],
            "consequences": [],
            "problems": { "missing_key": 0, "invalid_value": 0, "required_missing": 0, "duplicate_key": 0,
                "duplicate_value": 0, "dangling_reference": 0, "ambiguous_match": 0, "local_person": 0, "no_match": 0, "possible_move": 0,
                "conflict": 0 },
            "result": { "processed": 3, "created": 2, "updated": 0, "deleted": 0, "skipped": 1, "blocked": 0,
                "unblocked": 0, "rejected": 0, "errors": [], "startedAt": null, "finishedAt": null, "timeLapsed": 0 }
        })
    );
}

#[test]
fn a_dry_run_is_finished_when_it_is_ready() {
    let office = Office::new();
    let run = office.try_start(&office.connector("hr", ""), |new| new.dry_run = true).unwrap();
    office.go(run, exported());
    office.go(run, prepared(0, vec![breach()]));
    let report = run_report::of(&mut office.connection(), run, Utc::now()).unwrap().unwrap();
    assert!(report.dry_run && report.finished_at.is_some());
    assert_eq!(
        report.outcome.time_lapsed,
        (report.finished_at.unwrap() - report.started_at.unwrap()).num_milliseconds()
    );
}
