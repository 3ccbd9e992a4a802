//! What tests are built with.

pub mod database;
pub mod directory;
pub mod program;
pub mod responder;
