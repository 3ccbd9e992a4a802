//! Our own edit: the connector's document, or the settings, since the last applied run.

use super::case::{Case, Edit, Scope};
use super::{Found, percent};

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    // Where no table reads differently, nothing but an edit can have made a difference.
    let same_source = !case.tables.is_empty()
        && case.tables.iter().all(|table| table.before.is_some_and(|before| before.sha256 == table.now.sha256));
    case.edits.iter().filter_map(|edit| of_edit(case, edit, same_source)).collect()
}

fn of_edit(case: &Case<'_>, edit: &Edit, same_source: bool) -> Option<Found> {
    let of_persons = if edit.persons { of_persons(case) } else { 0.0 };
    let share = explained(case, edit).max(of_persons);
    let confidence = match (same_source, edit.source) {
        _ if edit.touches.is_empty() && !edit.source && of_persons == 0.0 => return None,
        (true, _) => 1.0,
        (false, true) => 0.8,
        (false, false) => 0.45 + 0.54 * share,
    };
    let by = edit.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let what = if edit.what == "settings" { "the settings were" } else { "the connector's configuration was" };
    let at = edit.at.format("%Y-%m-%d %H:%M UTC");
    let why = match same_source {
        true => "the source is the same as in the last applied run, so all of this comes from the edit".to_owned(),
        false => format!("{} of the changes are in what was edited", percent(share)),
    };
    let message = format!("{what} edited on {at}{by} (version {} → {}), and {why}", edit.from, edit.to);
    let mut found = Found::new("configuration_changed", confidence, message)
        .with("edited_at", at.to_string())
        .with("version_before", edit.from)
        .with("version_now", edit.to)
        .with("same_source", same_source);
    if let Some(by) = &edit.by {
        found = found.with("edited_by", by.clone());
    }
    if !edit.lines.is_empty() {
        found = found.with("new_lines", edit.lines.clone());
    }
    Some(found)
}

/// The share of changes and rejects in what an edit touches.
fn explained(case: &Case<'_>, edit: &Edit) -> f64 {
    let of_scope = |scope: &Scope| -> f64 {
        let touches: Vec<&Option<String>> =
            edit.touches.iter().filter(|one| one.0 == scope.name).map(|one| &one.1).collect();
        if touches.contains(&&None) {
            return scope.touched() as f64;
        }
        let share = touches.iter().filter_map(|one| one.as_deref()).map(|property| scope.share_of_updates(property));
        let columns = touches.iter().filter_map(|one| one.as_deref()).map(|property| scope.column_of(property));
        let rejects: u64 = columns
            .map(|column| scope.rejects.iter().filter(|one| one.column == column).map(|one| one.count).sum::<u64>())
            .sum();
        share.fold(0.0, f64::max) * scope.updated as f64 + rejects.min(scope.rejected) as f64
    };
    let of_association = |name: &str| edit.touches.iter().any(|one| one.0 == name);
    let links: u64 = case.associations.iter().map(|one| one.touched).sum();
    let edited_links: u64 =
        case.associations.iter().filter(|one| of_association(&one.name)).map(|one| one.touched).sum();
    let all = case.scopes.iter().map(Scope::touched).sum::<u64>() + links;
    let part = case.scopes.iter().map(of_scope).sum::<f64>() + edited_links as f64;
    if all == 0 { 0.0 } else { part / all as f64 }
}

/// Settings say whose value a profile has: no resource changes, and yet persons do.
fn of_persons(case: &Case<'_>) -> f64 {
    let updated: u64 = case.scopes.iter().map(|scope| scope.inserted + scope.updated).sum();
    if case.persons_updated == 0 { 0.0 } else { 1.0 - (updated as f64 / case.persons_updated as f64).min(1.0) }
}
