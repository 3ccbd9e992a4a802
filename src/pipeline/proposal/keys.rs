//! What tells the rows of a table apart.

use super::facts::{ColumnFacts, TableFacts};
use super::{figure, names};

/// The longest value of a key, in bytes; indexes take no more than some thousand.
const LONGEST: u64 = 500;
/// Of a hundred rows, so many at least have a value of their own, where no column is perfect.
const NEARLY: u64 = 95;

/// The key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Its column; `None`: no column tells rows apart, all together do.
    pub(super) column: Option<usize>,
    /// Whether it does so without an exception.
    pub(super) is_perfect: bool,
    /// Why.
    pub(super) evidence: String,
}

/// The key of a table.
pub(super) fn of(table: &TableFacts) -> Key {
    let likeness =
        |at: usize, column: &ColumnFacts| names::key_likeness(&column.name, &table.name) + if at == 0 { 5 } else { 0 };
    let columns = || table.columns.iter().enumerate().filter(|(_, one)| one.several == 0 && one.longest <= LONGEST);
    let best = |fits: &dyn Fn(&ColumnFacts) -> bool, least: u32| {
        let mut best: Option<(u32, usize)> = None;
        for (at, column) in columns().filter(|(_, column)| fits(column)) {
            let likeness = likeness(at, column);
            if likeness >= least && best.is_none_or(|(known, _)| likeness > known) {
                best = Some((likeness, at));
            }
        }
        best.map(|(_, at)| at)
    };
    if table.rows == 0 {
        let column = best(&|_| true, 0);
        return Key { column, is_perfect: false, evidence: "by its name alone: there are no rows".to_owned() };
    }
    let perfect = |column: &ColumnFacts| column.filled == table.rows && column.distinct == table.rows;
    if let Some(at) = best(&perfect, 0) {
        let others: Vec<&str> =
            columns().filter(|(other, one)| *other != at && perfect(one)).map(|(_, one)| one.name.as_str()).collect();
        let others = match others.is_empty() {
            true => String::new(),
            false => format!("; so would be {}", others.join(", ")),
        };
        let evidence = format!("unique and never empty in {} rows{others}", figure(table.rows));
        return Key { column: Some(at), is_perfect: true, evidence };
    }
    let nearly = |column: &ColumnFacts| {
        column.filled * 100 >= table.rows * NEARLY && column.distinct * 100 >= column.filled * NEARLY
    };
    if let Some((at, column)) = best(&nearly, 70).and_then(|at| Some((at, table.columns.get(at)?))) {
        let evidence = format!(
            "no column is perfect; this one has {} different values in {} rows, {} of them empty: the others will be problems",
            figure(column.distinct),
            figure(table.rows),
            figure(table.rows - column.filled)
        );
        return Key { column: Some(at), is_perfect: false, evidence };
    }
    let evidence = "no column tells rows apart, so all of them together do; better choose one".to_owned();
    Key { column: None, is_perfect: false, evidence }
}
