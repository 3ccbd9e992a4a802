//! LDIF with changes: only what the file alone tells.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_fuzz::{Feed, read_changes};
use serde_json::json;

fuzz_target!(|content: &[u8]| {
    for mapped in [&["dn", "cn", "mail"][..], &["mail"], &[]] {
        let Ok(kept) =
            read_changes(&Feed { file: "changes.ldif", settings: json!({"format": "ldif"}), mapped }, content)
        else {
            continue;
        };
        for (_, command, _) in &kept.rows {
            let command = command.as_deref().expect("a change has a command");
            assert!(matches!(command, "insert" | "update" | "delete" | "merge"), "{command:?}");
        }
    }
});
