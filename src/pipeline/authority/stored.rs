//! How what runs decide of a person lies in the database.

use super::{Person, Provenance};
use crate::model::person::OUTVOTED;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// What stands under one name of a stored provenance.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Stored<'p> {
    /// Where a value is from.
    From(Provenance),
    /// Values that lost, by field, with where they are from.
    Outvoted(&'p BTreeMap<String, Vec<(Value, Provenance)>>),
}

impl Person {
    /// From how it is stored. What most fields' provenance is stands once, under no name: see [`Self::stored_provenance`].
    pub fn from_stored(fields: Value, mut provenance: Value, blocks: Value) -> serde_json::Result<Self> {
        let outvoted = provenance.as_object_mut().and_then(|named| named.remove(OUTVOTED));
        let outvoted = outvoted.map(serde_json::from_value).transpose()?.unwrap_or_default();
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let mut provenance: BTreeMap<String, Provenance> = serde_json::from_value(provenance)?;
        if let Some(shared) = provenance.remove("") {
            for field in fields.keys() {
                if !provenance.contains_key(field) {
                    provenance.insert(field.clone(), shared);
                }
            }
        }
        let blocks = serde_json::from_value(blocks)?;
        Ok(Self { fields, provenance, outvoted, blocks, ..Self::default() })
    }

    /// Its provenance as it is stored: what most fields share stands once, under no name, for all fields that are not
    /// named; what is outvoted under a name that no field has.
    pub fn stored_provenance(&self) -> BTreeMap<&str, Stored<'_>> {
        let mut stored: BTreeMap<&str, Stored<'_>> =
            self.named_provenance().into_iter().map(|(name, from)| (name, Stored::From(from))).collect();
        if !self.outvoted.is_empty() {
            stored.insert(OUTVOTED, Stored::Outvoted(&self.outvoted));
        }
        stored
    }

    fn named_provenance(&self) -> BTreeMap<&str, Provenance> {
        let named = || self.provenance.iter().map(|(field, from)| (field.as_str(), *from));
        if self.fields.keys().any(|field| !self.provenance.contains_key(field)) {
            return named().collect();
        }
        let mut counts: HashMap<(i32, i32, i32, i32), usize> = HashMap::new();
        for from in self.provenance.values() {
            *counts.entry((*from).into()).or_default() += 1;
        }
        let Some(most) = counts.into_iter().max_by_key(|&(from, count)| (count, from)) else { return BTreeMap::new() };
        let shared = Provenance::from(most.0);
        named().filter(|(_, from)| *from != shared).chain([("", shared)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_most_fields_share_is_stored_once() {
        let from = |line| Provenance { connector: 1, entity_type: 10, run: 1, line };
        let person = |lines: &[(&str, i32)]| Person {
            fields: lines.iter().map(|(field, _)| ((*field).to_owned(), json!("x"))).collect(),
            provenance: lines.iter().map(|&(field, line)| (field.to_owned(), from(line))).collect(),
            ..Person::default()
        };
        let stored = |person: &Person| serde_json::to_value(person.stored_provenance()).unwrap();
        let several = person(&[("mail", 7), ("phone", 8), ("title", 7)]);
        assert_eq!(stored(&several), json!({"": [1, 10, 1, 7], "phone": [1, 10, 1, 8]}));
        let mut partly = several.clone();
        partly.provenance.remove("mail");
        assert_eq!(stored(&partly), json!({"phone": [1, 10, 1, 8], "title": [1, 10, 1, 7]}), "mail is from nobody");
        assert_eq!(stored(&Person::default()), json!({}));
        let mut outvoted = several.clone();
        outvoted.outvoted.insert("mail".into(), vec![(json!("y"), from(9))]);
        assert_eq!(stored(&outvoted)["(outvoted)"], json!({"mail": [["y", [1, 10, 1, 9]]]}));
        for person in [several, partly, outvoted, Person::default()] {
            let read = Person::from_stored(Value::Object(person.fields.clone()), stored(&person), json!([])).unwrap();
            assert_eq!(read, person);
        }
    }
}
