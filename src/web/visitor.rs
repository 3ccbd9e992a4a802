//! Who asks: the session behind a request, and what the browser has told about itself.

use super::WebContext;
use super::error::WebError;
use crate::model::account::{Account, Role};
use crate::model::session::{self, Flash, FlashKind, Session};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use chrono::Utc;
use diesel::pg::PgConnection;
use std::future::{Ready, ready};
use std::sync::Arc;

/// The cookie that holds light or dark.
pub const THEME_COOKIE: &str = "muster_theme";

/// What a request brings along. [`super::frame`] reads it once.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The session, if somebody is signed in.
    pub session: Option<Session>,
    /// Light, dark, or as the system has it.
    pub theme: Theme,
    /// Path and query, to come back to.
    pub address: String,
}

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The word in cookie, form and class.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of that word; anything else is the system's.
    pub fn from_word(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::System,
        }
    }
}

/// The name of the session's cookie: bound to this very host where HTTPS allows it.
pub fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-muster" } else { "muster" }
}

/// The cookie of a session that begins.
pub fn session_cookie(https: bool, token: String) -> Cookie<'static> {
    Cookie::build(cookie_name(https), token)
        .path("/")
        .http_only(true)
        .secure(https)
        .same_site(SameSite::Strict)
        .finish()
}

/// Reads what a request brings along.
pub async fn read(context: &WebContext, request: &ServiceRequest) -> Result<Visit, WebError> {
    let theme = request.cookie(THEME_COOKIE).map(|cookie| Theme::from_word(cookie.value())).unwrap_or_default();
    let address = request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let session = match request.cookie(cookie_name(context.is_https())) {
        None => None,
        Some(cookie) => {
            let token = cookie.value().to_owned();
            context.db(move |conn| Ok(session::find(conn, &token, Utc::now())?)).await?
        }
    };
    Ok(Visit { session, theme, address })
}

/// Anybody, signed in or not.
pub struct Guest(pub Arc<Visit>);

impl FromRequest for Guest {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        ready(visit.map(Guest).ok_or_else(|| WebError::Internal("a request without its visit".into())))
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The session with its account.
    pub session: Session,
    /// The whole visit.
    pub visit: Arc<Visit>,
}

impl Visitor {
    /// Who it is.
    pub fn account(&self) -> &Account {
        &self.session.account
    }

    /// Whether the account may do what `role` may.
    pub fn may(&self, role: Role) -> bool {
        self.session.account.role >= role
    }

    /// Leaves a message for the next page and leads there.
    pub fn lead(&self, conn: &mut PgConnection, to: &str, flash: Flash) -> Result<Lead, WebError> {
        session::leave_flash(conn, &self.session.digest, &[flash])?;
        Ok(Lead(to.to_owned()))
    }
}

/// Where a browser is led after something was done.
pub struct Lead(String);

impl Lead {
    /// There, without a message of its own.
    pub fn to(address: &str) -> Self {
        Self(address.to_owned())
    }
}

impl WebContext {
    /// Does something and leads to the page that shows it.
    pub async fn act<F>(&self, work: F) -> Result<HttpResponse, WebError>
    where
        F: FnOnce(&mut PgConnection) -> Result<Lead, WebError> + Send + 'static,
    {
        let Lead(to) = self.db(work).await?;
        Ok(see_other(&to))
    }
}

impl FromRequest for Visitor {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor =
            Guest::from_request(request, payload).into_inner().and_then(|Guest(visit)| match &visit.session {
                Some(session) => Ok(Self { session: session.clone(), visit }),
                None => Err(WebError::NotOurs("You are not signed in.")),
            });
        ready(visitor)
    }
}

impl Flash {
    /// Something was done.
    pub fn done(text: impl Into<String>) -> Self {
        Self { kind: FlashKind::Done, text: text.into(), link: None }
    }

    /// Something was not done, and why.
    pub fn refused(text: impl Into<String>) -> Self {
        Self { kind: FlashKind::Refused, text: text.into(), link: None }
    }

    /// With a link to what it is about.
    pub fn with_link(mut self, to: impl Into<String>, words: impl Into<String>) -> Self {
        self.link = Some((to.into(), words.into()));
        self
    }
}

/// Leads to another page (303).
pub fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}
