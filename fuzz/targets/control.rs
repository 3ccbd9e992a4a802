//! Haplo control files: one that is accepted makes a document that is accepted, and the same one each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::document::haplo::{ImportError, import};
use muster::document::parse;
use muster_fuzz::own_panics_only;

fuzz_target!(|text: &str| own_panics_only(|| {
    let imported = import(text, "people", &["staff".to_owned()]);
    assert_eq!(imported, import(text, "people", &["staff".to_owned()]), "the same each time");
    match imported {
        Ok(imported) => drop(parse(&imported.document, None).expect("what it makes is accepted")),
        Err(ImportError::Syntax { line, message, .. }) => {
            assert!(line >= 1 || text.trim().is_empty());
            assert!(!message.is_empty());
        }
        Err(ImportError::Control(errors)) => {
            assert!(!errors.is_empty());
            for error in &errors {
                assert!(!error.message.starts_with("the document that it makes"), "{}", error.message);
            }
        }
    }
}));
