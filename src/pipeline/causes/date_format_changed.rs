//! A column whose dates are written in another way.

use super::case::{Case, Table};
use super::likeness::{date_styles, number_styles};
use super::{Found, percent, text};
use crate::model::profile::ColumnProfile;

/// What share of a column must be dates for it to be a column of dates.
const MOSTLY: f64 = 0.6;
/// What share of its values must be written in the new way.
const MANY: f64 = 0.3;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let columns = |table| used(case, table).into_iter().filter_map(move |column| of_column(case, table, &column));
    case.tables.iter().flat_map(columns).collect()
}

/// Columns that something reads and that matter in this case.
pub(super) fn used(case: &Case<'_>, table: &Table<'_>) -> Vec<String> {
    let matters = |column: &&String| case.impact(&table.now.source_table, column).is_none_or(|impact| impact >= 0.02);
    table.used.iter().filter(matters).cloned().collect()
}

fn of_column(case: &Case<'_>, table: &Table<'_>, column: &str) -> Option<Found> {
    let was = table.before?.profile.column(column)?;
    let is = table.now.profile.column(column)?;
    let style_before = date_styles(was).into_iter().next().filter(|style| style.1 >= MOSTLY)?.0;
    let styles = date_styles(is);
    let old_share =
        |styles: &[(String, f64)]| styles.iter().find(|style| style.0 == style_before).map_or(0.0, |style| style.1);
    let other = styles.iter().find(|style| style.0 != style_before).filter(|style| style.1 >= MANY);
    let days = number_styles(is).into_iter().next().filter(|style| style.1 >= MOSTLY);
    let (how, share) = match (other, days) {
        (Some((style, share)), _) => (format!("{} instead of {}", words(style), words(&style_before)), *share),
        (None, Some((_, share))) if old_share(&styles) < 0.1 => {
            (format!("numbers instead of {}", words(&style_before)), share)
        }
        _ if flipped(was, is) => ("day and month have changed places".to_owned(), 1.0),
        _ => return None,
    };
    let message = format!("the dates in column {column} of {} are written differently: {how}", table.now.source_file);
    let found = Found::new("date_format_changed", 0.8 + 0.15 * share, message)
        .at(&table.now.source_table, [column])
        .with("written_so_now", percent(share))
        .with("largest_parts_before", was.date_parts.to_vec())
        .with("largest_parts_now", is.date_parts.to_vec());
    Some(before_and_now(case, table, column, found))
}

/// Day and month: one part was never above 12 and is now, another was and is not.
fn flipped(was: &ColumnProfile, is: &ColumnProfile) -> bool {
    let month = |largest: u64| (1..=12).contains(&largest);
    let day = |largest: u64| (13..=31).contains(&largest);
    let changed = |part: usize| month(was.date_parts[part]) && day(is.date_parts[part]);
    let back = |part: usize| day(was.date_parts[part]) && month(is.date_parts[part]);
    (0..3).any(|part| changed(part) && (0..3).any(|other| other != part && back(other)))
}

/// The way dates are written; a profile does not tell which part is the month.
fn words(style: &str) -> String {
    style.replace('D', "##").replace('Y', "####").replace('M', "month").replace('T', " with a time")
}

/// Values of a column before and now: from changes, else from what was refused, else the shapes.
pub(super) fn before_and_now(case: &Case<'_>, table: &Table<'_>, column: &str, mut found: Found) -> Found {
    for scope in case.scopes.iter().filter(|scope| scope.table == table.now.source_table) {
        if let Some(rejects) = scope.rejects.iter().find(|rejects| rejects.column == column) {
            found = found.with("rejected", rejects.count);
            for value in &rejects.values {
                found = found.sample("", column, "", value.as_str());
            }
        }
        for (property, _) in scope.fields.iter().filter(|field| field.1 == column) {
            for one in scope.updates().filter(|one| one.after.contains_key(property)) {
                let value = |values: &serde_json::Map<String, serde_json::Value>| {
                    values.get(property).map(text).unwrap_or_default()
                };
                found = found.sample(&one.key, column, value(&one.before), value(&one.after));
            }
        }
    }
    if found.samples.is_empty() {
        let shape = |profile: &crate::model::profile::TableProfile| {
            profile.column(column).and_then(|one| one.shapes.first()).map(|one| one.0.clone()).unwrap_or_default()
        };
        let was = table.before.map(|before| shape(&before.profile)).unwrap_or_default();
        found = found.sample("", column, was, shape(&table.now.profile));
    }
    found
}
