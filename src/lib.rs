//! Muster keeps user profiles, groups and memberships in step with the systems they come from.
//!
//! Every run goes *export → prepare synchronization → synchronize*:
//!
//! ```text
//! source ──export──▶ extraction (sealed CSV) ──prepare──▶ change set (frozen) ──guards──▶ synchronize ──▶ persons, groups
//!          child process                        set-wise difference            blocked? a person decides   one transaction
//! ```
//!
//! Five invariants hold everywhere:
//!
//! 1. **The `runs` row is the truth.** The queue only wakes a worker up and carries ids.
//! 2. **Prepare decides, synchronize applies.** Preview, guards, approval, audit and revert read the same frozen rows.
//! 3. **A run is applied whole or not at all**, in one transaction that ends with the run's own state.
//! 4. **A bad record never fails a run, and is never taken for an absent one.** It becomes a problem, its key protected.
//! 5. **Absence must be proven.** Any doubt about the end of a source fails the task and leaves everything as it was.
//!
//! Modules stand in import order: each imports only those before it (`tests/it/tidy.rs` proves it).

#[allow(missing_docs)]
pub mod schema;

pub mod config;

pub mod secret;

pub mod db;

pub mod values;

pub mod model;

pub mod store;

pub mod connectors;

pub mod document;

pub mod pipeline;

pub mod jobs;

pub mod web;

pub mod app;

pub mod cli;
