//! One noun per file: what Muster knows, and the queries that read and write it.

mod id;

pub mod account;
pub mod association;
pub mod audit;
pub mod cause;
pub mod change;
pub mod claim;
pub mod configuration;
pub mod connection;
pub mod connector;
pub mod counters;
pub mod decision;
pub mod entity_type;
pub mod extraction;
pub mod guard;
pub mod installation;
pub mod job;
pub mod job_slot;
pub mod json;
pub mod lease;
pub mod partition;
pub mod problem;
pub mod profile;
pub mod profile_field;
pub mod property;
pub mod purge;
pub mod run;
pub mod run_events;
pub mod run_log;
pub mod run_report;
pub mod settings;
pub mod task;
pub mod upload;
