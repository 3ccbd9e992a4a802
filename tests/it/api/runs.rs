//! Runs: started, looked at, decided about.

use super::openapi::properties_of;
use crate::support::api::{Answer, Api};
use crate::support::program::{Program, Ran};
use crate::support::site::Site;
use crate::support::works::Works;
use muster::model::token::Scope;
use reqwest::Method;
use serde_json::{Value, json};

fn shown(program: &Program, arguments: &[&str]) -> Value {
    let ran: Ran = program.run(&[arguments, &["--json"]].concat());
    ran.json().remove(0)
}

/// A site that works on nothing by itself: runs stay where they are.
fn at_rest(works: Works) -> Site {
    Site::start_as(works.muster, &["serve", "--role", "web"])
}

#[tokio::test]
async fn a_second_start_names_the_run_that_is_in_the_way() {
    let site = at_rest(Works::of(5));
    let api = Api::with(&site, &[Scope::Run, Scope::Read, Scope::Decide], Some("works"));
    let started = Answer::to(api.request(Method::POST, "/api/v1/connectors/works/runs")).await.is(202);
    let run = started.json();
    assert_eq!(started.header("location"), format!("/api/v1/runs/{}", run["id"]));
    assert_eq!((run["state"].as_str(), run["trigger"].as_str()), (Some("queued"), Some("api")));
    let refused = api.post("/api/v1/connectors/works/runs", json!({})).await.problem(409, "already_running");
    assert_eq!(refused.json()["run"], run["id"]);
    api.post("/api/v1/runs/1/resume", json!({})).await.problem(409, "not_possible");
    api.post("/api/v1/runs/1/retry", json!({})).await.problem(409, "not_possible");
    let cancelled = api.post("/api/v1/runs/1/cancel", json!({ "comment": "a mistake" })).await.is(202).json();
    assert_eq!(cancelled["state"], "cancelled");
    let page = site.program.run(&["show", "1"]).succeeded();
    assert!(page.stdout.contains("cancelled"), "{page:?}");
    for body in [json!({ "mode": "incremental" }), json!({ "task": "prepare" }), json!({ "replay": 99 })] {
        let refused = api.post("/api/v1/connectors/works/runs", body).await.is(409).json();
        assert!(refused["detail"].as_str().unwrap().len() > 20, "{refused}");
    }
    api.post("/api/v1/connectors/ghost/runs", json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_run_is_the_same_from_the_command_line_and_the_api() {
    let works = Works::applied(7);
    let site = at_rest(works);
    let api = Api::with(&site, &[Scope::Read], None);
    let run = api.get("/api/v1/runs/1").await.is(200).json();
    assert_eq!(run, shown(&site.program, &["show", "1"]));
    for key in run.as_object().unwrap().keys() {
        assert!(properties_of("Run").contains(key), "the description of a run does not know {key}");
    }
    let listed = api.get("/api/v1/runs?connector=works&state=completed").await.is(200).json();
    assert_eq!((listed["items"][0]["id"].as_i64(), &listed["next"]), (Some(1), &Value::Null));
    assert_eq!(api.get("/api/v1/runs?state=failed").await.json()["items"], json!([]));

    let by_command = site.program.run(&["show", "1", "--changes", "--json"]).succeeded().json();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/runs/1/changes?limit=4".to_owned());
    loop {
        let page = api.get(&path).await.is(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/runs/1/changes?limit=4&after={next}");
    }
    assert_eq!(seen, by_command);
    let people = api.get("/api/v1/runs/1/changes?scope=person&operation=insert&key=1003").await.json();
    assert_eq!(people["items"].as_array().unwrap().len(), 1, "{people}");
    let log = api.get("/api/v1/runs/1/log").await.is(200);
    assert!(log.text.contains("created-user: created user user0003"), "{}", log.text);
}

#[tokio::test]
async fn a_blocked_run_is_resumed_as_it_was_seen_and_an_applied_one_is_reverted() {
    let mut works = Works::applied(10);
    works.people.truncate(6);
    let blocked = works.run().exited(3).json().remove(0);
    let site = Site::start(works.muster);
    let api = Api::with(&site, &[Scope::Read, Scope::Decide, Scope::Run], None);
    let other = json!({ "digest": "sha256:0000" });
    api.post("/api/v1/runs/2/resume", other).await.problem(409, "other_changes");
    let seen = json!({ "digest": blocked["change_set_digest"], "comment": "they have left" });
    api.post("/api/v1/runs/2/resume", seen).await.is(202);
    let applied = api.rests(&json!(2)).await;
    assert_eq!(applied["state"].as_str().unwrap().split('_').next(), Some("completed"), "{applied:#}");

    let reverting = api.post("/api/v1/runs/2/revert", json!({ "dry_run": true })).await.is(202).json();
    assert_eq!(reverting["reverts"], 2);
    let ready = api.rests(&reverting["id"]).await;
    assert!(["ready", "blocked"].contains(&ready["state"].as_str().unwrap()), "{ready:#}");
    let discarded = api.post(&format!("/api/v1/runs/{}/discard", ready["id"]), json!({})).await.is(202).json();
    assert_eq!(discarded["state"], "discarded");
    api.post("/api/v1/runs/3/revert", json!({})).await.problem(409, "not_possible");
    api.post("/api/v1/runs/3/revert", json!({ "afterwards": "nothing" })).await.problem(400, "bad_request");
    let replay = api.post("/api/v1/connectors/works/runs", json!({ "replay": 1 })).await.is(202).json();
    assert_eq!((replay["mode"].as_str(), replay["dry_run"].as_bool()), (Some("replay"), Some(true)));
    api.rests(&replay["id"]).await;
}
