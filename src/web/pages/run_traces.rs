//! What came after a run was applied: its proof, and the run that reverted it.

use crate::model::connector::Connector;
use crate::model::proof::{self, Proof, Verdict};
use crate::model::revert;
use crate::model::run::{Run, RunId};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::links;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;

/// What came after.
#[derive(Default)]
pub struct Traces {
    /// By which run it is reverted now.
    pub reverted_by: Option<RunId>,
    /// What it had extracted, held against what is stored.
    pub proof: Option<ProofView>,
}

/// A proof, as the page shows it.
pub struct ProofView {
    /// When it was made.
    pub when: When,
    /// In one sentence.
    pub sentence: String,
    /// `equal`, `differs` or `not proven`, and the class and icon of that.
    pub badge: (&'static str, &'static str, &'static str),
    /// Keys that differ: entity type, key, address of the record where there is one, what is different.
    pub differing: Vec<(String, String, Option<String>, &'static str)>,
}

/// What came after this run.
pub fn of(conn: &mut PgConnection, run: &Run, connector: &Connector, now: DateTime<Utc>) -> Result<Traces, WebError> {
    if run.applied_at.is_none() {
        return Ok(Traces::default());
    }
    let proof = proof::of(conn, run.id)?.map(|(at, proof)| view(proof, When::new(at, now), &connector.name));
    Ok(Traces { reverted_by: revert::reverted_by(conn, run.id)?, proof })
}

fn view(proof: Proof, when: When, connector: &str) -> ProofView {
    let sentence = proof.sentence();
    let badge = match proof.verdict {
        Verdict::Equal | Verdict::Stands => ("equal", "good", "i-check"),
        Verdict::Differs => ("differs", "bad", "i-alert"),
        Verdict::Overtaken | Verdict::Changes | Verdict::Impossible => ("not proven", "quiet", "i-clock"),
    };
    let differing = proof.differing.into_iter().map(|one| {
        let href = one.resource_id.map(|id| links::resource(connector, &one.entity_type, id));
        (one.entity_type, one.key, href, one.kind.words())
    });
    ProofView { when, sentence, badge, differing: differing.collect() }
}
