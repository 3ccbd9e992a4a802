//! What tests are built with.

pub mod active_directory;
pub mod api;
pub mod browser;
pub mod changing;
pub mod changing_domain;
pub mod database;
pub mod desk;
pub mod directory;
pub mod documents;
pub mod feed;
pub mod guest;
pub mod guild;
pub mod json_directory;
pub mod log;
pub mod mail;
pub mod mariadb;
pub mod mill;
pub mod openid_provider;
pub mod postgres;
pub mod program;
pub mod reader;
pub mod receiver;
pub mod recorder;
pub mod relay;
pub mod responder;
pub mod scim;
pub mod server;
pub mod site;
pub mod town;
pub mod traces;
pub mod web_responder;
pub mod works;

/// Says by which means TLS is spoken in this process: no web client is made without, though none here needs it.
pub fn provide_tls() {
    // An error says that it was said already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
