//! Sign in, sign out.

use crate::model::{account, audit, session};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section, html, html_with};
use crate::web::password::Hashing;
use crate::web::throttle::Throttle;
use crate::web::visitor::{Guest, Visit, Visitor, cookie_name, see_other, session_cookie};
use crate::web::{WebContext, links};
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    layout: Layout,
    name: String,
    to: String,
    refusal: Option<&'static str>,
}

/// Where to go after the sign-in.
#[derive(Deserialize)]
pub struct Destination {
    #[serde(default)]
    to: String,
}

/// Who, and with which password.
#[derive(Deserialize)]
pub struct SignInForm {
    name: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// The form.
pub async fn show(Guest(visit): Guest, query: Query<Destination>) -> Result<HttpResponse, WebError> {
    if visit.session.is_some() {
        return Ok(see_other(links::own(&query.to)));
    }
    html(&page(&visit, String::new(), &query.to, None))
}

/// Checks name and password: the same work, time and answer whether the name is unknown or the password is wrong.
pub async fn sign_in(
    context: Data<WebContext>,
    hashing: Data<Hashing>,
    throttle: Data<Throttle>,
    request: HttpRequest,
    Guest(visit): Guest,
    form: Form<SignInForm>,
) -> Result<HttpResponse, WebError> {
    let form = form.into_inner();
    if form.name.contains('\0') {
        return Err(WebError::BadRequest("The name holds a NUL, which no text here has.".into()));
    }
    let who = throttle.who(&form.name, request.peer_addr().map(|address| address.ip()));
    let name = form.name.trim().to_owned();
    let now = Utc::now();

    let (slowed, found, who) =
        context.db(move |conn| Ok((who.is_slowed(conn, now)?, account::to_sign_in(conn, &name)?, who))).await?;
    if slowed {
        let words = "Too many attempts. Wait a quarter of an hour, then try again.";
        return html_with(StatusCode::TOO_MANY_REQUESTS, &page(&visit, form.name, &form.to, Some(words)));
    }
    let (found, hash) = found.unzip();
    let is_right = hashing.verify(form.password, hash).await?;
    let Some(account) = found.filter(|_| is_right) else {
        context.db(move |conn| Ok(who.failed(conn, now)?)).await?;
        tracing::info!(event = "authn_login_fail", "a sign-in failed");
        let words = "Name and password don't match, or the account is switched off.";
        return html_with(StatusCode::UNAUTHORIZED, &page(&visit, form.name, &form.to, Some(words)));
    };
    let token = context
        .db(move |conn| {
            who.succeeded(conn)?;
            // A session from before ends: the id is always a new one.
            if let Some(old) = &visit.session {
                session::end(conn, &old.digest)?;
            }
            account::signed_in(conn, account.id, now)?;
            Ok(session::begin(conn, account.id, now)?)
        })
        .await?;
    let mut response = see_other(links::own(&form.to));
    response.add_cookie(&session_cookie(context.is_https(), token)).map_err(|error| internal(&error))?;
    Ok(response)
}

/// Ends the session, here and in the database.
pub async fn sign_out(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let (digest, name) = (visitor.session.digest.clone(), visitor.account().name.clone());
    context
        .db(move |conn| {
            session::end(conn, &digest)?;
            Ok(audit::record(conn, &name, "sign-out", &format!("account {name}"), serde_json::json!({}))?)
        })
        .await?;
    let mut response = see_other(&links::sign_in(None));
    let mut cookie = Cookie::new(cookie_name(context.is_https()), "");
    cookie.set_path("/");
    cookie.set_secure(context.is_https());
    response.add_removal_cookie(&cookie).map_err(|error| internal(&error))?;
    Ok(response)
}

fn internal(error: &impl std::fmt::Display) -> WebError {
    WebError::Internal(error.to_string())
}

fn page(visit: &Visit, name: String, to: &str, refusal: Option<&'static str>) -> SignInPage {
    let layout = Layout::bare(visit, Utc::now()).titled(Section::None, "Sign in");
    SignInPage { layout, name, to: links::own(to).to_owned(), refusal }
}
