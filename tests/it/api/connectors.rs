//! Connectors and their documents.

use crate::support::api::{Answer, Api, campus};
use crate::support::program::Program;
use crate::support::site::Site;
use muster::model::audit;
use muster::model::token::Scope;
use reqwest::Method;

#[tokio::test]
async fn a_document_is_applied_once_and_looked_at_as_often_as_one_likes() {
    let site = Site::start(Program::new());
    let api = Api::with(&site, &[Scope::Configure, Scope::Read], Some("campus"));
    let (path, text) = ("/api/v1/connectors/campus", campus(false));
    let looked = api.put(&format!("{path}?dry_run"), text.clone()).await.is(200).json();
    assert_eq!((looked["outcome"].as_str(), looked["dry_run"].as_bool()), (Some("created"), Some(true)));
    api.get(path).await.problem(404, "not_found");

    let made = api.put(path, text.clone()).await.is(201).json();
    assert_eq!((made["outcome"].as_str(), made["version"].as_i64()), (Some("created"), Some(1)));
    let again = api.put(path, text.clone()).await.is(200).json();
    assert_eq!((again["outcome"].as_str(), again["version"].as_i64()), (Some("unchanged"), Some(1)));
    let edited = text.replace("display_name = \"Campus\"", "display_name = \"Campus cards\"");
    let looked = api.put(&format!("{path}?dry_run=true"), edited.clone()).await.is(200).json();
    assert_eq!((looked["outcome"].as_str(), looked["version"].as_i64()), (Some("changed"), Some(2)));
    assert_eq!(api.get(path).await.json()["display_name"], "Campus");
    api.put(&format!("{path}?dry_run=false"), edited.clone()).await.is(200);
    assert_eq!(api.get(path).await.json()["display_name"], "Campus cards");
    let document = api.get(&format!("{path}/document")).await.is(200);
    assert_eq!(document.text, edited);
    assert!(document.header("content-disposition").starts_with("attachment"));

    let shown = api.get(path).await.json();
    assert_eq!(shown["health"], "never_run");
    assert_eq!(shown["entity_types"], serde_json::json!(["person", "club"]));
    assert_eq!(shown["connections"][0]["tables"], serde_json::json!(["people", "clubs"]));
    let audited = audit::newest(&mut site.program.database.connect(), None, 1).unwrap().remove(0);
    assert_eq!((audited.account.as_str(), audited.action.as_str()), ("token client 0", "apply"));
}

#[tokio::test]
async fn every_error_of_a_document_has_its_place_and_nothing_is_stored() {
    let site = Site::start(Program::new());
    let api = Api::with(&site, &[Scope::Configure, Scope::Read], None);
    let path = "/api/v1/connectors/campus";
    let wrong = campus(false).replace("key = true", "kee = true");
    let errors = api.put(path, wrong.clone()).await.problem(422, "document").json()["errors"].clone();
    let places: Vec<u64> = errors.as_array().unwrap().iter().map(|one| one["line"].as_u64().unwrap()).collect();
    let of_kee = wrong.lines().position(|line| line.contains("kee")).unwrap() as u64 + 1;
    assert!(places.contains(&of_kee), "{errors:#}");
    assert!(errors[0]["column"].as_u64() >= Some(1) && errors[0]["message"].is_string());

    // What only shows together with the settings: an operation without a guard.
    let unguarded = campus(false).replace(
        "[[connection]]",
        "[thresholds]\nmaximum_deleted_lines = 0\nmax_percentage_deleted_lines = 0\n[[connection]]",
    );
    for text in [
        unguarded,
        "name = \"campus\"\nname = \"x\"".to_owned(),
        String::new(),
        "[[job]]\nname = \"complete\"\n".to_owned(),
        campus(false).replace("name = \"campus\"", "name = \"hr\""),
        campus(false).replace("upload = true", "folder = \"relative\""),
    ] {
        let answer = api.put(path, text.clone()).await.problem(422, "document").json();
        assert!(answer["errors"][0]["line"].as_u64() >= Some(1), "{text}: {answer}");
    }
    let latin = Answer::to(api.request(Method::PUT, path).body(b"name = \"campus\"\n# M\xfcller".to_vec())).await;
    let error = latin.problem(422, "document").json()["errors"][0].clone();
    assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (Some(2), Some(4)));
    api.get(path).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page() {
    let site = Site::start(Program::new());
    let api = Api::with(&site, &[Scope::Read], None);
    for name in ["c", "a", "e", "d", "b"] {
        let document = campus(false).replace("\"campus\"", &format!("{name:?}"));
        site.program.run_with_stdin(&["apply", "-"], &document).succeeded();
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/connectors?limit=2".to_owned());
    loop {
        let page = api.get(&path).await.is(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/connectors?limit=2&after={next}");
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_limited_token_can_not_lead_its_connector_elsewhere() {
    let site = Site::start(Program::new());
    let limited = Api::with(&site, &[Scope::Configure], Some("campus"));
    let unlimited = Api::with(&site, &[Scope::Configure], None);
    let (path, sent) = ("/api/v1/connectors/campus", campus(false));
    let folder = sent
        .replace("upload = true", "folder = \"/etc\"")
        .replace("name = \"people\"", "name = \"people\"\nfile = \"passwd\"");
    let folder = folder
        .replace("auto_apply = false\n", "")
        .replace("name = \"clubs\"", "name = \"clubs\"\nfile = \"clubs.csv\"");
    assert_ne!(folder, sent);
    for query in ["", "?dry_run"] {
        limited.put(&format!("{path}{query}"), folder.clone()).await.problem(403, "connection");
    }
    unlimited.put(path, folder.clone()).await.is(201);
    // What reaches the same as before is its own to change.
    limited.put(path, folder.replace("display_name = \"Campus\"", "display_name = \"Cards\"")).await.is(200);
    limited.put(path, folder.replace("/etc", "/var")).await.problem(403, "connection");
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused_at_its_place() {
    let site = Site::start(Program::new());
    let api = Api::with(&site, &[Scope::Configure], None);
    let text = campus(false).replace("display_name = \"Campus\"", "display_name = \"Cam\\u0000pus\"");
    let errors = api.put("/api/v1/connectors/campus", text).await.problem(422, "document").json()["errors"].clone();
    assert!(errors[0]["message"].as_str().unwrap().contains("NUL"), "{errors:#}");
}
