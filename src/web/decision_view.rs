//! What there is to decide about a run, as pages show it: the guard's headline, what would happen in one sentence, why it
//! was stopped, and what others would feel.

use super::causes::{self, CauseView};
use super::charts::totals;
use super::consequences::{self, ConsequenceLine};
use super::diff::Scopes;
use super::elements::Badge;
use super::{links, words};
use crate::model::guard::{Breach, GuardName, Operation};
use crate::model::run::{Run, RunState};

/// What a person has to decide.
pub struct DecisionView {
    /// The guard's name in words.
    pub headline: String,
    /// What would happen, in one sentence with figures.
    pub sentence: String,
    /// The guards that were exceeded.
    pub breaches: Vec<BreachLine>,
    /// Why, probably.
    pub causes: Vec<CauseView>,
    /// Whether a guard stopped the run (else it is a dry run that stands ready).
    pub blocked: bool,
    /// What others would feel.
    pub consequences: Vec<ConsequenceLine>,
    /// How many changes of which kind; each leads to them.
    pub groups: Vec<ChangeGroup>,
}

/// Changes of one kind.
pub struct ChangeGroup {
    /// What they do.
    pub badge: Badge,
    /// What pages call the entity type or association.
    pub scope: String,
    /// How many.
    pub count: u64,
    /// The list of them.
    pub href: String,
}

/// A guard that was exceeded, as a row.
pub struct BreachLine {
    /// Its name.
    pub guard: String,
    /// Against what it was held.
    pub scope: String,
    /// The limit.
    pub limit: String,
    /// What would happen.
    pub actual: String,
    /// Rows stored before.
    pub base: String,
    /// In words.
    pub message: String,
}

/// What there is to decide about a run, if anything.
pub fn decision_view(run: &Run) -> Option<DecisionView> {
    let blocked = run.state == RunState::Blocked;
    let stands_ready = run.state == RunState::Ready && run.standalone && run.change_set_digest.is_some();
    if !blocked && !stands_ready {
        return None;
    }
    let headline = match run.breaches.iter().map(|breach| breach.guard).min_by_key(|guard| *guard as u8) {
        Some(GuardName::Threshold) => "Threshold Exceeded",
        Some(GuardName::FirstRun) => "Initial load: look before it is applied",
        Some(GuardName::EmptySource) => "The source is empty",
        Some(GuardName::Volume) => "The number of rows has changed a lot",
        Some(GuardName::Rejects) => "Many records were rejected",
        Some(GuardName::Header) => "The columns have changed",
        Some(GuardName::Approval) => "Look again: this is not only what you approved",
        None => "Dry run: ready to be applied",
    };
    Some(DecisionView {
        headline: headline.to_owned(),
        sentence: sentence(run),
        breaches: run.breaches.iter().map(breach_line).collect(),
        causes: causes::views(&run.causes),
        blocked,
        consequences: consequences::lines(&run.consequences),
        groups: Vec::new(),
    })
}

/// The changes by what they do to what, each group with the way to them.
pub fn groups(run: &Run, scopes: &Scopes) -> Vec<ChangeGroup> {
    let resources = run.counters.entity_types.iter().map(|one| {
        let deleted = one.deleted + one.deleted_by_command;
        (&one.name, [one.inserted, one.updated, deleted])
    });
    let links = run.counters.associations.iter().map(|one| (&one.name, [one.inserted, one.updated, one.deleted]));
    let mut groups = Vec::new();
    for (name, counts) in resources.chain(links) {
        for (operation, count) in Operation::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
            let query = [("scope", name.as_str()), ("operation", operation.as_str())];
            let href = links::with_query(&links::of_run(run.id, "changes"), &query);
            groups.push(ChangeGroup { badge: operation.into(), scope: scopes.title(name), count, href });
        }
    }
    groups
}

/// What the run would do, in one sentence with all figures.
pub fn sentence(run: &Run) -> String {
    let [inserted, updated, deleted] = totals(&run.counters);
    let stored: u64 = run.counters.entity_types.iter().map(|one| one.stored).sum();
    let links = run
        .counters
        .associations
        .iter()
        .fold([0; 3], |sum: [u64; 3], one| [sum[0] + one.inserted, sum[1] + one.updated, sum[2] + one.deleted]);
    let persons = &run.counters.persons;
    let list = |parts: &[(u64, &str)]| {
        let parts: Vec<String> =
            parts.iter().filter(|part| part.0 > 0).map(|part| format!("{} {}", part.1, words::count(part.0))).collect();
        parts.join(", ")
    };
    let mut sentences = Vec::new();
    let resources = list(&[(inserted, "insert"), (updated, "update"), (deleted, "delete")]);
    if !resources.is_empty() {
        sentences.push(format!("{resources} of {} stored resources", words::count(stored)));
    }
    let links = list(&[(links[0], "insert"), (links[1], "change"), (links[2], "delete")]);
    if !links.is_empty() {
        sentences.push(format!("{links} {}", if links.ends_with(" 1") { "link" } else { "links" }));
    }
    let people = list(&[
        (persons.created, "create"),
        (persons.updated, "change"),
        (persons.blocked, "block"),
        (persons.unblocked, "unblock"),
        (persons.deleted, "remove"),
    ]);
    if !people.is_empty() {
        sentences.push(format!("{people} {}", if people.ends_with(" 1") { "user" } else { "users" }));
    }
    match sentences.is_empty() {
        true => "This run would change nothing.".to_owned(),
        false => format!("This run would {}.", sentences.join("; it would ")),
    }
}

fn breach_line(breach: &Breach) -> BreachLine {
    let percent = breach.setting.as_deref().is_some_and(|setting| setting.contains("percentage"))
        || matches!(breach.guard, GuardName::Rejects | GuardName::Volume);
    let figure = |value: Option<f64>| {
        value
            .map(|value| format!("{}{}", words::exactly(value), if percent { "\u{a0}%" } else { "" }))
            .unwrap_or_default()
    };
    let guard = match breach.guard {
        GuardName::Threshold => breach.setting.clone().unwrap_or_else(|| "threshold".into()),
        GuardName::FirstRun => "first_run".into(),
        GuardName::EmptySource => "empty_source".into(),
        GuardName::Volume => "volume_percentage".into(),
        GuardName::Rejects => "reject_percentage".into(),
        GuardName::Header => "header".into(),
        GuardName::Approval => "approval".into(),
    };
    BreachLine {
        guard,
        scope: breach.scope.clone(),
        limit: figure(breach.limit),
        actual: figure(breach.actual),
        base: words::count(breach.base),
        message: breach.message.clone(),
    }
}
