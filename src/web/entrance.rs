//! The one way in: whoever has proven who they are, by whatever means, comes through here. The account must be switched
//! on and its user not blocked, a second factor is asked for where there is one, and the session is always a new one.

use super::WebContext;
use super::device;
use super::error::WebError;
use super::links;
use super::throttle::Who;
use super::visitor::{Visit, see_other, session_cookie};
use crate::document;
use crate::model::account::{self, Account, Role};
use crate::model::session::{self, Awaits, Beginning, Method};
use crate::model::{audit, second_factor};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde_json::{Value, json};

/// Somebody who has proven who they are.
pub struct Knock {
    /// Their account.
    pub account: Account,
    /// What was checked.
    pub method: Method,
    /// What else was checked, of a second factor.
    pub second: Option<&'static str>,
    /// Whose failures end with this.
    pub who: Option<Who>,
    /// Whether another site has led the browser here.
    pub from_elsewhere: bool,
}

/// Who may not come in although they are who they say: the account is switched off, or its user is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barred;

/// Lets somebody in, or as far as to the second factor.
pub async fn enter(
    context: &WebContext,
    request: &HttpRequest,
    visit: &Visit,
    knock: Knock,
    to: &str,
) -> Result<Result<HttpResponse, Barred>, WebError> {
    let (role, from_elsewhere) = (knock.account.role, knock.from_elsewhere);
    let beginning = Beginning {
        method: knock.method,
        address: device::address(request),
        agent: device::agent(request),
        awaits: None,
    };
    let old = visit.session.as_ref().map(|session| session.digest.clone());
    let begun = context.db(move |conn| begin(conn, knock, beginning, old, Utc::now())).await?;
    let Some((token, awaits)) = begun else { return Ok(Err(Barred)) };
    let destination = match awaits {
        Some(Awaits::Code) => links::code(to),
        Some(Awaits::Enrolment) => links::SECOND_FACTOR.to_owned(),
        None => home(to, role),
    };
    let mut response = if from_elsewhere { brought_along(&destination) } else { see_other(&destination) };
    response
        .add_cookie(&session_cookie(context.is_https(), token))
        .map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(Ok(response))
}

fn begin(
    conn: &mut PgConnection,
    knock: Knock,
    mut beginning: Beginning,
    old: Option<Vec<u8>>,
    now: DateTime<Utc>,
) -> Result<Option<(String, Option<Awaits>)>, WebError> {
    let Knock { account, method, second, who, .. } = knock;
    if !account::may_sign_in(conn, account.id, now)? {
        let detail =
            json!({ "by": method.as_str(), "because": "switched off or blocked", "address": beginning.address });
        audit::record(conn, &account.name, "sign-in-refused", &format!("account {}", account.name), detail)?;
        return Ok(None);
    }
    let needs = |conn: &mut PgConnection| -> Result<bool, WebError> {
        Ok(document::settings_in_force(conn)?.sign_in.needs_second_factor(account.role))
    };
    beginning.awaits = match second {
        Some(_) => None,
        None if second_factor::is_set_up(conn, account.id)? => Some(Awaits::Code),
        None => needs(conn)?.then_some(Awaits::Enrolment),
    };
    // A session from before ends: the id is always a new one.
    if let Some(old) = old {
        session::end(conn, &old)?;
    }
    let token = session::begin(conn, account.id, &beginning, now)?;
    if beginning.awaits != Some(Awaits::Code) {
        if let Some(who) = who {
            who.succeeded(conn)?;
        }
        account::signed_in(conn, account.id, now)?;
        let detail = json!({ "by": method.as_str(), "second": second, "address": beginning.address });
        audit::record(conn, &account.name, "sign-in", &format!("account {}", account.name), detail)?;
        tracing::info!(event = "authn_login_success", account.id = account.id.0, "somebody signed in");
    }
    Ok(Some((token, beginning.awaits)))
}

/// Notes a failure, and that whoever failed has to wait from now on.
pub fn refused(
    conn: &mut PgConnection,
    who: &Who,
    account: Option<&str>,
    mut detail: Value,
    now: DateTime<Utc>,
) -> Result<(), WebError> {
    who.failed(conn, now)?;
    // What was typed may be anything, a password too: only names that exist are written down.
    let subject = account.map_or_else(|| "an unknown account".to_owned(), |name| format!("account {name}"));
    audit::record(conn, "nobody", "sign-in-refused", &subject, detail.clone())?;
    if who.is_slowed(conn, now)? {
        detail["because"] = "too many failures".into();
        audit::record(conn, "nobody", "lock", &subject, detail)?;
    }
    tracing::info!(event = "authn_login_fail", "a sign-in failed");
    Ok(())
}

/// Where somebody is led who wanted to go there: persons have a home of their own.
pub fn home(to: &str, role: Role) -> String {
    match links::own(to) {
        links::HOME if role == Role::Person => links::ME.to_owned(),
        to => to.to_owned(),
    }
}

/// A page that leads on by itself: a redirect from another site would come without our strict cookie.
pub fn brought_along(to: &str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::REFRESH, format!("0; url={to}")))
        .content_type("text/html; charset=utf-8")
        .body("<!doctype html><html lang=\"en\"><title>Muster</title><p>One moment …</p></html>")
}
