//! JSON by lines: each line that is accepted is JSON, and they read like the items of an array.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, read};
use serde::de::IgnoredAny;
use serde_json::json;

fuzz_target!(|content: &[u8]| {
    let Ok(kept) = read(&Feed::new("people.ndjson", json!({})), content) else { return };
    // UTF-16 is told by its mark.
    let Ok(text) = std::str::from_utf8(content) else { return };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    assert_eq!(lines.len(), kept.rows.len(), "a record on each line");
    for line in &lines {
        serde_json::from_str::<IgnoredAny>(line).expect("what is accepted is JSON");
    }
    let array = format!("[{}]", lines.join(","));
    let same = read(&Feed::new("people.json", json!({})), array.as_bytes()).expect("an array of the same is accepted");
    assert!(same.values().eq(kept.values()), "{:?} became {:?}", kept.rows, same.rows);
});
