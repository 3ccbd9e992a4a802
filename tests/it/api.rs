//! The API, asked as programs ask it.

mod connectors;
mod feeds;
mod files;
mod gate;
mod openapi;
mod runs;
mod script;
mod users;
