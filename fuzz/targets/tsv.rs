//! TSV, with quotes and without.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, read};
use serde_json::json;

fuzz_target!(|content: &[u8]| {
    let quoted = read(&Feed::new("people.tsv", json!({})), content);
    let plain = read(&Feed::new("people.tsv", json!({"quotes": false})), content);
    if let (Ok(quoted), Ok(plain)) = (quoted, plain) {
        assert!(content.contains(&b'"') || quoted == plain, "without a quote, quotes make no difference");
    }
});
