//! The command line, driven as a person drives it.

mod account;
mod configuration;
mod demo;
mod doctor;
mod frame;
mod propose;
mod runs;
mod secrets;
mod settings;
mod token;
mod user;
mod who_is_who;
