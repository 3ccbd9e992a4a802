//! Records whose insert or update is left out.

use super::{Accepted, Stored, differing};
use crate::model::guard::Operation;
use crate::pipeline::difference::keys::flag;
use crate::pipeline::difference::scan::key_digest;
use crate::pipeline::difference::{Scope, Work};
use serde_json::Value;
use std::collections::HashMap;

/// Leaves the insert of a new record out if somebody wants it so. It counts as one that will not be there.
pub(super) fn insert(work: &mut Work<'_>, scope: &mut Scope<'_>, accepted: &Accepted) -> bool {
    let key = scope.keys.get(accepted.slot).key;
    let now = || {
        let mut json = Vec::new();
        accepted.record.write_json(&scope.mapper, &mut json);
        serde_json::from_slice(&json).ok()
    };
    let withheld = work.withholding.withholds(scope.id, Operation::Insert, key, now);
    if withheld {
        scope.keys.get_mut(accepted.slot).set(flag::REJECTED | flag::WITHHELD);
        note_values(scope, accepted);
        scope.counters.withheld += 1;
    }
    withheld
}

/// Leaves the update of a stored record out if somebody wants it so. Its links are worked out nevertheless.
pub(super) fn update(
    work: &mut Work<'_>,
    scope: &mut Scope<'_>,
    accepted: &Accepted,
    stored: &HashMap<i64, Stored>,
) -> bool {
    let entry = scope.keys.get(accepted.slot);
    let Some(row) = stored.get(&entry.id) else { return false };
    let after = || Some(Value::Object(differing(&row.attributes, &accepted.record.to_map(&scope.mapper)).1));
    let withheld = work.withholding.withholds(scope.id, Operation::Update, entry.key, after);
    if withheld {
        scope.keys.get_mut(accepted.slot).set(flag::LINKS | flag::OPEN | flag::WITHHELD);
        note_values(scope, accepted);
        scope.counters.withheld += 1;
    }
    withheld
}

/// Notes the unique values that a record would hold if it were not left out.
fn note_values(scope: &mut Scope<'_>, accepted: &Accepted) {
    let unique =
        scope.definition.properties.iter().zip(&accepted.record.values).filter(|(property, _)| property.unique);
    let texts = unique.filter_map(|(_, value)| match value {
        Value::Null => None,
        Value::String(text) => Some(key_digest(text)),
        other => Some(key_digest(&other.to_string())),
    });
    let texts: Vec<u128> = texts.collect();
    scope.withheld_values.extend(texts);
}
