//! Whom a record in doubt may be, and why: what the rules of its entity type find right now.

use crate::model::doubt::Doubt;
use crate::model::entity_type::UsersDefinition;
use crate::model::person;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Candidates that are named for one record.
const MOST: usize = 20;

/// A person that a rule finds for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The person.
    pub person: i64,
    /// What to call it.
    pub name: String,
    /// `current` or `past`.
    pub state: String,
    /// Whether somebody made it by hand.
    pub is_local: bool,
    /// The property of the rule.
    pub property: String,
    /// The profile field of the rule.
    pub field: String,
    /// The value that both have, as the profile has it.
    pub value: String,
    /// The key of another record of this entity type that feeds it already.
    pub taken_by: Option<String>,
}

/// The candidates of these doubts, by their place, in the order of the rules. One question per rule and entity type.
pub fn of(
    conn: &mut PgConnection,
    doubts: &[Doubt],
    definitions: &BTreeMap<i32, UsersDefinition>,
) -> QueryResult<HashMap<usize, Vec<Candidate>>> {
    let mut found: HashMap<usize, Vec<Candidate>> = HashMap::new();
    for (&entity_type, users) in definitions {
        for rule in &users.correlate {
            let wanted: Vec<(usize, String)> = doubts
                .iter()
                .enumerate()
                .filter(|(_, doubt)| doubt.entity_type_id == entity_type)
                .filter_map(|(place, doubt)| Some((place, text(doubt.attributes.get(&rule.property)?)?)))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let persons = persons(conn, entity_type, &rule.field, &wanted)?;
            for (place, value) in wanted {
                let same = |one: &&Person| {
                    if rule.ignore_case { one.value.to_lowercase() == value.to_lowercase() } else { one.value == value }
                };
                let list = found.entry(place).or_default();
                for one in persons.iter().filter(same) {
                    if list.len() < MOST && list.iter().all(|known| known.person != one.id) {
                        list.push(one.candidate(&rule.property, &rule.field));
                    }
                }
            }
        }
    }
    Ok(found)
}

#[derive(QueryableByName)]
struct Person {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    value: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Bool)]
    local: bool,
    #[diesel(sql_type = Jsonb)]
    fields: Value,
    #[diesel(sql_type = Nullable<Text>)]
    taken_by: Option<String>,
}

impl Person {
    fn candidate(&self, property: &str, field: &str) -> Candidate {
        Candidate {
            person: self.id,
            name: person::name_of(&self.fields).unwrap_or_else(|| format!("User {}", self.id)),
            state: self.state.clone(),
            is_local: self.local,
            property: property.to_owned(),
            field: field.to_owned(),
            value: self.value.clone(),
            taken_by: self.taken_by.clone(),
        }
    }
}

fn persons(
    conn: &mut PgConnection,
    entity_type: i32,
    field: &str,
    wanted: &[(usize, String)],
) -> QueryResult<Vec<Person>> {
    // The field's name stands in the text, so that the index on this expression is used.
    let field = field.replace('\'', "''");
    let folded: Vec<String> = wanted.iter().map(|(_, value)| value.to_lowercase()).collect();
    diesel::sql_query(format!(
        "select p.id, p.fields ->> '{field}' as value, p.state, p.created_by is null as local, p.fields,
                (select min(r.key) from resources r where r.entity_type_id = $2 and r.person_id = p.id) as taken_by
           from persons p where lower(p.fields ->> '{field}') = any($1) order by p.id limit 1000"
    ))
    .bind::<Array<Text>, _>(folded)
    .bind::<Integer, _>(entity_type)
    .load(conn)
}

/// A value as text; empty ones match nobody.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        other => other.to_string(),
    };
    (!text.trim().is_empty()).then_some(text)
}
