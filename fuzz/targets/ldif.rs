//! LDIF: entries read the same once they are written again, every value in base64.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, Kept, read};
use serde_json::json;

const MAPPED: &[&str] = &["dn", "cn", "mail"];

fuzz_target!(|content: &[u8]| {
    let feed = |file, settings| Feed { file, settings, mapped: MAPPED };
    let _ = read(&feed("people.ldif", json!({"encoding": "iso-8859-15"})), content);
    let Ok(kept) = read(&feed("people.ldif", json!({})), content) else { return };
    let again = read(&feed("again.ldif", json!({})), written(&kept).as_bytes()).expect("what was written is accepted");
    assert!(again.values().eq(kept.values()), "{:?} became {:?}", kept.rows, again.rows);
});

fn written(kept: &Kept) -> String {
    let mut text = String::from("version: 1\n");
    for values in kept.values() {
        for (name, value) in kept.columns.iter().zip(values) {
            if value.is_empty() && name != "dn" {
                continue;
            }
            let several = if name == "dn" { vec![value.as_str()] } else { value.split('\u{1f}').collect() };
            several.iter().for_each(|one| text.push_str(&format!("{name}:: {}\n", STANDARD.encode(one))));
        }
        text.push('\n');
    }
    text
}
