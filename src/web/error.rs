//! Why a page can't be shown or an action not be done, in the user's words. [`super::frame`] makes a page of it.

use crate::model::as_of::AsOfError;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// There is no such thing here, but elsewhere.
    #[error("{message}")]
    Elsewhere {
        /// What is not there.
        message: String,
        /// Where it is.
        href: String,
        /// What to call that.
        words: String,
    },
    /// The role does not allow it.
    #[error("This needs the role {needed}; yours is {role}. An administrator can change it under Settings.")]
    Forbidden {
        /// What the account is.
        role: crate::model::account::Role,
        /// What it would have to be.
        needed: crate::model::account::Role,
    },
    /// The request did not come from one of our own pages.
    #[error("{0}")]
    NotOurs(&'static str),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// The state of things does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The database does not answer.
    #[error("The database does not answer. Muster keeps trying; reload this page in a moment.")]
    Unavailable(#[from] diesel::r2d2::PoolError),
    /// The database refused a statement.
    #[error("Something went wrong on our side, and nothing was changed. The log of the server has the details.")]
    Database(#[from] diesel::result::Error),
    /// Rendering failed.
    #[error("Something went wrong on our side, and nothing was changed. The log of the server has the details.")]
    Template(#[from] askama::Error),
    /// A part of Muster below the pages failed.
    #[error("Something went wrong on our side: {0}")]
    Internal(String),
    /// The server is stopping.
    #[error("The server is stopping. Reload this page in a moment.")]
    Stopped,
}

impl WebError {
    /// A thing that is not there: `what` with its name, and where to look.
    pub fn missing(what: &str, name: impl std::fmt::Display) -> Self {
        Self::NotFound(format!("There is no {what} {name}. It may have been removed, or the address is mistyped."))
    }

    /// A better address, with its words.
    pub fn way(&self) -> Option<(String, String)> {
        match self {
            Self::Elsewhere { href, words, .. } => Some((href.clone(), words.clone())),
            _ => None,
        }
    }

    /// What the log says about it: nothing personal, and no values of the request.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Unavailable(error) => Some(error.to_string()),
            Self::Database(error) => Some(error.to_string()),
            Self::Template(error) => Some(error.to_string()),
            Self::Internal(error) => Some(error.clone()),
            _ => None,
        }
    }
}

impl From<AsOfError> for WebError {
    fn from(error: AsOfError) -> Self {
        match error {
            AsOfError::Database(error) => Self::Database(error),
            AsOfError::ToCome => Self::BadRequest(format!("{error}.")),
            AsOfError::Purged { .. } => Self::NotFound(format!("{error}.")),
        }
    }
}

impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NotFound(_) | Self::Elsewhere { .. } => StatusCode::NOT_FOUND,
            Self::Forbidden { .. } | Self::NotOurs(_) => StatusCode::FORBIDDEN,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unavailable(_) | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Database(diesel::result::Error::NotFound) => StatusCode::NOT_FOUND,
            Self::Database(_) | Self::Template(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
