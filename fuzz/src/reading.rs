//! A file of a `files` connection, read as an export reads it.

use crate::{Kept, MAPPED};
use muster::connectors::{ChangesError, ConnectionError, ConnectionRequest, Cursors, kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A folder per process: several runs of a target do not meet.
pub static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("muster-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
});

/// A file with its settings.
pub struct Feed {
    /// What it is called.
    pub file: &'static str,
    /// The settings of its table.
    pub settings: Value,
    /// The columns that the connector maps.
    pub mapped: &'static [&'static str],
}

impl Feed {
    /// A file that is read for the columns [`MAPPED`].
    pub fn new(file: &'static str, settings: Value) -> Self {
        Self { file, settings, mapped: MAPPED }
    }
}

/// Reads the content twice and looks at it once as who writes a document does; all must agree. The error: it was refused.
pub fn read(feed: &Feed, content: &[u8]) -> Result<Kept, ConnectionError> {
    write(feed.file, content);
    let request = request(feed, json!({"file": feed.file}));
    let first = export(&request);
    assert_eq!(words(&first), words(&export(&request)), "what is read twice is the same");
    let looked = kind("files").expect("the kind files").tables(&request);
    if let Ok(kept) = &first {
        kept.assert_ended();
        let tables = looked.expect("what can be read can be looked at");
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].samples.len(), kept.rows.len().min(3), "the first three rows are the samples");
        assert!(tables[0].samples.iter().all(|sample| sample.len() == tables[0].columns.len()));
    }
    first
}

/// The same of a file with changes.
pub fn read_changes(feed: &Feed, content: &[u8]) -> Result<Kept, ConnectionError> {
    write("whole", b"");
    write(feed.file, content);
    let request = request(feed, json!({"file": "whole", "delta_file": feed.file}));
    let changes = || {
        let since = Cursors::from([("people".to_owned(), json!({"file": null, "sha256": null}))]);
        let mut kept = Kept::default();
        match kind("files").expect("the kind files").changes(&request, &since, &mut kept) {
            Ok(()) => Ok(kept),
            Err(ChangesError::Failed(error)) => Err(error),
            Err(ChangesError::Expired(why)) => panic!("nothing was read before: {why}"),
        }
    };
    let first = changes();
    assert_eq!(words(&first), words(&changes()), "what is read twice is the same");
    if let Ok(kept) = &first {
        kept.assert_ended();
    }
    first
}

fn export(request: &ConnectionRequest) -> Result<Kept, ConnectionError> {
    let mut kept = Kept::default();
    kind("files").expect("the kind files").export(request, &mut kept)?;
    assert!(kept.values().flatten().all(|value| !value.contains('\0')), "a NUL is a damaged file");
    Ok(kept)
}

fn words(read: &Result<Kept, ConnectionError>) -> Result<&Kept, String> {
    let refused = |error: &ConnectionError| {
        assert!(!error.place.is_empty() && !error.message.is_empty(), "an error says where and what");
        error.to_string()
    };
    read.as_ref().map_err(refused)
}

fn write(file: &str, content: &[u8]) {
    std::fs::write(Path::new(&*FOLDER).join(file), content).expect("a temporary file");
}

fn request(feed: &Feed, files: Value) -> ConnectionRequest {
    let mut table = json!({"name": "people"});
    for settings in [&feed.settings, &files] {
        for (name, value) in settings.as_object().expect("settings are an object") {
            table[name] = value.clone();
        }
    }
    let definition = json!({"name": "feed", "kind": "files", "folder": *FOLDER, "table": [table]});
    let mapped = feed.mapped.iter().map(|name| (*name).to_owned()).collect();
    ConnectionRequest {
        definition: serde_json::from_value(definition).expect("a connection"),
        secrets: BTreeMap::new(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::from([("people".to_owned(), mapped)]),
        pair_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    }
}
