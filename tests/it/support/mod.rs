//! What tests are built with.

pub mod browser;
pub mod database;
pub mod directory;
pub mod program;
pub mod responder;
pub mod site;
