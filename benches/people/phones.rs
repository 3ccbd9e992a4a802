//! A second source of a few columns for the same people: a telephone directory that knows a number of each.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::print_recomputed;
use crate::support::muster::Muster;

/// How many get another number.
const CHANGED: u64 = 1_000;

const DOCUMENT: &str = r#"
name = "phones"
display_name = "Telephone directory"

[thresholds]
maximum_inserted_lines = 100000000
maximum_updated_lines = 100000000
maximum_deleted_lines = 100000000
max_percentage_inserted_lines = 0
max_percentage_updated_lines = 0
max_percentage_deleted_lines = 0

[guards]
first_run = false
volume_percentage = 0

[[connection]]
name = "directory"
kind = "files"
folder = "phones"

[[connection.table]]
name = "numbers"
file = "numbers.csv"

[[entity_type]]
name = "number"
source = "directory.numbers"
represents = "users"

  [[entity_type.property]]
  name = "employee_id"
  column = "employeeId"
  key = true

  [[entity_type.property]]
  name = "mobile"
  column = "mobile"

  [entity_type.users]
  create = false
  correlate = [{ property = "employee_id", field = "employee_id" }]

    [entity_type.users.fields]
    mobile = "mobile"
"#;

/// Loads the directory, then the same with a thousand other numbers.
pub fn measure(muster: &Muster, folder: &Path, users: u64) -> Result<()> {
    muster.apply("phones.toml", DOCUMENT)?;
    let stays = staying(&folder.join("day2"), users)?;
    let all = write(folder, &stays, 0, 1)?;
    muster.lay("phones", &folder.join("phones"))?;
    let (measured, run) = muster.run("phones", "complete")?;
    ensure!(run["persons"]["updated"].as_u64() == Some(all), "numbers of {all} people, but: {}", run["persons"]);
    print_recomputed("by the first run of a second connector", all, &measured);
    muster.rest()?;
    write(folder, &stays, CHANGED, (all / CHANGED).max(1))?;
    muster.lay("phones", &folder.join("phones"))?;
    let (measured, run) = muster.run("phones", "complete")?;
    let changed = run["persons"]["updated"].as_u64().context("persons updated")?;
    ensure!(changed == CHANGED.min(all), "{changed} persons changed, not {CHANGED}");
    print_recomputed("by a complete run of the second connector", changed, &measured);
    Ok(())
}

/// Which users of the first day are there on the second as well.
fn staying(day: &Path, users: u64) -> Result<Vec<bool>> {
    let mut stays = vec![false; usize::try_from(users)?];
    for row in csv::Reader::from_path(day.join("users.csv"))?.records() {
        let row = row?;
        let number = row.get(0).and_then(|key| key.strip_prefix('E')?.parse::<usize>().ok());
        if let Some(stays) = number.and_then(|number| stays.get_mut(number)) {
            *stays = true;
        }
    }
    Ok(stays)
}

/// A number for each of them; so many, one in `every`, have another than usual. Returns how many there are.
fn write(folder: &Path, stays: &[bool], others: u64, every: u64) -> Result<u64> {
    fs::create_dir_all(folder.join("phones"))?;
    let mut numbers = BufWriter::new(File::create(folder.join("phones").join("numbers.csv"))?);
    writeln!(numbers, "employeeId,mobile")?;
    let mut written = 0;
    for (number, _) in stays.iter().enumerate().filter(|(_, stays)| **stays) {
        let end = if written / every < others && written % every == every / 2 { " 9" } else { "" };
        writeln!(numbers, "E{number:08},+1 {number}{end}")?;
        written += 1;
    }
    numbers.flush()?;
    Ok(written)
}
