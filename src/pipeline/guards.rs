//! Guards: what stops a run before anything is written (SPEC 4). Pure: figures in, breaches out.

use crate::model::connector::ConnectorDefinition;
use crate::model::counters::{AssociationCounters, Counters, EntityTypeCounters, PersonCounters};
use crate::model::guard::{Breach, GuardName, GuardSettings, LimitKind, Operation, Subject, Thresholds};
use std::collections::BTreeMap;

/// What the guards look at.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    /// The connector's name.
    pub connector: &'a str,
    /// No run of this connector was ever applied.
    pub first_run: bool,
    /// The extraction is the whole truth.
    pub complete: bool,
    /// The connector's thresholds.
    pub thresholds: Thresholds,
    /// The connector's other guards.
    pub guards: GuardSettings,
    /// Thresholds of entity types' own, by name.
    pub entity_type_thresholds: BTreeMap<&'a str, &'a Thresholds>,
    /// Thresholds of associations' own, by name.
    pub association_thresholds: BTreeMap<&'a str, &'a Thresholds>,
    /// The figures.
    pub counters: Counters,
    /// Rejects per entity type that the last applied run had not.
    pub new_rejects: BTreeMap<String, u64>,
    /// Tables that were read before: name, rows then, rows now.
    pub volumes: Vec<(String, u64, u64)>,
    /// Tables whose header changed: name, and what changed in words.
    pub headers: Vec<(String, String)>,
}

impl<'a> Evidence<'a> {
    /// What a connector's definition says, and the figures; the rest is as in a run that read nothing.
    pub fn of(definition: &'a ConnectorDefinition, counters: Counters) -> Self {
        let entity_types = definition.entity_types.iter().map(|one| (one.name.as_str(), &one.thresholds));
        let associations = definition.associations.iter().map(|one| (one.name.as_str(), &one.thresholds));
        Self {
            connector: &definition.name,
            thresholds: definition.thresholds.clone(),
            guards: definition.guards.clone(),
            entity_type_thresholds: entity_types.collect(),
            association_thresholds: associations.collect(),
            counters,
            ..Self::default()
        }
    }
}

/// All guards in the order the page lists them. A new guard: one function and its line.
const GUARDS: &[fn(&Evidence<'_>, &mut Vec<Breach>)] =
    &[first_run, empty_source, header, volume, rejects, thresholds, persons];

/// Holds the evidence against every guard.
pub fn evaluate(evidence: &Evidence<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for guard in GUARDS {
        guard(evidence, &mut breaches);
    }
    breaches
}

fn breach(guard: GuardName, scope: &str, message: String) -> Breach {
    Breach { guard, setting: None, scope: scope.to_owned(), limit: None, actual: None, base: 0, message }
}

fn first_run(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    if evidence.first_run && evidence.guards.first_run {
        let new: u64 = evidence.counters.entity_types.iter().map(|counters| counters.inserted).sum();
        let message = format!(
            "Initial load: the first synchronization of {} waits for a person. It would insert {new} records",
            evidence.connector
        );
        breaches.push(breach(GuardName::FirstRun, evidence.connector, message));
    }
}

fn empty_source(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    if !evidence.guards.empty_source || !evidence.complete {
        return;
    }
    for counters in &evidence.counters.entity_types {
        let accepted = counters.inserted + counters.updated + counters.unchanged + counters.withheld;
        if counters.stored > 0 && accepted == 0 {
            let why =
                if counters.read == 0 { "has no rows" } else { "has only rows that are rejected or out of scope" };
            let message = format!("{} had {} records, and its source {why} now", counters.name, counters.stored);
            breaches.push(Breach {
                actual: Some(0.0),
                base: counters.stored,
                ..breach(GuardName::EmptySource, &counters.name, message)
            });
        }
    }
}

fn header(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    if !evidence.guards.header {
        return;
    }
    for (table, what) in &evidence.headers {
        let message = format!("the header of {table} is not what it was: {what}");
        breaches.push(breach(GuardName::Header, table, message));
    }
}

/// Below this many rows a volume tells nothing.
const SMALL_TABLE: u64 = 20;

fn volume(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    let limit = evidence.guards.volume_percentage;
    if limit <= 0.0 || !evidence.complete {
        return;
    }
    for (table, before, now) in &evidence.volumes {
        if (*before).max(*now) < SMALL_TABLE {
            continue;
        }
        let difference = before.abs_diff(*now);
        if exceeds(difference, limit, *before) {
            let actual = percentage(difference, *before, limit);
            let message = format!(
                "{table} has {now} rows, {before} in the last applied run: {actual} % difference, limit {limit} %"
            );
            breaches.push(Breach {
                limit: Some(limit),
                actual: Some(actual),
                base: *before,
                ..breach(GuardName::Volume, table, message)
            });
        }
    }
}

fn rejects(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    let limit = evidence.guards.reject_percentage;
    if limit <= 0.0 {
        return;
    }
    for counters in &evidence.counters.entity_types {
        let new = evidence.new_rejects.get(&counters.name).copied().unwrap_or_default().min(counters.rejected);
        let base = counters.read.max(counters.stored);
        if exceeds(new, limit, base) {
            let actual = percentage(new, base, limit);
            let message =
                format!("{}: {new} of {base} rows are newly rejected = {actual} %, limit {limit} %", counters.name);
            breaches.push(Breach {
                limit: Some(limit),
                actual: Some(actual),
                base,
                ..breach(GuardName::Rejects, &counters.name, message)
            });
        }
    }
}

fn thresholds(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    let types = &evidence.counters.entity_types;
    let associations = &evidence.counters.associations;
    let all_types: Vec<&EntityTypeCounters> = types.iter().collect();
    let all_associations: Vec<&AssociationCounters> = associations.iter().collect();
    let connector = evidence.connector;
    hold(evidence, breaches, connector, &evidence.thresholds, Subject::Resources, &of_types(&all_types));
    for counters in types {
        if let Some(own) = evidence.entity_type_thresholds.get(counters.name.as_str()) {
            hold(evidence, breaches, &counters.name, own, Subject::Resources, &of_types(&[counters]));
        }
    }
    hold(evidence, breaches, connector, &evidence.thresholds, Subject::Links, &of_associations(&all_associations));
    for counters in associations {
        if let Some(own) = evidence.association_thresholds.get(counters.name.as_str()) {
            hold(evidence, breaches, &counters.name, own, Subject::Links, &of_associations(&[counters]));
        }
    }
}

/// Persons are held against the thresholds by themselves. On a connector's first applied run its own guard is there
/// for them.
fn persons(evidence: &Evidence<'_>, breaches: &mut Vec<Breach>) {
    if evidence.first_run {
        return;
    }
    let PersonCounters { updated, blocked, deleted, stored, .. } = evidence.counters.persons;
    let figures = Figures { inserted: 0, updated, deleted: blocked + deleted, stored };
    hold(evidence, breaches, "persons", &evidence.thresholds, Subject::Resources, &figures);
}

struct Figures {
    inserted: u64,
    updated: u64,
    deleted: u64,
    stored: u64,
}

fn of_types(counters: &[&EntityTypeCounters]) -> Figures {
    let sum = |of: fn(&EntityTypeCounters) -> u64| counters.iter().map(|one| of(one)).sum();
    Figures {
        inserted: sum(|one| one.inserted),
        updated: sum(|one| one.updated),
        deleted: sum(|one| one.deleted + one.deleted_by_command),
        stored: sum(|one| one.stored),
    }
}

fn of_associations(counters: &[&AssociationCounters]) -> Figures {
    let sum = |of: fn(&AssociationCounters) -> u64| counters.iter().map(|one| of(one)).sum();
    Figures {
        inserted: sum(|one| one.inserted),
        updated: sum(|one| one.updated),
        deleted: sum(|one| one.deleted),
        stored: sum(|one| one.stored),
    }
}

/// Exceeded when `count > maximum` or `100 × count > percentage × base`. With base 0, insert percentages do not apply;
/// the insert thresholds do not apply to a connector's first applied run.
fn hold(
    evidence: &Evidence<'_>,
    breaches: &mut Vec<Breach>,
    scope: &str,
    thresholds: &Thresholds,
    subject: Subject,
    figures: &Figures,
) {
    for operation in Operation::ALL {
        if operation == Operation::Insert && evidence.first_run {
            continue;
        }
        let (count, verb) = match operation {
            Operation::Insert => (figures.inserted, "Inserts"),
            Operation::Update => (figures.updated, "Updates"),
            Operation::Delete => (figures.deleted, "Deletes"),
        };
        let what = match (scope, subject, operation) {
            ("persons", _, Operation::Delete) => "persons (blocked or deleted)",
            ("persons", ..) => "persons",
            (_, Subject::Resources, _) => "records",
            (_, Subject::Links, _) => "links",
        };
        let base = figures.stored;
        for (setting, limit, kind) in thresholds.of(subject, operation) {
            let exceeded = limit > 0.0
                && match kind {
                    LimitKind::Count => count as f64 > limit,
                    LimitKind::Percentage if base == 0 && operation == Operation::Insert => false,
                    LimitKind::Percentage => exceeds(count, limit, base),
                };
            if !exceeded {
                continue;
            }
            let (actual, message) = match kind {
                LimitKind::Count => (count as f64, format!("{verb} {count} {what} of {base} stored, limit {limit}")),
                LimitKind::Percentage => {
                    let share = percentage(count, base, limit);
                    (share, format!("{verb} {count} of {base} {what} = {share} %, limit {limit} %"))
                }
            };
            breaches.push(Breach {
                setting: Some(setting.to_owned()),
                limit: Some(limit),
                actual: Some(actual),
                base,
                ..breach(GuardName::Threshold, scope, message)
            });
        }
    }
}

/// Decimals of a percentage that count.
const DECIMALS: usize = 12;

/// `100 × count > percentage × base`, exactly: in whole numbers, with the percentage as it is written. In floating point
/// 0.57 % of 10,000 is a little less than 57.
fn exceeds(count: u64, percentage: f64, base: u64) -> bool {
    let written = format!("{percentage:.DECIMALS$}");
    let digits: u128 = written.replace('.', "").parse().unwrap_or_default();
    // At most 19 + 2 + 12 digits on the left, 19 + 5 + 12 on the right: both fit.
    100 * u128::from(count) * 10_u128.pow(DECIMALS as u32) > digits * u128::from(base)
}

/// A share that exceeds `limit`, with one decimal, or as many more as it takes to see that it does. Of nothing,
/// everything is 100 %.
fn percentage(count: u64, base: u64, limit: f64) -> f64 {
    if base == 0 {
        return if count == 0 { 0.0 } else { 100.0 };
    }
    let share = 100.0 * count as f64 / base as f64;
    let rounded = (1..=6).map(|decimals| (share * 10_f64.powi(decimals)).round() / 10_f64.powi(decimals));
    rounded.into_iter().find(|rounded| *rounded > limit).unwrap_or(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(stored: u64, inserted: u64, updated: u64, deleted: u64) -> Evidence<'static> {
        let counters = EntityTypeCounters {
            name: "person".into(),
            read: stored + inserted - deleted,
            inserted,
            updated,
            deleted,
            unchanged: stored - updated - deleted,
            stored,
            ..EntityTypeCounters::default()
        };
        Evidence {
            connector: "hr",
            complete: true,
            counters: Counters { entity_types: vec![counters], ..Counters::default() },
            ..Evidence::default()
        }
    }

    fn settings(evidence: &Evidence<'_>) -> Vec<String> {
        evaluate(evidence).into_iter().filter_map(|breach| breach.setting).collect()
    }

    #[test]
    fn exactly_at_a_limit_passes_and_one_over_is_exceeded() {
        assert_eq!(settings(&evidence(2000, 100, 0, 0)), Vec::<String>::new());
        assert_eq!(settings(&evidence(2100, 101, 0, 0)), ["maximum_inserted_lines"]);
        assert_eq!(settings(&evidence(2000, 0, 100, 100)), Vec::<String>::new());
        assert_eq!(settings(&evidence(2100, 0, 0, 101)), ["maximum_deleted_lines"]);
        assert_eq!(settings(&evidence(1000, 0, 50, 0)), Vec::<String>::new());
        assert_eq!(settings(&evidence(1000, 0, 51, 0)), ["max_percentage_updated_lines"]);
    }

    #[test]
    fn percentages_are_held_exactly_as_they_are_written() {
        for (percentage, at, base) in
            [(0.57, 57, 10_000), (0.1, 1, 1000), (33.3, 333, 1000), (0.000001, 1, 100_000_000), (100.0, 7, 7)]
        {
            assert!(!exceeds(at, percentage, base), "{at} of {base} is {percentage} %, and no more");
            assert!(exceeds(at + 1, percentage, base), "{} of {base} is more than {percentage} %", at + 1);
        }
        assert!(exceeds(u64::MAX, 10_000.0, u64::MAX / 101) && !exceeds(u64::MAX, 100.0, u64::MAX));
        assert!(exceeds(1, 5.0, 0) && !exceeds(0, 5.0, 0));
    }

    #[test]
    fn one_over_a_limit_reads_as_more_than_the_limit() {
        let breaches = evaluate(&Evidence {
            thresholds: Thresholds { maximum_deleted_lines: 0, ..Thresholds::default() },
            ..evidence(100_000, 0, 0, 5001)
        });
        assert_eq!((breaches[0].actual, breaches[0].limit), (Some(5.001), Some(5.0)));
        assert_eq!(breaches[0].message, "Deletes 5001 of 100000 records = 5.001 %, limit 5 %");
    }

    #[test]
    fn own_thresholds_are_held_against_their_scope_alone() {
        let own = Thresholds { maximum_deleted_lines: 3, ..Thresholds::none() };
        let mut two = evidence(1000, 0, 0, 4);
        two.entity_type_thresholds.insert("person", &own);
        two.counters.entity_types.push(EntityTypeCounters {
            name: "unit".into(),
            stored: 1000,
            unchanged: 1000,
            ..Default::default()
        });
        let breaches = evaluate(&two);
        assert_eq!(breaches.len(), 1);
        assert_eq!((breaches[0].scope.as_str(), breaches[0].base, breaches[0].limit), ("person", 1000, Some(3.0)));
        two.entity_type_thresholds.clear();
        assert!(evaluate(&two).is_empty());
    }

    #[test]
    fn a_deletion_by_command_is_a_deletion_and_links_have_limits_of_their_own() {
        let mut many = evidence(1000, 0, 0, 0);
        many.counters.entity_types[0].deleted_by_command = 101;
        assert_eq!(settings(&many), ["maximum_deleted_lines", "max_percentage_deleted_lines"]);
        let mut links = evidence(1000, 0, 0, 0);
        let association = |updated, stored| AssociationCounters { updated, stored, ..AssociationCounters::default() };
        links.counters.associations = vec![association(600, 11_000), association(401, 11_000)];
        assert_eq!(settings(&links), ["maximum_link_updated_lines"], "all associations of a connector together");
        links.counters.associations[1].updated = 400;
        assert!(settings(&links).is_empty());
    }

    #[test]
    fn insert_percentages_do_not_apply_to_nothing_and_insert_thresholds_not_to_a_first_run() {
        assert_eq!(settings(&evidence(0, 100, 0, 0)), Vec::<String>::new());
        let first = Evidence { first_run: true, ..evidence(0, 5000, 0, 0) };
        let breaches = evaluate(&first);
        assert_eq!(breaches.len(), 1);
        assert_eq!(breaches[0].guard, GuardName::FirstRun);
    }

    #[test]
    fn a_threshold_of_zero_is_switched_off() {
        let mut off = evidence(1000, 0, 0, 1000);
        off.guards.empty_source = false;
        off.thresholds.maximum_deleted_lines = 0;
        assert_eq!(settings(&off), ["max_percentage_deleted_lines"]);
    }

    #[test]
    fn an_entity_type_that_had_rows_and_has_none_blocks() {
        let breaches = evaluate(&evidence(3, 0, 0, 3));
        assert_eq!(breaches[0].guard, GuardName::EmptySource);
        assert!(breaches[0].message.contains("person had 3 records"), "{}", breaches[0].message);
    }

    #[test]
    fn rejects_that_were_accepted_once_do_not_block_again() {
        let mut again = evidence(100, 0, 0, 0);
        again.counters.entity_types[0].rejected = 50;
        assert!(evaluate(&again).is_empty());
        again.new_rejects.insert("person".into(), 6);
        let breaches = evaluate(&again);
        assert_eq!((breaches[0].guard, breaches[0].actual, breaches[0].base), (GuardName::Rejects, Some(6.0), 100));
    }

    #[test]
    fn the_volume_of_small_tables_tells_nothing() {
        let mut small = evidence(100, 0, 0, 0);
        small.volumes = vec![("feed.people".into(), 5, 19)];
        assert!(evaluate(&small).is_empty());
        small.volumes = vec![("feed.people".into(), 100, 110), ("feed.clubs".into(), 100, 89)];
        let breaches = evaluate(&small);
        assert_eq!(breaches.len(), 1);
        assert_eq!(breaches[0].scope, "feed.clubs");
    }

    #[test]
    fn persons_are_held_by_themselves() {
        let mut many = evidence(1000, 0, 0, 0);
        many.counters.persons = PersonCounters { updated: 51, blocked: 51, stored: 1000, ..PersonCounters::default() };
        assert_eq!(settings(&many), ["max_percentage_updated_lines", "max_percentage_deleted_lines"]);
        assert!(evaluate(&many).iter().all(|breach| breach.scope == "persons"));
    }
}
