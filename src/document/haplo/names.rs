//! What properties and profile fields are called: attributes and tags have names of their own there.

use super::control::{Destination, Target};
use std::collections::{BTreeMap, BTreeSet};

/// The names of a user there, and the profile fields here that hold the same.
const USER_FIELDS: [(&str, &str); 5] = [
    ("username", "user_name"),
    ("title", "title"),
    ("nameFirst", "given_name"),
    ("nameLast", "family_name"),
    ("email", "mail"),
];

/// Attributes of the profile that a person has here from the start, under another name.
const ATTRIBUTE_FIELDS: [(&str, &str); 3] = [
    ("dc:attribute:title", "display_name"),
    ("std:attribute:telephone", "phone"),
    ("std:attribute:telephone/mobile", "mobile"),
];

/// Fields that something else fills, or that take no text.
const TAKEN: [&str; 2] = ["photo", "aborted"];

const LONGEST: usize = 80;

/// The profile field for a name of the user.
pub(super) fn user_field(name: &str) -> Option<&'static str> {
    USER_FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

/// A name for each target: of its property, and for attributes and tags of the profile field, too.
pub(super) fn of_targets<'t>(targets: impl Iterator<Item = &'t Target>) -> BTreeMap<Target, String> {
    let mut taken: BTreeSet<String> = TAKEN.iter().map(|name| (*name).to_owned()).collect();
    for (property, field) in USER_FIELDS {
        taken.extend([property.to_owned(), field.to_owned()]);
    }
    let mut names = BTreeMap::new();
    for target in targets {
        let name = match target.destination {
            Destination::User => target.name.clone(),
            Destination::Profile => free(&attribute(target), "profile", &mut taken),
            Destination::Tags => free(&plain(&target.name), "tag", &mut taken),
            Destination::Structured(_) => continue,
        };
        names.insert(target.clone(), name);
    }
    names
}

fn attribute(target: &Target) -> String {
    let qualifier = target.qualifier.as_deref().map(plain);
    let known = |name: &str| ATTRIBUTE_FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
    if let Some(qualifier) = &qualifier
        && let Some(field) = known(&format!("{}/{qualifier}", target.name))
    {
        return field.to_owned();
    }
    let name = known(&target.name).map_or_else(|| plain(&target.name), str::to_owned);
    match qualifier {
        Some(qualifier) => format!("{name}_{qualifier}"),
        None => name,
    }
}

/// The last part of a name, in letters, digits and `_`.
fn plain(name: &str) -> String {
    let last = name.rsplit([':', '/']).find(|part| !part.trim().is_empty()).unwrap_or("value");
    let letter = |letter: char| if letter.is_alphanumeric() { letter } else { '_' };
    let plain: String = last.chars().take(LONGEST).map(letter).collect();
    match plain.trim_matches('_') {
        "" => "value".to_owned(),
        plain => plain.to_owned(),
    }
}

fn free(name: &str, before: &str, taken: &mut BTreeSet<String>) -> String {
    let others = (2..).map(|number| format!("{before}_{name}_{number}"));
    let mut candidates = [name.to_owned(), format!("{before}_{name}")].into_iter().chain(others);
    let free = candidates.find(|candidate| !taken.contains(candidate)).unwrap_or_default();
    taken.insert(free.clone());
    free
}
