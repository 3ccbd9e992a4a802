//! `[thresholds]` and `[guards]` (SPEC 4.1, 4.2).

use super::section::Section;
use crate::model::guard::{GuardSettings, LimitKind, Operation, Subject, Thresholds};

const MOST_LINES: i64 = 1_000_000_000;
const PERCENT: std::ops::RangeInclusive<f64> = 0.0..=100.0;
/// A table may grow to more than twice its size.
const GROWTH: std::ops::RangeInclusive<f64> = 0.0..=10_000.0;

/// `[thresholds]` of a connector, or of the settings document for all connectors; what is left out is as in `default`.
/// Each of insert, update and delete must keep at least one guard, for resources and for links.
pub(super) fn thresholds(root: &Section<'_, '_>, default: &Thresholds) -> Thresholds {
    let Some(section) = root.section("thresholds", "[thresholds]") else { return default.clone() };
    let thresholds = read(&section, default.clone());
    for subject in [Subject::Resources, Subject::Links] {
        for operation in Operation::ALL {
            let limits = thresholds.of(subject, operation);
            if limits.iter().all(|(_, limit, _)| *limit == 0.0) {
                let [(maximum, ..), (percentage, ..)] = limits;
                let at = if section.has(percentage) { percentage } else { maximum };
                section.error_at(
                    at,
                    format!("{maximum} and {percentage} are both 0, which leaves no guard; keep at least one above 0"),
                );
            }
        }
    }
    thresholds
}

/// The thresholds that an entity type (resources) or an association (links) has of its own; none by default.
pub(super) fn own_thresholds(section: &Section<'_, '_>, title: &'static str, subject: Subject) -> Thresholds {
    let Some(section) = section.section("thresholds", title) else { return Thresholds::none() };
    let thresholds = read(&section, Thresholds::none());
    let (other, word) = match subject {
        Subject::Resources => (Subject::Links, "links; an entity type counts resources"),
        Subject::Links => (Subject::Resources, "resources; an association counts links"),
    };
    for (name, limit, _) in Operation::ALL.into_iter().flat_map(|operation| thresholds.of(other, operation)) {
        if limit != 0.0 {
            section.error_at(name, format!("{name} is about {word}; take it out"));
        }
    }
    thresholds
}

fn read(section: &Section<'_, '_>, mut thresholds: Thresholds) -> Thresholds {
    for subject in [Subject::Resources, Subject::Links] {
        for operation in Operation::ALL {
            for (name, _, kind) in thresholds.of(subject, operation) {
                match kind {
                    LimitKind::Count => {
                        if let Some(limit) = section.integer(name, 0..=MOST_LINES) {
                            *thresholds.maximum_mut(subject, operation) = limit.unsigned_abs();
                        }
                    }
                    LimitKind::Percentage => {
                        if let Some(limit) = section.number(name, PERCENT) {
                            *thresholds.percentage_mut(subject, operation) = limit;
                        }
                    }
                }
            }
        }
    }
    section.close();
    thresholds
}

/// `[guards]` of a connector, or of the settings document for all connectors; what is left out is as in `default`.
pub(super) fn guards(root: &Section<'_, '_>, default: &GuardSettings) -> GuardSettings {
    let Some(section) = root.section("guards", "[guards]") else { return default.clone() };
    let guards = GuardSettings {
        first_run: section.flag("first_run", default.first_run),
        empty_source: section.flag("empty_source", default.empty_source),
        header: section.flag("header", default.header),
        volume_percentage: section.number("volume_percentage", GROWTH).unwrap_or(default.volume_percentage),
        reject_percentage: section.number("reject_percentage", PERCENT).unwrap_or(default.reject_percentage),
    };
    section.close();
    guards
}
