//! The gate before every page: the role it needs and, for what changes something, proof that one of our own forms sent
//! it: the place the request comes from (Fetch Metadata, else Origin) and the session's token. The API has a gate of its
//! own.

use super::api::gate;
use super::entrance::brought_along;
use super::error::WebError;
use super::frame::changes;
use super::links;
use super::visitor::{Visit, see_other};
use crate::model::account::Role;
use crate::model::token::Scope;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, ResponseError, web};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, signed in or not.
    Everyone,
    /// Whoever is signed in and has at least this role.
    Role(Role),
    /// The same, for a form that brings files: it is too large to be read here, so its handler takes it as a
    /// [`super::file_form::FileForm`], which gives nothing of it before the session's token was seen.
    Files(Role),
    /// Programs that come with a token that has one of these scopes. No session counts here.
    Token(&'static [Scope]),
}

/// What can be done although a second factor is still to be set up.
const ALWAYS: [&str; 2] = [links::SECOND_FACTOR, "/sign-out"];

/// Lets a request pass, or answers it. What is refused is an answer as well: an error of a layer would pass by the one that
/// makes pages of errors.
pub async fn admit(
    access: Access,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if let Access::Token(scopes) = access {
        return match gate::admit(scopes, &request).await {
            Ok(()) => next.call(request).await,
            Err(problem) => Ok(request.into_response(problem.error_response())),
        };
    }
    // The database takes no text with a NUL, so nothing that is stored has such a name.
    if request.path().contains("%00") {
        let error = WebError::NotFound("There is nothing of that name: a name holds no NUL.".into());
        return Ok(request.error_response(error));
    }
    if request.query_string().contains("%00") {
        let error = WebError::BadRequest("The address holds a NUL, which no text here has.".into());
        return Ok(request.error_response(error));
    }
    let visit = request.extensions().get::<Arc<Visit>>().cloned().ok_or(WebError::Stopped)?;
    if changes(request.method()) && !is_from_us(request.headers()) {
        let error = WebError::NotOurs("This request did not come from a page of Muster, so nothing was done.");
        return Ok(request.error_response(error));
    }
    let (Access::Role(needed) | Access::Files(needed)) = access else { return next.call(request).await };
    let Some(session) = &visit.session else { return Ok(to_sign_in(request, &visit)) };
    if session.account.role < needed {
        // A person who comes to the front door is led to what is theirs.
        if request.path() == links::HOME && !changes(request.method()) {
            return Ok(request.into_response(see_other(links::ME)));
        }
        let error = WebError::Forbidden { role: session.account.role, needed };
        return Ok(request.error_response(error));
    }
    if session.must_enrol && !ALWAYS.iter().any(|path| request.path().starts_with(path)) {
        return Ok(request.into_response(see_other(links::SECOND_FACTOR)));
    }
    if changes(request.method()) && access == Access::Role(needed) {
        let form = match request.extract::<web::Bytes>().await {
            Ok(form) => form,
            Err(error) => return Ok(request.error_response(error)),
        };
        if !has_token(&form, &session.csrf) {
            let error = WebError::NotOurs("This form is too old to be used. Go back, reload the page, try again.");
            return Ok(request.error_response(error));
        }
        if memchr::memmem::find(&form, b"%00").is_some() || form.contains(&0) {
            let error = WebError::BadRequest("This form holds a NUL, which no text here has.".into());
            return Ok(request.error_response(error));
        }
        request.set_payload(actix_web::dev::Payload::from(form));
    }
    next.call(request).await
}

/// Browsers say where a request comes from: by `Sec-Fetch-Site` to hosts they trust, by `Origin` on every form.
/// Neither: it is no browser of ours.
fn is_from_us(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    origin.is_some() && origin == text("host")
}

fn has_token(form: &[u8], token: &str) -> bool {
    let sent = url::form_urlencoded::parse(form).find(|(name, _)| name == "csrf").map(|(_, value)| value);
    sent.is_some_and(|sent| is_token(sent.as_bytes(), token))
}

/// Whether what was sent is the session's token. Compared by digest, so that the time it takes tells nothing.
pub fn is_token(sent: &[u8], token: &str) -> bool {
    Sha256::digest(sent) == Sha256::digest(token.as_bytes())
}

/// A link from a mail or another site comes without our strict cookie: a page that leads to itself brings it along.
fn to_sign_in(request: ServiceRequest, visit: &Visit) -> ServiceResponse<BoxBody> {
    let headers = request.headers();
    let from_elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    let response = if changes(request.method()) {
        see_other(&links::sign_in(None))
    } else if from_elsewhere && headers.get("sec-fetch-mode").is_some_and(|mode| mode == "navigate") {
        brought_along(&visit.address)
    } else {
        see_other(&links::sign_in(Some(&visit.address)))
    };
    request.into_response(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        assert!(is_from_us(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(is_from_us(&headers(&[("origin", "http://muster:8080"), ("host", "muster:8080")])));
        assert!(!is_from_us(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(!is_from_us(&headers(&[("sec-fetch-site", "same-site")])));
        assert!(!is_from_us(&headers(&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")])));
        assert!(!is_from_us(&headers(&[("origin", "http://evil"), ("host", "muster")])));
        assert!(!is_from_us(&headers(&[("origin", "null"), ("host", "muster")])));
        assert!(!is_from_us(&headers(&[("host", "muster")])));
    }

    #[test]
    fn a_form_without_the_sessions_token_is_refused() {
        assert!(has_token(b"mode=complete&csrf=abc", "abc"));
        assert!(!has_token(b"mode=complete&csrf=abd", "abc"));
        assert!(!has_token(b"mode=complete", "abc"));
        assert!(!has_token(b"csrf=", "abc"));
    }
}
