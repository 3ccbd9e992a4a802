//! What stands around every answer: the visit read once, security headers, error pages with a way back, one log line.

use super::WebContext;
use super::api::{self, problem::Problem};
use super::error::WebError;
use super::origin;
use super::page::{self, ErrorPage};
use super::visitor::{self, Theme, Visit};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError, web};
use std::sync::Arc;
use std::time::Instant;

/// The policy of every answer: our own files only, and nothing inline.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Addresses that need no session: they are asked often, or by machines.
const PLAIN: [&str; 5] = ["/static/", "/livez", "/readyz", "/metrics", api::PREFIX];

/// The outermost layer.
pub async fn frame(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let context = request.app_data::<web::Data<WebContext>>().cloned().ok_or(WebError::Stopped)?;
    let plain = PLAIN.iter().any(|path| request.path().starts_with(path));
    let is_api = request.path().starts_with(api::PREFIX);
    let (method, pattern) = (request.method().clone(), request.match_pattern());

    // Without a database there still is a page that says so.
    let (visit, unreadable) = match plain {
        true => (nobody(), None),
        false => match visitor::read(&context, &request).await {
            Ok(visit) => (visit, None),
            Err(error) => (nobody(), Some(error)),
        },
    };
    let visit = Arc::new(visit);
    request.extensions_mut().insert(visit.clone());

    let mut response = match unreadable {
        // What only reads leaves no trace that would need to say where it came from.
        None if !changes(&method) => next.call(request).await?.map_into_boxed_body(),
        None => {
            let within = origin::of(request.request());
            origin::within(within, next.call(request)).await?.map_into_boxed_body()
        }
        Some(error) => request.error_response(error),
    };
    if is_bare_error(&response) {
        response = match (is_api, plain) {
            (true, _) => with_problem(response),
            (false, false) => with_error_page(&context, visit, response).await,
            (false, true) => response,
        };
    }
    set_headers(response.headers_mut(), context.is_https());
    // The pattern, never the address: addresses carry names, keys and one-time sign-ins.
    tracing::debug!(
        http.method = %method,
        http.route = pattern.as_deref().unwrap_or("-"),
        http.status = response.status().as_u16(),
        http.milliseconds = began.elapsed().as_millis() as u64,
        "answered"
    );
    Ok(response)
}

fn nobody() -> Visit {
    Visit { session: None, theme: Theme::System, address: "/".into() }
}

fn is_bare_error(response: &ServiceResponse<BoxBody>) -> bool {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let has_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html") || kind.as_bytes().starts_with(b"application/"));
    is_error && !has_page
}

/// An error of the API that does not say yet what it is.
fn with_problem(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let error = response.response().error().and_then(|error| error.as_error::<WebError>());
    let problem = Problem::of(error, response.status()).error_response();
    let (request, _) = response.into_parts();
    ServiceResponse::new(request, problem.map_body(|_, body| body.boxed()))
}

async fn with_error_page(
    context: &web::Data<WebContext>,
    visit: Arc<Visit>,
    response: ServiceResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let error = response.response().error();
    let known = error.and_then(|error| error.as_error::<WebError>());
    if let Some(cause) = known.and_then(WebError::cause) {
        tracing::error!(error = %cause, http.route = response.request().match_pattern(), "a page failed");
    }
    let message = match (known, status) {
        (Some(known), _) => known.to_string(),
        (None, StatusCode::NOT_FOUND) => "There is no page at this address. It may be mistyped.".to_owned(),
        (None, StatusCode::METHOD_NOT_ALLOWED) => "This address can't be used in this way.".to_owned(),
        (None, _) => "The request can't be understood. Go back and try again.".to_owned(),
    };
    let way = known.and_then(WebError::way);
    let html = page::error(context, visit, ErrorPage::words(status, message, way)).await;
    let (request, _) = response.into_parts();
    let page = HttpResponse::build(status).content_type("text/html; charset=utf-8").body(html);
    ServiceResponse::new(request, page.map_body(|_, body| body.boxed()))
}

fn set_headers(headers: &mut HeaderMap, https: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// Whether a method changes something.
pub fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
