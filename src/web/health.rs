//! How a connector is, in one word decided by lateness: a missed schedule shows although no run has failed.

use super::charts::Strip;
use super::elements::{Badge, When};
use super::error::WebError;
use super::links;
use crate::document;
use crate::jobs::schedule::JobTimes;
use crate::model::connector::{self, Connector, ConnectorDefinition, ConnectorId, JobUse};
use crate::model::job::{self, Job};
use crate::model::overview::{self, LastApplied, RunSummary};
use crate::model::run::{Mode, RunState};
use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use diesel::pg::PgConnection;
use std::collections::HashMap;

/// A run that should have begun may take so long before the connector counts as late.
const PATIENCE_MINUTES: i64 = 15;

/// A connector in a list.
pub struct ConnectorLine {
    /// What is stored of it.
    pub connector: Connector,
    /// Its page.
    pub href: String,
    /// What its connections are: `files`, `ldap`.
    pub kinds: String,
    /// The word.
    pub health: Health,
    /// The word as a badge.
    pub badge: Badge,
    /// Why, in a sentence, with the run to look at.
    pub reason: Option<(String, String)>,
    /// Its last run.
    pub last: Option<LastRun>,
    /// When it was last synchronized.
    pub synchronized: Option<When>,
    /// When its next run is due, and how the job says it.
    pub next: Option<(When, String)>,
    /// Its last runs.
    pub strip: Strip,
}

/// The last run of a connector.
pub struct LastRun {
    /// Its page.
    pub href: String,
    /// Its state.
    pub badge: Badge,
    /// When it began.
    pub when: When,
}

/// How a connector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is missing.
    OnTime,
    /// A scheduled run did not come.
    Delayed,
    /// Somebody must decide or repair something.
    ActionRequired,
    /// Out of the scheduled jobs.
    Paused,
    /// No run yet.
    NeverRun,
}

impl Health {
    /// Icon, word and colour.
    pub fn badge(self) -> Badge {
        match self {
            Self::OnTime => Badge::new("good", "i-check", "On time"),
            Self::Delayed => Badge::new("warning", "i-clock", "Delayed"),
            Self::ActionRequired => Badge::new("bad", "i-alert", "Action required"),
            Self::Paused => Badge::new("quiet", "i-pause", "Paused"),
            Self::NeverRun => Badge::new("quiet", "i-clock", "Never run"),
        }
    }
}

/// All connectors with their health: five statements, however many there are.
pub fn lines(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<ConnectorLine>, WebError> {
    let connectors = connector::list(conn)?;
    let documents: HashMap<ConnectorId, String> = overview::documents(conn)?.into_iter().collect();
    let jobs = job::list(conn)?;
    let applied = overview::last_applied(conn)?;
    let runs = overview::last_runs(conn, 20)?;
    let lines = connectors.into_iter().map(|connector| {
        let definition = documents.get(&connector.id).and_then(|text| document::connector(text).ok());
        let runs: Vec<RunSummary> = runs.iter().filter(|run| run.connector_id == connector.id).cloned().collect();
        let applied = applied.iter().find(|applied| applied.connector_id == connector.id);
        line(connector, definition, &jobs, applied, &runs, now)
    });
    Ok(lines.collect())
}

fn line(
    connector: Connector,
    definition: Option<ConnectorDefinition>,
    jobs: &[Job],
    applied: Option<&LastApplied>,
    runs: &[RunSummary],
    now: DateTime<Utc>,
) -> ConnectorLine {
    let schedules: Vec<Schedule> = definition.iter().flat_map(|definition| schedules(definition, jobs)).collect();
    let due = schedules.iter().filter_map(|one| one.previous(now - TimeDelta::minutes(PATIENCE_MINUTES))).max();
    let waits_since = connector.created_at.max(connector.activity_changed_at);
    let is_late = due.is_some_and(|due| due > waits_since && applied.is_none_or(|applied| applied.began_at < due));

    let blocked = runs.iter().rev().find(|run| run.state == RunState::Blocked && !run.standalone);
    let failed = runs.last().filter(|run| run.state == RunState::Failed);
    let (health, reason) = match (blocked, failed) {
        (Some(run), _) => (Health::ActionRequired, Some((links::run(run.id), format!("Run {} is blocked", run.id)))),
        (_, Some(run)) => (Health::ActionRequired, Some((links::run(run.id), format!("Run {} failed", run.id)))),
        _ if !connector.active => (Health::Paused, None),
        _ if is_late => {
            let words = due.map(|due| format!("Nothing applied since {} UTC", due.format("%-d %b %H:%M")));
            (Health::Delayed, words.map(|words| (links::of_connector(&connector.name, "results"), words)))
        }
        _ if applied.is_none() => (Health::NeverRun, None),
        _ => (Health::OnTime, None),
    };
    let next =
        schedules.iter().filter(|_| connector.active).filter_map(|one| Some((one.next(now)?, one))).min_by_key(|n| n.0);
    let mut kinds: Vec<&str> =
        definition.iter().flat_map(|definition| &definition.connections).map(|one| one.kind.as_str()).collect();
    kinds.dedup();
    ConnectorLine {
        href: links::connector(&connector.name),
        kinds: kinds.join(", "),
        health,
        badge: health.badge(),
        reason,
        last: runs.last().map(|run| LastRun {
            href: links::run(run.id),
            badge: run.state.into(),
            when: When::new(run.started_at.unwrap_or(run.created_at), now),
        }),
        synchronized: applied.map(|applied| When::new(applied.applied_at, now)),
        next: next.map(|(at, schedule)| (When::new(at, now), schedule.words())),
        strip: Strip::new(runs, now),
        connector,
    }
}

/// A job that a connector takes part in.
pub struct Schedule {
    times: JobTimes,
    mode: Mode,
    words: String,
}

/// The jobs that a connector takes part in. One that can't be read takes nobody along; applying settings refuses it.
pub fn schedules(definition: &ConnectorDefinition, jobs: &[Job]) -> Vec<Schedule> {
    let jobs = jobs.iter().filter(|job| job.enabled).filter_map(schedule);
    jobs.filter(|schedule| takes_part(definition, schedule.mode)).collect()
}

/// A job as a schedule, if its cron and zone can be read.
pub fn schedule(job: &Job) -> Option<Schedule> {
    let mode: Mode = job.mode.parse().ok()?;
    let cron: Cron = job.cron.parse().ok()?;
    Some(Schedule { times: JobTimes::of(job).ok()?, mode, words: words(mode, &cron.describe(), &job.time_zone) })
}

/// `complete, at 00:00 (UTC)`.
fn words(mode: Mode, times: &str, zone: &str) -> String {
    let mut letters = times.trim_end_matches('.').chars();
    let times: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    format!("{mode}, {times} ({zone})")
}

fn takes_part(definition: &ConnectorDefinition, mode: Mode) -> bool {
    match mode {
        Mode::Incremental => definition.incremental_job == JobUse::Used && can_run_incrementally(definition),
        _ => definition.complete_job == JobUse::Used,
    }
}

/// Whether an incremental run is offered: the full extraction is compared, where the connector says so.
pub fn can_run_incrementally(definition: &ConnectorDefinition) -> bool {
    definition.compare
}

impl Schedule {
    /// When it is due next.
    pub fn next(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.times.next(now, 1).first().map(|at| at.with_timezone(&Utc))
    }

    /// When it was due last.
    pub fn previous(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.times.last_until(now)
    }

    /// Mode, times and zone: `complete, at 00:00 (UTC)`.
    pub fn words(&self) -> String {
        self.words.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(cron: &str) -> Job {
        let (name, time_zone, mode) = ("complete".into(), "Europe/Berlin".into(), "complete".into());
        Job { name, cron: cron.into(), time_zone, mode, enabled: true }
    }

    #[test]
    fn a_schedule_knows_its_times_in_its_zone() {
        let now: DateTime<Utc> = "2026-11-20T12:00:00Z".parse().unwrap();
        let nightly = schedule(&job("0 0 * * *")).unwrap();
        assert_eq!(nightly.next(now).unwrap().to_rfc3339(), "2026-11-20T23:00:00+00:00");
        assert_eq!(nightly.previous(now).unwrap().to_rfc3339(), "2026-11-19T23:00:00+00:00");
        assert!(nightly.words().ends_with("(Europe/Berlin)"), "{}", nightly.words());
        assert!(schedule(&job("every day")).is_none());
    }
}
