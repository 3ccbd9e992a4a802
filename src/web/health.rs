//! Connectors as lists show them: health in one word, last and next run.

use super::charts::Strip;
use super::elements::{Badge, When};
use super::error::WebError;
use super::links;
use crate::jobs::health::{self, Condition};
use crate::model::connector::Connector;
use crate::model::source_schema::{self, SourceSchema};
use crate::pipeline::source_columns;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;

pub use crate::jobs::health::{Health, Schedule, schedule};

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
    /// Mapped columns that the source no longer has, each in a sentence.
    pub vanished: Vec<String>,
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

/// Icon, word and colour.
fn badge(health: Health) -> Badge {
    match health {
        Health::OnTime => Badge::new("good", "i-check", "On time"),
        Health::Delayed(_) => Badge::new("warning", "i-clock", "Delayed"),
        Health::Blocked(_) | Health::Failed(_) => Badge::new("bad", "i-alert", "Action required"),
        Health::Paused => Badge::new("quiet", "i-pause", "Paused"),
        Health::NeverRun => Badge::new("quiet", "i-clock", "Never run"),
    }
}

/// Why a connector needs somebody, in a sentence, with where to look.
fn reason(health: Health, connector: &str) -> Option<(String, String)> {
    match health {
        Health::Blocked(run) => Some((links::run(run), format!("Run {run} is blocked"))),
        Health::Failed(run) => Some((links::run(run), format!("Run {run} failed"))),
        Health::Delayed(since) => {
            let words = format!("Nothing applied since {} UTC", since.format("%-d %b %H:%M"));
            Some((links::of_connector(connector, "results"), words))
        }
        Health::OnTime | Health::Paused | Health::NeverRun => None,
    }
}

/// All connectors with their health.
pub fn lines(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<ConnectorLine>, WebError> {
    let schemas = source_schema::all(conn)?;
    Ok(health::of_all(conn, now)?.into_iter().map(|condition| line(condition, &schemas, now)).collect())
}

fn line(condition: Condition, schemas: &[SourceSchema], now: DateTime<Utc>) -> ConnectorLine {
    let Condition { connector, definition, schedules, applied, runs, health } = condition;
    let next =
        schedules.iter().filter(|_| connector.active).filter_map(|one| Some((one.next(now)?, one))).min_by_key(|n| n.0);
    let mut kinds: Vec<&str> =
        definition.iter().flat_map(|definition| &definition.connections).map(|one| one.kind.as_str()).collect();
    kinds.dedup();
    let own: Vec<SourceSchema> = schemas.iter().filter(|schema| schema.connector_id == connector.id).cloned().collect();
    let vanished = definition.iter().flat_map(|definition| source_columns::vanished(definition, &own));
    let vanished = vanished.map(|one| {
        let like_it = match one.like_it.first() {
            Some(like_it) => format!("; is it {like_it} now?"),
            None => String::new(),
        };
        format!("Column {} of {} is gone ({} reads it){like_it}", one.column, one.source, one.read_by.join(", "))
    });
    ConnectorLine {
        vanished: vanished.collect(),
        href: links::connector(&connector.name),
        kinds: kinds.join(", "),
        health,
        badge: badge(health),
        reason: reason(health, &connector.name),
        last: runs.last().map(|run| LastRun {
            href: links::run(run.id),
            badge: run.state.into(),
            when: When::new(run.started_at.unwrap_or(run.created_at), now),
        }),
        synchronized: applied.map(|applied| When::new(applied.applied_at, now)),
        next: next.map(|(at, schedule)| (When::new(at, now), schedule.words())),
        strip: Strip::new(&runs, now),
        connector,
    }
}
