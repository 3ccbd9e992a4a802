//! A table that ends too early.

use super::case::Case;
use super::{Found, percent};

/// What share of the rows must be gone.
const LOST: f64 = 0.08;
/// Fewer deletes than this have no place in the table.
const FEW: u64 = 5;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for table in &case.tables {
        let Some(before) = table.before.filter(|before| before.rows > table.now.rows && table.now.rows > 0) else {
            continue;
        };
        let lost = 1.0 - table.now.rows as f64 / before.rows as f64;
        let scope = case.scopes.iter().find(|scope| scope.table == table.now.source_table);
        let tail = scope.filter(|scope| scope.deleted >= FEW).and_then(|scope| scope.tail);
        let confidence = match tail {
            _ if lost < LOST => continue,
            Some(tail) if tail >= 0.75 => 0.5 + 0.43 * tail,
            // All of it is lost by leaving out, not by cutting off.
            Some(_) => continue,
            // Where no line is known, a large loss is all there is to see.
            None if scope.is_none() && lost >= 0.25 => 0.55 + 0.3 * lost,
            None => continue,
        };
        let file = &table.now.source_file;
        let message = match tail {
            Some(tail) => format!(
                "{file} seems to be cut off: {} rows instead of {}, and {} of what is missing stood at its end",
                table.now.rows,
                before.rows,
                percent(tail)
            ),
            None => format!("{file} seems to be incomplete: {} rows instead of {}", table.now.rows, before.rows),
        };
        let one = Found::new("truncated_source", confidence, message).at(&table.now.source_table, Vec::<String>::new());
        let one = one.with("rows_before", before.rows).with("rows_now", table.now.rows);
        found.push(match tail {
            Some(tail) => one.with("missing_from_the_end", percent(tail)),
            None => one,
        });
    }
    found
}
