//! A column whose numbers are written in another way: decimal comma, thousands apart, leading zeros lost.

use super::case::{Case, Scope, Table};
use super::date_format_changed::{before_and_now, used};
use super::likeness::number_styles;
use super::{Found, percent, text};

/// What share of a column must be numbers for it to be a column of numbers.
const MOSTLY: f64 = 0.6;
/// What share of its values must be written in the new way.
const MANY: f64 = 0.25;
/// Fewer values than this are no pattern.
const FEW: usize = 3;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let columns = |table| {
        used(case, table)
            .into_iter()
            .filter_map(move |column| by_profile(case, table, &column).or_else(|| by_changes(case, table, &column)))
    };
    case.tables.iter().flat_map(columns).collect()
}

fn by_profile(case: &Case<'_>, table: &Table<'_>, column: &str) -> Option<Found> {
    let was = number_styles(table.before?.profile.column(column)?);
    let is = number_styles(table.now.profile.column(column)?);
    let numbers = |styles: &[(String, f64)]| styles.iter().map(|style| style.1).sum::<f64>();
    if numbers(&was) < MOSTLY || numbers(&is) < MOSTLY {
        return None;
    }
    let share = |styles: &[(String, f64)], wanted: &str| {
        styles.iter().find(|style| style.0 == wanted).map_or(0.0, |style| style.1)
    };
    let new = is.iter().find(|style| style.1 >= MANY && share(&was, &style.0) < 0.05)?;
    let old = was.iter().find(|style| style.1 >= MANY && share(&is, &style.0) < style.1 / 4.0)?;
    let message = format!(
        "the numbers in column {column} of {} are written differently: {} instead of {}",
        table.now.source_file,
        words(&new.0),
        words(&old.0)
    );
    let found = Found::new("number_format_changed", 0.8 + 0.15 * new.1, message)
        .at(&table.now.source_table, [column])
        .with("written_so_now", percent(new.1));
    Some(before_and_now(case, table, column, found))
}

fn words(style: &str) -> String {
    match style {
        "" => "digits alone".to_owned(),
        "." => "with a decimal point".to_owned(),
        "," => "with a decimal comma".to_owned(),
        style if style.contains('e') => "with an exponent".to_owned(),
        style if style.contains('\u{2009}') => format!("with {:?} between thousands", &style[..1]),
        style => format!("as {:?}", if style.ends_with(',') { "1.234,5" } else { "1,234.5" }),
    }
}

/// Updates whose value is the same number.
fn by_changes(case: &Case<'_>, table: &Table<'_>, column: &str) -> Option<Found> {
    let scopes = case.scopes.iter().filter(|scope| scope.table == table.now.source_table);
    let (mut same, mut all) = (0, 0);
    for scope in scopes.filter(|scope| scope.updated > 0) {
        (same, all) = same_numbers(scope, column, (same, all));
    }
    let share = same as f64 / f64::max(all as f64, 1.0);
    if same < FEW || share < 0.6 {
        return None;
    }
    let message = format!(
        "the numbers in column {column} of {} are the same, but written differently, in {same} of {all} updates looked at",
        table.now.source_file
    );
    let found = Found::new("number_format_changed", 0.7 + 0.2 * share, message)
        .at(&table.now.source_table, [column])
        .with("updates_looked_at", all)
        .with("same_number", same);
    Some(before_and_now(case, table, column, found))
}

fn same_numbers(scope: &Scope, column: &str, (mut same, mut all): (usize, usize)) -> (usize, usize) {
    for (property, _) in scope.fields.iter().filter(|field| field.1 == column) {
        for one in scope.updates() {
            all += 1;
            let (Some(now), Some(before)) = (one.after.get(property), one.before.get(property)) else { continue };
            let (before, now) = (text(before), text(now));
            same += usize::from(before != now && digits(&before).is_some_and(|number| digits(&now) == Some(number)));
        }
    }
    (same, all)
}

/// The digits of a number, without what may be written or not: zeros at both ends, separators.
fn digits(text: &str) -> Option<String> {
    let is_number =
        text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '’' | ' ' | '-' | '\u{a0}'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0').trim_end_matches('0');
    (is_number && !digits.is_empty()).then(|| digits.to_owned())
}
