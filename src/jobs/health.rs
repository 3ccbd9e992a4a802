//! How a connector is, decided by lateness: a missed schedule shows although no run has failed. One rule, for the word
//! on pages and for whoever is told of it.

use super::schedule::JobTimes;
use crate::document;
use crate::model::connector::{self, Connector, ConnectorDefinition, ConnectorId, JobUse};
use crate::model::job::{self, Job};
use crate::model::overview::{self, LastApplied, RunSummary};
use crate::model::run::{Mode, RunId, RunState};
use chrono::{DateTime, TimeDelta, Utc};
use croner::Cron;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::collections::HashMap;

/// A run that should have begun may take so long before the connector counts as late.
const PATIENCE_MINUTES: i64 = 15;

/// A connector with what its health is read from.
pub struct Condition {
    /// What is stored of it.
    pub connector: Connector,
    /// Its configuration, if it can be read.
    pub definition: Option<ConnectorDefinition>,
    /// The jobs it takes part in.
    pub schedules: Vec<Schedule>,
    /// Its last applied run.
    pub applied: Option<LastApplied>,
    /// Its last runs, the oldest first.
    pub runs: Vec<RunSummary>,
    /// How it is.
    pub health: Health,
}

/// How a connector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing is missing.
    OnTime,
    /// A scheduled run did not come: nothing was applied since this time.
    Delayed(DateTime<Utc>),
    /// Somebody must decide about this run.
    Blocked(RunId),
    /// Somebody must see why this run failed.
    Failed(RunId),
    /// Out of the scheduled jobs.
    Paused,
    /// No run yet.
    NeverRun,
}

impl Health {
    /// Whether somebody must look at it.
    pub fn needs_somebody(self) -> bool {
        matches!(self, Self::Blocked(_) | Self::Failed(_) | Self::Delayed(_))
    }
}

/// All connectors with their health at `now`: five statements, however many there are.
pub fn of_all(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<Vec<Condition>> {
    let connectors = connector::list(conn)?;
    let documents: HashMap<ConnectorId, String> = overview::documents(conn)?.into_iter().collect();
    let jobs = job::list(conn)?;
    let applied = overview::last_applied(conn)?;
    let runs = overview::last_runs(conn, 20)?;
    let conditions = connectors.into_iter().map(|connector| {
        let definition = documents.get(&connector.id).and_then(|text| document::connector(text).ok());
        let runs: Vec<RunSummary> = runs.iter().filter(|run| run.connector_id == connector.id).cloned().collect();
        let applied = applied.iter().find(|applied| applied.connector_id == connector.id).cloned();
        let schedules: Vec<Schedule> = definition.iter().flat_map(|definition| schedules(definition, &jobs)).collect();
        let health = judge(&connector, &schedules, applied.as_ref(), &runs, now);
        Condition { connector, definition, schedules, applied, runs, health }
    });
    Ok(conditions.collect())
}

fn judge(
    connector: &Connector,
    schedules: &[Schedule],
    applied: Option<&LastApplied>,
    runs: &[RunSummary],
    now: DateTime<Utc>,
) -> Health {
    let blocked = runs.iter().rev().find(|run| run.state == RunState::Blocked && !run.standalone);
    let failed = runs.last().filter(|run| run.state == RunState::Failed);
    if let Some(run) = blocked {
        return Health::Blocked(run.id);
    }
    if let Some(run) = failed {
        return Health::Failed(run.id);
    }
    if !connector.active {
        return Health::Paused;
    }
    let due = schedules.iter().filter_map(|one| one.previous(now - TimeDelta::minutes(PATIENCE_MINUTES))).max();
    let waits_since = connector.created_at.max(connector.activity_changed_at);
    match due.filter(|due| *due > waits_since && applied.is_none_or(|applied| applied.began_at < *due)) {
        Some(due) => Health::Delayed(due),
        None if applied.is_none() => Health::NeverRun,
        None => Health::OnTime,
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
        Mode::Incremental => definition.incremental_job == JobUse::Used && definition.is_incremental(),
        _ => definition.complete_job == JobUse::Used,
    }
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
