//! Sign in, sign out.

use crate::document;
use crate::model::account::{self, Account};
use crate::model::audit;
use crate::model::session::{self, Method};
use crate::model::sign_in_settings::SignInSettings;
use crate::web::directory_sign_in::{self, Turns, Verdict};
use crate::web::entrance::{self, Knock};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section, html, html_with};
use crate::web::password::Hashing;
use crate::web::throttle::{Throttle, Who};
use crate::web::visitor::{Guest, Visit, Visitor, cookie_name, see_other};
use crate::web::{WebContext, device, links};
use actix_web::cookie::Cookie;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Query};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;
use serde_json::json;

/// Said of whoever is not let in, whatever the reason: who has an account here is nobody's business.
const REFUSED: &str = "Name and password don't match, or the account is switched off.";
/// Said while the directory does not answer.
pub const OUT_OF_REACH: &str = "The directory that knows your password can't be asked now. Try again in a moment.";
/// Said of whoever has failed too often.
pub const SLOWED: &str = "Too many attempts. Wait a quarter of an hour, then try again.";

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
pub(super) struct SignInPage {
    layout: Layout,
    name: String,
    to: String,
    refusal: Option<String>,
    /// What the OpenID provider is called, and where it is.
    provider: Option<(String, String)>,
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
pub async fn show(
    context: Data<WebContext>,
    Guest(visit): Guest,
    query: Query<Destination>,
) -> Result<HttpResponse, WebError> {
    if let Some(session) = &visit.session {
        return Ok(see_other(&entrance::home(&query.to, session.account.role)));
    }
    let settings = context.db(|conn| Ok(document::settings_in_force(conn)?.sign_in)).await?;
    let provider = settings.provider.as_ref().map(|provider| provider.name.as_str());
    html(&page(&visit, String::new(), &query.to, None, provider))
}

/// Checks name and password: the same work, time and answer whether the name is unknown or the password is wrong. A name
/// that is no account of ours is asked of the directory, if there is one.
pub async fn sign_in(
    context: Data<WebContext>,
    hashing: Data<Hashing>,
    throttle: Data<Throttle>,
    turns: Data<Turns>,
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

    let typed = name.clone();
    let (look, who) = context.db(move |conn| Ok((Look::load(conn, &who, &typed, now)?, who))).await?;
    let provider = look.settings.provider.as_ref().map(|provider| provider.name.clone());
    let again = |status, words: &str| {
        html_with(status, &page(&visit, form.name.clone(), &form.to, Some(words.to_owned()), provider.as_deref()))
    };
    if look.is_slowed {
        return again(StatusCode::TOO_MANY_REQUESTS, SLOWED);
    }
    let known = look.known.clone();
    let (account, method) = match look.settings.directory.clone().filter(|_| !look.is_local) {
        Some(directory) => {
            match directory_sign_in::check(&context, &turns, directory, &name, form.password.clone()).await? {
                Verdict::Account(account) => (Some(account), Method::Directory),
                Verdict::Refused => (None, Method::Directory),
                Verdict::OutOfReach => return again(StatusCode::BAD_GATEWAY, OUT_OF_REACH),
            }
        }
        None => {
            let (found, hash) = look.found.unzip();
            let is_right = hashing.verify(form.password.clone(), hash).await?;
            (found.filter(|_| is_right), Method::Password)
        }
    };
    if let Some(account) = account {
        let knock = Knock { account, method, second: None, who: Some(who), from_elsewhere: false };
        return match entrance::enter(&context, &request, &visit, knock, &form.to).await? {
            Ok(response) => Ok(response),
            Err(_) => again(StatusCode::UNAUTHORIZED, REFUSED),
        };
    }
    let detail = json!({ "by": method, "address": device::address(&request) });
    context.db(move |conn| entrance::refused(conn, &who, known.as_deref(), detail, now)).await?;
    again(StatusCode::UNAUTHORIZED, REFUSED)
}

/// What there is to know before anything is checked.
struct Look {
    is_slowed: bool,
    is_local: bool,
    found: Option<(Account, String)>,
    /// What the account of that name is called, wherever it is from.
    known: Option<String>,
    settings: Box<SignInSettings>,
}

impl Look {
    fn load(conn: &mut PgConnection, who: &Who, name: &str, now: DateTime<Utc>) -> Result<Self, WebError> {
        Ok(Self {
            is_slowed: who.is_slowed(conn, now)?,
            is_local: account::is_local(conn, name)?,
            found: account::to_sign_in(conn, name)?,
            known: account::by_name(conn, name)?.map(|account| account.name),
            settings: document::settings_in_force(conn)?.sign_in,
        })
    }
}

/// Ends the session, here and in the database.
pub async fn sign_out(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .db(move |conn| {
            session::end(conn, &visitor.session.digest)?;
            let name = &visitor.account().name;
            Ok(audit::record(conn, name, "sign-out", &format!("account {name}"), json!({}))?)
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

/// The page, with what was typed, why that was refused, and the provider's name.
pub(super) fn page(
    visit: &Visit,
    name: String,
    to: &str,
    refusal: Option<String>,
    provider: Option<&str>,
) -> SignInPage {
    let layout = Layout::bare(visit, Utc::now()).titled(Section::None, "Sign in");
    let provider = provider.map(|name| (name.to_owned(), links::provider(to)));
    SignInPage { layout, name, to: links::own(to).to_owned(), refusal, provider }
}
