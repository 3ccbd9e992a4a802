//! The values of a person: of all that is said about a field, and of what was said last by users that are gone, the first
//! in the order of sources.
//!
//! A user that is gone keeps its say at the rank that it had, also where it is outvoted: the source that outvotes it may
//! go, or say nothing, any day, and the person must not depend on which of two sources was read first.

use super::{Authority, Person, Provenance, Testimony};
use serde_json::Value;

impl Authority {
    /// Values, where they are from, and what is outvoted. `gone`: what the users said that go now, the last of their entity
    /// types.
    pub(super) fn values(&self, before: Option<&Person>, testimonies: &[Testimony], gone: &[&Testimony]) -> Person {
        let mut person = Person::default();
        let speaking = testimonies.iter().chain(gone.iter().copied());
        let mapped = speaking.filter_map(|testimony| self.sources.get(&testimony.entity_type));
        let mut names: Vec<&String> = mapped.flat_map(|source| source.users.fields.keys()).collect();
        names.extend(before.iter().flat_map(|person| person.provenance.keys().chain(person.outvoted.keys())));
        names.sort_unstable();
        names.dedup();
        for name in names {
            let kept = before.and_then(|person| Some((*person.provenance.get(name)?, person.fields.get(name)?)));
            // The run that brought a value is the one in which it became what it is, not the last that saw it.
            let origin = |testimony: &Testimony, value: &Value| {
                let same = kept.filter(|(from, was)| from.entity_type == testimony.entity_type && *was == value);
                same.map_or_else(|| self.origin(testimony), |(from, _)| from)
            };
            let mut last = self.last_said(name, before, testimonies, gone, origin);
            let winner = self.candidates(name, testimonies).into_iter().next().filter(|(testimony, _)| {
                let rank = |entity_type| self.rank(name, entity_type);
                last.first().is_none_or(|(_, from)| rank(testimony.entity_type) <= rank(from.entity_type))
            });
            let (value, from) = match winner {
                Some((testimony, value)) => (value.clone(), origin(testimony, value)),
                None if last.is_empty() => continue,
                None => last.remove(0),
            };
            person.fields.insert(name.clone(), value);
            person.provenance.insert(name.clone(), from);
            if !last.is_empty() {
                person.outvoted.insert(name.clone(), last);
            }
        }
        person
    }

    /// What users said last about a field that are gone, in the order of sources.
    fn last_said(
        &self,
        name: &str,
        before: Option<&Person>,
        testimonies: &[Testimony],
        gone: &[&Testimony],
        origin: impl Fn(&Testimony, &Value) -> Provenance,
    ) -> Vec<(Value, Provenance)> {
        let speaks =
            |entity_type: i32| testimonies.iter().chain(gone.iter().copied()).any(|one| one.entity_type == entity_type);
        let now = self.candidates(name, gone.iter().copied());
        let now = now.into_iter().map(|(testimony, value)| (value.clone(), origin(testimony, value)));
        let earlier = before.into_iter().flat_map(|person| {
            let shown = person.fields.get(name).cloned().zip(person.provenance.get(name).copied());
            shown.into_iter().chain(person.outvoted.get(name).into_iter().flatten().cloned())
        });
        let mut last: Vec<_> = now.chain(earlier.filter(|(_, from)| !speaks(from.entity_type))).collect();
        last.sort_by_key(|(_, from)| self.rank(name, from.entity_type));
        last
    }

    fn origin(&self, testimony: &Testimony) -> Provenance {
        let connector = self.sources.get(&testimony.entity_type).map_or(0, |source| source.connector);
        Provenance { connector, entity_type: testimony.entity_type, run: testimony.run, line: testimony.line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entity_type::OnMissing;
    use crate::pipeline::authority::tests::users;
    use crate::pipeline::authority::{Fate, Source};
    use chrono::{DateTime, Utc};
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::HashMap;

    const SOURCES: i32 = 3;

    /// Three sources that all speak of mail and phone; the phone has an order of its own.
    fn authority() -> Authority {
        let source = |entity_type: i32| Source {
            entity_type,
            connector: entity_type,
            users: users(
                &[("mail", "mail"), ("phone", "phone")],
                if entity_type == 2 { OnMissing::Keep } else { OnMissing::Block },
            ),
        };
        Authority::new((1..=SOURCES).map(source).collect(), HashMap::from([("phone".to_owned(), vec![3, 1])]))
    }

    /// What a source says in a round: nothing of the person, or a mail and a phone that may be empty.
    type Said = Option<[Option<u8>; 2]>;

    fn testimony(entity_type: i32, [mail, phone]: [Option<u8>; 2]) -> Testimony {
        let value = |text: Option<u8>| text.map_or(Value::Null, |text| json!(text));
        let attributes = json!({ "mail": value(mail), "phone": value(phone) }).as_object().cloned().unwrap();
        Testimony { resource: i64::from(entity_type), entity_type, run: 1, line: 2, attributes }
    }

    /// Rounds of one person: in each every source runs once, in the order that `order` gives.
    fn settled(rounds: &[[Said; SOURCES as usize]], mut order: impl FnMut() -> Vec<i32>) -> Person {
        let authority = authority();
        let mut person = Person::default();
        let mut stored: [Option<Testimony>; SOURCES as usize] = Default::default();
        for round in rounds {
            for source in order() {
                let position = source as usize - 1;
                let was = std::mem::replace(&mut stored[position], round[position].map(|said| testimony(source, said)));
                let leaving: Vec<Testimony> = was.filter(|_| stored[position].is_none()).into_iter().collect();
                let testimonies: Vec<Testimony> = stored.iter().flatten().cloned().collect();
                match authority.decide(Some(&person), &testimonies, &leaving, 1, DateTime::<Utc>::UNIX_EPOCH) {
                    Fate::Stays(after) => person = after,
                    Fate::Deleted => panic!("no policy deletes"),
                }
            }
        }
        person.blocks.sort_by_key(|block| block.entity_type);
        person
    }

    #[test]
    fn a_leaver_that_is_outvoted_has_its_say_again_when_the_winner_falls_silent() {
        let person = settled(&[[Some([Some(1), Some(1)]), None, Some([Some(9), None])]], || vec![1, 2, 3]);
        assert_eq!(person.fields["mail"], json!(1));
        let rounds = [
            [Some([Some(1), Some(1)]), Some([Some(2), None]), None],
            [Some([Some(1), Some(1)]), None, None],
            [Some([None, None]), None, None],
        ];
        let person = settled(&rounds, || vec![1, 2, 3]);
        assert_eq!((&person.fields["mail"], person.provenance["mail"].entity_type), (&json!(2), 2));
        assert!(person.outvoted.is_empty());
    }

    proptest! {
        /// Leavers, returners and sources that say nothing included.
        #[test]
        fn whichever_source_runs_first_the_person_is_the_same(
            rounds in proptest::collection::vec(
                [proptest::option::of(any_said()), proptest::option::of(any_said()), proptest::option::of(any_said())],
                1..6),
            orders in proptest::collection::vec(Just(vec![1, 2, 3]).prop_shuffle(), 10),
        ) {
            let mut shuffled = orders.into_iter().cycle();
            let one = settled(&rounds, || vec![1, 2, 3]);
            let other = settled(&rounds, || shuffled.next().unwrap());
            prop_assert_eq!(one, other);
        }
    }

    fn any_said() -> impl Strategy<Value = [Option<u8>; 2]> {
        [proptest::option::of(0..4_u8), proptest::option::of(0..4_u8)]
    }
}
