//! Names of files with a `*`: which files of a folder a table means, in the order of their names.
//!
//! A file that fits both patterns of a table, that of its complete file and that of its changes, belongs to the one
//! that says more of its name.

use super::settings::TableSettings;
use super::{ConnectionError, TableDefinition};
use std::path::{Component, Path};

/// What a table's complete files, or its files of changes, are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern<'a> {
    text: &'a str,
    /// The other pattern of the table, if it has one.
    other: Option<&'a str>,
}

impl<'a> Pattern<'a> {
    /// Of the complete file.
    pub(super) fn of_complete(settings: &'a TableSettings) -> Option<Self> {
        Some(Self { text: settings.file.as_deref()?, other: settings.delta_file.as_deref() })
    }

    /// Of the files of changes.
    pub(super) fn of_changes(settings: &'a TableSettings) -> Option<Self> {
        Some(Self { text: settings.delta_file.as_deref()?, other: settings.file.as_deref() })
    }

    /// As it stands in the document.
    pub(super) fn text(self) -> &'a str {
        self.text
    }

    /// Whether more than one file may fit.
    pub(super) fn is_open(self) -> bool {
        self.text.contains('*')
    }

    /// The files of the folder that fit, each as its path within the folder, in the order of their names.
    pub(super) fn list(self, folder: &Path, table: &TableDefinition) -> Result<Vec<String>, ConnectionError> {
        stays_within(self.text, table)?;
        let Some((before, _)) = self.text.split_once('*') else {
            return Ok(if folder.join(self.text).exists() { vec![self.text.to_owned()] } else { Vec::new() });
        };
        let path = before.rsplit_once('/').map(|(path, _)| format!("{path}/")).unwrap_or_default();
        let within = folder.join(&path);
        let unreadable = |error: std::io::Error| {
            ConnectionError::transient(within.display().to_string(), format!("this folder can't be read: {error}"))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&within).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // A name that is no text can't be a file that a pattern in a document means.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{path}{name}");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder && fits(self.text, &name) && self.owns(&name)? {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether a file that fits is not the other pattern's.
    fn owns(self, name: &str) -> Result<bool, ConnectionError> {
        let Some(other) = self.other.filter(|other| fits(other, name)) else { return Ok(true) };
        match says(self.text).cmp(&says(other)) {
            std::cmp::Ordering::Equal => {
                let message =
                    format!("fits both {:?} and {other:?}; give complete files and changes other names", self.text);
                Err(ConnectionError::permanent(name, message))
            }
            order => Ok(order.is_gt()),
        }
    }
}

/// Refuses a path that leaves the folder.
pub(super) fn stays_within(path: &str, table: &TableDefinition) -> Result<(), ConnectionError> {
    if Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(());
    }
    let message = format!("{path:?} leaves the folder; write a path within it");
    Err(ConnectionError::permanent(format!("table {:?}, file", table.name), message))
}

/// Whether there is more than one `*`, or one in a folder's name.
pub(super) fn is_malformed(pattern: &str) -> bool {
    pattern.matches('*').count() > 1 || pattern.rsplit_once('/').is_some_and(|(path, _)| path.contains('*'))
}

/// Whether a name fits: a `*` stands for any characters of it, also for none.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let middle = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    middle.is_some_and(|middle| !middle.contains('/'))
}

/// How much of a name a pattern says: all of it, or so many of its bytes.
fn says(pattern: &str) -> usize {
    if pattern.contains('*') { pattern.len() - 1 } else { usize::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_part_of_a_name() {
        for (pattern, name, expected) in [
            ("people-*.csv", "people-2026-11-20.csv", true),
            ("people-*.csv", "people-.csv", true),
            ("people-*.csv", "people.csv", false),
            ("a*a", "a", false),
            ("in/people-*.csv", "in/people-1.csv", true),
            ("in/*", "in/deeper/people.csv", false),
            ("people.csv", "people.csv", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(is_malformed("a*b*") && is_malformed("a*/b") && !is_malformed("a/b*"));
    }

    #[test]
    fn a_file_belongs_to_the_pattern_that_says_more() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["people-1.csv", "people-2.csv", "people-full-1.csv", "people-full-0.csv", "people.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("people-full-9.csv")).unwrap();
        let table = TableDefinition { name: "people".into(), settings: serde_json::Map::new() };
        let list = |file: &str, delta: &str| {
            let settings = TableSettings {
                file: Some(file.to_owned()),
                delta_file: Some(delta.to_owned()),
                ..TableSettings::default()
            };
            let complete = Pattern::of_complete(&settings).unwrap().list(folder.path(), &table);
            let changes = Pattern::of_changes(&settings).unwrap().list(folder.path(), &table);
            complete.and_then(|complete| Ok((complete, changes?)))
        };
        let (complete, changes) = list("people-full-*.csv", "people-*.csv").unwrap();
        assert_eq!(complete, ["people-full-0.csv", "people-full-1.csv"]);
        assert_eq!(changes, ["people-1.csv", "people-2.csv"]);
        let (complete, changes) = list("people-1.csv", "people-*.csv").unwrap();
        assert_eq!(complete, ["people-1.csv"]);
        assert!(!changes.contains(&"people-1.csv".to_owned()), "{changes:?}");
        let error = list("people-*1.csv", "*people-1.csv").unwrap_err();
        assert!(error.message.contains("give complete files and changes other names"), "{error}");
        assert!(list("../*.csv", "x").unwrap_err().message.contains("leaves the folder"));
    }
}
