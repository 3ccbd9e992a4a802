//! Consequences of a change set as pages list them: the sentence, and some of those it would hit, each with its page.

use super::links;
use crate::model::consequence::Consequence;

/// A consequence.
pub struct ConsequenceLine {
    /// The sentence.
    pub message: String,
    /// Some of those it would hit.
    pub examples: Vec<ExampleLine>,
    /// How many more there are.
    pub more: u64,
}

/// One of those it would hit.
pub struct ExampleLine {
    /// What people call it, with what else tells it apart.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
}

/// All of them, in the order in which they were found.
pub fn lines(consequences: &[Consequence]) -> Vec<ConsequenceLine> {
    let line = |one: &Consequence| ConsequenceLine {
        message: one.message.clone(),
        more: one.count.saturating_sub(one.examples.len() as u64),
        examples: one
            .examples
            .iter()
            .map(|example| ExampleLine {
                name: match (&example.role, example.name == example.key) {
                    (Some(role), _) => format!("{} ({role})", example.name),
                    (None, true) => example.name.clone(),
                    (None, false) => format!("{} ({})", example.name, example.key),
                },
                href: example.person_id.map(links::user).or(example.group_id.map(links::group)),
            })
            .collect(),
    };
    consequences.iter().map(line).collect()
}
