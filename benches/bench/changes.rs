//! The changes of a quiet day, for an incremental run: a thousand users at most, spread over all, get another title.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::feed::Outcome;

/// The folder beside those of the days.
pub const FOLDER: &str = "changes";

/// How many change.
fn changed(users: u64) -> u64 {
    (users / 10).min(1_000)
}

/// Writes the file of changes, from the rows of day 2.
pub fn write(feed: &Path, users: u64) -> Result<()> {
    fs::create_dir_all(feed.join(FOLDER))?;
    let mut day = csv::Reader::from_path(feed.join("day2/users.csv"))?;
    let header = day.headers()?.clone();
    let column = |name: &str| {
        header.iter().position(|column| column == name).with_context(|| format!("users.csv has no column {name}"))
    };
    let (key, title, dates) = (column("employeeId")?, column("title")?, [column("hireDate")?, column("endDate")?]);
    let mut changes = csv::Writer::from_path(feed.join(FOLDER).join("users-changes-0001.csv"))?;
    changes.write_record(["command"].into_iter().chain(&header))?;
    let (changed, mut next, mut written) = (changed(users), 0, 0);
    // Within the first nine tenths, so that there are enough when some have left.
    let step = users / changed * 9 / 10;
    for row in day.records() {
        let row = row?;
        // Users of day 1 stand in their order; who is new, comes twice or has a date that is none is left alone.
        let number = row.get(key).and_then(|key| key.strip_prefix('E')?.parse::<u64>().ok());
        let Some(number) = number.filter(|number| (next..users).contains(number)) else { continue };
        let is_date = |&column: &usize| row[column].is_empty() || row[column].parse::<chrono::NaiveDate>().is_ok();
        if written == changed || !dates.iter().all(is_date) {
            continue;
        }
        let value = |(column, value)| if column == title { "Keeper of the Yardstick" } else { value };
        changes.write_record(["update"].into_iter().chain(row.iter().enumerate().map(value)))?;
        written += 1;
        next = number + step;
    }
    changes.flush()?;
    Ok(())
}

/// What an incremental run over it does.
pub fn expected(users: u64) -> Outcome {
    let changed = changed(users);
    let counters =
        |counters: &[(&str, u64)]| counters.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    Outcome {
        entity_types: BTreeMap::from([("user".to_owned(), counters(&[("updated", changed), ("rejected", 0)]))]),
        persons: counters(&[("updated", changed)]),
        ..Outcome::default()
    }
}
