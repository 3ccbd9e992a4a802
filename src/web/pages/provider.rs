//! Signing in at the OpenID provider: there, and back.
//!
//! What a sign-in must come back with is kept in the browser, sealed, for ten minutes: the server holds nothing of
//! sign-ins that nobody finishes. That cookie is the only one that comes along from another site (`SameSite=Lax`).

use super::sign_in::{self, SignInPage};
use crate::document;
use crate::model::account::{self, Arrival, ArrivalError, Origin};
use crate::model::session::Method;
use crate::model::sign_in_settings::ProviderSignIn;
use crate::model::{audit, person};
use crate::secret::sealing::Sealing;
use crate::web::entrance::{self, Knock};
use crate::web::error::WebError;
use crate::web::page::html_with;
use crate::web::provider::{Attempt, Identity, Provider, ProviderError, Return};
use crate::web::visitor::{Guest, Visit, see_other};
use crate::web::{WebContext, device, links};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;
use serde_json::json;

/// A sign-in there takes no longer.
const MINUTES: i64 = 10;
/// What the attempt is sealed for.
const PLACE: &str = "cookie|sign-in at the provider";
const LONGEST_NAME: usize = 100;

/// Where to go afterwards.
#[derive(Deserialize)]
pub struct Destination {
    #[serde(default)]
    to: String,
}

/// Leads there.
pub async fn begin(
    context: Data<WebContext>,
    provider: Data<Provider>,
    sealing: Data<Sealing>,
    Guest(visit): Guest,
    query: Query<Destination>,
) -> Result<HttpResponse, WebError> {
    let settings = settings(&context).await?;
    let until = Utc::now().timestamp() + MINUTES * 60;
    let begun = provider.begin(&settings, &back(&context), links::own(&query.to), until).await;
    let (address, attempt) = match begun {
        Ok(begun) => begun,
        Err(error) => return refuse(&visit, &settings, &query.to, &error),
    };
    let text = serde_json::to_vec(&attempt).map_err(|error| WebError::Internal(error.to_string()))?;
    let sealed = sealing.seal(PLACE, &text).map_err(|error| WebError::Internal(error.to_string()))?;
    let mut response = see_other(&address);
    let cookie = kept(&context, URL_SAFE_NO_PAD.encode(sealed)).max_age(Duration::minutes(MINUTES)).finish();
    response.add_cookie(&cookie).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(response)
}

/// Comes back from there.
pub async fn finish(
    context: Data<WebContext>,
    provider: Data<Provider>,
    sealing: Data<Sealing>,
    request: HttpRequest,
    Guest(visit): Guest,
    query: Query<Return>,
) -> Result<HttpResponse, WebError> {
    let settings = settings(&context).await?;
    let attempt = request.cookie(cookie_name(&context)).and_then(|cookie| attempt(&sealing, cookie.value()));
    let mut response = match attempt {
        None => refuse(&visit, &settings, "", &ProviderError::Foreign)?,
        Some(attempt) => {
            let to = attempt.to.clone();
            match provider.finish(&settings, &back(&context), attempt, query.into_inner()).await {
                Err(error) => refuse(&visit, &settings, &to, &error)?,
                Ok(identity) => arrived(&context, &request, &visit, &settings, identity, &to).await?,
            }
        }
    };
    // Each attempt is good for one return.
    let mut gone = kept(&context, String::new()).finish();
    gone.make_removal();
    response.add_cookie(&gone).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(response)
}

async fn arrived(
    context: &WebContext,
    request: &HttpRequest,
    visit: &Visit,
    settings: &ProviderSignIn,
    identity: Identity,
    to: &str,
) -> Result<HttpResponse, WebError> {
    let is_proven = settings.has_second_factor || identity.holds("amr", "mfa");
    let (own, address) = (settings.clone(), device::address(request));
    let account = context
        .db(move |conn| {
            let account = match arrival(conn, &own, &identity)? {
                None => None,
                Some(arrival) => match account::arrive(conn, &arrival) {
                    Ok(account) => Some(account),
                    Err(ArrivalError::Database(error)) => return Err(error.into()),
                    Err(ArrivalError::NameTaken) => None,
                },
            };
            if account.is_none() {
                let detail = json!({ "by": Method::Provider, "because": "no role here", "address": address });
                audit::record(conn, "nobody", "sign-in-refused", "an unknown account", detail)?;
            }
            Ok(account)
        })
        .await?;
    if let Some(account) = account {
        let second = is_proven.then_some("provider");
        let knock = Knock { account, method: Method::Provider, second, who: None, from_elsewhere: true };
        if let Ok(response) = entrance::enter(context, request, visit, knock, to).await? {
            return Ok(response);
        }
    }
    let words = format!("{} knows you, but you may not sign in here. Ask an administrator.", settings.name);
    html_with(StatusCode::FORBIDDEN, &refused(visit, settings, to, words))
}

/// Who that is here, and what they may do; `None`: nothing.
fn arrival(
    conn: &mut PgConnection,
    settings: &ProviderSignIn,
    identity: &Identity,
) -> Result<Option<Arrival>, WebError> {
    let claimed = settings.person_claim.as_ref().and_then(|claim| identity.text(claim));
    let person = match claimed {
        Some(value) => person::only(conn, &settings.person_field, &value)?,
        None => None,
    };
    let role = settings.roles.role(|group| identity.holds(&settings.groups_claim, group), person.is_some());
    let name = identity.text(&settings.name_claim).unwrap_or_else(|| "somebody".to_owned());
    Ok(role.map(|role| Arrival {
        origin: Origin::Provider,
        subject: identity.subject.clone(),
        name: name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
        role,
        person,
    }))
}

fn refuse(visit: &Visit, settings: &ProviderSignIn, to: &str, error: &ProviderError) -> Result<HttpResponse, WebError> {
    let (status, words) = match error {
        ProviderError::OutOfReach(_) => {
            tracing::error!(error = %error, "a sign-in by the provider failed");
            (
                StatusCode::BAD_GATEWAY,
                format!("{} can't be asked now. An administrator finds why in the log.", settings.name),
            )
        }
        ProviderError::Refused(why) => {
            (StatusCode::FORBIDDEN, format!("{} did not sign you in: {why}.", settings.name))
        }
        ProviderError::Foreign => {
            let words = "The sign-in took too long, or began in another browser. Try again.";
            (StatusCode::BAD_REQUEST, words.to_owned())
        }
    };
    html_with(status, &refused(visit, settings, to, words))
}

fn refused(visit: &Visit, settings: &ProviderSignIn, to: &str, words: String) -> SignInPage {
    sign_in::page(visit, String::new(), to, Some(words), Some(&settings.name))
}

async fn settings(context: &WebContext) -> Result<ProviderSignIn, WebError> {
    let settings = context.db(|conn| Ok(document::settings_in_force(conn)?.sign_in.provider)).await?;
    settings.ok_or_else(|| WebError::NotFound("No OpenID provider is trusted here.".into()))
}

fn attempt(sealing: &Sealing, cookie: &str) -> Option<Attempt> {
    let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
    let attempt: Attempt = serde_json::from_slice(&sealing.unseal(PLACE, &sealed).ok()?).ok()?;
    (attempt.until > Utc::now().timestamp()).then_some(attempt)
}

fn back(context: &WebContext) -> String {
    format!("{}{}", context.config.public_url.trim_end_matches('/'), links::PROVIDER_BACK)
}

fn cookie_name(context: &WebContext) -> &'static str {
    if context.is_https() { "__Host-muster_provider" } else { "muster_provider" }
}

fn kept(context: &WebContext, value: String) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(cookie_name(context), value)
        .path("/")
        .http_only(true)
        .secure(context.is_https())
        .same_site(SameSite::Lax)
}
