//! One noun per file: what Muster knows, and the queries that read and write it.

pub mod association;
pub mod claim;
pub mod connection;
pub mod connector;
pub mod counters;
pub mod entity_type;
pub mod extraction;
pub mod guard;
pub mod installation;
pub mod problem;
pub mod profile;
pub mod property;
pub mod run;
pub mod upload;
