//! LDAP: a server that says anything. What is read to an end that it proves is whole rows; all else is refused in words,
//! and in time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::connectors::{ConnectionRequest, kind};
use muster_fuzz::{Directory, FOLDER, Kept, own_panics_only};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| Directory::start(&FOLDER));

static REQUEST: LazyLock<ConnectionRequest> = LazyLock::new(|| {
    let socket = DIRECTORY.socket.to_str().expect("a plain path").replace('/', "%2F");
    let table = json!({"name": "people", "base": "dc=example,dc=org", "attributes": ["cn", "member", "jpegPhoto"],
        "changes": "none"});
    let definition = json!({"name": "directory", "kind": "ldap", "servers": [format!("ldapi://{socket}")],
        "timeout_seconds": 1, "page_size": 2, "table": [table]});
    ConnectionRequest {
        definition: serde_json::from_value(definition).expect("a connection"),
        secrets: BTreeMap::new(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    }
});

// Panics of ldap3 end a task of its own.
fuzz_target!(|content: &[u8]| own_panics_only(|| {
    DIRECTORY.say(content);
    let mut kept = Kept::default();
    match kind("ldap").expect("the kind ldap").export(&REQUEST, &mut kept) {
        Ok(()) => kept.assert_ended(),
        Err(error) => assert!(!error.place.is_empty() && !error.message.is_empty()),
    }
}));
