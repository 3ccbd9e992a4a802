//! What tests are built with.

pub mod directory;
pub mod responder;
