//! From what a source holds to a document that reads it: types, keys, profile fields and associations, guessed from the
//! data, each guess with its evidence. Pure.
//!
//! What is proposed as it stands holds for every row that was looked at. What nearly all rows support is told, and for
//! associations written beside as a comment, so that the first run of a proposal has no problems of our making.

mod columns;
pub mod facts;
mod keys;
mod links;
mod names;
mod notation;
mod tables;
#[cfg(test)]
mod tests;
mod writing;

use crate::model::connection::ConnectionDefinition;
use facts::Observed;

/// Rows of each table that are looked at.
pub const ROWS: u64 = 100_000;

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Sketch<'a> {
    /// The connector's name.
    pub name: &'a str,
    /// What pages call it, if something else.
    pub display_name: Option<&'a str>,
    /// Its connection with its tables, as documents have it.
    pub connection: &'a ConnectionDefinition,
}

/// A document, and why it says what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// TOML, to be applied as it stands.
    pub document: String,
    /// In the order of the document.
    pub guesses: Vec<Guess>,
}

/// One thing that was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// What it is about: `people`, `people.HireDate`.
    pub subject: String,
    /// What is proposed.
    pub says: String,
    /// Why: figures, no values.
    pub evidence: String,
    /// A few values, cut; never part of the document.
    pub examples: Vec<String>,
}

/// The document that was guessed.
pub fn propose(sketch: &Sketch<'_>, observed: &Observed) -> Proposal {
    let keys: Vec<keys::Key> = observed.tables.iter().map(keys::of).collect();
    let links = links::of(observed, &keys);
    let plans = tables::plan(observed, &keys, &links);
    let links = links::with_memberships(links, &plans);
    let document = writing::document(sketch, &plans, &links);
    let mut guesses = Vec::new();
    for plan in &plans {
        guesses.extend(plan.guesses());
    }
    guesses.extend(links.iter().map(|link| link.guess(&plans)));
    Proposal { document, guesses }
}

/// A number as people read it: `1,998`.
fn figure(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `all 2,000 values`, `1,998 of 2,000 values`.
fn share(count: u64, of: u64, what: &str) -> String {
    match count == of {
        true if of == 1 => format!("the only one of the {what}"),
        true => format!("all {} {what}", figure(of)),
        false => format!("{} of {} {what}", figure(count), figure(of)),
    }
}
