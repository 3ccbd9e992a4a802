//! API tokens: what programs sign in with. A new one is shown in the answer that makes it, and nowhere else.

use super::decision::sentence;
use crate::model::connector;
use crate::model::session::Flash;
use crate::model::token::{self, CreateError, NewToken, Scope, Token, TokenId};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use askama::Template;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::pg::PgConnection;

#[derive(Template)]
#[template(path = "pages/tokens.html")]
struct TokensPage {
    layout: Layout,
    tokens: Vec<TokenLine>,
    connectors: Vec<String>,
    /// Name and token, just made.
    made: Option<(String, String)>,
    refused: Option<String>,
}

struct TokenLine {
    token: Token,
    href: String,
    used: Option<When>,
    expires: Option<When>,
    is_over: bool,
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context.page(visitor, |conn, layout| page(conn, layout, None, None)).await
}

/// Makes a token and shows it, this once.
pub async fn create(context: Data<WebContext>, visitor: Visitor, form: Bytes) -> Result<HttpResponse, WebError> {
    let wish = Wish::read(&form);
    let by = visitor.account().name.clone();
    context
        .page(visitor, move |conn, layout| match wish.and_then(|wish| wish.fulfil(conn, &by, layout.now)) {
            Ok(made) => page(conn, layout, Some(made), None),
            Err(Refused::Words(words)) => page(conn, layout, None, Some(words)),
            Err(Refused::Failed(error)) => Err(error),
        })
        .await
}

/// Ends a token.
pub async fn revoke(context: Data<WebContext>, visitor: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let name = token::revoke(conn, TokenId(*id), &visitor.account().name)?;
            let name = name.ok_or_else(|| WebError::missing("token", id))?;
            let flash = Flash::done(format!("The token {name} is revoked: whoever comes with it is turned away."));
            visitor.lead(conn, links::TOKENS, flash)
        })
        .await
}

/// What the form asks for. A form with several scopes names the same field several times.
struct Wish {
    name: String,
    scopes: Vec<Scope>,
    connector: Option<String>,
    expires_at: Option<DateTime<Utc>>,
}

enum Refused {
    Words(String),
    Failed(WebError),
}

impl Wish {
    fn read(form: &[u8]) -> Result<Self, Refused> {
        let mut wish = Self { name: String::new(), scopes: Vec::new(), connector: None, expires_at: None };
        for (field, value) in url::form_urlencoded::parse(form) {
            match &*field {
                "name" => wish.name = value.trim().to_owned(),
                "scope" => wish.scopes.push(value.parse().map_err(|error| Refused::Words(sentence(&error)))?),
                "connector" => wish.connector = Some(value.into_owned()).filter(|name| !name.is_empty()),
                "expires" if !value.is_empty() => {
                    let day: NaiveDate = value
                        .parse()
                        .map_err(|_| Refused::Words("The day is not a date; write it as 2027-01-31.".to_owned()))?;
                    wish.expires_at = Some(day.and_time(NaiveTime::MIN).and_utc());
                }
                _ => {}
            }
        }
        Ok(wish)
    }

    fn fulfil(self, conn: &mut PgConnection, by: &str, now: DateTime<Utc>) -> Result<(String, String), Refused> {
        let Self { name, scopes, connector, expires_at } = self;
        let new = NewToken { name: &name, scopes: &scopes, connector: connector.as_deref(), expires_at };
        match token::create(conn, &new, by, now) {
            Ok(secret) => Ok((name, secret)),
            Err(CreateError::Database(error)) => Err(Refused::Failed(error.into())),
            Err(refusal) => Err(Refused::Words(sentence(&refusal))),
        }
    }
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    made: Option<(String, String)>,
    refused: Option<String>,
) -> Result<TokensPage, WebError> {
    let now = layout.now;
    let lines = token::all(conn)?.into_iter().map(|token| TokenLine {
        href: format!("{}/{}", links::TOKENS, token.id),
        used: token.last_used_at.map(|at| When::new(at, now)),
        expires: token.expires_at.map(|at| When::new(at, now)),
        is_over: token.expires_at.is_some_and(|at| at <= now),
        token,
    });
    let connectors = connector::list(conn)?.into_iter().map(|connector| connector.name).collect();
    let layout = layout.titled(Section::Tokens, "API tokens");
    Ok(TokensPage { tokens: lines.collect(), connectors, made, refused, layout })
}
