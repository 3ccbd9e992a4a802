//! The same records under other keys: renumbered, in another case, without their leading zeros.

use super::case::{Case, Scope};
use super::likeness::shared;
use super::{Found, percent};

/// Fewer pairs than this are no pattern: people do come and go.
const FEW: u64 = 3;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    case.scopes.iter().filter_map(|scope| by_matches(scope).or_else(|| by_profiles(case, scope))).collect()
}

/// Resources that go and resources that come have the same values.
fn by_matches(scope: &Scope) -> Option<Found> {
    let best = scope.matches.iter().max_by_key(|one| one.matched)?;
    let share = best.matched as f64 / best.of.max(1) as f64;
    if best.matched < FEW || share < 0.6 {
        return None;
    }
    let how = how(&best.keys);
    let message = format!(
        "{} of {} {} that would be deleted come back under another key with the same {}{}",
        best.matched,
        scope.deleted,
        scope.name,
        scope.column_of(&best.property),
        how.map(|how| format!(": the keys {how}")).unwrap_or_default()
    );
    let column = scope.key_column.clone().unwrap_or_default();
    // A few joiners that share a department with a few leavers explain nothing of a thousand updates.
    let changes = (scope.inserted + scope.updated + scope.deleted).max(1);
    let part = (scope.inserted + scope.deleted) as f64 / changes as f64;
    let mut found = Found::new("keys_changed", (0.6 + 0.35 * share) * (0.4 + 0.6 * part), message)
        .at(&scope.table, scope.key_column.clone())
        .with("deleted", scope.deleted)
        .with("inserted", scope.inserted)
        .with("same_values_under_another_key", best.matched);
    for (before, now) in &best.keys {
        found = found.sample("", &column, before.as_str(), now.as_str());
    }
    Some(found)
}

/// What the keys have in common, in words.
fn how(keys: &[(String, String)]) -> Option<&'static str> {
    let all = |alike: fn(&str, &str) -> bool| !keys.is_empty() && keys.iter().all(|(before, now)| alike(before, now));
    let zeros = |key: &str| key.trim_start_matches('0').to_owned();
    match () {
        () if all(|before, now| before.to_lowercase() == now.to_lowercase()) => Some("are written in another case"),
        () if keys.iter().all(|(before, now)| zeros(before) == zeros(now)) && !keys.is_empty() => {
            Some("have other leading zeros")
        }
        () if all(|before, now| now.ends_with(before) || now.starts_with(before)) => Some("got something added"),
        () if all(|before, now| before.ends_with(now) || before.starts_with(now)) => Some("lost a part"),
        () => None,
    }
}

/// The column of the keys has other values, while the others have theirs.
fn by_profiles(case: &Case<'_>, scope: &Scope) -> Option<Found> {
    let table = case.table(&scope.table)?;
    let before = table.before?;
    let column = scope.key_column.as_ref()?;
    let (was, is) = (before.profile.column(column)?, table.now.profile.column(column)?);
    let filled = is.empty_share(table.now.profile.rows) < 0.5 && table.now.rows >= FEW;
    if !filled || shared(was, is) > 0.2 || case.impact(&scope.table, column).is_some_and(|impact| impact < 0.3) {
        return None;
    }
    let others: Vec<f64> = before
        .profile
        .columns
        .iter()
        .filter(|other| other.name != *column && other.distinct >= 10)
        .filter_map(|other| Some(shared(other, table.now.profile.column(&other.name)?)))
        .collect();
    let kept = others.iter().filter(|share| **share >= 0.7).count();
    if kept == 0 || kept * 2 < others.len() {
        return None;
    }
    let shape = |column: &crate::model::profile::ColumnProfile| {
        column.shapes.first().map(|one| one.0.clone()).unwrap_or_default()
    };
    let message = format!(
        "the keys in column {column} of {} are others than before, while other columns hold what they held",
        table.now.source_file
    );
    let found = Found::new("keys_changed", 0.8, message)
        .at(&scope.table, [column.clone()])
        .with("keys_kept", percent(shared(was, is)))
        .with("columns_kept", kept)
        .with("deleted", scope.deleted)
        .with("inserted", scope.inserted);
    Some(found.sample("", column, shape(was), shape(is)))
}
