//! One page, one file, one template of the same name.

pub mod accounts;
pub mod appearance;
pub mod changes;
pub mod connector;
pub mod connectors;
pub mod decision;
pub mod group;
pub mod groups;
pub mod help;
pub mod home;
pub mod job_execution;
pub mod job_results;
pub mod photo;
pub mod probes;
pub mod problems;
pub mod resource;
pub mod resource_links;
pub mod resources;
pub mod run;
pub mod run_events;
pub mod run_log;
pub mod run_table;
pub mod sign_in;
pub mod user;
pub mod users;
pub mod welcome;
