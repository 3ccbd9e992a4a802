//! Records of persons who were anonymized: passed over, and counted as such. What refers to them is left out with them,
//! and is no problem: a problem would name them.

use super::Scope;
use super::keys::{Entry, flag};
use crate::model::entity_type::UsersDefinition;
use crate::model::suppression::Suppressions;
use serde_json::{Map, Value};

/// What stands in for a record that will not be there.
const PASSED_OVER: u32 = flag::REJECTED | flag::WITHHELD | flag::SUPPRESSED;

/// Marks the keys that are read, not stored, and suppressed.
pub fn mark(scope: &mut Scope<'_>) {
    let Some(suppressions) = scope.suppressions.clone() else { return };
    let id = scope.id;
    let is_new = |entry: &&mut Entry| entry.has(flag::NEW);
    for entry in scope.keys.iter_mut().filter(is_new) {
        if suppressions.has_key(id, entry.key) {
            entry.set(PASSED_OVER);
        }
    }
}

/// Passes over a record that is about to be inserted; its row counts as suppressed.
pub fn pass_over(scope: &mut Scope<'_>, entry: u32) {
    scope.keys.get_mut(entry).set(PASSED_OVER);
    scope.counters.suppressed += 1;
}

/// Whether a user has a value that persons are correlated by, and that is suppressed.
pub fn is_known(suppressions: &Suppressions, users: Option<&UsersDefinition>, values: &Map<String, Value>) -> bool {
    let rules = users.into_iter().flat_map(|users| &users.correlate);
    rules.into_iter().any(|rule| match values.get(&rule.property) {
        Some(Value::String(text)) if !text.trim().is_empty() => suppressions.has_value(&rule.field, text),
        Some(Value::Number(number)) => suppressions.has_value(&rule.field, &number.to_string()),
        _ => false,
    })
}

/// Whether a reference leads to somebody who is suppressed. `read`: the digest of what it is read as, a key of the entity
/// type in `scope` or, where one is named, a value of that property.
pub fn is_target(scope: &Scope<'_>, property: Option<&str>, read: Option<u128>, text: &str) -> bool {
    let Some(suppressions) = &scope.suppressions else { return false };
    let is_theirs = |read| match property {
        Some(property) => suppressions.has_match(scope.id, property, read),
        None => suppressions.has_key(scope.id, read),
    };
    read.is_some_and(is_theirs) || suppressions.has_text(text)
}
