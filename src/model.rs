//! One noun per file: what Muster knows, and the queries that read and write it.

pub mod association;
pub mod claim;
pub mod connection;
pub mod connector;
pub mod counters;
pub mod entity_type;
pub mod guard;
pub mod problem;
pub mod property;
pub mod run;
