//! The figures of two runs, side by side.

use crate::model::counters::{AssociationCounters, Counters, EntityTypeCounters};
use crate::web::words;

/// One figure of both runs.
pub(super) struct FigureLine {
    /// The entity type, association, or users.
    pub scope: String,
    /// What is counted.
    pub what: &'static str,
    /// Its values.
    pub values: [String; 2],
    /// By how much the other run has more; empty: the same.
    pub difference: String,
}

/// All figures that are not 0 in both runs.
pub(super) fn lines(one: &Counters, other: &Counters) -> Vec<FigureLine> {
    let mut lines = Vec::new();
    let mut figures = |scope: &str, one: &[(&'static str, u64)], other: &[(&'static str, u64)]| {
        for ((what, one), (_, other)) in one.iter().zip(other).filter(|(one, other)| one.1 + other.1 > 0) {
            let difference = i128::from(*other) - i128::from(*one);
            lines.push(FigureLine {
                scope: scope.to_owned(),
                what,
                values: [words::count(one), words::count(other)],
                difference: match difference {
                    0 => String::new(),
                    1.. => format!("+{}", words::count(difference)),
                    _ => words::count(difference),
                },
            });
        }
    };
    for name in names(one.entity_types.iter().chain(&other.entity_types).map(|one| &one.name)) {
        let of = |counters: &Counters| entity_type(counters.entity_types.iter().find(|one| one.name == name));
        figures(&name, &of(one), &of(other));
    }
    for name in names(one.associations.iter().chain(&other.associations).map(|one| &one.name)) {
        let of = |counters: &Counters| association(counters.associations.iter().find(|one| one.name == name));
        figures(&name, &of(one), &of(other));
    }
    figures("Users", &persons(one), &persons(other));
    lines
}

/// Each once, in their order.
fn names<'n>(all: impl Iterator<Item = &'n String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in all {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

fn entity_type(counted: Option<&EntityTypeCounters>) -> [(&'static str, u64); 11] {
    let zero = EntityTypeCounters::default();
    let one = counted.unwrap_or(&zero);
    [
        ("read", one.read),
        ("inserted", one.inserted),
        ("updated", one.updated),
        ("unchanged", one.unchanged),
        ("deleted", one.deleted + one.deleted_by_command),
        ("rejected", one.rejected),
        ("duplicates dropped", one.duplicates_dropped),
        ("out of scope", one.out_of_scope),
        ("withheld", one.withheld),
        ("suppressed", one.suppressed),
        ("stored before", one.stored),
    ]
}

fn association(counted: Option<&AssociationCounters>) -> [(&'static str, u64); 5] {
    let zero = AssociationCounters::default();
    let one = counted.unwrap_or(&zero);
    [
        ("links inserted", one.inserted),
        ("links changed", one.updated),
        ("links deleted", one.deleted),
        ("links rejected", one.rejected),
        ("stored before", one.stored),
    ]
}

fn persons(counters: &Counters) -> [(&'static str, u64); 5] {
    let one = &counters.persons;
    [
        ("created", one.created),
        ("changed", one.updated),
        ("blocked", one.blocked),
        ("unblocked", one.unblocked),
        ("removed", one.deleted),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_beside_each_other_and_zeros_are_left_out() {
        let counted =
            |name: &str, read| EntityTypeCounters { name: name.into(), read, ..EntityTypeCounters::default() };
        let one = Counters { entity_types: vec![counted("a", 1200)], ..Counters::default() };
        let other = Counters { entity_types: vec![counted("a", 1000), counted("b", 1)], ..Counters::default() };
        let shown: Vec<String> = lines(&one, &other)
            .iter()
            .map(|line| {
                format!("{} {} {} {} {}", line.scope, line.what, line.values[0], line.values[1], line.difference)
            })
            .collect();
        assert_eq!(shown, ["a read 1\u{202f}200 1\u{202f}000 −200", "b read 0 1 +1"]);
    }
}
