//! Columns that hold one another's values.

use super::case::{Case, Scope, Table};
use super::likeness::likeness;
use super::{Found, listed, percent, text};
use std::collections::BTreeMap;

/// How alike the values of another column must be …
const ALIKE: f64 = 0.6;
/// … and how much more than those of the column itself.
const MARGIN: f64 = 0.25;
/// Fewer changed rows than this are no pattern.
const FEW: usize = 5;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let of_profiles = case.tables.iter().filter_map(|table| by_profiles(case, table));
    let of_changes = case.scopes.iter().filter_map(by_changes);
    of_changes.chain(of_profiles).collect()
}

/// Every column whose values now stand in another one: at least two that changed places.
fn by_profiles(case: &Case<'_>, table: &Table<'_>) -> Option<Found> {
    let before = table.before?;
    let (was, is) = (&before.profile, &table.now.profile);
    let mut moved: Vec<(String, String, f64)> = Vec::new();
    for now in &is.columns {
        let Some(own) = was.column(&now.name) else { continue };
        let kept = likeness((own, was), (now, is));
        let best = was
            .columns
            .iter()
            .filter(|other| other.name != now.name && table.now.header.contains(&other.name))
            .map(|other| (other, likeness((other, was), (now, is))))
            .max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((other, alike)) = best.filter(|best| best.1 >= ALIKE && best.1 - kept >= MARGIN) {
            moved.push((now.name.clone(), other.name.clone(), alike));
        }
    }
    // A column that merely became a copy of another has not changed places with it.
    let gives = |name: &String| moved.iter().any(|one| one.1 == *name);
    let in_place: Vec<&(String, String, f64)> = moved.iter().filter(|one| gives(&one.0)).collect();
    let touches = in_place.iter().any(|one| table.used.contains(&one.0));
    if in_place.len() < 2 || !touches {
        return None;
    }
    let impact = in_place.iter().filter_map(|one| case.impact(&table.now.source_table, &one.0)).reduce(f64::max);
    if impact.is_some_and(|impact| impact < 0.02) {
        return None;
    }
    let alike = in_place.iter().map(|one| one.2).fold(1.0, f64::min);
    let names: Vec<String> = in_place.iter().map(|one| one.0.clone()).collect();
    let message = format!("in {}, {} hold one another's values", table.now.source_file, listed(&names));
    let mut found = Found::new("columns_swapped", 0.85 + 0.12 * alike, message).at(&table.now.source_table, names);
    for (now, other, alike) in in_place {
        found = found.with(&format!("{now} now holds what {other} held"), percent(*alike));
        let shape = |profile: &crate::model::profile::TableProfile| {
            profile.column(now).and_then(|column| column.shapes.first()).map(|one| one.0.clone()).unwrap_or_default()
        };
        found = found.sample("", now, shape(was), shape(is));
    }
    found = with_rejects(case, table, found);
    Some(with_samples(case, table, found))
}

fn with_rejects(case: &Case<'_>, table: &Table<'_>, mut found: Found) -> Found {
    for scope in case.scopes.iter().filter(|scope| scope.table == table.now.source_table) {
        for rejects in &scope.rejects {
            if !found.columns.contains(&rejects.column) {
                continue;
            }
            let name = format!("{} rejected ({})", rejects.column, rejects.code);
            found = found.with(&name, rejects.count);
        }
    }
    found
}

/// Real values before and now tell more than shapes.
fn with_samples(case: &Case<'_>, table: &Table<'_>, mut found: Found) -> Found {
    let mut samples = Vec::new();
    for scope in case.scopes.iter().filter(|scope| scope.table == table.now.source_table) {
        for one in scope.updates() {
            for (property, column) in scope.fields.iter().filter(|field| found.columns.contains(&field.1)) {
                if let Some(now) = one.after.get(property) {
                    samples.push((
                        one.key.clone(),
                        column.clone(),
                        text(one.before.get(property).unwrap_or(now)),
                        text(now),
                    ));
                }
            }
        }
    }
    if !samples.is_empty() {
        found.samples.clear();
    }
    for (key, column, before, now) in samples {
        found = found.sample(&key, &column, before, now);
    }
    found
}

/// Updates in which two properties take one another's value.
fn by_changes(scope: &Scope) -> Option<Found> {
    let mut pairs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut all = 0;
    for one in scope.updates() {
        all += 1;
        for (a, now) in &one.after {
            for (b, other) in one.after.iter().filter(|(b, _)| *b > a) {
                let was = |name: &String| one.before.get(name).map(text).unwrap_or_default();
                if text(now) == was(b) && text(other) == was(a) && text(now) != text(other) {
                    *pairs.entry((a, b)).or_default() += 1;
                }
            }
        }
    }
    let ((a, b), count) = pairs.into_iter().max_by_key(|pair| pair.1)?;
    let share = count as f64 / all as f64;
    if count < FEW || share < 0.5 {
        return None;
    }
    let (column_a, column_b) = (scope.column_of(a), scope.column_of(b));
    let message = format!("{column_a} and {column_b} hold one another's values, in {count} of {all} updates looked at");
    let mut found = Found::new("columns_swapped", 0.86 + 0.12 * share, message).at(&scope.table, [column_a, column_b]);
    found = found.with("updates_looked_at", all).with("exchanged", count);
    for one in scope.updates().filter(|one| one.after.contains_key(a) && one.after.contains_key(b)) {
        for (property, column) in [(a, column_a), (b, column_b)] {
            let value = |values: &serde_json::Map<String, serde_json::Value>| {
                values.get(property).map(text).unwrap_or_default()
            };
            found = found.sample(&one.key, column, value(&one.before), value(&one.after));
        }
    }
    Some(found)
}
