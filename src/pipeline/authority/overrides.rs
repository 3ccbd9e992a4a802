//! Overrides: an administrator's value over those of all sources. While one stands the person's fields hold it; what the
//! sources would have put there is kept beneath, so that its end leaves the person as if it had never been.

use super::{Person, Provenance};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// An override that stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// What holds.
    pub value: Value,
    /// What sources would have put there, with where that is from.
    pub beneath: Option<(Value, Option<Provenance>)>,
}

impl Override {
    /// What lies beneath as it is stored: `[value, provenance]`.
    pub fn stored_beneath(&self) -> Option<Value> {
        let (value, from) = self.beneath.as_ref()?;
        let from = from.and_then(|from| serde_json::to_value(from).ok()).unwrap_or(Value::Null);
        Some(Value::Array(vec![value.clone(), from]))
    }

    /// From how it is stored.
    pub fn from_stored(value: Value, beneath: Option<Value>) -> serde_json::Result<Self> {
        let beneath: Option<(Value, Option<Provenance>)> = beneath.map(serde_json::from_value).transpose()?;
        Ok(Self { value, beneath })
    }
}

impl Person {
    /// The person as it would be without its overrides.
    pub fn lifted(&self) -> Cow<'_, Self> {
        if self.overrides.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut person = self.clone();
        for (field, one) in std::mem::take(&mut person.overrides) {
            person.put_back(&field, one.beneath);
        }
        Cow::Owned(person)
    }

    /// The person, which has none yet, with these overrides over what it is.
    pub fn overridden(mut self, overrides: BTreeMap<String, Override>) -> Self {
        for (field, one) in overrides {
            self.lay(field, one.value);
        }
        self
    }

    /// Lays a value over what sources say. In place of another override it keeps what lies beneath that.
    pub fn lay(&mut self, field: String, value: Value) {
        self.lift(&field);
        let provenance = self.provenance.remove(&field);
        let beneath = self.fields.insert(field.clone(), value.clone()).map(|was| (was, provenance));
        self.overrides.insert(field, Override { value, beneath });
    }

    /// Takes an override away, if there is one.
    pub fn lift(&mut self, field: &str) -> bool {
        match self.overrides.remove(field) {
            None => false,
            Some(one) => {
                self.put_back(field, one.beneath);
                true
            }
        }
    }

    fn put_back(&mut self, field: &str, beneath: Option<(Value, Option<Provenance>)>) {
        self.provenance.remove(field);
        match beneath {
            None => _ = self.fields.remove(field),
            Some((value, from)) => {
                self.fields.insert(field.to_owned(), value);
                self.provenance.extend(from.map(|from| (field.to_owned(), from)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entity_type::OnMissing;
    use crate::pipeline::authority::tests::users;
    use crate::pipeline::authority::{Authority, Fate, Source, Testimony};
    use chrono::DateTime;
    use proptest::prelude::*;
    use serde_json::json;
    use std::collections::HashMap;

    fn authority() -> Authority {
        let source = |entity_type: i32| Source {
            entity_type,
            connector: entity_type,
            users: users(
                &[("mail", "mail"), ("phone", "phone")],
                if entity_type == 1 { OnMissing::Block } else { OnMissing::Keep },
            ),
        };
        Authority::new(vec![source(1), source(2)], HashMap::from([("phone".to_owned(), vec![2, 1])]))
    }

    /// What each of two sources says in a run: nothing of the person, or a mail and a phone that may be empty.
    type Said = [Option<(Option<u8>, Option<u8>)>; 2];

    fn run(authority: &Authority, before: &Person, said: &Said, last: &Said, run: i32) -> Person {
        let value = |text: Option<u8>| text.map_or(Value::Null, |text| json!(text.to_string()));
        let (mut testimonies, mut leaving) = (Vec::new(), Vec::new());
        for (position, (now, was)) in said.iter().zip(last).enumerate() {
            let entity_type = position as i32 + 1;
            let testimony = |(mail, phone): (Option<u8>, Option<u8>), run: i32| {
                let attributes = json!({ "mail": value(mail), "phone": value(phone) });
                let attributes = attributes.as_object().cloned().unwrap();
                Testimony { resource: i64::from(entity_type), entity_type, run, line: 2, attributes }
            };
            match now {
                None => leaving.extend(was.map(|was| testimony(was, run - 1))),
                Some(said) => testimonies.push(testimony(*said, run)),
            }
        }
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        match authority.decide(Some(before), &testimonies, &leaving, run, now) {
            Fate::Stays(person) => person,
            Fate::Deleted => panic!("no policy deletes"),
        }
    }

    #[test]
    fn an_override_wins_over_all_sources_and_what_they_say_is_kept_beneath() {
        let authority = authority();
        let said: Said = [Some((Some(1), Some(1))), Some((Some(2), Some(2)))];
        let mut person = run(&authority, &Person::default(), &said, &[None, None], 1);
        person.lay("mail".into(), json!("mine"));
        let said: Said = [Some((Some(7), Some(1))), Some((Some(2), Some(2)))];
        let person = run(&authority, &person, &said, &said, 2);
        assert_eq!((&person.fields["mail"], person.provenance.get("mail")), (&json!("mine"), None));
        let (beneath, from) = person.overrides["mail"].beneath.clone().unwrap();
        assert_eq!((beneath, from.unwrap().run), (json!("7"), 2));
        let stored = person.overrides["mail"].stored_beneath();
        assert_eq!(stored, Some(json!(["7", [1, 1, 2, 2]])));
        assert_eq!(Override::from_stored(json!("mine"), stored).unwrap(), person.overrides["mail"]);
        assert_eq!(Override::from_stored(json!("mine"), None).unwrap().beneath, None);
        let mut again = person.clone();
        again.lay("mail".into(), json!("other"));
        again.lift("mail");
        assert_eq!(again, person.lifted().into_owned(), "an override of an override lies on the same ground");
    }

    proptest! {
        /// Whatever runs do meanwhile: after an override has ended, the person is as if it had never been. Leavers,
        /// returners and sources that say nothing included.
        #[test]
        fn an_override_that_ended_might_never_have_been(
            history in proptest::collection::vec(
                [proptest::option::of((proptest::option::of(0..3_u8), proptest::option::of(0..3_u8))),
                 proptest::option::of((proptest::option::of(0..3_u8), proptest::option::of(0..3_u8)))], 1..8),
            made in 0..8_usize, ended in 0..8_usize, field in 0..3_usize, again in any::<bool>(),
        ) {
            let authority = authority();
            let field = ["mail", "phone", "badge"][field];
            let (mut with, mut without) = (Person::default(), Person::default());
            let mut last: Said = [None, None];
            for (number, said) in history.iter().enumerate() {
                if number == made {
                    with.lay(field.into(), json!("mine"));
                    if again {
                        with.lay(field.into(), json!("still mine"));
                    }
                }
                if number == ended {
                    with.lift(field);
                }
                with = run(&authority, &with, said, &last, number as i32);
                without = run(&authority, &without, said, &last, number as i32);
                prop_assert_eq!(with.lifted().into_owned(), without.clone());
                prop_assert_eq!(with.is_blocked(DateTime::UNIX_EPOCH), without.is_blocked(DateTime::UNIX_EPOCH));
                last = *said;
            }
            with.lift(field);
            prop_assert_eq!(with, without);
        }
    }
}
