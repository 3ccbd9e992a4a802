//! Authority: whose value a profile field has. Pure, so that prepare's forecast, synchronize and the page that explains
//! a value say the same.
//!
//! Per profile field the sources are ordered; the first that has a value wins. Without an order they stand in the order
//! in which the connectors were created, never in which they ran.

mod joining;
mod overrides;
mod stored;
mod values;

pub use overrides::Override;

use crate::model::entity_type::{OnMissing, OnReturn, UsersDefinition};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// What decides: all entity types that represent users, and the order of sources per field.
#[derive(Debug, Clone, Default)]
pub struct Authority {
    sources: HashMap<i32, Source>,
    /// Field → connector → place in the field's own order.
    orders: HashMap<String, HashMap<i32, usize>>,
}

/// An entity type that represents users.
#[derive(Debug, Clone)]
pub struct Source {
    /// The entity type's id.
    pub entity_type: i32,
    /// Its connector's id: ids rise in the order of creation.
    pub connector: i32,
    /// What its rows mean for persons.
    pub users: UsersDefinition,
}

/// A stored user: what it says about a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Testimony {
    /// The resource's id.
    pub resource: i64,
    /// Its entity type.
    pub entity_type: i32,
    /// The run that wrote it.
    pub run: i32,
    /// Line in the source.
    pub line: i32,
    /// Its properties.
    pub attributes: Map<String, Value>,
}

/// Where a value is from. In JSON: `[connector, entity type, run, line]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "(i32, i32, i32, i32)", from = "(i32, i32, i32, i32)")]
pub struct Provenance {
    /// The connector.
    pub connector: i32,
    /// The entity type.
    pub entity_type: i32,
    /// The run that brought this value.
    pub run: i32,
    /// The line it stood in.
    pub line: i32,
}

impl From<Provenance> for (i32, i32, i32, i32) {
    fn from(from: Provenance) -> Self {
        (from.connector, from.entity_type, from.run, from.line)
    }
}

impl From<(i32, i32, i32, i32)> for Provenance {
    fn from((connector, entity_type, run, line): (i32, i32, i32, i32)) -> Self {
        Self { connector, entity_type, run, line }
    }
}

/// One reason why a person can't sign in and is past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The connector whose run blocked; none: a human.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<i32>,
    /// The entity type whose user is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<i32>,
    /// The run that blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<i32>,
    /// The account that blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Since when it counts; later than now while a grace period lasts.
    pub since: DateTime<Utc>,
    /// Why.
    pub reason: String,
}

/// A person as far as runs decide it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Person {
    /// Values by profile field.
    pub fields: Map<String, Value>,
    /// Where they are from.
    pub provenance: BTreeMap<String, Provenance>,
    /// What users said last that are gone, where another value holds: by profile field, in the order of authority.
    pub outvoted: BTreeMap<String, Vec<(Value, Provenance)>>,
    /// Why it is blocked.
    pub blocks: Vec<Block>,
    /// Values that accounts set; no run changes them.
    pub local: Map<String, Value>,
    /// What an administrator set over all sources, by profile field. `fields` holds their values.
    pub overrides: BTreeMap<String, Override>,
}

impl Person {
    /// Whether a run has made it past: a user that decided is missing.
    pub fn is_past(&self, now: DateTime<Utc>) -> bool {
        self.blocks.iter().any(|block| block.connector.is_some() && block.since <= now)
    }

    /// Whether it can't sign in.
    pub fn is_blocked(&self, now: DateTime<Utc>) -> bool {
        self.blocks.iter().any(|block| block.since <= now)
    }
}

/// What becomes of a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It is as in here.
    Stays(Person),
    /// Its source's policy deletes it.
    Deleted,
}

impl Authority {
    /// From the entity types that represent users, and per profile field its connectors in order.
    pub fn new(sources: Vec<Source>, orders: HashMap<String, Vec<i32>>) -> Self {
        let place = |connectors: Vec<i32>| connectors.into_iter().zip(0..).collect();
        Self {
            sources: sources.into_iter().map(|source| (source.entity_type, source)).collect(),
            orders: orders.into_iter().map(|(field, connectors)| (field, place(connectors))).collect(),
        }
    }

    /// The entity types that represent users.
    pub fn entity_types(&self) -> Vec<i32> {
        let mut ids: Vec<i32> = self.sources.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// All that is said about a field, the winner first, the losers in their order.
    pub fn candidates<'t>(
        &self,
        field: &str,
        testimonies: impl IntoIterator<Item = &'t Testimony>,
    ) -> Vec<(&'t Testimony, &'t Value)> {
        let mut said: Vec<_> = testimonies
            .into_iter()
            .filter_map(|testimony| {
                let source = self.sources.get(&testimony.entity_type)?;
                let value = testimony.attributes.get(source.users.fields.get(field)?)?;
                (!value.is_null()).then_some((testimony, value))
            })
            .collect();
        said.sort_by_key(|(testimony, _)| (self.rank(field, testimony.entity_type), testimony.resource));
        said
    }

    /// What follows for a person from what its users say. `before` is the person so far; `leaving` is what the users said
    /// that go with this run.
    pub fn decide(
        &self,
        before: Option<&Person>,
        testimonies: &[Testimony],
        leaving: &[Testimony],
        run: i32,
        now: DateTime<Utc>,
    ) -> Fate {
        let has_user = |entity_type: i32| testimonies.iter().any(|testimony| testimony.entity_type == entity_type);
        // Only with its last user of this person a source misses it.
        let gone: Vec<&Testimony> = leaving.iter().filter(|testimony| !has_user(testimony.entity_type)).collect();
        let missed = || gone.iter().filter_map(|testimony| self.sources.get(&testimony.entity_type));
        if missed().any(|source| source.users.on_missing == OnMissing::Delete) {
            return Fate::Deleted;
        }
        // What sources say is worked out as if nothing were overridden, and laid beneath.
        let (local, overrides) =
            before.map(|person| (person.local.clone(), person.overrides.clone())).unwrap_or_default();
        let lifted = before.map(Person::lifted);
        let before = lifted.as_deref();
        let mut person = self.values(before, testimonies, &gone);
        person.local = local;
        person.blocks = before.map(|person| person.blocks.clone()).unwrap_or_default();
        person.blocks.retain(|block| !self.is_lifted(block, testimonies));
        for source in missed().filter(|source| source.users.on_missing == OnMissing::Block) {
            if !person.blocks.iter().any(|block| block.entity_type == Some(source.entity_type)) {
                person.blocks.push(Block {
                    connector: Some(source.connector),
                    entity_type: Some(source.entity_type),
                    run: Some(run),
                    account: None,
                    since: now + chrono::Days::new(u64::from(source.users.grace_days)),
                    reason: "missing".into(),
                });
            }
        }
        Fate::Stays(person.overridden(overrides))
    }

    fn is_lifted(&self, block: &Block, testimonies: &[Testimony]) -> bool {
        testimonies.iter().any(|testimony| {
            let Some(source) = self.sources.get(&testimony.entity_type) else { return false };
            match source.users.on_return {
                OnReturn::Never => false,
                OnReturn::ByRun => block.entity_type == Some(testimony.entity_type),
                OnReturn::Always => block.entity_type == Some(testimony.entity_type) || block.account.is_some(),
            }
        })
    }

    fn rank(&self, field: &str, entity_type: i32) -> (usize, i32, i32) {
        let connector = self.sources.get(&entity_type).map_or(i32::MAX, |source| source.connector);
        let own = self.orders.get(field).and_then(|order| order.get(&connector)).copied();
        (own.unwrap_or(usize::MAX), connector, entity_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const HR: i32 = 10;
    const DIRECTORY: i32 = 20;
    const CARDS: i32 = 30;

    pub(super) fn users(fields: &[(&str, &str)], on_missing: OnMissing) -> UsersDefinition {
        UsersDefinition {
            correlate: Vec::new(),
            create: true,
            on_missing,
            grace_days: 0,
            on_return: OnReturn::ByRun,
            on_move: Default::default(),
            fields: fields.iter().map(|(field, property)| ((*field).into(), (*property).into())).collect(),
        }
    }

    fn authority(orders: &[(&str, &[i32])]) -> Authority {
        let source = |entity_type, connector, users| Source { entity_type, connector, users };
        Authority::new(
            vec![
                source(HR, 1, users(&[("mail", "mail"), ("phone", "phone")], OnMissing::Block)),
                source(DIRECTORY, 2, users(&[("mail", "mail"), ("phone", "tel")], OnMissing::Keep)),
                source(CARDS, 3, users(&[("card", "number")], OnMissing::Delete)),
            ],
            orders.iter().map(|(field, connectors)| ((*field).to_owned(), connectors.to_vec())).collect(),
        )
    }

    fn says(entity_type: i32, run: i32, attributes: Value) -> Testimony {
        let Value::Object(attributes) = attributes else { panic!("attributes are an object") };
        Testimony { resource: i64::from(entity_type), entity_type, run, line: 7, attributes }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn decide(
        authority: &Authority,
        before: Option<&Person>,
        said: &[Testimony],
        leaving: &[Testimony],
        run: i32,
    ) -> Person {
        match authority.decide(before, said, leaving, run, now()) {
            Fate::Stays(person) => person,
            Fate::Deleted => panic!("the person is deleted"),
        }
    }

    #[test]
    fn without_an_order_the_connector_created_first_wins() {
        let said = [says(DIRECTORY, 1, json!({"mail": "d@x", "tel": "2"})), says(HR, 2, json!({"mail": "h@x"}))];
        let person = decide(&authority(&[]), None, &said, &[], 2);
        assert_eq!(Value::Object(person.fields), json!({"mail": "h@x", "phone": "2"}));
        assert_eq!(person.provenance["phone"], Provenance { connector: 2, entity_type: DIRECTORY, run: 1, line: 7 });
    }

    #[test]
    fn a_field_has_an_order_of_its_own_and_its_losers_are_known() {
        let authority = authority(&[("phone", &[2, 1])]);
        let said = [says(HR, 1, json!({"phone": "1"})), says(DIRECTORY, 1, json!({"tel": "2"}))];
        assert_eq!(decide(&authority, None, &said, &[], 1).fields["phone"], "2");
        let candidates: Vec<_> = authority.candidates("phone", &said).into_iter().map(|(_, value)| value).collect();
        assert_eq!(candidates, [&json!("2"), &json!("1")]);
    }

    #[test]
    fn a_source_that_says_empty_loses_its_value_and_the_next_one_has_it() {
        let authority = authority(&[]);
        let both = [says(HR, 1, json!({"phone": "1"})), says(DIRECTORY, 1, json!({"tel": "2"}))];
        let before = decide(&authority, None, &both, &[], 1);
        let emptied = [says(HR, 2, json!({})), both[1].clone()];
        assert_eq!(decide(&authority, Some(&before), &emptied, &[], 2).fields["phone"], "2");
    }

    #[test]
    fn a_value_keeps_the_run_that_brought_it() {
        let authority = authority(&[]);
        let before = decide(&authority, None, &[says(HR, 1, json!({"mail": "a@x", "phone": "1"}))], &[], 1);
        let after = decide(&authority, Some(&before), &[says(HR, 5, json!({"mail": "a@x", "phone": "9"}))], &[], 5);
        assert_eq!((after.provenance["mail"].run, after.provenance["phone"].run), (1, 5));
    }

    #[test]
    fn a_leaver_keeps_the_last_values_is_blocked_and_comes_back() {
        let authority = authority(&[]);
        let before = decide(&authority, None, &[says(HR, 1, json!({"mail": "a@x"}))], &[], 1);
        let leaving = [says(HR, 1, json!({"mail": "a@x"}))];
        let left = decide(&authority, Some(&before), &[], &leaving, 2);
        assert_eq!(
            (left.fields.clone(), left.is_past(now()), left.is_blocked(now())),
            (before.fields.clone(), true, true)
        );
        assert_eq!(decide(&authority, Some(&left), &[], &leaving, 3).blocks.len(), 1, "blocked once by one source");
        let back = decide(&authority, Some(&left), &[says(HR, 4, json!({"mail": "a@x"}))], &[], 4);
        assert_eq!((back.blocks.len(), back.fields), (0, before.fields));
    }

    #[test]
    fn a_block_by_hand_is_not_lifted_by_a_run() {
        let by_hand = Block {
            connector: None,
            entity_type: None,
            run: None,
            account: Some("admin".into()),
            since: now(),
            reason: "investigation".into(),
        };
        let before = Person { blocks: vec![by_hand.clone()], ..Person::default() };
        let person = decide(&authority(&[]), Some(&before), &[says(HR, 4, json!({"mail": "a@x"}))], &[], 4);
        assert_eq!(person.blocks, [by_hand]);
        assert!(person.is_blocked(now()) && !person.is_past(now()));
    }

    #[test]
    fn policies_keep_and_delete() {
        let authority = authority(&[]);
        let said = [says(DIRECTORY, 1, json!({"tel": "2"})), says(CARDS, 1, json!({"number": "c"}))];
        let before = decide(&authority, None, &said, &[], 1);
        let kept = decide(&authority, Some(&before), &said[1..], &said[..1], 2);
        assert_eq!((kept.blocks.len(), &kept.fields["phone"]), (0, &json!("2")));
        assert_eq!(authority.decide(Some(&before), &said[..1], &said[1..], 2, now()), Fate::Deleted);
        let one_of_two = decide(&authority, Some(&before), &said, &said[1..], 2);
        assert_eq!(one_of_two.fields, before.fields, "another card is left");
    }

    #[test]
    fn a_grace_period_blocks_later() {
        let mut authority = authority(&[]);
        authority.sources.get_mut(&HR).unwrap().users.grace_days = 14;
        let person = decide(&authority, Some(&Person::default()), &[], &[says(HR, 1, json!({}))], 2);
        assert!(!person.is_past(now()));
        assert!(person.is_past(now() + chrono::Days::new(14)));
    }

    proptest! {
        /// What a person is does not depend on the order in which its users are read.
        #[test]
        fn the_order_of_testimonies_does_not_matter(
            said in proptest::collection::vec((0..3_usize, 0..4_i64, proptest::option::of("[a-c]")), 0..6),
            seed in any::<u64>(),
        ) {
            let said: Vec<Testimony> = said
                .into_iter()
                .map(|(which, resource, value)| {
                    let value = value.map_or_else(|| json!({}), |text| json!({"mail": text, "tel": text, "number": text}));
                    Testimony { resource, ..says([HR, DIRECTORY, CARDS][which], 1, value) }
                })
                .collect();
            let mut distinct = said.clone();
            distinct.sort_by_key(|one| (one.entity_type, one.resource));
            distinct.dedup_by_key(|one| (one.entity_type, one.resource));
            let mut shuffled = distinct.clone();
            shuffled.sort_by_key(|one| (one.resource ^ i64::from(one.entity_type)).wrapping_mul(seed as i64 | 1));
            let authority = authority(&[("mail", &[2])]);
            prop_assert_eq!(
                decide(&authority, None, &distinct, &[], 1),
                decide(&authority, None, &shuffled, &[], 1)
            );
        }
    }
}
