//! Tokens: who is let in, and what each of them sees.

use crate::support::api::{Answer, Api, campus};
use crate::support::program::Program;
use crate::support::site::{PASSWORD, Site};
use chrono::{TimeDelta, Utc};
use diesel::prelude::*;
use muster::model::audit;
use muster::model::token::{self, NewToken, Scope};
use reqwest::Method;

fn applied(site: &Site, document: &str) {
    site.program.run_with_stdin(&["apply", "-"], document).succeeded();
}

#[tokio::test]
async fn only_a_token_that_is_known_and_good_lets_in() {
    let site = Site::start(Program::new());
    let mut connection = site.program.database.connect();
    let good = Api::with(&site, &[Scope::Read], None);
    good.get("/api/v1/connectors").await.is(200);

    let now = Utc::now();
    let short = NewToken { name: "short", scopes: &[Scope::Read], connector: None, expires_at: Some(now) };
    let past = now - TimeDelta::minutes(5);
    let expired = token::create(&mut connection, &short, "test", past).unwrap();
    let secret = &good.secret;
    for wrong in ["", "muster_", "muster_guessed", &expired, &secret[..secret.len() - 1], &secret.to_uppercase()] {
        let answer = Api::coming_with(&site, wrong).get("/api/v1/connectors").await.problem(401, "token");
        assert!(answer.header("www-authenticate").starts_with("Bearer "), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let address = format!("{}/api/v1/connectors", site.address);
    let basic = reqwest::Client::new().get(&address).basic_auth("muster", Some(secret));
    Answer::to(basic).await.problem(401, "token");
    let in_the_address = reqwest::Client::new().get(format!("{address}?access_token={secret}"));
    Answer::to(in_the_address).await.problem(401, "token");

    let id = token::all(&mut connection).unwrap().iter().find(|token| token.name == "client 0").unwrap().id;
    assert_eq!(token::revoke(&mut connection, id, "test").unwrap().as_deref(), Some("client 0"));
    good.get("/api/v1/connectors").await.problem(401, "token");
}

#[tokio::test]
async fn a_session_is_no_token_and_a_token_is_no_session() {
    let site = Site::start(Program::new());
    let client = reqwest::Client::builder().cookie_store(true).build().unwrap();
    let welcome = client.post(format!("{}{}", site.address, site.welcome)).header("sec-fetch-site", "same-origin");
    welcome.form(&[("password", PASSWORD), ("again", PASSWORD)]).send().await.unwrap();
    assert_eq!(client.get(format!("{}/tokens", site.address)).send().await.unwrap().status(), 200);
    let answer = client.get(format!("{}/api/v1/connectors", site.address)).send().await.unwrap();
    assert_eq!(answer.status(), 401, "no browser is led to ask the API");

    let api = Api::with(&site, &Scope::ALL, None);
    let answer = api.get("/tokens").await;
    assert!(answer.text.contains("Sign in") && !answer.text.contains("Make a token"), "{answer:?}");
}

#[tokio::test]
async fn what_a_token_may_not_see_is_not_told_from_what_is_not_there() {
    let site = Site::start(Program::new());
    applied(&site, &campus(false));
    applied(&site, &campus(false).replace("\"campus\"", "\"other\""));
    let all = Api::with(&site, &Scope::ALL, None);
    let run = all.post("/api/v1/connectors/other/runs", serde_json::json!({ "task": "export" })).await.is(202).json();
    let limited = Api::with(&site, &Scope::ALL[..5], Some("campus"));
    let names = |answer: Answer| -> Vec<String> {
        let json = answer.is(200).json();
        json["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(all.get("/api/v1/connectors").await), ["campus", "other"]);
    assert_eq!(names(limited.get("/api/v1/connectors").await), ["campus"]);
    assert_eq!(limited.get("/api/v1/runs").await.json()["items"], serde_json::json!([]));
    assert_eq!(all.get("/api/v1/runs").await.json()["items"].as_array().unwrap().len(), 1);

    for path in ["", "/document", "/feed", "/feeds", "/tables/people/file"] {
        let there = limited.get(&format!("/api/v1/connectors/other{path}")).await.problem(404, "not_found");
        let nowhere = limited.get(&format!("/api/v1/connectors/ghost{path}")).await.problem(404, "not_found");
        assert_eq!(there.text.replace("other", "ghost"), nowhere.text);
    }
    let run = &run["id"];
    for path in ["", "/changes", "/problems", "/log"] {
        let there = limited.get(&format!("/api/v1/runs/{run}{path}")).await.problem(404, "not_found");
        let nowhere = limited.get(&format!("/api/v1/runs/999{path}")).await.problem(404, "not_found");
        assert_eq!(there.text.replace(&format!("run {run} "), "run 999 "), nowhere.text);
        all.get(&format!("/api/v1/runs/{run}{path}")).await.is(200);
    }
    for act in ["resume", "discard", "cancel", "retry", "revert"] {
        limited.post(&format!("/api/v1/runs/{run}/{act}"), serde_json::json!({})).await.problem(404, "not_found");
    }
    let document = campus(false).replace("\"campus\"", "\"other\"");
    limited.put("/api/v1/connectors/other", document.clone()).await.problem(404, "not_found");
    limited.put("/api/v1/connectors/campus", document).await.problem(422, "document");
}

#[tokio::test]
async fn a_token_is_stored_as_its_digest_and_says_when_it_was_used() {
    let site = Site::start(Program::new());
    let api = Api::with(&site, &[Scope::Upload, Scope::Read], Some("campus"));
    api.get("/api/v1/runs").await.is(200);
    let mut connection = site.program.database.connect();
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let row: Row = diesel::sql_query("select t::text as text from tokens t").get_result(&mut connection).unwrap();
    assert!(!row.text.contains(&api.secret[7..]), "the token itself is nowhere");
    let stored = token::all(&mut connection).unwrap().remove(0);
    assert_eq!(stored.scopes, [Scope::Read, Scope::Upload]);
    assert!(stored.last_used_at.is_some_and(|at| Utc::now() - at < TimeDelta::minutes(2)));
    let audited = audit::newest(&mut connection, None, 1).unwrap().remove(0);
    assert_eq!((audited.action.as_str(), audited.subject.as_str()), ("create", "token client 0"));
    assert!(!audited.detail.to_string().contains(&api.secret[7..]));
}

#[tokio::test]
async fn whatever_is_asked_wrongly_is_a_problem() {
    let site = Site::start(Program::new());
    applied(&site, &campus(false));
    let api = Api::with(&site, &Scope::ALL, None);
    for path in ["/api/v1/nowhere", "/api/", "/api/v2/runs", "/api/v1/runs/x", "/api/v1/runs/99999999999"] {
        api.get(path).await.problem(404, "not_found");
    }
    for path in [
        "/api/v1/runs?after=x",
        "/api/v1/runs?limit=x",
        "/api/v1/runs?state=asleep",
        "/api/v1/runs/1/problems?code=x",
        "/api/v1/runs/1/changes?operation=x",
        "/api/v1/runs/1/changes?key=%00",
        "/api/v1/connectors/%00",
    ] {
        api.get(path).await.problem(400, "bad_request");
    }
    Answer::to(api.request(Method::DELETE, "/api/v1/runs/1")).await.problem(405, "method");
    let start = api.request(Method::POST, "/api/v1/connectors/campus/runs");
    let broken = Answer::to(start.body("{\n  \"mode\": complete }")).await.problem(400, "bad_request").json();
    assert_eq!((broken["line"].as_u64(), broken["column"].as_u64()), (Some(2), Some(11)));
    for body in [
        r#"{"mode":"revert"}"#,
        r#"{"nod":1}"#,
        "[]",
        "\u{0}",
        r#"{"mode":"\u0000"}"#,
        r#"{"dry_run":true,"task":"synchronize"}"#,
    ] {
        let start = api.request(Method::POST, "/api/v1/connectors/campus/runs").body(body);
        Answer::to(start).await.problem(400, "bad_request");
    }
    let large = "#".repeat(3 << 20);
    api.put("/api/v1/connectors/campus", large).await.problem(413, "too_large");
}

#[tokio::test]
async fn whoever_guesses_tokens_waits_before_the_database_is_asked() {
    let site = Site::start(Program::new());
    let known = Api::with(&site, &[Scope::Read], None);
    known.get("/api/v1/connectors").await.is(200);
    let guessing = Api::coming_with(&site, "muster_guessed");
    for _ in 0..60 {
        guessing.get("/api/v1/connectors").await.problem(401, "token");
    }
    let waits = guessing.get("/api/v1/connectors").await.problem(429, "too_many");
    assert!(waits.header("retry-after").parse::<u64>().unwrap() <= 60, "{waits:?}");
    // A good one that nobody has seen yet may be one more guess: only the database could tell, and it is not asked.
    let mut connection = site.program.database.connect();
    let unused = || {
        let all = token::all(&mut site.program.database.connect()).unwrap();
        all.into_iter().find(|token| token.name == "late").unwrap().last_used_at
    };
    let late = NewToken { name: "late", scopes: &[Scope::Read], connector: None, expires_at: None };
    let late = token::create(&mut connection, &late, "test", Utc::now()).unwrap();
    Api::coming_with(&site, &late).get("/api/v1/connectors").await.problem(429, "too_many");
    assert_eq!(unused(), None);
    for _ in 0..100 {
        known.get("/api/v1/connectors").await.is(200);
    }
}
