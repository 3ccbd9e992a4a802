//! What tests are built with.

pub mod api;
pub mod browser;
pub mod database;
pub mod directory;
pub mod documents;
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

/// Says by which means TLS is spoken in this process: no web client is made without, though none here needs it.
pub fn provide_tls() {
    // An error says that it was said already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
