//! The gate before the API: a good token with the scope that the address needs. What a token may not see is not told
//! from what is not there.

use super::limits::{Limits, Print, Who};
use super::problem::Problem;
use crate::model::connector::{self, Connector};
use crate::model::run::{self, Run, RunId};
use crate::model::token::{self, Scope, Token};
use crate::web::WebContext;
use crate::web::error::WebError;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::Utc;
use diesel::pg::PgConnection;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

/// A program that came with a good token.
#[derive(Debug, Clone)]
pub struct Client(Arc<Token>);

impl Client {
    /// What runs, uploads and the audit log call it.
    pub fn who(&self) -> String {
        self.0.who()
    }

    /// Whether it may have to do with the connector of that name.
    pub fn reaches(&self, connector: &str) -> bool {
        self.0.reaches(connector)
    }

    /// The one connector that it is limited to.
    pub fn limited_to(&self) -> Option<&str> {
        self.0.connector.as_deref()
    }

    /// Whether it may see users: they belong to no connector alone, so a token that is limited to one sees none.
    pub fn sees_users(&self) -> Result<(), Problem> {
        match self.limited_to() {
            None => Ok(()),
            Some(name) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "limited",
                format_args!("this token is limited to the connector {name}, and users belong to no connector alone"),
            )),
        }
    }

    /// A connector that it may see.
    pub fn connector(&self, conn: &mut PgConnection, name: &str) -> Result<Connector, Problem> {
        let found = if self.reaches(name) { connector::by_name(conn, name)? } else { None };
        found.ok_or_else(|| Problem::missing("connector", name))
    }

    /// A run that it may see, with its connector.
    pub fn run(&self, conn: &mut PgConnection, id: i32) -> Result<(Run, Connector), Problem> {
        let missing = || Problem::missing("run", id);
        let run = run::by_id(conn, RunId(id))?.ok_or_else(missing)?;
        let connector = connector::by_id(conn, run.connector_id)?.ok_or_else(missing)?;
        if self.reaches(&connector.name) { Ok((run, connector)) } else { Err(missing()) }
    }
}

impl FromRequest for Client {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or_else(unknown))
    }
}

/// Lets a program pass that has one of the scopes.
pub async fn admit(scopes: &'static [Scope], request: &ServiceRequest) -> Result<(), Problem> {
    let stopped = || Problem::from(WebError::Stopped);
    let context = request.app_data::<Data<WebContext>>().cloned().ok_or_else(stopped)?;
    let limits = request.app_data::<Data<Limits>>().cloned().ok_or_else(stopped)?;
    let stranger = Who::Stranger(request.peer_addr().map(|address| address.ip().to_canonical()));
    let Some(secret) = bearer(request) else {
        limits.count(stranger, Instant::now()).map_err(too_many)?;
        return Err(unknown());
    };
    // A stranger is counted before the database is asked, so that guessing keeps nobody else from it. Whoever came with a
    // good token lately is none.
    let print = Print::of(&secret);
    let is_stranger = !limits.was_good(print, Instant::now());
    if is_stranger {
        limits.count(stranger, Instant::now()).map_err(too_many)?;
    }
    let Some(token) = context.ask(move |conn| Ok(token::find(conn, &secret, Utc::now())?)).await? else {
        limits.forget(print);
        return Err(unknown());
    };
    if is_stranger {
        limits.take_back(stranger);
    }
    limits.remember(print, Instant::now());
    limits.count(Who::Token(token.id), Instant::now()).map_err(too_many)?;
    if !scopes.iter().any(|scope| token.scopes.contains(scope)) {
        return Err(insufficient(scopes));
    }
    // No name has it, and the database takes no text with it.
    if request.uri().path_and_query().is_some_and(|address| address.as_str().contains("%00")) {
        return Err(Problem::request("the address holds a NUL, which no name here has"));
    }
    request.extensions_mut().insert(Client(Arc::new(token)));
    Ok(())
}

/// The token that a request comes with, if it looks like one.
fn bearer(request: &ServiceRequest) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    let looks_like_one =
        scheme.eq_ignore_ascii_case("bearer") && secret.starts_with(token::PREFIX) && secret.len() < 100;
    looks_like_one.then(|| secret.to_owned())
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "token",
        "this needs a token that is known and good: Authorization: Bearer muster_…; an administrator makes one",
    )
    .with_header("www-authenticate", "Bearer realm=\"Muster\", error=\"invalid_token\"")
}

fn insufficient(scopes: &[Scope]) -> Problem {
    let words = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    Problem::new(StatusCode::FORBIDDEN, "scope", format_args!("this needs a token with the scope {words}"))
        .with("scope", &words)
        .with_header(
            "www-authenticate",
            format_args!("Bearer realm=\"Muster\", error=\"insufficient_scope\", scope=\"{words}\""),
        )
}

fn too_many(seconds: u64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", format_args!("too many requests; wait {seconds} seconds"))
        .with_header("retry-after", seconds)
}
