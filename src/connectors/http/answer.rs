//! What an answer that is none means, and what to do.

use super::address::Refused;
use super::json::Json;
use super::{Client, ConnectionError, tls};
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::error::Error;
use std::time::Duration;
use url::Url;

/// How much of an error's body is read for its words.
const WORDS: usize = 16 << 10;

/// An answer, judged by its status and headers.
pub(super) enum Judged {
    /// It may hold what was asked for.
    Answer(Response),
    /// Later, after this time if it says so.
    Busy { status: StatusCode, wait: Option<Duration> },
}

pub(super) async fn judge(response: Response, client: &Client, place: &str) -> Result<Judged, ConnectionError> {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
        return Ok(Judged::Busy { status, wait: retry_after(response.headers()) });
    }
    if status.is_redirection() {
        return Err(ConnectionError::permanent(place, redirected(&response)));
    }
    if status != StatusCode::OK {
        let said = said(response, client).await;
        let (advice, transient) = advice(status);
        let message = format!("the service answered {status}{said}. {advice}");
        return Err(ConnectionError { place: place.to_owned(), message, transient });
    }
    match unreadable(response.headers()) {
        Some(message) => Err(ConnectionError::permanent(place, message)),
        None => Ok(Judged::Answer(response)),
    }
}

fn advice(status: StatusCode) -> (&'static str, bool) {
    match status {
        StatusCode::UNAUTHORIZED => ("Check the token, password or API key", false),
        StatusCode::FORBIDDEN => ("This account may not read here: let the service's administrator grant it", false),
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            ("There is nothing at this address: check `url` and the table", false)
        }
        StatusCode::REQUEST_TIMEOUT => ("Try again later", true),
        status if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            ("The service has a fault: its log says more", true)
        }
        status if status.is_success() => ("That is no complete answer", false),
        _ => ("Check the table's settings; the service's log says more", false),
    }
}

/// Where it leads, without what may be secret.
fn redirected(response: &Response) -> String {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let to = location.and_then(|location| response.url().join(location).ok());
    let to = to.map_or_else(|| "another address".to_owned(), |to: Url| super::place(&to));
    format!(
        "the service answered {status} and leads to {to}. Redirects are not followed: if that is the service, set `url` to \
         it; if it is a sign-in page, check how we sign in"
    )
}

/// Why a body can't be what was asked for; a sign-in page with status 200 above all.
fn unreadable(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("something unreadable").trim());
    if let Some(encoding) = text(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Some(format!("the answer is compressed ({encoding}), which was not asked for"));
    }
    let content_type = text(CONTENT_TYPE).unwrap_or("nothing said about its type");
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    let shown: String = content_type.chars().filter(|c| !c.is_control()).take(100).collect();
    (!is_json).then(|| format!("the answer is no JSON ({shown}): is it a sign-in page? Check `url` and how we sign in"))
}

/// What the service says itself, in one bounded line.
async fn said(mut response: Response, client: &Client) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > WORDS {
            return String::new();
        }
    }
    let Ok(json) = Json::parse(&body) else { return String::new() };
    // SCIM's own, that of RFC 9457, and what others use.
    let words = ["detail", "title", "message", "error"].into_iter().find_map(|name| json.get(name, true)?.as_text());
    let Some(words) = words else { return String::new() };
    let words: String = words.chars().filter(|c| !c.is_control()).take(200).collect();
    match client.service.stands_in(&words) {
        true => String::new(),
        false => format!(": {}", words.trim_end_matches('.')),
    }
}

/// Seconds, or a moment by the service's own clock (RFC 9110 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let after = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = moment(after)?.signed_duration_since(time(headers)?);
    Some(wait.to_std().unwrap_or_default())
}

/// When the service has answered, by its own clock.
pub(super) fn time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    moment(headers.get(DATE)?.to_str().ok()?.trim())
}

fn moment(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|moment| moment.to_utc())
}

/// Why there is no answer, or no whole one. The query stays out of it.
pub(super) fn judge_failure(error: &reqwest::Error, client: &Client, place: &str) -> ConnectionError {
    let seconds = client.service.timeout.as_secs();
    let host = client.service.url.host_str().unwrap_or_default();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut innermost = String::new();
    while let Some(next) = cause {
        if let Some(refused) = next.downcast_ref::<Refused>() {
            return ConnectionError::permanent(place, refused.to_string());
        }
        if let Some(tls) = of_tls(next) {
            return ConnectionError::permanent(place, tls::explain(tls, host, "url"));
        }
        innermost = next.to_string();
        cause = next.source();
    }
    let message = match (error.is_timeout(), error.is_connect()) {
        (true, true) => {
            format!("no connection within {seconds} s: is the address right, and the way there open?")
        }
        (true, false) => format!("no answer within {seconds} s (`timeout_seconds`)"),
        (false, true) => format!("can't connect: {innermost}; is the service running there?"),
        (false, false) => format!("the connection broke before the answer was complete: {innermost}"),
    };
    ConnectionError::transient(place, message)
}

/// An io::Error may wrap another, and hands on only what stands behind that.
fn of_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(wrapper) => of_tls(wrapper.get_ref()?),
        None => error.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn when_to_ask_again_is_read_by_the_services_clock() {
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "7")])), Some(Duration::from_secs(7)));
        let at = headers(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:57 GMT"), (DATE, "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert_eq!(retry_after(&at), Some(Duration::from_secs(20)));
        assert_eq!(retry_after(&headers(&[(RETRY_AFTER, "soon")])), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn json_calls_itself_json() {
        for good in ["application/json", "application/scim+json; charset=utf-8", "Application/JSON"] {
            assert_eq!(unreadable(&headers(&[(CONTENT_TYPE, good)])), None, "{good}");
        }
        for bad in ["text/html", "application/jsonp", ""] {
            assert!(unreadable(&headers(&[(CONTENT_TYPE, bad)])).unwrap().contains("sign-in page"), "{bad}");
        }
        assert!(unreadable(&HeaderMap::new()).is_some());
        let gzip = headers(&[(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")]);
        assert!(unreadable(&gzip).unwrap().contains("compressed (gzip)"));
    }
}
