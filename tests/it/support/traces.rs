//! What is left of somebody who was taken out of everything.

use super::program::Program;
use chrono::Utc;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use muster::pipeline::cleaning;
use muster::store::{Store, StoreLocation};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// All of the database as text.
fn dump(muster: &Program) -> String {
    let dumped = Command::new("pg_dump").args(["--dbname", muster.database.url(), "--no-owner"]).output().unwrap();
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    String::from_utf8(dumped.stdout).unwrap()
}

/// Every file below a folder, by its path.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(found.insert(path.to_str().unwrap().to_owned(), std::fs::read(path).unwrap())),
            }
        }
    }
    found
}

/// Where any of these texts stands as a word of its own, in whatever case.
pub fn traces(text: &str, names: &[&str]) -> Vec<String> {
    let text = text.to_lowercase();
    let is_inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let of = |name: &str| -> Vec<String> {
        let name = name.to_lowercase();
        let found = text.match_indices(&name).filter(|(at, _)| {
            !is_inside(text[..*at].chars().next_back()) && !is_inside(text[at + name.len()..].chars().next())
        });
        let around = found.map(|(at, _)| {
            let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
            text[start..].lines().next().unwrap_or_default().chars().take(400).collect()
        });
        around.collect()
    };
    names.iter().flat_map(|name| of(name)).collect()
}

/// Whether any of these texts stands in it as a word of its own.
pub fn is_named(text: &str, names: &[String]) -> bool {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    !traces(text, &names).is_empty()
}

/// All that is left of somebody: in the database, in the store, and in what keys are told by.
pub fn left_of(muster: &Program, names: &[&str]) -> Vec<String> {
    let mut left = traces(&dump(muster), names);
    for table in ["resources", "resources_history", "changes", "problems", "holds", "exclusions"] {
        let keys = names.iter().map(|name| format!("'{}'", name.trim_matches('"'))).collect::<Vec<_>>().join(", ");
        let found = count(muster, &format!("{table} where key in ({keys})"));
        left.extend((found > 0).then(|| format!("{found} keys in {table}")));
    }
    let store = files(&muster.folder.path().join("store"));
    assert!(store.keys().any(|path| path.ends_with(".csv")), "there are extractions: {:?}", store.keys());
    for (path, content) in store {
        let names: Vec<&str> = names.iter().map(|name| name.trim_matches('"')).collect();
        let found = traces(&String::from_utf8_lossy(&content), &names);
        left.extend(found.into_iter().map(|line| format!("{path}: {line}")));
    }
    left
}

/// How many rows there are: of a table, or of it with a condition.
pub fn count(muster: &Program, what: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let question = diesel::sql_query(format!("select count(*) as count from {what}"));
    question.get_result::<Count>(&mut muster.database.connect()).unwrap().count
}

/// Takes what is suppressed out of the files, as the clean-up does within the hour; how many extractions that were.
pub fn clean(muster: &Program) -> u64 {
    let store = Store::at(&StoreLocation::folder(&muster.folder.path().join("store"))).unwrap();
    let key = muster.folder.path().join("secret.key");
    let cleaned = cleaning::clean(&mut muster.database.connect(), &store, &key, Utc::now()).unwrap();
    assert_eq!(cleaned.postponed, 0);
    cleaned.clean
}
