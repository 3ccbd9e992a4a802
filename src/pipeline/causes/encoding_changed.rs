//! Letters beyond ASCII that are no longer what they were.

use super::case::{Case, Table};
use super::{Found, percent, text};
use crate::values::text::remove_diacritics;

/// Fewer values than this are no pattern.
const FEW: usize = 3;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    case.tables.iter().filter_map(|table| of_table(case, table)).collect()
}

fn of_table(case: &Case<'_>, table: &Table<'_>) -> Option<Found> {
    let (share, samples, looked_at, columns) = by_changes(case, table);
    let (garbled, foreign) = by_profiles(table);
    let of_profiles = if foreign == 0 { 0.0 } else { (garbled as f64 / foreign as f64).min(1.0) };
    let changed = share >= 0.6 && samples.len() >= FEW;
    let seen = of_profiles >= 0.3 && garbled >= 3;
    if !changed && !seen {
        return None;
    }
    let confidence = match (changed, seen) {
        (true, true) => 0.97,
        (true, false) => 0.65 + 0.3 * share,
        (false, true) => 0.6 + 0.33 * of_profiles,
        (false, false) => 0.0,
    };
    let message = format!(
        "letters with accents and of other scripts in {} are not what they were: it was written or is read in another encoding",
        table.now.source_file
    );
    let mut found = Found::new("encoding_changed", confidence, message).at(&table.now.source_table, columns);
    if looked_at > 0 {
        found = found.with("updates_looked_at", looked_at).with("only_such_letters_differ", percent(share));
    }
    found = found.with("values_with_such_letters_before", foreign).with("garbled_now", garbled);
    for (key, column, before, now) in samples {
        found = found.sample(&key, &column, before, now);
    }
    Some(found)
}

/// Values that look garbled and did not, and question marks where letters were; and values that had such letters.
fn by_profiles(table: &Table<'_>) -> (u64, u64) {
    let Some(before) = table.before else { return (0, 0) };
    let (was, is) = (&before.profile, &table.now.profile);
    let scale = was.sampled as f64 / is.sampled.max(1) as f64;
    let (mut garbled, mut foreign) = (0, 0);
    for column in was.columns.iter().filter(|column| table.used.contains(&column.name)) {
        let Some(now) = is.column(&column.name) else { continue };
        let more = |now: u64, before: u64| ((now as f64 * scale).round() as u64).saturating_sub(before);
        let lost = column.foreign.saturating_sub((now.foreign as f64 * scale).round() as u64);
        foreign += column.foreign;
        garbled += more(now.garbled, column.garbled) + more(now.questioned, column.questioned).min(lost);
    }
    (garbled, foreign)
}

type Pair = (String, String, String, String);

/// Of the updates, how many differ in nothing but letters beyond ASCII; some of them; how many there were; and where.
fn by_changes(case: &Case<'_>, table: &Table<'_>) -> (f64, Vec<Pair>, usize, Vec<String>) {
    let (mut samples, mut all) = (Vec::new(), 0);
    let mut columns: Vec<String> = Vec::new();
    let mut count = 0;
    for scope in case.scopes.iter().filter(|scope| scope.table == table.now.source_table) {
        for one in scope.updates() {
            all += 1;
            let mut only = !one.after.is_empty();
            for (property, now) in &one.after {
                let (before, now) = (one.before.get(property).map(text).unwrap_or_default(), text(now));
                if !differ_in_letters(&before, &now) {
                    only = false;
                    continue;
                }
                let column = scope.column_of(property);
                if !columns.iter().any(|known| known == column) {
                    columns.push(column.to_owned());
                }
                samples.push((one.key.clone(), column.to_owned(), before, now));
            }
            count += usize::from(only);
        }
    }
    (if all == 0 { 0.0 } else { count as f64 / all as f64 }, samples, all, columns)
}

/// Whether two texts differ, but not in their ASCII letters and digits, or only in diacritics.
fn differ_in_letters(before: &str, now: &str) -> bool {
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let nothing_to_tell = before.is_empty() || now.is_empty() || (before.is_ascii() && now.is_ascii());
    let differ = before != now && !nothing_to_tell;
    let folded = || remove_diacritics(before) == remove_diacritics(now);
    // Another script altogether would be a transliteration, or another person.
    let same_rest =
        plain(before) == plain(now) && (!plain(before).is_empty() || now.contains(['?', '\u{fffd}']) || garbled(now));
    differ && (same_rest || folded())
}

fn garbled(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c, '\u{80}'..='\u{17f}' | '\u{2010}'..='\u{2122}' | '\u{2c6}' | '\u{2dc}') || c.is_ascii_punctuation()
    })
}
