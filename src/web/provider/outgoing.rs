//! Requests to the OpenID provider: only to its own hosts and those that the settings allow, never redirected, with an end.

use super::ProviderError;
use crate::connectors::http::address::{Allowed, refused_literal};
use crate::connectors::tls;
use crate::model::sign_in_settings::ProviderSignIn;
use openidconnect::{HttpRequest, HttpResponse};
use reqwest::redirect::Policy;
use std::time::Duration;
use url::Url;

/// The longest answer that is read: a set of keys, or what is said of a person.
const LARGEST_ANSWER: usize = 1 << 20;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The way to one provider.
pub struct Outgoing {
    http: reqwest::Client,
    issuer: Url,
    hosts: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The request would go elsewhere.
    #[error("{0}")]
    NotAllowed(ProviderError),
    /// No connection, no TLS, no answer in time.
    #[error("{0}")]
    Broken(#[from] reqwest::Error),
    /// The answer has no end.
    #[error("the answer is larger than {} KiB", LARGEST_ANSWER >> 10)]
    TooLarge,
}

impl Outgoing {
    /// The way that the settings describe.
    pub fn new(settings: &ProviderSignIn) -> Result<Self, ProviderError> {
        let refuse = |message: String| ProviderError::OutOfReach(message);
        let issuer = Url::parse(&settings.issuer).map_err(|error| refuse(error.to_string()))?;
        if let Some(refused) = refused_literal(&issuer) {
            return Err(refuse(refused.to_string()));
        }
        let config = tls::client_config(settings.ca_file.as_deref()).map_err(|error| refuse(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Allowed)
            .timeout(ANSWER_WITHIN)
            .build()
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self { http, issuer, hosts: settings.hosts.clone() })
    }

    /// Whether an endpoint is the provider's: on the issuer's host, or on one that the settings name, encrypted like it.
    pub fn is_allowed(&self, address: &str) -> Result<(), ProviderError> {
        let url = Url::parse(address).map_err(|error| ProviderError::OutOfReach(error.to_string()))?;
        let host = url.host_str().unwrap_or_default();
        let is_own = url.origin() == self.issuer.origin();
        let is_named = url.scheme() == "https" && url.port().is_none() && self.hosts.iter().any(|known| known == host);
        if is_own || is_named {
            return Ok(());
        }
        let message = format!(
            "it leads to {}, which is another than the issuer; if that is its own, add the host to `hosts`",
            url.origin().ascii_serialization()
        );
        Err(ProviderError::OutOfReach(message))
    }

    /// Sends a request and reads the answer, as far as it may go.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unanswered> {
        let (parts, body) = request.into_parts();
        let address = parts.uri.to_string();
        self.is_allowed(&address).map_err(Unanswered::NotAllowed)?;
        let request = self.http.request(parts.method, address).headers(parts.headers).body(body);
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(Unanswered::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}
