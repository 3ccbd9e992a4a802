//! Names in documents: arbitrary Unicode, but bounded.

use super::section::Section;
use std::collections::BTreeSet;

const LONGEST: usize = 100;

/// Where a name is used, which says what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameOf {
    /// Something with pages or columns only.
    Anything,
    /// A connection or a table: written together as `connection.table` and used in the names of stored objects.
    PartOfSource,
}

/// The `name` of a section. Empty if there is none or it can't be one, which is noted.
pub(super) fn read(section: &Section<'_, '_>, of: NameOf) -> String {
    let name = section.required_text("name");
    match flaw(&name, of) {
        Some(flaw) => {
            section.error_at("name", format!("the name {name:?} {flaw}"));
            String::new()
        }
        None => name,
    }
}

/// What keeps a text from being a name. An absent name is told elsewhere.
pub(super) fn flaw(name: &str, of: NameOf) -> Option<String> {
    let length = name.chars().count();
    if length > LONGEST {
        return Some(format!("has {length} characters; the most is {LONGEST}"));
    }
    if name.chars().any(char::is_control) {
        return Some("holds a control character, such as a tab or the end of a line; take it out".to_owned());
    }
    if name.trim() != name {
        return Some("begins or ends with a space; take it out".to_owned());
    }
    if matches!(name, "." | "..") {
        return Some("can't be part of an address; choose another".to_owned());
    }
    if of == NameOf::PartOfSource && name.contains(['/', '.']) {
        return Some("holds '/' or '.', which separate connection and table; choose another".to_owned());
    }
    None
}

/// Notes a name that stands there twice.
#[derive(Default)]
pub(super) struct Unique(BTreeSet<String>);

impl Unique {
    /// `section` has this name.
    pub(super) fn check(&mut self, section: &Section<'_, '_>, name: &str) {
        if !name.is_empty() && !self.0.insert(name.to_owned()) {
            section.error_at("name", format!("a {} named {name:?} stands above; names must differ", section.title()));
        }
    }
}
