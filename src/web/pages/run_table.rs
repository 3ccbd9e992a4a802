//! Runs as the rows of a table: on Home, in job execution and job results.

use crate::model::overview::RunSummary;
use crate::model::run::TaskChoice;
use crate::web::charts::totals;
use crate::web::elements::{Badge, When};
use crate::web::{links, words};
use chrono::{DateTime, TimeDelta, Utc};

/// A run as a row.
pub struct RunLine {
    /// Its id.
    pub id: String,
    /// Its page.
    pub href: String,
    /// What pages call its connector.
    pub connector: String,
    /// The connector's page.
    pub connector_href: String,
    /// Its state.
    pub badge: Badge,
    /// `Complete`, `Complete, dry run`, …
    pub mode: String,
    /// What started it, and who.
    pub trigger: String,
    /// When it was asked for.
    pub when: When,
    /// How long it took, or has been taking.
    pub duration: String,
    /// Inserted, updated, deleted resources; empty as long as nothing is known.
    pub figures: Option<[String; 3]>,
    /// Problems.
    pub problems: u64,
}

/// The rows of these runs.
pub fn run_lines(runs: &[RunSummary], now: DateTime<Utc>) -> Vec<RunLine> {
    runs.iter().map(|run| line(run, now)).collect()
}

fn line(run: &RunSummary, now: DateTime<Utc>) -> RunLine {
    let problems: u64 = run.counters.problems.values().sum();
    let figures = (!run.counters.entity_types.is_empty()).then(|| totals(&run.counters).map(words::count));
    RunLine {
        id: run.id.to_string(),
        href: links::run(run.id),
        connector: run.connector_title.clone(),
        connector_href: links::connector(&run.connector),
        badge: run.state.into(),
        mode: mode_words(words::mode(run.mode), run.task, run.dry_run),
        trigger: match &run.started_by {
            Some(account) => format!("{} ({account})", words::trigger(run.trigger)),
            None => words::trigger(run.trigger).to_owned(),
        },
        when: When::new(run.created_at, now),
        duration: duration(run.started_at, run.ended_at(), now),
        figures,
        problems,
    }
}

/// `Complete, dry run`, `Complete, export only`.
pub fn mode_words(mode: &str, task: TaskChoice, dry_run: bool) -> String {
    let mut words = mode.to_owned();
    if task != TaskChoice::All && task != TaskChoice::UpdateExpressions {
        words = format!("{words}, {}", words::task(task).to_lowercase());
    }
    if dry_run {
        words += ", dry run";
    }
    words
}

/// How long something took, or has been taking until now.
pub fn duration(began: Option<DateTime<Utc>>, ended: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    match (began, ended) {
        (Some(began), Some(ended)) => words::duration(ended - began),
        (Some(began), None) => words::duration((now - began).max(TimeDelta::seconds(1))),
        _ => String::new(),
    }
}
