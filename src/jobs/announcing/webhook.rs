//! Signed requests, as Standard Webhooks says (<https://www.standardwebhooks.com>): id, time and body are signed with
//! HMAC-SHA256 under a shared secret. Redirects are not followed, and answers are not read beyond their status.

use super::Fault;
use crate::connectors::http::address::{Allowed, Refused, refused_literal};
use crate::model::delivery::{Delivery, TEST};
use crate::model::settings::SecretReference;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use sha2::Sha256;
use std::error::Error;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use url::Url;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Shorter than the patience for a delivery, so that the reason is told.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// What a secret of Standard Webhooks begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Sends a delivery once. The signature's time is that of this try.
pub(super) async fn send(
    url: &str,
    secret: &SecretReference,
    allow_link_local: bool,
    delivery: &Delivery,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let key = secret.read().and_then(|secret| key(&secret)).map_err(Fault::passing)?;
    let url = Url::parse(url).map_err(|error| Fault::hopeless(format!("the address can't be read: {error}")))?;
    if let Some(refused) = refused_literal(&url).filter(|_| !allow_link_local) {
        return Err(Fault::hopeless(refused.to_string()));
    }
    let id = format!("msg_{}", delivery.message_id.simple());
    let timestamp = now.timestamp().to_string();
    let body = body(delivery);
    let request = client(allow_link_local)?
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", &timestamp)
        .header("webhook-signature", signature(&key, &id, &timestamp, &body))
        .body(body);
    let answer = request.send().await.map_err(|error| unanswered(&error))?;
    judge(answer.status())
}

fn client(allow_link_local: bool) -> Result<Client, Fault> {
    // Made once: reading the machine's certificates takes its time. No session is kept between deliveries.
    static TLS: LazyLock<Result<ClientConfig, String>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    });
    let tls = TLS.clone().map_err(Fault::passing)?;
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .pool_max_idle_per_host(0);
    let client = if allow_link_local { client } else { client.dns_resolver(Allowed) };
    client.build().map_err(|error| Fault::passing(error.without_url().to_string()))
}

/// The same at every try: what is stored, in the order of its keys.
fn body(delivery: &Delivery) -> String {
    let kind = match delivery.occasion.as_str() {
        TEST => TEST.to_owned(),
        occasion @ ("blocked" | "failed") => format!("run.{occasion}"),
        occasion => format!("connector.{occasion}"),
    };
    let message = &delivery.message;
    let mut data = message.data.clone();
    data["text"] = message.lines.join("\n").into();
    let timestamp = message.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    json!({ "type": kind, "timestamp": timestamp, "data": data }).to_string()
}

/// The secret's bytes: base64, with or without its prefix; a text that is no base64 counts as it stands.
fn key(secret: &Secret) -> Result<Vec<u8>, String> {
    let text = secret.expose().trim();
    let key = match (text.strip_prefix(SECRET_PREFIX), STANDARD.decode(text)) {
        (Some(encoded), _) => {
            STANDARD.decode(encoded).map_err(|_| format!("what follows {SECRET_PREFIX} in the secret is no base64"))?
        }
        (None, Ok(decoded)) => decoded,
        (None, Err(_)) => text.as_bytes().to_vec(),
    };
    if key.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(key) }
}

fn signature(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn judge(status: StatusCode) -> Result<(), Fault> {
    let answered = format!("the answer was {status}");
    match status {
        status if status.is_success() => Ok(()),
        // What Standard Webhooks says to somebody who is not wanted any more.
        StatusCode::GONE => Err(Fault::hopeless(answered)),
        status if status.is_redirection() => {
            Err(Fault::passing(format!("{answered}; redirects are not followed, set the address it leads to")))
        }
        _ => Err(Fault::passing(answered)),
    }
}

/// Why there was no answer. The address stays out of it: its path may hold a secret.
fn unanswered(error: &reqwest::Error) -> Fault {
    let mut cause: &dyn Error = error;
    let mut refused = None;
    while let Some(next) = cause.source() {
        refused = refused.or_else(|| next.downcast_ref::<Refused>());
        cause = next;
    }
    if let Some(refused) = refused {
        return Fault::hopeless(refused.to_string());
    }
    if error.is_timeout() {
        let within = if error.is_connect() { CONNECT_WITHIN } else { ANSWER_WITHIN };
        return Fault::passing(format!("no answer within {} s", within.as_secs()));
    }
    let what = if error.is_connect() { "can't connect" } else { "the connection broke" };
    let is_itself = std::ptr::eq(std::ptr::from_ref(cause).cast::<()>(), std::ptr::from_ref(error).cast::<()>());
    Fault::passing(if is_itself { what.to_owned() } else { format!("{what}: {cause}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standards_own_example() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_base64_with_or_without_its_prefix_or_a_plain_text() {
        let read = |text: &str| key(&Secret::new(text.to_owned()));
        assert_eq!(read("whsec_aGk=\n"), Ok(b"hi".to_vec()));
        assert_eq!(read("aGk="), Ok(b"hi".to_vec()));
        assert_eq!(read("a plain text"), Ok(b"a plain text".to_vec()));
        assert!(read("whsec_!").unwrap_err().contains("no base64"));
        assert!(read("").unwrap_err().contains("empty"));
    }

    #[test]
    fn only_success_is_success() {
        assert!(judge(StatusCode::NO_CONTENT).is_ok());
        assert!(judge(StatusCode::FOUND).unwrap_err().message.contains("redirects are not followed"));
        assert!(!judge(StatusCode::INTERNAL_SERVER_ERROR).unwrap_err().hopeless);
        assert!(judge(StatusCode::GONE).unwrap_err().hopeless);
    }
}
