//! Why a run failed, and whether it is tried again by itself: for its page.

use super::elements::When;
use super::words;
use crate::model::retry;
use crate::model::run::{Run, RunState};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;

/// A failure in words.
pub struct FailureView {
    /// Server, file with line and column, or setting.
    pub place: String,
    /// What is wrong, and the next step.
    pub message: String,
    /// The stage.
    pub stage: &'static str,
    /// When it is tried again by itself, and which try of how many that will be.
    pub again: Option<(When, i32, usize)>,
}

/// The failure of a run, if it has failed.
pub fn of(conn: &mut PgConnection, run: &Run, now: DateTime<Utc>) -> QueryResult<Option<FailureView>> {
    let Some(failure) = &run.failure else { return Ok(None) };
    let retry = if run.state == RunState::Failed { retry::of(conn, run.id)? } else { None };
    Ok(Some(FailureView {
        place: failure.place.clone(),
        message: failure.message.clone(),
        stage: words::stage(failure.stage),
        again: retry.and_then(|retry| Some((When::new(retry.next_at?, now), retry.tries + 1, retry::WAITS.len()))),
    }))
}
