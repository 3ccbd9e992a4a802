//! The integration tests: one binary, real PostgreSQL, a database per test.

// A test that meets an error has failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod api;
mod cli;
mod connectors {
    mod conformance;
    mod files;
    mod files_corpus;
    mod ldap;
    mod rest;
    mod scim;
    pub mod sql;
}
mod jobs;
mod pages;
mod pipeline;
mod private_server;
mod schema;
mod support;
mod tidy;
