//! People to ask for, out of the feed: a few hundred, spread over all, in an order of chance.

use std::path::Path;

use anyhow::{Context, Result};
use csv::StringRecord;
use muster::values::text::simplify;

/// How many.
const PEOPLE: usize = 400;

/// Somebody of the feed.
pub struct Someone {
    pub employee_id: String,
    pub login: String,
    /// Who comes after in the list by user name.
    pub next_login: String,
    pub given_name: String,
    pub surname: String,
    pub mail: String,
    /// Whether the second day still has them.
    pub stays: bool,
}

/// People to ask for.
pub struct Sample {
    pub people: Vec<Someone>,
}

impl Sample {
    /// From the first day's users.
    pub fn read(folder: &Path, seed: u64) -> Result<Self> {
        let day = &folder.join("day1");
        let mut users = csv::Reader::from_path(day.join("users.csv"))?;
        let header = users.headers()?.clone();
        let column = |name: &str| header.iter().position(|one| one == name).context(format!("no column {name}"));
        let columns = [column("employeeId")?, column("login")?, column("givenName")?, column("sn")?, column("mail")?];
        let rows = csv::Reader::from_path(day.join("users.csv"))?.records().count();
        let step = rows / PEOPLE;
        let mut people: Vec<Someone> = Vec::new();
        let mut pending: Option<StringRecord> = None;
        for (number, row) in users.records().enumerate() {
            let row = row?;
            if let Some(before) = pending.take() {
                let value = |position: usize| before[columns[position]].to_owned();
                people.push(Someone {
                    employee_id: value(0),
                    login: value(1),
                    next_login: row[columns[1]].to_owned(),
                    given_name: value(2),
                    surname: value(3),
                    mail: value(4),
                    stays: false,
                });
            }
            // Not in even steps: what the feed repeats would be met again and again.
            let offset = (number / step).wrapping_mul(7919).wrapping_add(seed as usize * 31) % (step - 1);
            if number % step == offset {
                pending = Some(row);
            }
        }
        let mut after = csv::Reader::from_path(folder.join("day2/users.csv"))?;
        let column = after.headers()?.iter().position(|one| one == "employeeId").context("no column employeeId")?;
        for row in after.records() {
            let row = row?;
            // Those of the first day are in the order of their keys.
            if let Ok(found) = people.binary_search_by(|someone| someone.employee_id.as_str().cmp(&row[column])) {
                people[found].stays = true;
            }
        }
        // One after the other would be neighbours on disk.
        let many = people.len();
        let mut shuffled: Vec<Option<Someone>> = people.into_iter().map(Some).collect();
        let order = (0..many).map(|number| number * 211 % many);
        let people = order.filter_map(|number| shuffled[number].take()).collect();
        Ok(Self { people })
    }
}

impl Someone {
    /// Whether the whole name is written in Latin letters.
    pub fn is_latin(&self) -> bool {
        [&self.given_name, &self.surname].iter().all(|name| simplify(name).is_ascii())
    }

    /// Whether nothing of the name is.
    pub fn is_of_another_script(&self) -> bool {
        [&self.given_name, &self.surname].iter().all(|name| !name.chars().any(|letter| letter.is_ascii_alphabetic()))
    }
}
