//! Small things that look the same on every page: a moment, a state, an operation. Each writes its own HTML.

use super::words;
use crate::model::guard::Operation;
use crate::model::run::{RunState, TaskState};
use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};

/// A moment: relative for the eye, exact in its title, and for the script.
#[derive(Debug, Clone, Template)]
#[template(ext = "html", source = r#"<time datetime="{{ iso }}" title="{{ exact }}">{{ relative }}</time>"#)]
pub struct When {
    iso: String,
    exact: String,
    relative: String,
}

impl HtmlSafe for When {}

impl When {
    /// `at`, as seen from `now`.
    pub fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self {
            iso: at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
            relative: words::relative(at, now),
        }
    }

    /// The exact moment, for tables where relative ones would be in the way.
    pub fn exact(&self) -> &str {
        &self.exact
    }
}

/// A state: icon, word and colour.
#[derive(Debug, Clone, Template)]
#[template(
    ext = "html",
    source = r##"<span class="badge {{ tone }}"><svg class="icon" aria-hidden="true"><use href="#{{ icon }}"/></svg>{{ word }}</span>"##
)]
pub struct Badge {
    /// The class of its colour: `good warning bad active quiet`.
    pub tone: &'static str,
    /// An icon of the sprite.
    pub icon: &'static str,
    /// The word.
    pub word: String,
}

impl HtmlSafe for Badge {}

impl Badge {
    /// Any badge.
    pub fn new(tone: &'static str, icon: &'static str, word: impl Into<String>) -> Self {
        Self { tone, icon, word: word.into() }
    }
}

impl From<RunState> for Badge {
    fn from(state: RunState) -> Self {
        let (tone, icon) = look(state);
        Self::new(tone, icon, words::state(state))
    }
}

/// Colour and icon of a run's state.
pub fn look(state: RunState) -> (&'static str, &'static str) {
    match state {
        RunState::Queued => ("quiet", "i-clock"),
        RunState::Exporting | RunState::Preparing | RunState::Synchronizing => ("active", "i-run"),
        RunState::Ready => ("active", "i-ready"),
        RunState::Blocked => ("warning", "i-hand"),
        RunState::Completed => ("good", "i-check"),
        RunState::CompletedWithProblems => ("good", "i-check-note"),
        RunState::Failed => ("bad", "i-cross"),
        RunState::Cancelled | RunState::Discarded => ("quiet", "i-stop"),
        RunState::Superseded => ("quiet", "i-skip"),
    }
}

impl From<TaskState> for Badge {
    fn from(state: TaskState) -> Self {
        match state {
            TaskState::Pending => Self::new("quiet", "i-clock", "To come"),
            TaskState::Running => Self::new("active", "i-run", "Running"),
            TaskState::Completed => Self::new("good", "i-check", "Done"),
            TaskState::Blocked => Self::new("warning", "i-hand", "Blocked"),
            TaskState::Failed => Self::new("bad", "i-cross", "Failed"),
            TaskState::Cancelled => Self::new("quiet", "i-stop", "Cancelled"),
        }
    }
}

impl From<Operation> for Badge {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Insert => Self::new("good", "i-plus", "Insert"),
            Operation::Update => Self::new("active", "i-change", "Update"),
            Operation::Delete => Self::new("bad", "i-minus", "Delete"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_escapes_its_word() {
        let badge = Badge::new("good", "i-check", "<b>");
        assert!(badge.to_string().ends_with("&#60;b&#62;</span>"), "{badge}");
    }

    #[test]
    fn a_moment_says_it_twice() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let when = When::new(now, now).to_string();
        assert_eq!(when, r#"<time datetime="2027-01-15T08:00:00Z" title="2027-01-15 08:00:00 UTC">just now</time>"#);
    }
}
