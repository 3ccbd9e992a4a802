//! Correlation: which person a new user is. Ordered rules; one match is that person, none a new one, several a doubt.
//!
//! What somebody has decided by hand comes first, what was correlated before second, then the rules. Asked set-wise: one
//! question per rule for a whole batch of users. What prepare finds out here is frozen with the change set; synchronize
//! decides nothing.

mod by_hand;

use super::moving::Move;
use crate::model::entity_type::{CorrelationRule, OnMove, UsersDefinition};
use crate::model::problem::ProblemCode;
use crate::pipeline::difference::keys::{Keys, flag};
use crate::pipeline::difference::scan::key_digest;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Text};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// A user that looks for its person.
pub struct User {
    /// Its key.
    pub key: String,
    /// Its properties.
    pub values: Map<String, Value>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It has none: it does not represent users, or somebody has said that it is nobody.
    None,
    /// A person that exists, or that an earlier entity type of this run makes.
    Existing(i64),
    /// A person to be made.
    New(i64),
    /// To be decided by hand.
    Doubtful {
        /// `ambiguous_match`, `local_person`, `no_match` or `possible_move`.
        code: ProblemCode,
        /// In words, with what to do.
        message: String,
    },
}

/// Stands for a person that is to be made, until it gets its id: ids begin with 1.
const TO_BE_MADE: i64 = 0;

/// Finds the persons of one entity type's users.
pub struct Correlator<'a> {
    entity_type: i32,
    definition: &'a UsersDefinition,
    /// Whether there is anybody to be matched.
    anybody: bool,
    /// Whether users of this entity type were ever deleted.
    history: bool,
    /// Whether anything was decided by hand about users of this entity type.
    decided: bool,
    /// Persons whose user of this entity type is gone, with its key, and whether it may be held until somebody decides.
    leaving: HashMap<i64, (String, bool)>,
    /// New keys of persons whose old key is gone.
    moves: Vec<Move>,
    /// Old keys that stay until somebody decides.
    held: Vec<String>,
    /// The ids of the persons to be made.
    made: std::ops::Range<i64>,
    created: u64,
    /// Persons that a user of this entity type has taken in this run.
    taken: HashSet<i64>,
    fresh: &'a mut Fresh,
}

/// Persons that this run makes, by field and folded value: a later entity type of the same connector finds them.
#[derive(Default)]
pub struct Fresh {
    /// The fields that later entity types look for.
    pub fields: HashSet<String>,
    by_value: HashMap<(String, String), HashSet<i64>>,
}

impl<'a> Correlator<'a> {
    /// For an entity type whose new persons get ids from `next_person`.
    pub fn new(
        connection: &mut PgConnection,
        entity_type: i32,
        definition: &'a UsersDefinition,
        next_person: i64,
        fresh: &'a mut Fresh,
    ) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Known {
            #[diesel(sql_type = Bool)]
            anybody: bool,
            #[diesel(sql_type = Bool)]
            history: bool,
            #[diesel(sql_type = Bool)]
            decided: bool,
        }
        let known: Known = diesel::sql_query(
            "select exists (select from persons) as anybody,
                    exists (select from resources_history where entity_type_id = $1) as history,
                    exists (select from correlation_decisions where entity_type_id = $1 and undone_at is null)
                      as decided",
        )
        .bind::<Integer, _>(entity_type)
        .get_result(connection)?;
        Ok(Self {
            entity_type,
            definition,
            anybody: known.anybody,
            history: known.history,
            decided: known.decided,
            leaving: HashMap::new(),
            moves: Vec::new(),
            held: Vec::new(),
            made: next_person..next_person,
            created: 0,
            taken: HashSet::new(),
            fresh,
        })
    }

    /// Persons to be made so far.
    pub fn created(&self) -> u64 {
        self.created
    }

    /// Takes back the persons that were to be made for users who are rejected after all: no later user is matched with
    /// them. Others of these persons stay: they exist, or have a user of an earlier entity type.
    pub fn unmake(&mut self, persons: &[i64]) {
        let unmade: HashSet<i64> = persons.iter().copied().filter(|person| self.made.contains(person)).collect();
        if unmade.is_empty() {
            return;
        }
        self.created -= unmade.len() as u64;
        self.fresh.by_value.retain(|_, persons| {
            persons.retain(|person| !unmade.contains(person));
            !persons.is_empty()
        });
    }

    /// The moves found since it was last asked.
    pub fn take_moves(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.moves)
    }

    /// The old keys that are to stay, found since it was last asked.
    pub fn take_held(&mut self) -> Vec<String> {
        std::mem::take(&mut self.held)
    }

    /// Finds the persons of a batch of users. `keys` are those of the entity type: a person whose user of this type
    /// stays is not free for another one.
    pub fn correlate(&mut self, connection: &mut PgConnection, keys: &Keys, users: &[User]) -> QueryResult<Vec<Match>> {
        let mut found: Vec<Option<Match>> = vec![None; users.len()];
        if self.decided {
            by_hand::look_up(self, connection, keys, users, &mut found)?;
        }
        if self.history {
            self.find_again(connection, users, &mut found)?;
        }
        for rule in &self.definition.correlate {
            self.apply_rule(connection, keys, rule, users, &mut found)?;
        }
        Ok(users.iter().zip(found).map(|(user, found)| self.settle(user, found)).collect())
    }

    /// A user that was here before belongs to the person it belonged to, or to the one that this has become: a correlation
    /// stays once made.
    fn find_again(
        &mut self,
        connection: &mut PgConnection,
        users: &[User],
        found: &mut [Option<Match>],
    ) -> QueryResult<()> {
        #[derive(QueryableByName)]
        struct Before {
            #[diesel(sql_type = Text)]
            key: String,
            #[diesel(sql_type = BigInt)]
            person_id: i64,
        }
        let keys: Vec<&str> = users.iter().map(|user| user.key.as_str()).collect();
        let before: Vec<Before> = diesel::sql_query(
            "select distinct on (h.key) h.key, p.id as person_id
               from resources_history h
               left join merges m on m.person_id = h.person_id
               join persons p on p.id = coalesce(m.into_id, h.person_id)
              where h.entity_type_id = $1 and h.key = any($2)
              order by h.key, h.valid_to desc",
        )
        .bind::<Integer, _>(self.entity_type)
        .bind::<Array<Text>, _>(keys)
        .load(connection)?;
        let before: HashMap<String, i64> = before.into_iter().map(|row| (row.key, row.person_id)).collect();
        for (user, found) in users.iter().zip(found).filter(|(_, found)| found.is_none()) {
            *found = before.get(&user.key).map(|&person| Match::Existing(person));
        }
        Ok(())
    }

    fn apply_rule(
        &mut self,
        connection: &mut PgConnection,
        keys: &Keys,
        rule: &CorrelationRule,
        users: &[User],
        found: &mut [Option<Match>],
    ) -> QueryResult<()> {
        let wanted: Vec<(usize, String)> = (0..users.len())
            .filter(|&index| found[index].is_none())
            .filter_map(|index| Some((index, value_of(&users[index].values, &rule.property)?)))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let candidates = if self.anybody { self.candidates(connection, keys, rule, &wanted)? } else { HashMap::new() };
        for (index, value) in wanted {
            let folded = value.to_lowercase();
            let mut persons: Vec<Candidate> = candidates
                .get(&folded)
                .into_iter()
                .flatten()
                .filter(|candidate| rule.ignore_case || candidate.value == value)
                .cloned()
                .collect();
            if let Some(made) = self.fresh.by_value.get(&(rule.field.clone(), folded)) {
                persons.extend(made.iter().map(|&id| Candidate { id, local: false, value: value.clone() }));
            }
            persons.retain(|person| !(self.definition.create && self.taken.contains(&person.id)));
            let leaving = match persons.as_slice() {
                [person] if !person.local => self.leaving.get(&person.id).cloned(),
                _ => None,
            };
            found[index] = match persons.as_slice() {
                [] => None,
                [person] if person.local => Some(Match::Doubtful {
                    code: ProblemCode::LocalPerson,
                    message: format!(
                        "the only person with this {} was made by hand, and a run does not touch such persons; decide \
                         by hand whether it is the same (Users, Matches)",
                        rule.field
                    ),
                }),
                [person] => {
                    let asks = self.definition.on_move == OnMove::Ask;
                    let doubt = leaving.as_ref().filter(|_| asks).map(|(old_key, _)| possible_move(old_key, rule));
                    if let Some((old_key, may_be_held)) = leaving {
                        if asks && may_be_held {
                            self.held.push(old_key.clone());
                        }
                        let new_key = users[index].key.clone();
                        let field = Some(rule.field.clone());
                        self.moves.push(Move { old_key, new_key, person: person.id, field });
                    }
                    self.taken.insert(person.id);
                    Some(doubt.unwrap_or(Match::Existing(person.id)))
                }
                several => Some(Match::Doubtful {
                    code: ProblemCode::AmbiguousMatch,
                    message: format!(
                        "{} persons have this {}; decide by hand which one it is (Users, Matches)",
                        several.len(),
                        rule.field
                    ),
                }),
            };
        }
        Ok(())
    }

    /// Persons by folded value of the rule's field, without those that another user of this entity type keeps.
    fn candidates(
        &mut self,
        connection: &mut PgConnection,
        keys: &Keys,
        rule: &CorrelationRule,
        wanted: &[(usize, String)],
    ) -> QueryResult<HashMap<String, Vec<Candidate>>> {
        #[derive(QueryableByName)]
        struct Person {
            #[diesel(sql_type = BigInt)]
            id: i64,
            #[diesel(sql_type = Text)]
            value: String,
            #[diesel(sql_type = Bool)]
            local: bool,
        }
        // The field's name stands in the text, so that the index on this expression is used.
        let field = rule.field.replace('\'', "''");
        let folded: Vec<String> = wanted.iter().map(|(_, value)| value.to_lowercase()).collect();
        let persons: Vec<Person> = diesel::sql_query(format!(
            "select id, fields ->> '{field}' as value, created_by is null as local from persons
              where lower(fields ->> '{field}') = any($1)"
        ))
        .bind::<Array<Text>, _>(folded)
        .load(connection)?;
        let mut occupied = HashSet::new();
        if self.definition.create && !persons.is_empty() {
            let ids: Vec<i64> = persons.iter().map(|person| person.id).collect();
            occupied = self.occupied(connection, keys, &ids)?;
        }
        let mut candidates: HashMap<String, Vec<Candidate>> = HashMap::new();
        for person in persons.into_iter().filter(|person| !occupied.contains(&person.id)) {
            let candidate = Candidate { id: person.id, local: person.local, value: person.value };
            candidates.entry(candidate.value.to_lowercase()).or_default().push(candidate);
        }
        Ok(candidates)
    }

    /// Which of these persons have a user of this entity type that stays. Those whose user goes are noted.
    fn occupied(&mut self, connection: &mut PgConnection, keys: &Keys, persons: &[i64]) -> QueryResult<HashSet<i64>> {
        #[derive(QueryableByName)]
        struct Holder {
            #[diesel(sql_type = BigInt)]
            person_id: i64,
            #[diesel(sql_type = Text)]
            key: String,
        }
        let holders: Vec<Holder> =
            diesel::sql_query("select person_id, key from resources where entity_type_id = $1 and person_id = any($2)")
                .bind::<Integer, _>(self.entity_type)
                .bind::<Array<BigInt>, _>(persons)
                .load(connection)?;
        let mut occupied = HashSet::new();
        for Holder { person_id, key } in holders {
            match keys.find(key_digest(&key)).map(|slot| keys.get(slot)) {
                Some(entry) if entry.has(flag::GONE) => {
                    let may_be_held = !entry.has(flag::COMMANDED);
                    self.leaving.insert(person_id, (key, may_be_held));
                }
                _ => {
                    occupied.insert(person_id);
                }
            }
        }
        Ok(occupied)
    }

    fn settle(&mut self, user: &User, found: Option<Match>) -> Match {
        let matched = match found {
            Some(Match::New(_)) => return self.make(user),
            Some(matched) => matched,
            None if !self.definition.create => {
                return Match::Doubtful {
                    code: ProblemCode::NoMatch,
                    message: "no person matches, and this entity type makes none; add the person at its own source, \
                              correct the value that should match, or decide by hand who it is (Users, Matches)"
                        .into(),
                };
            }
            None => return self.make(user),
        };
        if let Match::Existing(person) = matched {
            self.taken.insert(person);
        }
        matched
    }

    fn make(&mut self, user: &User) -> Match {
        let person = self.made.end;
        self.made.end += 1;
        self.created += 1;
        self.taken.insert(person);
        self.remember(user, person);
        Match::New(person)
    }

    fn remember(&mut self, user: &User, person: i64) {
        for (field, property) in &self.definition.fields {
            if !self.fresh.fields.contains(field) {
                continue;
            }
            if let Some(value) = value_of(&user.values, property) {
                self.fresh.by_value.entry((field.clone(), value.to_lowercase())).or_default().insert(person);
            }
        }
    }
}

fn possible_move(old_key: &str, rule: &CorrelationRule) -> Match {
    Match::Doubtful {
        code: ProblemCode::PossibleMove,
        message: format!(
            "the person with this {} had the key {old_key}, which is gone; both stay as they are until somebody says \
             whether it is the same person (the run's moves)",
            rule.field
        ),
    }
}

#[derive(Debug, Clone)]
struct Candidate {
    id: i64,
    local: bool,
    value: String,
}

/// A value as text; empty ones match nobody.
pub(super) fn value_of(values: &Map<String, Value>, property: &str) -> Option<String> {
    let text = match values.get(property)? {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        other => other.to_string(),
    };
    (!text.trim().is_empty()).then_some(text)
}
