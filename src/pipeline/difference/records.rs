//! Second pass: maps the records that have to be looked at, and turns them into inserts, updates or problems.

mod doubts;
mod known;
mod left_out;

use super::blobs;
use super::change_set::ResourceChange;
use super::commands::Commands;
use super::keys::{Slot, flag};
use super::rows::{Row, Rows, source_line};
use super::scan::key_digest;
use super::suppress;
use super::unique::Claims;
use super::{Scope, Work};
use crate::db::copy::CopyIn;
use crate::model::guard::Operation;
use crate::model::problem::{Problem, ProblemCode};
use crate::model::suppression::Suppressions;
use crate::pipeline::TaskError;
use crate::pipeline::index::{Entry, rows_version};
use crate::pipeline::mapping::{Record, RowProblem};
use crate::pipeline::people::correlation::{Correlator, Match, User};
use crate::pipeline::people::moving;
use crate::pipeline::people::newcomers::Portrait;
use crate::values::digest::Digest;
use doubts::doubt;
use known::{Known, Stored, differing};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Records per question to the database.
const BATCH: usize = 2000;

/// A record that passed the mapping.
struct Accepted {
    slot: Slot,
    key: String,
    line: u64,
    record: Record,
    /// By property, whether the row says anything about it; `None`: about all.
    given: Option<Vec<bool>>,
}

/// Maps all records that have to be looked at.
pub fn map(work: &mut Work<'_>, scope: &mut Scope<'_>, correlator: Option<&mut Correlator>) -> Result<(), TaskError> {
    if scope.look.is_empty() {
        return Ok(());
    }
    let portrait = scope.definition.users.as_ref().filter(|_| correlator.is_some());
    let portrait = portrait.map(|users| Portrait::new(scope.connector, scope.id, users, &scope.mapper));
    let known = Known::of(work, scope);
    let mut writer =
        Writer { claims: Claims::new(scope), correlator, portrait, pending: None, batch: Vec::new(), known };
    let version = rows_version(scope.mapper.version());
    let look = |entry: &Entry| u32::try_from(entry.span.ordinal).is_ok_and(|ordinal| scope.look.get(ordinal));
    let commands = scope.commands.take();
    let rows = Rows::some(work.store, scope.file, [&scope.definition.name, &version], work.progress, look)?;
    let mut rows = rows.of(commands.as_ref());
    while let Some(row) = rows.read()? {
        if !scope.look.get(row.ordinal) {
            continue;
        }
        let line = source_line(scope.file, row.extraction_line);
        let read = Read { line, digest: scope.mapper.digest(row.values).0.max(1) };
        match examine(scope, &row, commands.as_ref()) {
            Verdict::OutOfScope => scope.counters.out_of_scope += 1,
            Verdict::Suppressed => scope.counters.suppressed += 1,
            Verdict::Rejected { slot, key, problems } => reject(work, scope, &read, slot, key, problems)?,
            Verdict::Accepted { slot, key, record, given } => {
                writer.batch.push(Accepted { slot, key, line, record, given });
                if writer.batch.len() >= BATCH {
                    writer.flush(work, scope)?;
                }
            }
        }
    }
    drop(rows);
    scope.commands = commands;
    writer.flush(work, scope)?;
    if let Some(copy) = writer.pending.take() {
        let unique: Vec<&str> = unique_properties(scope);
        let build = work.pending.loaded_resources(copy.finish()?, scope.id, scope.definition.represents, &unique)?;
        work.builds.add(work.pending, build);
        scope.pending = true;
    }
    let rejected = writer.claims.settle(work, scope)?;
    if let Some(correlator) = writer.correlator {
        correlator.unmake(&rejected);
    }
    Ok(())
}

/// Where a row stands and what it is, for its problems.
struct Read {
    line: u64,
    digest: u128,
}

enum Verdict {
    OutOfScope,
    Suppressed,
    Rejected { slot: Option<Slot>, key: Option<String>, problems: Vec<RowProblem> },
    Accepted { slot: Slot, key: String, record: Record, given: Option<Vec<bool>> },
}

fn examine(scope: &Scope<'_>, row: &Row<'_>, commands: Option<&Commands>) -> Verdict {
    let values = row.values;
    let key = scope.mapper.key(values);
    let (slot, key_text) = match &key {
        Ok(Some(text)) => (scope.keys.find(key_digest(text)), Some(text.clone().into_owned())),
        _ => (None, None),
    };
    if slot.is_some_and(|slot| scope.keys.get(slot).has(flag::SUPPRESSED)) {
        return Verdict::Suppressed;
    }
    let rejected = |problems| Verdict::Rejected { slot, key: key_text.clone(), problems };
    if let (Some(change), Some(commands)) = (row.change.filter(|change| change.is_refused), commands) {
        return rejected(vec![commands.refusal(change.cell)]);
    }
    let partial = slot.is_some_and(|slot| scope.keys.get(slot).has(flag::PARTIAL));
    let in_scope = match partial {
        true => scope.mapper.stays_in_scope(values, &|column| row.gives(column)),
        false => scope.mapper.in_scope(values),
    };
    match in_scope {
        Ok(true) => {}
        Ok(false) => return Verdict::OutOfScope,
        Err(problem) => return rejected(vec![problem]),
    }
    let key_column = || scope.definition.key().and_then(|property| property.column.clone());
    match &key {
        Ok(Some(_)) => {}
        Ok(None) => {
            let message = "the record has no key, so it can't be told whose it is; give it one at the source";
            let problem = RowProblem {
                code: ProblemCode::MissingKey,
                column: key_column(),
                value: None,
                message: message.into(),
            };
            return rejected(vec![problem]);
        }
        Err(problem) => return rejected(vec![problem.clone()]),
    }
    let (Some(found), Some(text)) = (slot, key_text.clone()) else { return rejected(Vec::new()) };
    if scope.keys.get(found).has(flag::CONFLICT) {
        let message = format!(
            "several different records have the key {text}; all of them are left out and what is stored stays. Leave \
             one of them at the source"
        );
        let problem = RowProblem { code: ProblemCode::DuplicateKey, column: key_column(), value: Some(text), message };
        return rejected(vec![problem]);
    }
    let mapped = match partial {
        true => scope.mapper.part(values, &|column| row.gives(column)).map(|(record, given)| (record, Some(given))),
        false => scope.mapper.record(values).map(|record| (record, None)),
    };
    match mapped {
        Ok((record, given)) => Verdict::Accepted { slot: found, key: text, record, given },
        Err(problems) => rejected(problems),
    }
}

fn reject(
    work: &mut Work<'_>,
    scope: &mut Scope<'_>,
    read: &Read,
    slot: Option<Slot>,
    key: Option<String>,
    problems: Vec<RowProblem>,
) -> Result<(), TaskError> {
    scope.counters.rejected += 1;
    if let Some(slot) = slot {
        scope.keys.get_mut(slot).set(flag::REJECTED);
    }
    // The same record rejected again is no news: known by its key, or by its content where it has none.
    let whose = key.as_deref().map_or_else(|| read.digest.to_be_bytes().to_vec(), |key| key.as_bytes().to_vec());
    let identity = identity(&scope.definition.name, &whose);
    for problem in problems {
        let problem = Problem {
            scope: scope.definition.name.clone(),
            file: scope.file.source_file.clone(),
            line: Some(read.line),
            column: problem.column,
            key: key.clone(),
            value: problem.value,
            code: problem.code,
            message: problem.message,
        };
        work.changes.problem(&problem, identity)?;
    }
    Ok(())
}

/// By what a problem is known in the next run.
pub fn identity(scope: &str, whose: &[u8]) -> u128 {
    Digest::of_fields(2, [scope.as_bytes(), whose].into_iter()).0
}

/// The unique properties of an entity type, its key aside.
pub fn unique_properties<'s>(scope: &Scope<'s>) -> Vec<&'s str> {
    let properties = scope.definition.properties.iter();
    properties.filter(|property| property.unique && !property.key).map(|property| property.name.as_str()).collect()
}

impl Accepted {
    /// What the row says nothing about stays as it is stored.
    fn complete(&mut self, scope: &Scope<'_>, stored: &Value) {
        let Some(given) = &self.given else { return };
        let properties = scope.mapper.properties().iter().zip(given);
        for (value, (property, _)) in self.record.values.iter_mut().zip(properties).filter(|(_, (_, given))| !**given) {
            *value = stored.get(property.name()).cloned().unwrap_or(Value::Null);
        }
    }
}

struct Writer<'c, 'd> {
    claims: Claims,
    correlator: Option<&'c mut Correlator<'d>>,
    portrait: Option<Portrait>,
    pending: Option<CopyIn>,
    batch: Vec<Accepted>,
    known: Known,
}

impl Writer<'_, '_> {
    fn flush(&mut self, work: &mut Work<'_>, scope: &mut Scope<'_>) -> Result<(), TaskError> {
        let batch = std::mem::take(&mut self.batch);
        blobs::store(work.connection, batch.iter().flat_map(|accepted| &accepted.record.blobs))?;
        let (mut new, known): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|accepted| scope.keys.get(accepted.slot).has(flag::NEW));
        if let Some(suppressions) = scope.suppressions.clone() {
            // Before anybody looks for their persons: who is passed over makes none.
            new.retain(|accepted| !is_suppressed(scope, &suppressions, accepted));
        }
        if work.withholding.is_about(scope.id) {
            new.retain(|accepted| !left_out::insert(work, scope, accepted));
        }
        self.insert(work, scope, &new)?;
        self.update(work, scope, known)
    }

    fn insert(&mut self, work: &mut Work<'_>, scope: &mut Scope<'_>, new: &[Accepted]) -> Result<(), TaskError> {
        if new.is_empty() {
            return Ok(());
        }
        let matches = self.correlate(work, scope, new, &[])?;
        let mut json = Vec::new();
        for (accepted, matched) in new.iter().zip(matches) {
            let id = scope.next_id;
            scope.next_id += 1;
            let entry = scope.keys.get_mut(accepted.slot);
            entry.id = id;
            entry.set(flag::LINKS | flag::WRITTEN);
            let (person, new_person) = doubt(work, scope, accepted, matched)?;
            self.draw(work, person, new_person, accepted)?;
            let entry = scope.keys.get_mut(accepted.slot);
            entry.correlate(person);
            let digest = (!entry.has(flag::OPEN)).then_some(entry.digest);
            let links = scope.owns_pairs.then_some(entry.links);
            json.clear();
            accepted.record.write_json(&scope.mapper, &mut json);
            self.claims.new_record(scope, accepted.slot, &accepted.record, None);
            scope.counters.inserted += 1;
            let line = i32::try_from(accepted.line).unwrap_or(i32::MAX);
            if scope.empty {
                if self.pending.is_none() {
                    self.pending = Some(work.pending.load_resources(scope.id)?);
                }
                let Some(copy) = &mut self.pending else { continue };
                copy.row(9)?
                    .int8(id)
                    .int8_or_null(person)
                    .uuid_or_null(digest)
                    .uuid_or_null(links)
                    .int4(scope.id)
                    .int4(work.run)
                    .int4(line)
                    .text(&accepted.key)
                    .jsonb(&json);
                work.changes.note(&[b"resource", &scope.id.to_be_bytes(), b"insert", accepted.key.as_bytes(), &json]);
            } else {
                work.changes.resource(&ResourceChange {
                    entity_type: scope.id,
                    operation: Some(Operation::Insert),
                    id,
                    key: &accepted.key,
                    line,
                    person,
                    new_person,
                    digest,
                    links_digest: links,
                    before: None,
                    after: Some(&json),
                })?;
            }
        }
        Ok(())
    }

    fn update(
        &mut self,
        work: &mut Work<'_>,
        scope: &mut Scope<'_>,
        mut known: Vec<Accepted>,
    ) -> Result<(), TaskError> {
        if known.is_empty() {
            return Ok(());
        }
        let mut stored = self.known.stored(work.connection, scope, &known)?;
        for accepted in known.iter_mut().filter(|accepted| accepted.given.is_some()) {
            if let Some(row) = stored.get(&scope.keys.get(accepted.slot).id) {
                accepted.complete(scope, &row.attributes);
            }
        }
        if work.withholding.is_about(scope.id) {
            // Before anybody looks for their persons: what is left out makes none.
            known.retain(|accepted| !left_out::update(work, scope, accepted, &stored));
        }
        let known = known.as_slice();
        let nobody: Vec<bool> = known.iter().map(|accepted| scope.keys.get(accepted.slot).has(flag::NOBODY)).collect();
        let searching: Vec<usize> = (0..known.len()).filter(|&index| nobody[index]).collect();
        let matches = self.correlate(work, scope, known, &searching)?;
        let mut matches: HashMap<usize, Match> = searching.into_iter().zip(matches).collect();

        for (index, accepted) in known.iter().enumerate() {
            scope.keys.get_mut(accepted.slot).set(flag::LINKS);
            let id = scope.keys.get(accepted.slot).id;
            let Some(row) = stored.remove(&id) else { continue };
            let (person, new_person) = match matches.remove(&index) {
                Some(matched) if self.correlator.is_some() => {
                    let (person, new_person) = doubt(work, scope, accepted, matched)?;
                    self.draw(work, person, new_person, accepted)?;
                    (person, new_person)
                }
                _ => (row.person_id, false),
            };
            let now = accepted.record.to_map(&scope.mapper);
            self.claims.new_record(scope, accepted.slot, &accepted.record, Some(&row.attributes));
            let (before, after) = differing(&row.attributes, &now);
            if after.is_empty() && person == row.person_id {
                scope.counters.unchanged += 1;
                continue;
            }
            scope.counters.updated += 1;
            let entry = scope.keys.get_mut(accepted.slot);
            entry.set(flag::WRITTEN);
            entry.correlate(person);
            let entry = *entry;
            let links = match scope.knows_pairs(&entry) {
                true => Some(entry.stored_links.wrapping_add(entry.links)),
                false => Some(entry.stored_links).filter(|_| !entry.has(flag::LINKS_UNKNOWN)),
            };
            // The digest is that of a whole record.
            let digest = (!entry.has_any(flag::OPEN | flag::PARTIAL)).then_some(entry.digest);
            work.changes.resource(&ResourceChange {
                entity_type: scope.id,
                operation: Some(Operation::Update),
                id,
                key: &accepted.key,
                line: i32::try_from(accepted.line).unwrap_or(i32::MAX),
                person,
                new_person,
                digest,
                links_digest: links.filter(|_| scope.owns_pairs),
                before: Some(&json(&before)),
                after: Some(&json(&after)),
            })?;
        }
        Ok(())
    }

    /// Works out the person of a user that found one, if the connector makes its first.
    fn draw(
        &self,
        work: &mut Work<'_>,
        person: Option<i64>,
        new_person: bool,
        accepted: &Accepted,
    ) -> Result<(), TaskError> {
        let (Some(portrait), Some(newcomers), Some(person)) = (&self.portrait, &mut work.newcomers, person) else {
            return Ok(());
        };
        let line = i32::try_from(accepted.line).unwrap_or(i32::MAX);
        newcomers.user(work.pending, person, new_person, portrait, (&accepted.record, line))
    }

    /// Finds the persons of users: all of `accepted`, or those at `only` where it is not empty.
    fn correlate(
        &mut self,
        work: &mut Work<'_>,
        scope: &mut Scope<'_>,
        accepted: &[Accepted],
        only: &[usize],
    ) -> Result<Vec<Match>, TaskError> {
        let Some(correlator) = &mut self.correlator else { return Ok(accepted.iter().map(|_| Match::None).collect()) };
        let user =
            |accepted: &Accepted| User { key: accepted.key.clone(), values: accepted.record.to_map(&scope.mapper) };
        let keys = &scope.keys;
        let users: Vec<User> = if accepted.iter().all(|one| keys.get(one.slot).has(flag::NEW)) {
            accepted.iter().map(user).collect()
        } else {
            only.iter().filter_map(|&index| accepted.get(index)).map(user).collect()
        };
        let matches = correlator.correlate(work.connection, keys, &users)?;
        moving::note(work.connection, &work.pending.schema, work.run, scope.id, &correlator.take_moves())?;
        for key in correlator.take_held() {
            // Protected, like one that was read and rejected.
            if let Some(slot) = scope.keys.find(key_digest(&key)) {
                let entry = scope.keys.get_mut(slot);
                entry.clear(flag::GONE);
                entry.set(flag::REJECTED);
            }
        }
        Ok(matches)
    }
}

/// Passes over a user who was anonymized under another key: known by a value that persons are correlated by.
fn is_suppressed(scope: &mut Scope<'_>, suppressions: &Suppressions, accepted: &Accepted) -> bool {
    let users = scope.definition.users.as_ref().filter(|users| !users.correlate.is_empty());
    let known = users
        .is_some_and(|users| suppress::is_known(suppressions, Some(users), &accepted.record.to_map(&scope.mapper)));
    if known {
        suppress::pass_over(scope, accepted.slot);
    }
    known
}

fn json(map: &Map<String, Value>) -> Vec<u8> {
    // A map of JSON values always has a JSON form.
    serde_json::to_vec(map).unwrap_or_else(|_| b"{}".to_vec())
}
