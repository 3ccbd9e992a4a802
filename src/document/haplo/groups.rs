//! Managed groups. There each has a code, and a user's record names the codes of its groups. Here a group is a record of an
//! entity type that represents groups, since that says which profile type its members have; what is known of a group is
//! its code alone, so the entity type of each has one record as soon as the feed has any.

use super::instructions::Held;
use super::note::Notes;
use super::printing;
use super::terms::{List, Text};
use crate::values::expression::Expression;
use std::collections::BTreeSet;

/// The codes of the managed groups: those that were given, and those that the instructions set.
pub(super) fn codes<'h>(given: &[String], memberships: impl Iterator<Item = &'h Held>) -> (BTreeSet<String>, bool) {
    let mut codes = BTreeSet::new();
    let others = memberships.fold(false, |others, held| match held {
        Held::One(text) => text.known_values(&mut codes) | others,
        Held::Many(list) => list.known_values(&mut codes) | others,
    });
    codes.extend(given.iter().cloned());
    (codes.into_iter().map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()).collect(), others)
}

/// The expression that gives the codes of a user's groups. `None`: there are none, or it can't be said, which is noted.
pub(super) fn memberships(held: &Held, path: &str, notes: &mut Notes) -> Option<String> {
    let expression = match held {
        Held::One(text) if text.is_empty() => return None,
        Held::Many(list) if list.is_empty() => return None,
        Held::One(text) => printing::text(text),
        Held::Many(List::Items(items)) if items.len() == 1 => printing::text(items.first().unwrap_or(&Text::EMPTY)),
        Held::Many(list) => printing::list(list),
    };
    match Expression::compile(&expression) {
        Ok(_) => Some(expression),
        Err(error) => {
            notes.add(path, format!("the groups of a user are no expression ({error}); they are left out"));
            None
        }
    }
}

/// The expression of a group's key, which is the same for each record of the feed.
pub(super) fn key(code: &str) -> String {
    printing::text(&Text::Literal(code.to_owned()))
}
