//! What `make fuzz` and its laws have found.

use super::*;

#[track_caller]
fn refused(file: &str, content: &str, settings: Value, place: &str) {
    let error = export(file, content.as_bytes(), settings, &["id"]).map(|memory| memory.rows).expect_err(content);
    assert_eq!(error.place, format!("{file}, {place}"), "{content:?}: {error}");
}

#[test]
fn a_form_feed_is_no_white_space_of_json() {
    refused("p.json", "[\u{c}{\"id\": 1}]", json!({}), "line 1, column 2");
    refused("p.json", "[{\"id\": 1}]\u{c}", json!({}), "line 1, column 12");
    refused("p.ndjson", "{\"id\": 1}\n\u{c}{\"id\": 2}\n", json!({}), "line 2, column 1");
}

#[test]
fn what_follows_the_records_is_json_as_well() {
    let people = || json!({"record": "people"});
    refused("p.json", "{\"people\": [], 1: 2}", people(), "line 1, column 16");
    refused("p.json", "{\"people\": [], {}: 2}", people(), "line 1, column 16");
    refused("p.json", "{\"people\": [], \"a\"}", people(), "line 1, column 19");
    let content = b"{\"people\": [{\"id\": 1}], \"a\": {}, \"b\":[]}";
    assert_eq!(export("p.json", content, people(), &["id"]).unwrap().rows.len(), 1);
}
