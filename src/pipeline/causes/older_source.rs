//! A file that was applied before the last one: yesterday's feed, a backup, a stuck copy.

use super::case::Case;
use super::{Found, percent};

/// Fewer changes than this go back to an earlier state by chance.
const FEW: u64 = 5;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for table in &case.tables {
        let Some(older) = &table.older else { continue };
        let at = older.at.format("%Y-%m-%d %H:%M UTC");
        let message = format!(
            "{} is, byte for byte, what run {} read on {at}: an older file was delivered again",
            table.now.source_file, older.run
        );
        let one = Found::new("older_source", 0.98, message).at(&table.now.source_table, Vec::<String>::new());
        found.push(
            one.with("same_as_run", older.run).with("read_at", at.to_string()).with("sha256", table.now.sha256.clone()),
        );
    }
    for scope in &case.scopes {
        let Some((returned, of)) = scope.returned.filter(|(_, of)| *of >= FEW) else { continue };
        let share = returned as f64 / of as f64;
        if share < 0.7 {
            continue;
        }
        let message = format!(
            "{} of the changes of {} take back what later runs had applied: the source seems to be an older one",
            percent(share),
            scope.name
        );
        let one = Found::new("older_source", 0.55 + 0.35 * share, message).at(&scope.table, Vec::<String>::new());
        found.push(one.with("changes_looked_at", of).with("taken_back", returned));
    }
    found
}
