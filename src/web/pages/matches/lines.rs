//! Doubts and decisions as the page shows them.

use crate::model::correlation::Decided;
use crate::model::doubt::Doubt;
use crate::model::{as_of::AsOf, person};
use crate::pipeline::people::candidates::Candidate;
use crate::pipeline::people::matches;
use crate::pipeline::provenance::place;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::{diff, links, words};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;

/// Properties of a record that are shown.
const SHOWN: usize = 8;

/// A record in doubt.
pub(super) struct DoubtLine {
    /// `entity type:key`, what the form calls it.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Its page.
    pub href: String,
    /// What pages call its entity type and connector.
    pub whose: String,
    /// Why it is in doubt.
    pub title: &'static str,
    /// The same in a sentence.
    pub message: String,
    /// The run that found it.
    pub run: (String, String),
    /// File and line.
    pub place: String,
    /// Its properties.
    pub properties: Vec<(String, String)>,
    /// Whom it may be.
    pub candidates: Vec<CandidateLine>,
    /// Whether the only candidate is chosen ahead.
    pub is_clear: bool,
}

/// Whom a record may be.
pub(super) struct CandidateLine {
    /// The person.
    pub person: i64,
    /// Its page.
    pub href: String,
    /// What to call it.
    pub name: String,
    /// Why, in words.
    pub why: String,
}

/// A decision that stands.
pub(super) struct DecidedLine {
    /// Its id.
    pub id: i64,
    /// The record's key.
    pub key: String,
    /// What pages call its entity type and connector.
    pub whose: String,
    /// What was decided.
    pub words: String,
    /// The person, if there is one.
    pub person: Option<(String, String)>,
    /// Whether a run has gone by it.
    pub is_done: bool,
    /// The account.
    pub by: String,
    /// When.
    pub when: When,
    /// The words that were given.
    pub comment: Option<String>,
}

/// Doubts with whom they may be.
pub(super) fn doubts(conn: &mut PgConnection, doubts: Vec<Doubt>) -> Result<Vec<DoubtLine>, WebError> {
    let mut found = matches::candidates(conn, &doubts)?;
    let lines = doubts.into_iter().enumerate().map(|(position, doubt)| {
        let candidates: Vec<CandidateLine> =
            found.remove(&position).unwrap_or_default().into_iter().map(candidate).collect();
        let attributes = doubt.attributes.as_object();
        DoubtLine {
            name: format!("{}:{}", doubt.entity_type_id, doubt.key),
            href: links::resource(&doubt.connector, &doubt.entity_type, doubt.resource_id),
            whose: format!("{}, {}", doubt.entity_type_title, doubt.connector_title),
            title: words::problem(&doubt.code).0,
            run: (links::run(doubt.run_id), format!("run {}", doubt.run_id)),
            place: place(Some(&doubt.file), doubt.line.and_then(|line| i32::try_from(line).ok()).unwrap_or_default()),
            properties: attributes
                .into_iter()
                .flatten()
                .take(SHOWN)
                .map(|(name, value)| (name.clone(), diff::text(value)))
                .collect(),
            is_clear: candidates.len() == 1 && doubt.code == "local_person",
            candidates,
            message: doubt.message,
            key: doubt.key,
        }
    });
    Ok(lines.collect())
}

fn candidate(one: Candidate) -> CandidateLine {
    let mut why = format!("{} is {} ({})", one.field, one.value, one.property);
    if one.is_local {
        why += "; made by hand";
    }
    if one.state == "past" {
        why += "; past";
    }
    if let Some(key) = &one.taken_by {
        why += &format!("; has {key} already");
    }
    CandidateLine { person: one.person, href: links::user(one.person), name: one.name, why }
}

/// Decisions that stand.
pub(super) fn decided(
    conn: &mut PgConnection,
    decided: Vec<Decided>,
    now: DateTime<Utc>,
) -> Result<Vec<DecidedLine>, WebError> {
    let mut lines = Vec::with_capacity(decided.len());
    for one in decided {
        let person = match one.person_id {
            Some(id) => Some(person::find(conn, &AsOf::Now, id)?.map_or_else(
                || (links::user(id), format!("User {id}, who is gone")),
                |person| (links::user(id), person.name()),
            )),
            None => None,
        };
        lines.push(DecidedLine {
            id: one.id,
            whose: format!("{}, {}", one.entity_type_title, one.connector_title),
            words: match one.decision.as_str() {
                "person" => "is".to_owned(),
                "new" => "a new user".to_owned(),
                _ => "ignored".to_owned(),
            },
            is_done: one.feeds.is_some() && one.feeds == one.person_id,
            person,
            key: one.key,
            by: one.decided_by,
            when: When::new(one.decided_at, now),
            comment: one.comment,
        });
    }
    Ok(lines)
}
