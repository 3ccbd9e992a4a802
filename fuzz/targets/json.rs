//! JSON: what is accepted is JSON, and reads the same once it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, Kept, read};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

fuzz_target!(|content: &[u8]| {
    for settings in
        [json!({}), json!({"record": "people"}), json!({"record": "data.people"}), json!({"single_record": true})]
    {
        let Ok(kept) = read(&Feed::new("people.json", settings), content) else { continue };
        assert_is_json(content);
        assert_same_when_written_again(&kept);
    }
});

fn assert_is_json(content: &[u8]) {
    // UTF-16 is told by its mark.
    if let Ok(text) = std::str::from_utf8(content) {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        serde_json::from_str::<IgnoredAny>(text).expect("what is accepted is JSON");
    }
}

fn assert_same_when_written_again(kept: &Kept) {
    let record = |values: &[String]| {
        let members = kept.columns.iter().cloned().zip(values.iter().cloned().map(Value::from));
        Value::Object(Map::from_iter(members))
    };
    let content = Value::from_iter(kept.values().map(record)).to_string();
    let again = read(&Feed::new("again.json", json!({})), content.as_bytes()).expect("what was written is accepted");
    assert!(again.values().eq(kept.values()), "{:?} became {:?}", kept.rows, again.rows);
}
