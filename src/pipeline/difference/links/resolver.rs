//! Turns the pairs of one association into changes of links: resolves each against what will be there, and compares the
//! wanted links of an owner with its stored ones.

use super::stored::{StoredLink, ended, read, stored_ids};
use crate::db::copy::CopyIn;
use crate::model::extraction::ExtractionFile;
use crate::model::guard::Operation;
use crate::model::problem::{Problem, ProblemCode};
use crate::pipeline::TaskError;
use crate::pipeline::difference::change_set::LinkChange;
use crate::pipeline::difference::keys::{Slot, flag};
use crate::pipeline::difference::pairs::Association;
use crate::pipeline::difference::read_ahead::ReadAhead;
use crate::pipeline::difference::records::identity;
use crate::pipeline::difference::scan::key_digest;
use crate::pipeline::difference::suppress;
use crate::pipeline::difference::withhold::{self, WithheldLinks};
use crate::pipeline::difference::{Scope, Work};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Owners per question to the database.
const BATCH: usize = 5000;

/// Batches of stored links that wait to be compared: what bounds the memory.
const WAITING: usize = 32;

/// Owners whose keys are kept until their links are compared: what bounds the memory. Those of others are looked up.
const NAMED: usize = 200_000;

/// Where a pair stands, for its problem.
pub(super) struct Place<'a> {
    pub(super) file: &'a ExtractionFile,
    pub(super) line: u64,
    /// Where there is one.
    pub(super) column: Option<usize>,
    pub(super) key: &'a str,
}

impl Place<'_> {
    fn column(&self) -> Option<String> {
        self.file.header.get(self.column?).cloned()
    }
}

/// Turns the pairs of one association into changes of links.
pub(super) struct Resolver<'r, 'a> {
    pub(super) association: &'r mut Association<'a>,
    /// By value of the matched property, per `to` end; none where the key is matched.
    matches: Option<Vec<HashMap<u128, i64>>>,
    /// Stored owners, to be compared.
    owners: Vec<Slot>,
    /// Wanted links of stored owners: owner, target.
    wanted: Vec<(Slot, i64)>,
    /// Keys of owners that have wanted links, as far as they are kept.
    names: HashMap<Slot, Box<str>>,
    load: Option<CopyIn>,
    /// Changes that are left out.
    withheld: WithheldLinks,
    /// Owners of a single link whose new target is left out: the link they have stays.
    kept: HashSet<Slot>,
    /// Stored links, being read while the pairs are.
    ahead: Option<ReadAhead<Vec<StoredLink>>>,
}

impl<'r, 'a> Resolver<'r, 'a> {
    pub(super) fn new(
        work: &mut Work<'_>,
        association: &'r mut Association<'a>,
        scopes: &[Scope<'_>],
    ) -> Result<Self, TaskError> {
        let matches = match association.definition.match_property.clone() {
            None => None,
            Some(property) => {
                let ends = association.to.iter();
                Some(ends.map(|&end| values_after(work, &scopes[end], &property)).collect::<Result<_, _>>()?)
            }
        };
        let withheld = work.withholding.of_links(association, scopes);
        let (owners, wanted, names, kept) = (Vec::new(), Vec::new(), HashMap::new(), HashSet::new());
        Ok(Self { association, matches, owners, wanted, names, load: None, withheld, kept, ahead: None })
    }

    /// Begins to read the stored links of the owners noted so far, to be compared at the end. No other may be noted.
    pub(super) fn read_ahead(&mut self, work: &Work<'_>, scopes: &[Scope<'_>]) {
        if self.owners.is_empty() {
            return;
        }
        self.owners.sort_unstable();
        self.owners.dedup();
        let keys = &scopes[self.association.from].keys;
        let batches = self.owners.chunks(BATCH).map(|owners| stored_ids(keys, owners)).collect();
        let association = self.association.id;
        let read = move |connection: &mut PgConnection, owners: &Vec<i64>| read(connection, association, owners);
        self.ahead = Some(ReadAhead::begin(work.pending, WAITING, batches, read));
    }

    pub(super) fn owner(&mut self, slot: Slot) {
        if !self.association.empty {
            self.owners.push(slot);
        }
    }

    pub(super) fn pair(
        &mut self,
        work: &mut Work<'_>,
        scopes: &mut [Scope<'_>],
        slot: Slot,
        value: &str,
        place: &Place<'_>,
    ) -> Result<(), TaskError> {
        let Some(target) = self.target(scopes, value) else {
            if self.is_suppressed(scopes, value) {
                return Ok(());
            }
            if self.is_withheld(scopes, value) {
                self.association.counters.withheld += 1;
                scopes[self.association.from].keys.get_mut(slot).set(self.association.open());
                self.kept.insert(slot);
                return Ok(());
            }
            scopes[self.association.from].keys.get_mut(slot).set(self.association.open());
            return self.dangling(work, value, place);
        };
        if !self.association.empty {
            self.wanted.push((slot, target));
            if self.names.len() < NAMED && !self.names.contains_key(&slot) {
                let key = scopes[self.association.from].mapper.key_property().reference(place.key);
                self.names.extend(key.ok().flatten().map(|key| (slot, key.into())));
            }
            return Ok(());
        }
        if self.load.is_none() {
            self.load = Some(work.pending.load_links(self.association.id)?);
        }
        let owner = scopes[self.association.from].keys.get(slot).id;
        let insert = LinkChange {
            association: self.association.id,
            operation: Some(Operation::Insert),
            from: owner,
            to: target,
            before_to: None,
        };
        if self.withholds(work, &insert) {
            scopes[self.association.from].keys.get_mut(slot).set(self.association.open());
            return Ok(());
        }
        if let Some(load) = &mut self.load {
            load.row(4)?.int8(owner).int8(target).int4(self.association.id).int4(work.run);
        }
        work.changes.note(&[
            b"link",
            &self.association.id.to_be_bytes(),
            b"insert",
            &owner.to_be_bytes(),
            &target.to_be_bytes(),
        ]);
        Ok(())
    }

    /// The resource that a value finds at the first `to` end that has it. The value is read as that end's property is:
    /// a GUID is found in whatever form the reference has.
    pub(super) fn target(&self, scopes: &[Scope<'_>], value: &str) -> Option<i64> {
        self.association.to.iter().enumerate().find_map(|(position, &end)| {
            let scope = &scopes[end];
            let property = match &self.association.definition.match_property {
                Some(name) => scope.mapper.properties().iter().find(|property| property.name() == name)?,
                None => scope.mapper.key_property(),
            };
            let digest = key_digest(&property.reference(value).ok()??);
            match &self.matches {
                Some(ends) => ends.get(position)?.get(&digest).copied(),
                None => {
                    let entry = scope.keys.get(scope.keys.find(digest)?);
                    entry.will_exist().then_some(entry.id)
                }
            }
        })
    }

    /// Whether the value refers to a record whose insert or change is left out.
    fn is_withheld(&self, scopes: &[Scope<'_>], value: &str) -> bool {
        self.association.to.iter().any(|&end| {
            let scope = &scopes[end];
            let property = match &self.association.definition.match_property {
                Some(name) => scope.mapper.properties().iter().find(|property| property.name() == name),
                None => Some(scope.mapper.key_property()),
            };
            let reference = property.and_then(|property| property.reference(value).ok().flatten());
            let Some(digest) = reference.map(|reference| key_digest(&reference)) else { return false };
            match &self.matches {
                Some(_) => scope.withheld_values.contains(&digest),
                None => {
                    scope.keys.find(digest).is_some_and(|slot| scope.keys.get(slot).has(flag::NEW | flag::WITHHELD))
                }
            }
        })
    }

    /// Whether the value refers to somebody who was anonymized: then there is no link, and nothing to say about it.
    pub(super) fn is_suppressed(&self, scopes: &[Scope<'_>], value: &str) -> bool {
        self.association.to.iter().any(|&end| {
            let scope = &scopes[end];
            let name = self.association.definition.match_property.as_deref();
            let property = match name {
                Some(name) => scope.mapper.properties().iter().find(|property| property.name() == name),
                None => Some(scope.mapper.key_property()),
            };
            let read = property.and_then(|property| property.reference(value).ok().flatten());
            suppress::is_target(scope, name, read.map(|read| key_digest(&read)), value)
        })
    }

    /// Whether this change is left out; counts it and notes the holds that say so.
    fn withholds(&mut self, work: &mut Work<'_>, change: &LinkChange) -> bool {
        if self.withheld.is_empty() {
            return false;
        }
        let Some(holds) = self.withheld.find(change) else { return false };
        work.withholding.met(holds);
        self.association.counters.withheld += 1;
        true
    }

    pub(super) fn dangling(&mut self, work: &mut Work<'_>, value: &str, place: &Place<'_>) -> Result<(), TaskError> {
        self.association.counters.rejected += 1;
        let definition = self.association.definition;
        let ends = definition.to.names().collect::<Vec<_>>().join(" or ");
        let problem = Problem {
            scope: definition.name.clone(),
            file: place.file.source_file.clone(),
            line: Some(place.line),
            column: place.column(),
            key: Some(place.key.to_owned()),
            value: Some(value.chars().take(200).collect()),
            code: ProblemCode::DanglingReference,
            message: format!(
                "{} {:?} refers to {ends} {value:?}, which does not exist; the record itself is kept. Correct the \
                 reference, or add what it refers to",
                definition.from, place.key
            ),
        };
        let whose = format!("{}\0{value}", place.key);
        work.changes.problem(&problem, identity(&definition.name, whose.as_bytes()))
    }

    /// The expression gives no references for this record, which keeps the links it has.
    pub(super) fn unreadable(
        &mut self,
        work: &mut Work<'_>,
        scopes: &mut [Scope<'_>],
        slot: Slot,
        why: &str,
        place: &Place<'_>,
    ) -> Result<(), TaskError> {
        scopes[self.association.from].keys.get_mut(slot).set(self.association.open());
        self.association.counters.rejected += 1;
        let name = &self.association.definition.name;
        let problem = Problem {
            scope: name.clone(),
            file: place.file.source_file.clone(),
            line: Some(place.line),
            column: place.column(),
            key: Some(place.key.to_owned()),
            value: None,
            code: ProblemCode::InvalidValue,
            message: format!("{name}: {why}; the record is kept with the links it has. Correct it, or the expression"),
        };
        work.changes.problem(&problem, identity(name, place.key.as_bytes()))
    }

    pub(super) fn flush_if_full(&mut self, work: &mut Work<'_>, scopes: &mut [Scope<'_>]) -> Result<(), TaskError> {
        if self.owners.len() >= BATCH { self.compare(work, scopes) } else { Ok(()) }
    }

    /// Compares wanted links with stored ones, owner by owner.
    fn compare(&mut self, work: &mut Work<'_>, scopes: &mut [Scope<'_>]) -> Result<(), TaskError> {
        let gone = self.gone(scopes);
        let mut open = Vec::new();
        let scope = &scopes[self.association.from];
        let keys = &scope.keys;
        self.wanted.sort_unstable();
        self.wanted.dedup();
        self.owners.sort_unstable();
        self.owners.dedup();
        let mut wanted = std::mem::take(&mut self.wanted).into_iter().peekable();
        let names = std::mem::take(&mut self.names);
        for owners in std::mem::take(&mut self.owners).chunks(BATCH) {
            let links = match &self.ahead {
                Some(ahead) => ahead.next()?.ok_or_else(ended)?,
                None => read(work.connection, self.association.id, &stored_ids(keys, owners))?,
            };
            let mut stored = self.by_owner(links);
            for &owner in owners {
                let mut targets = BTreeSet::new();
                while let Some((_, target)) = wanted.next_if(|(slot, _)| *slot == owner) {
                    targets.insert(target);
                }
                let entry = keys.get(owner);
                let mut stored = stored.remove(&entry.id).unwrap_or_default();
                let single = self.association.definition.cardinality.is_single_valued();
                if self.kept.contains(&owner) && single {
                    stored.retain(|target| gone.contains(target));
                }
                // Where the whole set was not read, what it lacks is not gone; where there is one target, it is another.
                if !self.association.is_read(scope, entry) && (!single || targets.is_empty()) {
                    targets.extend(&stored);
                }
                let name = names.get(&owner).map_or("", AsRef::as_ref);
                if self.differ(work, (entry.id, name), &stored, &targets, &gone)? {
                    open.push(owner);
                }
            }
        }
        let flag = self.association.open();
        for owner in open {
            scopes[self.association.from].keys.get_mut(owner).set(flag);
        }
        Ok(())
    }

    /// What will not be there after the run, where it matters whether a link can stay.
    pub(super) fn gone(&self, scopes: &[Scope<'_>]) -> HashSet<i64> {
        let cares = !self.withheld.is_empty() || !self.kept.is_empty();
        if cares { withhold::gone(self.association, scopes) } else { HashSet::new() }
    }

    /// The stored links of these owners, those left out that go because their targets do.
    pub(super) fn stored(
        &self,
        work: &mut Work<'_>,
        owners: Vec<i64>,
    ) -> Result<BTreeMap<i64, BTreeSet<i64>>, TaskError> {
        Ok(self.by_owner(read(work.connection, self.association.id, &owners)?))
    }

    fn by_owner(&self, links: Vec<StoredLink>) -> BTreeMap<i64, BTreeSet<i64>> {
        let mut stored: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
        for link in links.into_iter().filter(|link| !self.association.severed.contains(&(link.from_id, link.to_id))) {
            stored.entry(link.from_id).or_default().insert(link.to_id);
        }
        stored
    }

    /// Freezes what differs between stored and wanted links of an owner, of whom the id is known, and maybe the key;
    /// whether anything of it is left out.
    pub(super) fn differ(
        &mut self,
        work: &mut Work<'_>,
        (owner, key): (i64, &str),
        stored: &BTreeSet<i64>,
        wanted: &BTreeSet<i64>,
        gone: &HashSet<i64>,
    ) -> Result<bool, TaskError> {
        let mut leaving = stored.difference(wanted).copied();
        let mut coming = wanted.difference(stored).copied();
        let association = self.association.id;
        let change = |operation, to, before_to| LinkChange {
            association,
            operation: Some(operation),
            from: owner,
            to,
            before_to,
        };
        let single = self.association.definition.cardinality.is_single_valued();
        let mut left_out = false;
        loop {
            let changes = match (leaving.next(), coming.next()) {
                (None, None) => return Ok(left_out),
                (Some(before), Some(to)) if single => [Some(change(Operation::Update, to, Some(before))), None],
                (before, to) => [
                    before.map(|before| change(Operation::Delete, before, None)),
                    to.map(|to| change(Operation::Insert, to, None)),
                ],
            };
            for change in changes.into_iter().flatten() {
                // A link to what is gone can't stay, whoever wants it to.
                let leads_nowhere = match change.operation {
                    Some(Operation::Delete) => gone.contains(&change.to),
                    _ => change.before_to.is_some_and(|before| gone.contains(&before)),
                };
                if !leads_nowhere && self.withholds(work, &change) {
                    left_out = true;
                    continue;
                }
                let counters = &mut self.association.counters;
                match change.operation {
                    Some(Operation::Insert) => counters.inserted += 1,
                    Some(Operation::Update) => counters.updated += 1,
                    Some(Operation::Delete) => counters.deleted += 1,
                    None => {}
                }
                work.changes.link(&change, key)?;
            }
        }
    }

    pub(super) fn finish(mut self, work: &mut Work<'_>, scopes: &mut [Scope<'_>]) -> Result<(), TaskError> {
        if let Some(load) = self.load.take() {
            self.association.counters.inserted += load.rows();
            work.builds.add(work.pending, work.pending.loaded_links(load.finish()?, self.association.id)?);
            return Ok(());
        }
        self.compare(work, scopes)
    }
}

/// The values of a unique property after the run, of all resources of a scope.
fn values_after(work: &mut Work<'_>, scope: &Scope<'_>, property: &str) -> Result<HashMap<u128, i64>, TaskError> {
    #[derive(QueryableByName)]
    struct Held {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        value: String,
    }
    let schema = &work.pending.schema;
    let pending = if scope.pending {
        format!("union all select id, attributes ->> $2 from {schema}.resources_{}", scope.id)
    } else {
        String::new()
    };
    let question = diesel::sql_query(format!(
        "select id, value from (
           select r.id, case when c.after ? $2 then c.after ->> $2 else r.attributes ->> $2 end as value
             from resources r left join {schema}.changes c on c.resource_id = r.id
            where r.entity_type_id = $1 and c.operation is distinct from 'delete'
           union all
           select resource_id, after ->> $2 from {schema}.changes where entity_type_id = $1 and operation = 'insert'
           {pending}
         ) held where value is not null"
    ))
    .bind::<Integer, _>(scope.id)
    .bind::<Text, _>(property);
    let mut values = HashMap::new();
    for held in question.load_iter::<Held, diesel::pg::PgRowByRowLoadingMode>(work.connection)? {
        let held = held?;
        values.insert(key_digest(&held.value), held.id);
    }
    Ok(values)
}
