//! Extractions in the object store: write, seal, open, delete.
