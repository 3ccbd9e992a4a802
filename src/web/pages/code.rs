//! The second step of signing in: a code of the device, or a recovery code.

use super::sign_in::SLOWED;
use crate::model::session;
use crate::secret::sealing::Sealing;
use crate::web::entrance::{self, Knock};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section, html, html_with};
use crate::web::throttle::Throttle;
use crate::web::visitor::{Guest, Visit, cookie_name, see_other};
use crate::web::{WebContext, device, links, second_step};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "pages/code.html")]
struct CodePage {
    layout: Layout,
    to: String,
    refusal: Option<&'static str>,
}

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Destination {
    #[serde(default)]
    to: String,
}

/// What is shown.
#[derive(Deserialize)]
pub struct CodeForm {
    code: String,
    #[serde(default)]
    to: String,
}

/// The form, for who has shown the first factor.
pub async fn show(
    context: Data<WebContext>,
    request: HttpRequest,
    Guest(visit): Guest,
    query: Query<Destination>,
) -> Result<HttpResponse, WebError> {
    let cookie = cookie(&context, &request);
    match context.db(move |conn| Ok(session::awaiting_code(conn, &cookie, Utc::now())?)).await? {
        Some(_) => html(&page(&visit, &query.to, None)),
        None => Ok(see_other(&links::sign_in(Some(links::own(&query.to))))),
    }
}

/// Checks the code. Failures count like those of passwords, for the same name.
pub async fn check(
    context: Data<WebContext>,
    sealing: Data<Sealing>,
    throttle: Data<Throttle>,
    request: HttpRequest,
    Guest(visit): Guest,
    form: Form<CodeForm>,
) -> Result<HttpResponse, WebError> {
    let form = form.into_inner();
    let (cookie, now) = (cookie(&context, &request), Utc::now());
    let waiting = context.db(move |conn| Ok(session::awaiting_code(conn, &cookie, now)?)).await?;
    let Some((waiting, method)) = waiting else { return Ok(see_other(&links::sign_in(Some(links::own(&form.to))))) };
    let who = throttle.who(&waiting.account.name, request.peer_addr().map(|address| address.ip()));
    let detail = json!({ "by": method, "second": "code", "address": device::address(&request) });
    let (account, digest) = (waiting.account, waiting.digest);
    let name = account.name.clone();
    let (id, code) = (account.id, form.code.clone());
    let (answer, who) = context
        .db(move |conn| {
            if who.is_slowed(conn, now)? {
                return Ok((Answer::Slowed, who));
            }
            match second_step::check(conn, &sealing, id, &code, now)? {
                Some(shown) => {
                    session::end(conn, &digest)?;
                    Ok((Answer::Right(shown.as_str()), who))
                }
                None => {
                    entrance::refused(conn, &who, Some(&name), detail, now)?;
                    Ok((Answer::Wrong, who))
                }
            }
        })
        .await?;
    match answer {
        Answer::Slowed => html_with(StatusCode::TOO_MANY_REQUESTS, &page(&visit, &form.to, Some(SLOWED))),
        Answer::Wrong => {
            let words = "This code is not right, or was used already. Wait for the next one, then try again.";
            html_with(StatusCode::UNAUTHORIZED, &page(&visit, &form.to, Some(words)))
        }
        Answer::Right(second) => {
            let knock = Knock { account, method, second: Some(second), who: Some(who), from_elsewhere: false };
            let entered = entrance::enter(&context, &request, &visit, knock, &form.to).await?;
            Ok(entered.unwrap_or_else(|_| see_other(&links::sign_in(None))))
        }
    }
}

enum Answer {
    Slowed,
    Wrong,
    Right(&'static str),
}

fn cookie(context: &WebContext, request: &HttpRequest) -> String {
    request.cookie(cookie_name(context.is_https())).map(|cookie| cookie.value().to_owned()).unwrap_or_default()
}

fn page(visit: &Visit, to: &str, refusal: Option<&'static str>) -> CodePage {
    let layout = Layout::bare(visit, Utc::now()).titled(Section::None, "Second factor");
    CodePage { layout, to: links::own(to).to_owned(), refusal }
}
