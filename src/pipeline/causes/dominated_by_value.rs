//! One value that most of the changes have in common: a department that is gone, a column that was emptied.

use super::case::{Case, Dominance, Rejects, Scope};
use super::{Found, percent};
use crate::model::guard::Operation;

/// What share of the changes must have the value.
const MOST_OF_THEM: f64 = 0.6;
/// Fewer changes than this are no pattern.
const FEW: u64 = 5;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let resources: u64 = case.scopes.iter().map(|scope| scope.inserted + scope.updated + scope.deleted).sum();
    let links: u64 = case.associations.iter().map(|association| association.changes).sum();
    let of_scopes = case.scopes.iter().flat_map(|scope| {
        scope.values.iter().filter_map(move |one| {
            let column = scope.column_of(&one.field);
            let found = of_value(&scope.name, column, one, resources)?.at(&scope.table, [column]);
            let (mut found, field) = (found, &one.field);
            if one.operation == Operation::Update {
                for update in scope.updates().filter(|update| update.after.contains_key(field)) {
                    let value = |values: &serde_json::Map<String, serde_json::Value>| {
                        values.get(field).map(super::text).unwrap_or_default()
                    };
                    found = found.sample(&update.key, column, value(&update.before), value(&update.after));
                }
            }
            Some(found)
        })
    });
    let of_links = case.associations.iter().flat_map(|association| {
        association.values.iter().filter_map(|one| {
            let found = of_value(&association.name, &one.field, one, resources + links)?;
            Some(found.at(&association.table, association.columns.first().cloned()))
        })
    });
    let of_rejects = case.scopes.iter().flat_map(|scope| {
        scope.rejects.iter().filter_map(|one| Some(of_rejects(scope, one)?.at(&scope.table, [one.column.clone()])))
    });
    let mut found: Vec<Found> = of_scopes.chain(of_links).chain(of_rejects).collect();
    // One is enough: a department and its building say the same.
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(1);
    found
}

/// Most rows of the table are refused for one and the same value in one column.
fn of_rejects(scope: &Scope, one: &Rejects) -> Option<Found> {
    let share = one.count as f64 / scope.read.max(1) as f64;
    if one.count < FEW || share < MOST_OF_THEM || one.values.len() > 1 {
        return None;
    }
    let message = match one.values.first().filter(|value| !value.is_empty()) {
        Some(value) => format!("{} of {} rows have {} = {value:?}", one.count, scope.read, one.column),
        None => format!("{} of {} rows have no {}", one.count, scope.read, one.column),
    };
    let found = Found::new("dominated_by_value", 0.25 + 0.7 * share.min(1.0), message)
        .with("property", one.column.clone())
        .with("value", one.values.first().cloned().unwrap_or_default())
        .with("rejected", one.count)
        .with("reason", one.code.clone());
    Some(found)
}

/// How sure it is: the share of changes with the value beyond what is to be expected of any changes, and how much of
/// all that happens these changes are.
fn of_value(scope: &str, field: &str, one: &Dominance, all: u64) -> Option<Found> {
    let (count, of) = (one.count as f64, one.of as f64);
    let share = count / of.max(1.0);
    // Among the many values that a change has, one is frequent by chance; five deviations are none.
    let deviation = (one.base * (1.0 - one.base)).max(0.01).sqrt() / of.max(1.0).sqrt();
    if one.count < FEW || share < MOST_OF_THEM || share - one.base < 5.0 * deviation {
        return None;
    }
    let beyond = (share - one.base) / (1.0 - one.base).max(0.01);
    let part = of / all.max(1) as f64;
    let confidence = (0.25 + 0.7 * beyond) * (0.5 + 0.5 * part.min(1.0));
    let verb = match one.operation {
        Operation::Insert => "inserts",
        Operation::Update => "updates",
        Operation::Delete => "deletes",
    };
    let message = match (&one.value, one.operation, one.before) {
        (None, Operation::Update, false) => format!("{} of {} {verb} of {scope} empty {field}", one.count, one.of),
        (Some(value), Operation::Update, false) => {
            format!("{} of {} {verb} of {scope} set {field} to {value:?}", one.count, one.of)
        }
        (Some(value), ..) => format!("{} of {} {verb} of {scope} have {field} = {value:?}", one.count, one.of),
        (None, ..) => format!("{} of {} {verb} of {scope} have no {field}", one.count, one.of),
    };
    let found = Found::new("dominated_by_value", confidence, message)
        .with("operation", one.operation.as_str())
        .with("property", field)
        .with("value", one.value.clone().unwrap_or_default())
        .with("changes_with_it", one.count)
        .with("changes", one.of)
        .with("stored_with_it", percent(one.base));
    Some(found)
}
