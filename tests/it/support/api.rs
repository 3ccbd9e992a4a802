//! A program that asks the API, with a token of its own.

use super::site::Site;
use chrono::Utc;
use muster::model::token::{self, NewToken, Scope};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Whoever comes with one token.
pub struct Api {
    client: Client,
    address: String,
    /// The token.
    pub secret: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Api {
    /// With a new token of these scopes, for one connector or all.
    pub fn with(site: &Site, scopes: &[Scope], connector: Option<&str>) -> Self {
        let mut connection = site.program.database.connect();
        let number = token::all(&mut connection).unwrap().len();
        let new = NewToken { name: &format!("client {number}"), scopes, connector, expires_at: None };
        Self::coming_with(site, &token::create(&mut connection, &new, "test", Utc::now()).unwrap())
    }

    /// With whatever this is.
    pub fn coming_with(site: &Site, secret: &str) -> Self {
        Self { client: Client::new(), address: site.address.clone(), secret: secret.to_owned() }
    }

    /// A request to be sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address)).bearer_auth(&self.secret)
    }

    /// Reads something.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    /// Does something.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::to(self.request(Method::POST, path).json(&body)).await
    }

    /// Sends something.
    pub async fn put(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        Answer::to(self.request(Method::PUT, path).body(body)).await
    }

    /// Waits until nobody works on a run any more.
    pub async fn rests(&self, run: &Value) -> Value {
        let began = Instant::now();
        loop {
            let report = self.get(&format!("/api/v1/runs/{run}")).await.json();
            let at_work = ["queued", "exporting", "preparing", "ready", "synchronizing"];
            if report["dry_run"] == true && report["state"] == "ready"
                || !at_work.contains(&report["state"].as_str().unwrap())
            {
                return report;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{report:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Answer {
    /// The answer to a request.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same, if this is the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        self
    }

    /// The same, if it is a problem with this status and word.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:#?}");
        let problem = answer.json();
        assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(u64::from(status)), Some(code)));
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        answer
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A connector `campus` whose feed is sent: people, and the clubs they may be in.
pub fn campus(auto_apply: bool) -> String {
    format!(
        r#"name = "campus"
display_name = "Campus"
[guards]
first_run = false
reject_percentage = 0
[[connection]]
name = "feed"
kind = "files"
upload = true
auto_apply = {auto_apply}
[[connection.table]]
name = "people"
[[connection.table]]
name = "clubs"
[[entity_type]]
name = "person"
source = "feed.people"
represents = "users"
  [[entity_type.property]]
  name = "id"
  column = "Id"
  key = true
  [[entity_type.property]]
  name = "mail"
  column = "Mail"
  pattern = "[^@]+@[^@]+"
  [entity_type.users]
    [entity_type.users.fields]
    mail = "mail"
[[entity_type]]
name = "club"
source = "feed.clubs"
  [[entity_type.property]]
  name = "code"
  column = "Code"
  key = true
"#
    )
}

/// The files of its feed.
pub const PEOPLE: &str = "Id,Mail\n1,ada@example.org\n2,grace@example.org\n3,nobody\n4,alan@example.org\n";
/// The other one.
pub const CLUBS: &str = "Code\nchess\n";
