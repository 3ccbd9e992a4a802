//! Users and groups, as programs read them.

use crate::support::api::Api;
use crate::support::database::TestDatabase;
use crate::support::site::Site;
use crate::support::town::Town;
use diesel::connection::SimpleConnection;
use muster::model::token::{self, CreateError, NewToken, Scope};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

fn names(page: &Value) -> Vec<String> {
    let name = |one: &Value| one["fields"]["user_name"].as_str().unwrap_or("-").to_owned();
    page["items"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn users_are_listed_filtered_and_shown_with_their_accounts() {
    let town = Town::synchronized();
    town.a_day_later();
    let site = Site::start(town.muster);
    let api = Api::with(&site, &[Scope::Users], None);

    // Page by page, each once, in the order of their ids.
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/users?limit=20{after}")).await.is(200).json();
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 66);
    assert!(seen.is_sorted());

    let list = async |query: &str| api.get(&format!("/api/v1/users?{query}")).await.is(200).json();
    assert_eq!(names(&list("search=nunez%20GARCIA").await), ["jgarcia"]);
    assert_eq!(names(&list("state=past").await), ["ghopper"]);
    assert_eq!(list("connector=hr&limit=1000").await["items"].as_array().unwrap().len(), 4);
    assert_eq!(list("connector=nobody").await["items"], json!([]));
    assert_eq!(names(&list("field=mail&value=ADA.L@example.org").await), ["alovelace"]);
    assert_eq!(names(&list("field=phone&value=%2B44%2020&connector=directory&search=ada").await), ["alovelace"]);
    assert_eq!(list("field=phone&value=nothing").await["items"], json!([]));
    for wrong in ["state=gone", "field=shoe_size&value=42", "field=mail", "value=x", "after=x"] {
        api.get(&format!("/api/v1/users?{wrong}")).await.problem(400, "bad_request");
    }

    let ada = api.get(&format!("/api/v1/users/{}", town_user(&list("search=lovelace").await))).await.is(200).json();
    assert_eq!(ada["provenance"]["mail"]["file"], "people.csv");
    assert_eq!(ada["accounts"].as_array().unwrap().len(), 2);
    assert_eq!((&ada["accounts"][0]["key"], &ada["accounts"][0]["connector"]), (&json!("1001"), &json!("hr")));
    assert_eq!(ada["groups"][0]["name"], "Engineering");
    for nobody in ["999999", "x", "99999999999999999999"] {
        api.get(&format!("/api/v1/users/{nobody}")).await.problem(404, "not_found");
    }
}

fn town_user(page: &Value) -> i64 {
    page["items"][0]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn groups_are_listed_with_who_is_in_them_and_by_which_way() {
    let site = Site::start(Town::synchronized().muster);
    let api = Api::with(&site, &[Scope::Users], None);
    let groups = api.get("/api/v1/groups?limit=2").await.is(200).json();
    let named = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&groups), ["Compilers", "Engineering"]);
    let rest = api.get(&format!("/api/v1/groups?after={}", groups["next"].as_str().unwrap())).await.is(200).json();
    assert_eq!((named(&rest), &rest["next"]), (vec!["Staff".to_owned()], &json!(null)));
    assert_eq!(named(&api.get("/api/v1/groups?search=staff&kind=managed").await.json()), ["Staff"]);
    assert_eq!(api.get("/api/v1/groups?kind=local").await.json()["items"], json!([]));

    let staff = rest["items"][0]["id"].as_i64().unwrap();
    let shown = api.get(&format!("/api/v1/groups/{staff}")).await.is(200).json();
    assert_eq!(shown["within"][0]["name"], "Engineering");
    assert_eq!(shown["around"], json!([]));
    assert_eq!(api.get(&format!("/api/v1/groups/{staff}/members")).await.json()["items"], json!([]));
    let (mut members, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/groups/{staff}/members?kind=via&limit=25{after}")).await.is(200).json();
        members.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(members.len(), 62);
    let ways: BTreeMap<&str, usize> = members.iter().fold(BTreeMap::new(), |mut ways, one| {
        *ways.entry(one["via"]["name"].as_str().unwrap()).or_default() += 1;
        ways
    });
    assert_eq!(ways, BTreeMap::from([("Compilers", 1), ("Engineering", 61)]));
    api.get("/api/v1/groups?after=%21%21").await.problem(400, "bad_request");
    api.get(&format!("/api/v1/groups/{staff}/members?after=1.2")).await.problem(400, "bad_request");
    api.get("/api/v1/groups/4711/members").await.problem(404, "not_found");
}

/// Goes on from a place until enough was told, and says where that ends. What other transactions of the database hold
/// back comes a little later.
async fn follow(api: &Api, mut next: String, is_enough: impl Fn(&[Value]) -> bool) -> (Vec<Value>, String) {
    let (mut told, began) = (Vec::new(), Instant::now());
    while !is_enough(&told) {
        assert!(began.elapsed() < Duration::from_secs(60), "{told:#?}");
        let page = api.get(&format!("/api/v1/user-changes?limit=30&after={next}")).await.is(200).json();
        told.extend(page["items"].as_array().unwrap().clone());
        next = page["next"].as_str().unwrap().to_owned();
        if page["more"] == false {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    (told, next)
}

fn users(told: &[Value], operation: &str) -> BTreeSet<i64> {
    let of = told.iter().filter(|one| one["operation"] == operation);
    of.map(|one| one["user"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn whoever_follows_hears_of_everybody_who_comes_changes_and_goes() {
    let town = Town::synchronized();
    let site = Site::start(town.muster);
    let api = Api::with(&site, &[Scope::Users], None);

    // The first load tells of each user.
    let (_, next) = follow(&api, "0.0.0".to_owned(), |told| users(told, "insert").len() == 66).await;
    let start = api.get("/api/v1/user-changes?after=now").await.is(200).json();
    assert_eq!((&start["items"], &start["more"]), (&json!([]), &json!(false)));

    let town = Town { muster: site.stop() };
    town.a_day_later();
    let site = Site::start(town.muster);
    let api = Api::with(&site, &[Scope::Users], None);
    let ada = town_user(&api.get("/api/v1/users?search=lovelace").await.json());
    let grace = town_user(&api.get("/api/v1/users?search=hopper").await.json());
    let both = BTreeSet::from([ada, grace]);
    for after in [next, start["next"].as_str().unwrap().to_owned()] {
        let (told, _) = follow(&api, after, |told| users(told, "update").is_superset(&both)).await;
        assert_eq!(users(&told, "update"), both);
        assert!(told.iter().any(|one| one["run"] == 3 && one["user"] == ada), "{told:#?}");
    }
    let since = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(api.get(&format!("/api/v1/user-changes?since={since}")).await.is(200).json()["items"], json!([]));
    api.get("/api/v1/user-changes?after=yesterday").await.problem(400, "bad_request");
}

#[tokio::test]
async fn a_change_that_is_committed_late_is_not_missed() {
    let site = Site::start(Town::synchronized().muster);
    let api = Api::with(&site, &[Scope::Users], None);
    let write = |user: i64| {
        format!("insert into outbox (run_id, kind, operation, person_id) values (1, 'person', 'update', {user})")
    };
    let start = api.get("/api/v1/user-changes?after=now").await.is(200).json()["next"].as_str().unwrap().to_owned();

    // The first takes its number, the second commits.
    let mut slow = site.program.database.connect();
    slow.batch_execute(&format!("begin; {}", write(7001))).unwrap();
    site.program.database.connect().batch_execute(&write(7002)).unwrap();
    let page = api.get(&format!("/api/v1/user-changes?after={start}")).await.is(200).json();
    assert_eq!(page["items"], json!([]), "what comes before may still be on its way");
    slow.batch_execute("commit").unwrap();
    let next = page["next"].as_str().unwrap().to_owned();
    let (told, _) = follow(&api, next, |told| told.len() == 2).await;
    assert_eq!(users(&told, "update"), BTreeSet::from([7001, 7002]));
}

#[tokio::test]
async fn what_is_open_in_another_database_holds_nothing_back() {
    let site = Site::start(Town::synchronized().muster);
    let api = Api::with(&site, &[Scope::Users], None);
    let start = api.get("/api/v1/user-changes?after=now").await.is(200).json()["next"].as_str().unwrap().to_owned();

    let elsewhere = TestDatabase::new();
    let mut open = elsewhere.connect();
    open.batch_execute("begin; create table written (at timestamptz)").unwrap();
    let change = "insert into outbox (run_id, kind, operation, person_id) values (1, 'person', 'update', 7003)";
    site.program.database.connect().batch_execute(change).unwrap();
    let (told, _) = follow(&api, start, |told| !told.is_empty()).await;
    assert_eq!(users(&told, "update"), BTreeSet::from([7003]));
    open.batch_execute("rollback").unwrap();
}

#[tokio::test]
async fn users_belong_to_no_connector_alone() {
    let site = Site::start(Town::synchronized().muster);
    let mut connection = site.program.database.connect();
    let new = NewToken { name: "hr only", scopes: &[Scope::Users], connector: Some("hr"), expires_at: None };
    let refused = token::create(&mut connection, &new, "test", chrono::Utc::now()).unwrap_err();
    assert!(matches!(refused, CreateError::LimitedUsers), "{refused}");
    let ran = site.program.run(&["token", "create", "hr only", "--scope", "users", "--connector", "hr"]).exited(2);
    ran.says("can't be limited");
    // What reads runs does not read users, and the other way round.
    let reader = Api::with(&site, &[Scope::Read], None);
    for path in ["users", "users/1", "user-changes", "groups", "groups/1", "groups/1/members"] {
        reader.get(&format!("/api/v1/{path}")).await.problem(403, "scope");
    }
    Api::with(&site, &[Scope::Users], None).get("/api/v1/runs").await.problem(403, "scope");
}
