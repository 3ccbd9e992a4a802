//! What the sample makes likely, and is worth counting over all changes.

use super::CANDIDATES;
use crate::model::guard::Operation;
use crate::pipeline::causes::case::Sample;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A value that many changes of the sample have.
pub(super) struct Candidate {
    pub(super) operation: Operation,
    pub(super) property: String,
    pub(super) before: bool,
    pub(super) value: Value,
}

/// Values that half of the sampled changes of an operation have; short ones, of other properties than the key.
pub(super) fn candidates(sample: &[Sample], key: &str) -> Vec<Candidate> {
    let mut counts: BTreeMap<(Operation, &str, bool, String), (u64, &Value)> = BTreeMap::new();
    let mut of: BTreeMap<Operation, u64> = BTreeMap::new();
    for one in sample {
        *of.entry(one.operation).or_default() += 1;
        for (values, before) in [(&one.before, true), (&one.after, false)] {
            for (property, value) in values.iter().filter(|(property, _)| *property != key) {
                let text = value.to_string();
                if text.len() <= 200 && !value.is_array() && !value.is_object() {
                    counts.entry((one.operation, property, before, text)).or_insert((0, value)).0 += 1;
                }
            }
        }
    }
    let half = |operation: &Operation, count: u64| count >= 3 && count * 2 >= of.get(operation).copied().unwrap_or(0);
    let mut frequent: Vec<_> = counts.into_iter().filter(|(key, (count, _))| half(&key.0, *count)).collect();
    frequent.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let candidate =
        |((operation, property, before, _), (_, value)): ((Operation, &str, bool, String), (u64, &Value))| Candidate {
            operation,
            property: property.to_owned(),
            before,
            value: value.clone(),
        };
    frequent.into_iter().take(CANDIDATES).map(candidate).collect()
}

/// Up to three properties whose values tell one resource from another.
pub(super) fn distinctive(sample: &[Sample], key: &str) -> Vec<String> {
    let mut values: BTreeMap<&str, (u64, BTreeSet<String>)> = BTreeMap::new();
    for one in sample.iter().filter(|one| one.operation == Operation::Delete) {
        for (property, value) in one.before.iter().filter(|(property, value)| *property != key && !value.is_null()) {
            let (count, distinct) = values.entry(property).or_default();
            *count += 1;
            distinct.insert(value.to_string());
        }
    }
    let mut rich: Vec<(f64, &str)> = values
        .into_iter()
        .filter(|(_, (count, _))| *count >= 3)
        .map(|(property, (_, distinct))| (distinct.len() as f64, property))
        .collect();
    rich.sort_by(|a, b| b.0.total_cmp(&a.0));
    rich.into_iter().take(3).map(|one| one.1.to_owned()).collect()
}
