//! Requests to services that answer with JSON, for the kinds that read them. No kind itself.
//!
//! Whatever is not exactly what was asked for is an error, and never an empty list: a redirect, a sign-in page, an answer
//! that breaks off or has no end. Secrets go to the service's own origin (scheme, host and port) and to no other, and stand
//! in no message.

pub mod address;
mod answer;
pub mod json;
pub mod link;
pub mod path;
pub mod reading;
pub mod row;
pub mod settings;
pub mod tag;
pub mod watermark;

use super::{ConnectionError, tls};
use address::{Allowed, refused_literal};
use answer::{Judged, judge, judge_failure};
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, IF_NONE_MATCH};
use reqwest::redirect::Policy;
use reqwest::{Client as HttpClient, Response, StatusCode};
use settings::Service;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tag::EntityTag;
use url::Url;

/// The largest answer that is read: a page of records, which is held in memory.
const LARGEST_ANSWER: usize = 32 << 20;

/// The longest time for one answer, however fast it goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

/// How often a service that is too busy is asked again.
const TRIES: u32 = 5;

/// How long is waited for a busy service in all, for one answer. After that the run fails, and is taken up again later.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks one service.
pub struct Client {
    http: HttpClient,
    service: Service,
    accept: &'static str,
    patience: Duration,
    /// The service's time by its answers, in seconds since 1970; `UNKNOWN` before one has told it.
    clock: AtomicI64,
}

/// No answer has told the time.
const UNKNOWN: i64 = i64::MIN;

/// What a service answered: JSON, as far as it says so itself.
pub struct Answer {
    /// The whole body.
    pub body: Vec<u8>,
    /// The headers.
    pub headers: HeaderMap,
}

impl Client {
    /// A client that asks for these media types.
    pub fn new(service: Service, accept: &'static str) -> Result<Self, ConnectionError> {
        let refuse = |message: String| ConnectionError::permanent(service.origin(), message);
        if let Some(refused) = refused_literal(&service.url).filter(|_| !service.allow_link_local) {
            return Err(refuse(refused.to_string()));
        }
        let builder = HttpClient::builder()
            .tls_backend_preconfigured(tls::client_config(service.ca_file.as_deref())?)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(service.timeout)
            .read_timeout(service.timeout)
            .timeout(ANSWER_WITHIN);
        let builder = if service.allow_link_local { builder } else { builder.dns_resolver(Allowed) };
        let http = builder.build().map_err(|error| refuse(error.without_url().to_string()))?;
        Ok(Self { http, service, accept, patience: PATIENCE, clock: AtomicI64::new(UNKNOWN) })
    }

    /// One that does not wait for a busy service: somebody is waiting for the answer.
    pub fn impatient(self) -> Self {
        Self { patience: Duration::ZERO, ..self }
    }

    /// The service.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What time it is by the service's own clock, as the newest of its answers says (`Date`, RFC 9110 6.6.1); `None` if
    /// none of them does.
    pub fn clock(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.clock.load(Ordering::Relaxed), 0)
    }

    /// Asks for what stands there, which must be the service's own. A service that is too busy is asked again when it
    /// says so.
    pub async fn get(&self, url: &Url) -> Result<Answer, ConnectionError> {
        let answer = self.get_unless(url, None).await?;
        answer
            .ok_or_else(|| ConnectionError::permanent(place(url), "the service says that nothing changed: since when?"))
    }

    /// The same, unless it still has this entity tag (RFC 9110 13.1.2): then `None`.
    pub async fn get_unless(&self, url: &Url, tag: Option<&EntityTag>) -> Result<Option<Answer>, ConnectionError> {
        self.is_own(url)?;
        let place = place(url);
        let mut waited = Duration::ZERO;
        for attempt in 0.. {
            let response = self.send(url, tag).await?;
            if tag.is_some() && response.status() == StatusCode::NOT_MODIFIED {
                return Ok(None);
            }
            match judge(response, self, &place).await? {
                Judged::Answer(response) => return self.read(response, &place).await.map(Some),
                Judged::Busy { status, wait } => {
                    let wait = wait.unwrap_or(Duration::from_secs(1 << attempt.min(6)));
                    if attempt >= TRIES || waited + wait > self.patience {
                        let message = format!(
                            "the service is too busy ({status}) and wants to be asked again in {} s: try again later",
                            wait.as_secs()
                        );
                        return Err(ConnectionError::transient(place, message));
                    }
                    tokio::time::sleep(wait).await;
                    waited += wait;
                }
            }
        }
        Err(ConnectionError::transient(place, "the service is too busy: try again later"))
    }

    /// Whether an address is the service's: of its scheme, host and port. What a service calls its next page may lead
    /// anywhere.
    pub fn is_own(&self, url: &Url) -> Result<(), ConnectionError> {
        if url.origin() == self.service.url.origin() {
            return Ok(());
        }
        let elsewhere = url.origin().ascii_serialization();
        let message = format!("the service leads to {elsewhere}, which is another: nothing is asked there");
        Err(ConnectionError::permanent(self.service.origin(), message))
    }

    async fn send(&self, url: &Url, tag: Option<&EntityTag>) -> Result<Response, ConnectionError> {
        // Nothing compressed: how large something is shows while it comes.
        let request = self.http.get(url.clone()).header(ACCEPT, self.accept).header(ACCEPT_ENCODING, "identity");
        let request = match &self.service.credentials {
            Some((name, value)) => request.header(name, value.clone()),
            None => request,
        };
        let request = match tag {
            Some(tag) => request.header(IF_NONE_MATCH, &tag.0),
            None => request,
        };
        let again = request.try_clone();
        let failed = match request.send().await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        // A connection that was kept, and that the service has closed meanwhile: asking again does no harm.
        match again.filter(|_| !failed.is_timeout() && !failed.is_connect()) {
            Some(again) => again.send().await.map_err(|error| judge_failure(&error, self, &place(url))),
            None => Err(judge_failure(&failed, self, &place(url))),
        }
    }

    async fn read(&self, mut response: Response, place: &str) -> Result<Answer, ConnectionError> {
        let headers = std::mem::take(response.headers_mut());
        if let Some(told) = answer::time(&headers) {
            self.clock.fetch_max(told.timestamp(), Ordering::Relaxed);
        }
        let too_large = || {
            let message =
                format!("the answer is larger than {} MiB: ask for less at a time (`page_size`)", LARGEST_ANSWER >> 20);
            Err(ConnectionError::permanent(place, message))
        };
        if response.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
            return too_large();
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| judge_failure(&error, self, place))? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return too_large();
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body, headers })
    }
}

/// An address for messages: what stands in a query may be somebody's.
pub fn place(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// A key or an id as one part of an address's path: it is data, whatever it holds.
pub fn part_of_path(key: &str) -> String {
    let encoded = key.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}

/// Runs on a runtime of its own. A name lookup that hangs is left behind, not waited for.
pub fn block_on<T, E: From<ConnectionError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ConnectionError::transient("http", format!("no runtime could be started: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}
