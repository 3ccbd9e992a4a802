//! XML: elements or attributes, records by name, by place, or the whole document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, read};
use serde_json::json;

fuzz_target!(|content: &[u8]| {
    for settings in [
        json!({"record": "person"}),
        json!({"record": "person", "values": "attributes"}),
        json!({"record": "*"}),
        json!({"single_record": true}),
    ] {
        let is_single = settings.get("single_record").is_some();
        if let Ok(kept) = read(&Feed::new("people.xml", settings), content) {
            assert!(!is_single || kept.rows.len() == 1, "a document has one root");
        }
    }
});
