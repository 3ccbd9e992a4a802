//! A table without rows, or with rows that say nothing.

use super::case::Case;
use super::{Found, percent};

/// A table that had fewer rows may well be empty.
const FEW: u64 = 2;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for table in &case.tables {
        let Some(before) = table.before.filter(|before| before.rows >= FEW) else { continue };
        let (name, file) = (&table.now.source_table, &table.now.source_file);
        if table.now.rows == 0 {
            let message = format!("{file} has no rows; it had {} when it was last applied", before.rows);
            let one = Found::new("blank_source", 0.99, message).at(name, Vec::<String>::new());
            found.push(one.with("rows_before", before.rows).with("rows_now", 0));
            continue;
        }
        let emptiness = |file: &crate::model::extraction::ExtractionFile| {
            let columns = file.profile.columns.iter().filter(|column| table.used.contains(&column.name));
            let shares: Vec<f64> = columns.map(|column| column.empty_share(file.profile.rows)).collect();
            if shares.is_empty() { 0.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
        };
        let (was, is) = (emptiness(before), emptiness(table.now));
        if is > 0.9 && was < 0.6 {
            let message = format!("{file} has {} rows, but next to no values in them", table.now.rows);
            let one = Found::new("blank_source", 0.97, message).at(name, Vec::<String>::new());
            found.push(one.with("empty_before", percent(was)).with("empty_now", percent(is)));
        }
    }
    found
}
