//! One page, one file, one template of the same name.

pub mod accounts;
pub mod appearance;
pub mod changes;
pub mod connector;
pub mod connectors;
pub mod decision;
pub mod help;
pub mod home;
pub mod job_execution;
pub mod job_results;
pub mod probes;
pub mod problems;
pub mod run;
pub mod run_events;
pub mod run_table;
pub mod sign_in;
pub mod welcome;
