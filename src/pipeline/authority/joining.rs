//! What becomes of a person, as far as memory goes, when somebody takes users away from it or merges it with another: the
//! rest follows from its users, by the same rules as always.

use super::Person;

impl Person {
    /// Without what users of these entity types have said: they were somebody else's.
    #[must_use]
    pub fn without(mut self, entity_types: &[i32]) -> Self {
        let theirs: Vec<String> = self
            .provenance
            .iter()
            .filter(|(_, from)| entity_types.contains(&from.entity_type))
            .map(|(field, _)| field.clone())
            .collect();
        for field in theirs {
            self.fields.remove(&field);
            self.provenance.remove(&field);
        }
        for said in self.outvoted.values_mut() {
            said.retain(|(_, from)| !entity_types.contains(&from.entity_type));
        }
        self.outvoted.retain(|_, said| !said.is_empty());
        self
    }

    /// With what another person was that turned out to be this one: the last values of its leavers, which win where this
    /// one has none, and its blocks.
    #[must_use]
    pub fn joined(mut self, other: &Self) -> Self {
        for (field, from) in &other.provenance {
            let Some(value) = other.fields.get(field) else { continue };
            if self.fields.contains_key(field) {
                self.outvoted.entry(field.clone()).or_default().push((value.clone(), *from));
            } else {
                self.fields.insert(field.clone(), value.clone());
                self.provenance.insert(field.clone(), *from);
            }
        }
        self.recall(other);
        for block in &other.blocks {
            let is_known = |known: &super::Block| block.connector.is_some() && known.entity_type == block.entity_type;
            if !self.blocks.iter().any(is_known) {
                self.blocks.push(block.clone());
            }
        }
        self
    }

    /// Adds what another version has outvoted, but of entity types of which this one knows something.
    pub fn recall(&mut self, other: &Self) {
        for (field, said) in &other.outvoted {
            for (value, from) in said {
                let knows = |known: &super::Provenance| known.entity_type == from.entity_type;
                let known = self.outvoted.get(field).into_iter().flatten().any(|(_, known)| knows(known));
                if !known && !self.provenance.get(field).is_some_and(knows) {
                    self.outvoted.entry(field.clone()).or_default().push((value.clone(), *from));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Block, Person, Provenance};
    use serde_json::json;

    fn person(said: &[(&str, &str, i32)]) -> Person {
        let from = |entity_type| Provenance { connector: 1, entity_type, run: 1, line: 2 };
        Person {
            fields: said.iter().map(|(field, value, _)| ((*field).to_owned(), json!(value))).collect(),
            provenance: said.iter().map(|(field, _, entity_type)| ((*field).to_owned(), from(*entity_type))).collect(),
            ..Person::default()
        }
    }

    fn block(entity_type: i32) -> Block {
        Block {
            connector: Some(1),
            entity_type: Some(entity_type),
            run: Some(1),
            account: None,
            since: chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
            reason: "missing".into(),
        }
    }

    #[test]
    fn what_is_taken_away_leaves_with_all_that_it_has_said() {
        let mut before = person(&[("mail", "a@x", 10), ("phone", "1", 20)]);
        before.outvoted.insert("mail".into(), vec![(json!("b@x"), before.provenance["phone"])]);
        assert_eq!(before.without(&[20]), person(&[("mail", "a@x", 10)]));
    }

    #[test]
    fn who_is_merged_brings_what_the_other_lacks_and_each_block_once() {
        let mut one = person(&[("mail", "a@x", 10)]);
        one.blocks = vec![block(10)];
        let mut other = person(&[("mail", "b@x", 10), ("phone", "1", 20)]);
        other.blocks = vec![block(10), block(20)];
        let both = one.joined(&other);
        assert_eq!((&both.fields["mail"], &both.fields["phone"]), (&json!("a@x"), &json!("1")));
        assert_eq!(both.blocks, [block(10), block(20)]);
        assert_eq!(both.outvoted["mail"], [(json!("b@x"), both.provenance["mail"])]);
    }
}
