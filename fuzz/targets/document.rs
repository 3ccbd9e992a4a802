//! Documents: one that is accepted is stored as a text that says the same, and stays the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::document::{Document, connector, parse, settings};
use muster_fuzz::own_panics_only;
use std::path::Path;

fuzz_target!(|text: &str| own_panics_only(|| {
    let document = match parse(text, Some(Path::new("/srv/muster"))) {
        Ok(document) => document,
        Err(errors) => {
            assert!(!errors.0.is_empty() && errors.0.iter().all(|error| !error.message.is_empty()));
            return;
        }
    };
    assert_eq!(parse(document.text(), None).as_ref(), Ok(&document), "what is stored says the same without its place");
    match &document {
        Document::Connector { text, definition } => assert_eq!(connector(text).as_ref(), Ok(definition)),
        Document::Settings { text, definition } => assert_eq!(settings(text).as_ref(), Ok(definition)),
    }
}));
