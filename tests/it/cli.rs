//! The command line, driven as a person drives it.

mod configuration;
mod frame;
mod settings;
