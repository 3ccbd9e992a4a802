//! Extractions in the object store: write, seal, open, delete.

/// The object store: a local folder by default.
#[derive(Clone)]
pub struct Store {}
