//! The description of the API is that of its routes.

use crate::support::program::Program;
use crate::support::site::Site;
use muster::model::token::Scope;
use muster::web::admission::Access;
use muster::web::api::openapi::DOCUMENT;
use muster::web::routes;
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// What a schema says there is.
pub fn properties_of(schema: &str) -> BTreeSet<String> {
    document()["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_route_is_described_with_its_scopes_and_nothing_else_is() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let scopes = operation["security"].as_array().unwrap().iter();
            let scopes: Vec<&str> = scopes.map(|one| one["token"][0].as_str().unwrap()).collect();
            described.insert((method.to_uppercase(), path.clone(), scopes.join(" ")));
            let named = item["parameters"].as_array().map(Vec::len).unwrap_or_default();
            assert_eq!(named, path.matches('{').count(), "{path}: the parameters of the address");
            assert!(operation["summary"].is_string() && operation["responses"].is_object(), "{method} {path}");
        }
    }
    let words = |scopes: &[Scope]| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let routes: BTreeSet<_> = routes::table()
        .into_iter()
        .filter(|route| route.path.starts_with("/api/"))
        .map(|route| match route.access {
            Access::Token(scopes) => (route.method.to_string(), route.path.to_owned(), words(scopes)),
            _ => (route.method.to_string(), route.path.to_owned(), String::new()),
        })
        .collect();
    assert_eq!(described, routes);
    let open: Vec<_> = routes.iter().filter(|(_, _, scopes)| scopes.is_empty()).map(|(_, path, _)| path).collect();
    assert_eq!(open, ["/api/openapi.json"], "everything else needs a token");
}

#[test]
fn whatever_is_referred_to_is_there() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    found.push(reference.clone());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let (document, mut found) = (document(), Vec::new());
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn anybody_may_read_what_can_be_asked_for() {
    let site = Site::start(Program::new());
    let answer = reqwest::get(format!("{}/api/openapi.json", site.address)).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.json::<Value>().await.unwrap(), document());
}
