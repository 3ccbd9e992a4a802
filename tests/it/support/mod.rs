//! What tests are built with.

pub mod browser;
pub mod database;
pub mod directory;
pub mod feed;
pub mod mail;
pub mod mill;
pub mod program;
pub mod reader;
pub mod receiver;
pub mod responder;
pub mod site;
pub mod town;
pub mod works;
