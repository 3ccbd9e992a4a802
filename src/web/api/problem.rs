//! What goes wrong, as RFC 9457 says it: status and title of HTTP, what happened in words with the next step, a word for
//! programs (`code`), and what else a program can use, such as the run that is in the way.

use crate::document::DocumentErrors;
use crate::model::decision::DecisionError;
use crate::model::revert::RevertError;
use crate::model::run::StartError;
use crate::pipeline::upload::{FeedError, UploadError};
use crate::store::PieceError;
use crate::web::error::WebError;
use crate::web::pages::decision::sentence;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

/// The type of its content.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// Why something was not done, or is not there.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    more: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
    cause: Option<String>,
}

impl Problem {
    /// A problem with its word for programs.
    pub fn new(status: StatusCode, code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self { status, code, detail: sentence(&detail), more: Map::new(), headers: Vec::new(), cause: None }
    }

    /// The request makes no sense.
    pub fn request(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// The state of things does not allow it.
    pub fn conflict(code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// There is no such thing, or not for this token.
    pub fn missing(what: &str, name: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format_args!("there is no {what} {name} that this token may see"))
    }

    /// With something more for programs.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.more.insert(name.to_owned(), value);
        }
        self
    }

    /// With a header.
    pub fn with_header(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// What the log says about it, if it is a failure of ours.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The problem behind an answer of the framework, or of what pages and API share.
    pub fn of(error: Option<&WebError>, status: StatusCode) -> Self {
        match (error, status) {
            (Some(error), _) => Self::shared(error),
            (None, StatusCode::NOT_FOUND) => Self::new(
                status,
                "not_found",
                "there is nothing at this address; /api/openapi.json lists all there are",
            ),
            (None, StatusCode::METHOD_NOT_ALLOWED) => {
                Self::new(status, "method", "this address knows no such method; /api/openapi.json says which")
            }
            (None, StatusCode::PAYLOAD_TOO_LARGE) => Self::new(status, "too_large", "the body is too large"),
            (None, status) => Self::new(status, "bad_request", "the request can't be understood"),
        }
    }

    fn shared(error: &WebError) -> Self {
        let status = error.status_code();
        let code = match error {
            WebError::NotFound(_) | WebError::Elsewhere { .. } => "not_found",
            WebError::Forbidden { .. } | WebError::NotOurs(_) => "forbidden",
            WebError::BadRequest(_) => "bad_request",
            WebError::Conflict(_) => "conflict",
            WebError::Unavailable(_) | WebError::Stopped => "unavailable",
            WebError::Database(_) | WebError::Template(_) | WebError::Internal(_) => "internal",
        };
        let problem = Self { cause: error.cause(), ..Self::new(status, code, error) };
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.with_header("retry-after", 5),
            _ => problem,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        if let Some(cause) = &self.cause {
            tracing::error!(error = cause, "an answer of the API failed");
        }
        let mut body = Map::new();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), self.status.canonical_reason().unwrap_or("Error").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("code".into(), self.code.into());
        body.insert("detail".into(), self.detail.clone().into());
        body.extend(self.more.clone());
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CONTENT_TYPE, CONTENT_TYPE));
        for (name, value) in &self.headers {
            response.insert_header((*name, value.as_str()));
        }
        response.body(Value::Object(body).to_string())
    }
}

impl From<WebError> for Problem {
    fn from(error: WebError) -> Self {
        Self::shared(&error)
    }
}

impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Self {
        Self::shared(&WebError::from(error))
    }
}

impl From<DocumentErrors> for Problem {
    fn from(errors: DocumentErrors) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "document", &errors).with("errors", &errors.0)
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        let words = sentence(&error);
        match error {
            StartError::Database(error) => error.into(),
            StartError::Decision(error) => (*error).into(),
            StartError::AlreadyRunning(run) => Self::conflict("already_running", words).with("run", run),
            StartError::BlockedWaits(run) | StartError::StandsBlocked(run) => {
                Self::conflict("blocked", words).with("run", run)
            }
            StartError::NoIncremental(_) => Self::conflict("no_incremental", words),
            StartError::NothingStored
            | StartError::NoReplay { .. }
            | StartError::NoConnector(_)
            | StartError::NoExtraction
            | StartError::NothingReady => Self::conflict("not_possible", words),
        }
    }
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        let words = sentence(&error);
        match error {
            DecisionError::Database(error) => error.into(),
            DecisionError::NotFound(run) => Self::missing("run", run),
            DecisionError::AlreadyRunning(run) => Self::conflict("already_running", words).with("run", run),
            DecisionError::OtherChanges(run) => Self::conflict("other_changes", words).with("run", run),
            DecisionError::PreparesAnew(run) | DecisionError::ConfigurationMoved { run, .. } => {
                Self::conflict("prepares_anew", words).with("run", run)
            }
            _ => Self::conflict("not_possible", words),
        }
    }
}

impl From<RevertError> for Problem {
    fn from(error: RevertError) -> Self {
        let words = sentence(&error);
        match error {
            RevertError::Database(error) => error.into(),
            RevertError::Start(error) => error.into(),
            RevertError::NotFound(run) => Self::missing("run", run),
            RevertError::AlreadyReverted { by, .. } => Self::conflict("already_reverted", words).with("run", by),
            RevertError::NotApplied(_) | RevertError::Purged(_) | RevertError::ByHand(_) => {
                Self::conflict("not_possible", words)
            }
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        let words = sentence(&error);
        match error {
            UploadError::Database(error) => error.into(),
            UploadError::TakesNone(_) => Self::conflict("takes_no_files", words),
            UploadError::NoTable { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", words),
            UploadError::Ambiguous { .. } => Self::conflict("ambiguous", words),
            UploadError::Piece(PieceError::Elsewhere { there }) => {
                Self::conflict("offset", words).with("offset", there).with_header("upload-offset", there)
            }
            UploadError::Piece(PieceError::Busy) => Self::conflict("busy", words).with_header("retry-after", 5),
            UploadError::Piece(PieceError::OtherContent { .. }) => Self::new(StatusCode::BAD_REQUEST, "digest", words),
            UploadError::Piece(PieceError::Io(error)) | UploadError::Io(error) => match error.kind() {
                std::io::ErrorKind::UnexpectedEof => Self::new(StatusCode::BAD_REQUEST, "broken_off", words),
                std::io::ErrorKind::FileTooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words),
                _ => Self::shared(&WebError::Internal(words)),
            },
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        let words = sentence(&error);
        match error {
            FeedError::Database(error) => error.into(),
            FeedError::Start(error) => error.into(),
            FeedError::Incomplete(missing) => Self::conflict("incomplete", words).with("missing", missing),
        }
    }
}
