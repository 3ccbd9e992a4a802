//! What the benchmarks share: a PostgreSQL of their own, and Muster in it, driven by its command line and watched.
//! Each takes of it what it needs.

pub mod environment;
mod memory;
pub mod muster;
pub mod one_core;
pub mod server;
