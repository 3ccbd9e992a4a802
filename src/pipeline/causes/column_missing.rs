//! Columns that are gone: renamed, where another one holds what they held, or missing.

use super::case::{Case, Table};
use super::likeness::likeness;
use super::{Found, listed, percent};
use crate::values::text::closest;

pub(super) fn find(case: &Case<'_>) -> Vec<Found> {
    case.tables.iter().flat_map(of_table).collect()
}

fn of_table(table: &Table<'_>) -> Vec<Found> {
    let header = &table.now.header;
    let mut gone: Vec<String> = table.missing.clone();
    if let Some(before) = table.before {
        gone.extend(
            before.header.iter().filter(|name| !header.contains(name) && !table.missing.contains(name)).cloned(),
        );
    }
    let (file, name) = (&table.now.source_file, &table.now.source_table);
    if let ([only], true) = (header.as_slice(), gone.len() > 1)
        && gone.iter().all(|gone| only.contains(gone.as_str()))
    {
        let message = format!("{file} has a single column, {only:?}: what separates its columns has changed");
        let one = Found::new("column_missing", 0.97, message).at(name, gone);
        return vec![one.with("header_now", header.clone())];
    }
    if let Some(first) = without_header(table) {
        let message = format!("{file} has no header: where the names of its columns stood there is {first:?}");
        return vec![Found::new("column_missing", 0.96, message).at(name, gone).with("header_now", header.clone())];
    }
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for column in gone {
        match new_name(table, &column) {
            Some((new, confidence, alike)) => {
                let message = format!("column {column} of {file} is now called {new}");
                let mut one = Found::new("column_renamed", confidence, message).at(name, [column.clone(), new.clone()]);
                one = one.with("before", column).with("now", new);
                found.push(match alike {
                    Some(alike) => one.with("values_alike", percent(alike)),
                    None => one,
                });
            }
            None => missing.push(column),
        }
    }
    if !missing.is_empty() {
        let few = missing.len() <= 5;
        let names =
            if few { listed(&missing) } else { format!("{} and {} more", missing[..4].join(", "), missing.len() - 4) };
        let message = format!("{file} no longer has the column{} {names}", if missing.len() == 1 { "" } else { "s" });
        let one = Found::new("column_missing", 0.95, message).at(name, missing);
        found.push(one.with("header_now", header.clone()));
    }
    found
}

/// The first name of a header that has as many names as it had, and none that is like the one in its place: a row.
fn without_header<'t>(table: &'t Table<'_>) -> Option<&'t String> {
    let (before, now) = (&table.before?.header, &table.now.header);
    let plain = |name: &str| name.to_lowercase().replace(['_', ' ', '-'], "");
    let is_other = before.len() == now.len()
        && before.len() > 2
        && now.iter().zip(before).all(|(now, before)| {
            let (now, before) = (plain(now), plain(before));
            !now.contains(&before) && !before.contains(&now) || now.is_empty()
        });
    if is_other { now.first() } else { None }
}

/// The column that took the place of one that is gone: by what it holds, else by its name. Returns how sure that is,
/// and how alike the values are.
fn new_name(table: &Table<'_>, gone: &str) -> Option<(String, f64, Option<f64>)> {
    let known = |name: &String| table.before.is_some_and(|before| before.header.contains(name));
    let new: Vec<&String> = table
        .now
        .header
        .iter()
        .filter(|name| !known(name) && (table.before.is_some() || !table.used.contains(*name)))
        .collect();
    let held = table.before.and_then(|before| Some((before.profile.column(gone)?, &before.profile)));
    if let Some(held) = held {
        let alike = |name: &String| Some(likeness(held, (table.now.profile.column(name)?, &table.now.profile)));
        let best = new.iter().filter_map(|name| Some((*name, alike(name)?))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((name, alike)) = best.filter(|best| best.1 >= 0.5) {
            return Some((name.clone(), 0.8 + 0.19 * alike, Some(alike)));
        }
    }
    // Its values may have changed as well, or were never seen.
    let named = closest(gone, new.iter().map(|name| name.as_str())).first().map(|name| (*name).to_owned());
    let in_place = table.before.and_then(|before| {
        let position = before.header.iter().position(|name| name == gone)?;
        let there = table.now.header.get(position).filter(|name| new.contains(name))?;
        (before.header.len() == table.now.header.len()).then(|| there.clone())
    });
    match (named, in_place) {
        (Some(named), Some(in_place)) if named == in_place => Some((named, 0.9, None)),
        (Some(named), _) => Some((named, 0.8, None)),
        (None, _) => None,
    }
}
