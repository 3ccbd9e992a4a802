//! The command line, driven as a person drives it.

mod configuration;
mod doctor;
mod frame;
mod runs;
mod settings;
