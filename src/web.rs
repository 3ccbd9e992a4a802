//! The pages: server-rendered HTML, complete without JavaScript; and the API ([`api`]).
//!
//! [`routes`] lists every address with the role, or the scope of a token, that it needs. A page is one file in [`pages`] and one template of the same
//! name in `templates/pages`. [`frame`] stands around all of them: sessions, headers, error pages. [`admission`] stands
//! before each: role, and for whatever changes something, where the request came from and the session's token.

pub mod admission;
pub mod api;
pub mod assets;
pub mod causes;
pub mod charts;
pub mod consequences;
pub mod csv;
pub mod decision_view;
pub mod device;
pub mod diff;
pub mod directory_sign_in;
pub mod download;
pub mod editor;
pub mod elements;
pub mod entrance;
pub mod error;
pub mod failure;
pub mod file_form;
pub mod frame;
pub mod health;
pub mod incoming;
pub mod links;
pub mod moment;
pub mod once_more;
pub mod one_time_code;
pub mod origin;
pub mod page;
pub mod pages;
pub mod paging;
pub mod password;
pub mod profile_form;
pub mod provider;
pub mod routes;
pub mod second_step;
pub mod session_list;
pub mod settings_form;
pub mod standing;
pub mod throttle;
pub mod visitor;
pub mod words;

use crate::config::Config;
use crate::pipeline;
use crate::secret::sealing::Sealing;
use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web as actix};
use diesel::pg::PgConnection;
use error::WebError;
use std::net::SocketAddr;
use std::sync::Arc;

/// The longest form or document that is read, in bytes.
const LONGEST_FORM: usize = 2 * 1024 * 1024;

/// What pages work with.
#[derive(Clone)]
pub struct WebContext {
    /// Settings of this process.
    pub config: Arc<Config>,
    /// Database, extractions, and the way to wake a worker.
    pub work: pipeline::Context,
}

impl WebContext {
    /// Runs blocking database work on a thread of its own.
    pub async fn db<T, F>(&self, work: F) -> Result<T, WebError>
    where
        T: Send + 'static,
        F: FnOnce(&mut PgConnection) -> Result<T, WebError> + Send + 'static,
    {
        let (db, origin) = (self.work.db.clone(), origin::current());
        let done = actix::block(move || origin::told(&mut *db.get()?, origin.as_deref(), work)).await;
        done.map_err(|_| WebError::Stopped)?
    }

    /// Whether browsers reach us by HTTPS.
    pub fn is_https(&self) -> bool {
        self.config.public_url.starts_with("https://")
    }
}

/// Starts to answer on the configured address; returns the server, to be awaited and stopped by the caller (it does not
/// listen for signals), and the addresses it is bound to.
pub fn serve(context: WebContext) -> std::io::Result<(Server, Vec<SocketAddr>)> {
    let listen = context.config.listen;
    let throttle = actix::Data::new(throttle::Throttle::open(&context.config.secret_key_file)?);
    let sealing = actix::Data::new(Sealing::open(&context.config.secret_key_file)?);
    let hashing = actix::Data::new(password::Hashing::default());
    let turns = actix::Data::new(directory_sign_in::Turns::default());
    let provider = actix::Data::new(provider::Provider::default());
    let limits = actix::Data::new(api::limits::Limits::default());
    let context = actix::Data::new(context);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(context.clone())
            .app_data(throttle.clone())
            .app_data(sealing.clone())
            .app_data(hashing.clone())
            .app_data(turns.clone())
            .app_data(provider.clone())
            .app_data(limits.clone())
            .app_data(actix::PayloadConfig::new(LONGEST_FORM))
            .app_data(actix::FormConfig::default().limit(LONGEST_FORM))
            .wrap(from_fn(frame::frame))
            .wrap(Compress::default())
            .configure(routes::configure)
    })
    .disable_signals()
    .shutdown_timeout(10)
    .workers(2)
    // A compressed page goes out in pieces. Without this, the last of them waits until the browser has acknowledged the
    // one before, which it delays by 40 ms.
    .tcp_nodelay(true)
    .bind(listen)?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}
