//! Reconciliation: after a run is applied, its extraction is read and mapped once more and held against what is stored.
//! Each side adds up digests of its records in 256 buckets, by key; where two sums differ, the keys of that bucket are
//! looked at one by one. A record's digest covers its raw columns and its properties: what was changed behind Muster's
//! back is found although the stored digest of the raw columns is still the same. It reads one snapshot of the database,
//! and writes nothing but its own result.

use super::difference::rows::Rows;
use super::difference::scan::key_digest;
use super::difference::suppress;
use super::difference::withhold::canonical;
use super::mapping::{Mapper, Record};
use super::prepare::suppressions;
use super::progress::Progress;
use super::{Context, TaskError};
use crate::db;
use crate::document;
use crate::model::configuration;
use crate::model::connector::{self, ConnectorDefinition};
use crate::model::entity_type::{self, EntityTypeDefinition};
use crate::model::extraction::{self, ExtractionFile, ExtractionId};
use crate::model::proof::{self, BUCKETS, Difference, DifferenceKind, EntityTypeProof, LISTED, Proof, Verdict};
use crate::model::run::{self, Run, RunId};
use crate::model::suppression::Suppressions;
use crate::values::digest::Digest;
use diesel::connection::SimpleConnection;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Buckets whose keys are held in memory at once.
const AT_ONCE: usize = 16;
/// So that sums of proofs never pass for digests of anything else.
const SEED: u64 = 0x0070_726f_6f66;
/// With this number, one prover at a time works on a run.
const LOCK: i32 = 0x0070_726f;

/// One side of an entity type: per bucket how many records, and the sum of their digests.
#[derive(Clone, PartialEq)]
struct Sums(Vec<(u64, u128)>);

impl Sums {
    fn new() -> Self {
        Self(vec![(0, 0); BUCKETS])
    }

    fn add(&mut self, key: u128, digest: u128) {
        let parts = [key.to_be_bytes(), digest.to_be_bytes()];
        let one = Digest::of_fields(SEED, parts.iter().map(<[u8; 16]>::as_slice)).0;
        let (count, sum) = &mut self.0[bucket(key)];
        *count += 1;
        *sum = sum.wrapping_add(one);
    }

    fn count(&self) -> u64 {
        self.0.iter().map(|(count, _)| count).sum()
    }
}

fn bucket(key: u128) -> usize {
    (key >> 120) as usize % BUCKETS
}

/// Proves a run and keeps the result. `false`: somebody else is at it, or it is proven already.
pub fn prove(context: &Context, id: RunId, progress: &Progress) -> Result<bool, TaskError> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let mut connection = db::connect(&context.database_url, &format!("muster proof of run {id}"))?;
    // Given back when this connection closes.
    let lock: Locked = diesel::sql_query("select pg_try_advisory_lock($1, $2) as locked")
        .bind::<Integer, _>(LOCK)
        .bind::<Integer, _>(id)
        .get_result(&mut connection)?;
    if !lock.locked || proof::of(&mut connection, id)?.is_some() {
        return Ok(false);
    }
    let begun = Instant::now();
    // One snapshot: a run that is applied meanwhile is not seen by half.
    connection.batch_execute("begin isolation level repeatable read read only")?;
    let made = make(&mut connection, context, id, progress);
    connection.batch_execute("rollback")?;
    let mut made = match made {
        Err(TaskError::Failed { place, message, .. }) => {
            Proof { verdict: Verdict::Impossible, words: format!("{place}: {message}"), ..Proof::default() }
        }
        other => other?,
    };
    made.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    proof::keep(&mut connection, id, &made)?;
    Ok(true)
}

fn make(connection: &mut PgConnection, context: &Context, id: RunId, progress: &Progress) -> Result<Proof, TaskError> {
    let gone = |what: &str| TaskError::failed(format!("run {id}"), format!("{what} is gone"));
    let run = run::by_id(connection, id)?.ok_or_else(|| gone("the run"))?;
    let connector = connector::by_id(connection, run.connector_id)?.ok_or_else(|| gone("the connector"))?;
    if let Some(newer) = connector.applied_run_id.filter(|&newer| newer != id.0) {
        let words = format!("run {newer} was applied before this one could be proven");
        return Ok(Proof { verdict: Verdict::Overtaken, words, ..Proof::default() });
    }
    let extraction = run.extraction_id.map(ExtractionId).ok_or_else(|| gone("its extraction"))?;
    if !extraction::find(connection, extraction)?.ok_or_else(|| gone("its extraction"))?.complete {
        let words = "only changes were read; what is stored is proven after the next complete run".to_owned();
        return Ok(Proof { verdict: Verdict::Changes, words, ..Proof::default() });
    }
    if let Some(words) = standing(connection, &run)? {
        return Ok(Proof { verdict: Verdict::Stands, words, ..Proof::default() });
    }
    let files = extraction::files(connection, extraction)?;
    let document = configuration::version(connection, connector.id, run.configuration_version)?.document;
    let definition = document::connector(&document)
        .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
    let ids = entity_type::ids(connection, connector.id)?;
    let suppressions = suppressions(connection, &context.key_file)?;
    let mut proof = Proof { verdict: Verdict::Equal, ..Proof::default() };
    for entity_type in &definition.entity_types {
        let Some(id) = ids.get(&entity_type.name) else { continue };
        let file = files
            .iter()
            .find(|file| file.source_table == entity_type.source.0)
            .ok_or_else(|| gone(&format!("the extraction of {}", entity_type.source)))?;
        let side = Side {
            suppressions: suppressions.clone(),
            ..Side::new(connection, &run, &definition, entity_type, id.0, file)?
        };
        side.compare(connection, context, progress, &mut proof)?;
    }
    if proof.entity_types.iter().any(|one| one.differing_buckets > 0) {
        proof.verdict = Verdict::Differs;
    }
    Ok(proof)
}

/// A run that wrote nothing leaves the state as an earlier one had proven it.
fn standing(connection: &mut PgConnection, run: &Run) -> Result<Option<String>, TaskError> {
    #[derive(QueryableByName)]
    struct Earlier {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let wrote =
        run.counters.entity_types.iter().any(|one| {
            one.inserted + one.updated + one.deleted + one.deleted_by_command + one.rejected + one.withheld > 0
        });
    if wrote {
        return Ok(None);
    }
    let earlier: Option<Earlier> = diesel::sql_query(
        "select before.id from (
           select id from runs where connector_id = $1 and applied_at is not null and id <> $2
            order by applied_at desc, id desc limit 1) before
           join run_proofs p on p.run_id = before.id
          where p.proof ->> 'verdict' in ('equal', 'stands')",
    )
    .bind::<Integer, _>(run.connector_id)
    .bind::<Integer, _>(run.id)
    .get_result(connection)
    .optional()?;
    Ok(earlier.map(|earlier| format!("nothing was written; the proof of run {} stands", earlier.id)))
}

/// An entity type, with what is left out on both sides.
struct Side<'a> {
    definition: &'a EntityTypeDefinition,
    id: i32,
    file: &'a ExtractionFile,
    mapper: Mapper,
    /// Keys of records that were rejected or withheld: what is stored under them stays, whatever it is.
    protected: HashSet<u128>,
    /// Whether rows stand there more than once.
    repeated: bool,
    /// Who is passed over.
    suppressions: Option<Arc<Suppressions>>,
}

/// A stored record.
#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    digest: Option<Uuid>,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Jsonb)]
    attributes: Value,
}

impl Stored {
    /// `None`: something about it is open.
    fn digest(&self) -> Option<u128> {
        let none = Map::new();
        let attributes = self.attributes.as_object().unwrap_or(&none);
        Some(content(self.digest?.as_u128(), attributes))
    }
}

/// The digest of a record: of its raw columns, and of the properties made of them.
fn content(raw: u128, attributes: &Map<String, Value>) -> u128 {
    let there = attributes.iter().filter(|(_, value)| !value.is_null());
    let there: Map<String, Value> = there.map(|(name, value)| (name.clone(), value.clone())).collect();
    let json = canonical(&Value::Object(there)).to_string();
    Digest::of_fields(SEED, [raw.to_be_bytes().as_slice(), json.as_bytes()].into_iter()).0
}

impl<'a> Side<'a> {
    fn new(
        connection: &mut PgConnection,
        run: &Run,
        connector: &'a ConnectorDefinition,
        definition: &'a EntityTypeDefinition,
        id: i32,
        file: &'a ExtractionFile,
    ) -> Result<Self, TaskError> {
        #[derive(QueryableByName)]
        struct Key {
            #[diesel(sql_type = Text)]
            key: String,
        }
        let columns: Vec<_> = connector.associations.iter().filter(|one| one.cardinality.is_single_valued()).collect();
        let mapper = Mapper::new(definition, &columns, &file.header)
            .map_err(|error| TaskError::failed(&file.source_file, error.to_string()))?;
        let rejected: Vec<Key> = diesel::sql_query(
            "select key from problems where run_id = $1 and scope = $2 and rejects and key is not null
             union
             select h.key from run_holds r join holds h on h.id = r.hold_id
              where r.run_id = $1 and r.outcome = 'withheld' and h.entity_type_id = $3
             union
             select key from exclusions where run_id = $1 and entity_type_id = $3",
        )
        .bind::<Integer, _>(run.id)
        .bind::<Text, _>(&definition.name)
        .bind::<Integer, _>(id)
        .load(connection)?;
        let counters = run.counters.entity_types.iter().find(|one| one.name == definition.name);
        Ok(Self {
            definition,
            id,
            file,
            mapper,
            protected: rejected.iter().map(|row| key_digest(&row.key)).collect(),
            repeated: counters.is_some_and(|one| one.duplicates_dropped > 0),
            suppressions: None,
        })
    }

    fn compare(
        self,
        connection: &mut PgConnection,
        context: &Context,
        progress: &Progress,
        proof: &mut Proof,
    ) -> Result<(), TaskError> {
        // Open records first: the other side has to compare them by key as well.
        let mut stored = Sums::new();
        let mut open = HashSet::new();
        self.each_stored(connection, progress, |row, key| match row.digest() {
            Some(digest) => stored.add(key, digest),
            None => {
                stored.add(key, 0);
                open.insert(key);
            }
        })?;
        let mut extracted = Sums::new();
        let mut seen = HashSet::new();
        self.each_extracted(context, progress, &mut seen, |key, _, digest| {
            extracted.add(key, if open.contains(&key) { 0 } else { digest });
        })?;
        let differing: Vec<usize> = (0..BUCKETS).filter(|&one| stored.0[one] != extracted.0[one]).collect();
        proof.entity_types.push(EntityTypeProof {
            name: self.definition.name.clone(),
            extracted: extracted.count(),
            stored: stored.count(),
            differing_buckets: differing.len() as u64,
            open: open.len() as u64,
            protected: self.protected.len() as u64,
        });
        for buckets in differing.chunks(AT_ONCE) {
            if proof.differing.len() >= LISTED {
                break;
            }
            self.name(connection, context, progress, buckets, proof)?;
        }
        Ok(())
    }

    /// Finds out which keys of these buckets differ.
    fn name(
        &self,
        connection: &mut PgConnection,
        context: &Context,
        progress: &Progress,
        buckets: &[usize],
        proof: &mut Proof,
    ) -> Result<(), TaskError> {
        let mut extracted: HashMap<u128, (String, u128)> = HashMap::new();
        self.each_extracted(context, progress, &mut HashSet::new(), |key, text, digest| {
            if buckets.contains(&bucket(key)) {
                extracted.insert(key, (text.to_owned(), digest));
            }
        })?;
        let mut found = Vec::new();
        self.each_stored(connection, progress, |row, key| {
            if !buckets.contains(&bucket(key)) {
                return;
            }
            let kind = match (extracted.remove(&key), row.digest()) {
                (None, _) => DifferenceKind::NotExtracted,
                (Some((_, digest)), Some(stored)) if stored != digest => DifferenceKind::Differs,
                _ => return,
            };
            found.push(self.difference(row.key, Some(row.id), kind));
        })?;
        let missing = extracted.into_values();
        found.extend(missing.map(|(key, _)| self.difference(key, None, DifferenceKind::NotStored)));
        found.sort_by(|a, b| a.key.cmp(&b.key));
        found.truncate(LISTED - proof.differing.len());
        proof.differing.extend(found);
        Ok(())
    }

    fn difference(&self, key: String, resource_id: Option<i64>, kind: DifferenceKind) -> Difference {
        Difference { entity_type: self.definition.name.clone(), key, resource_id, kind }
    }

    fn each_stored(
        &self,
        connection: &mut PgConnection,
        progress: &Progress,
        mut each: impl FnMut(Stored, u128),
    ) -> Result<(), TaskError> {
        let rows =
            diesel::sql_query("select id, digest, key, attributes from digested_resources where entity_type_id = $1")
                .bind::<Integer, _>(self.id);
        for (number, row) in rows.load_iter::<Stored, PgRowByRowLoadingMode>(connection)?.enumerate() {
            if number.is_multiple_of(4096) {
                progress.go_on()?;
            }
            let row = row?;
            let key = key_digest(&row.key);
            if !self.protected.contains(&key) {
                each(row, key);
            }
        }
        Ok(())
    }

    fn is_suppressed(&self, key: u128, record: &Record) -> bool {
        self.suppressions.as_ref().is_some_and(|all| {
            let users = self.definition.users.as_ref().filter(|users| !users.correlate.is_empty());
            all.has_key(self.id, key)
                || users.is_some_and(|users| suppress::is_known(all, Some(users), &record.to_map(&self.mapper)))
        })
    }

    /// The records that should be there: in scope, with a key, not rejected, each once.
    fn each_extracted(
        &self,
        context: &Context,
        progress: &Progress,
        seen: &mut HashSet<u128>,
        mut each: impl FnMut(u128, &str, u128),
    ) -> Result<(), TaskError> {
        let mut rows = Rows::verified(&context.store, self.file, progress)?;
        while let Some(row) = rows.read()? {
            let Ok(Some(text)) = self.mapper.key(row.values) else { continue };
            let key = key_digest(&text);
            if self.protected.contains(&key) || !matches!(self.mapper.in_scope(row.values), Ok(true)) {
                continue;
            }
            if self.repeated && !seen.insert(key) {
                continue;
            }
            let Ok(record) = self.mapper.record(row.values) else { continue };
            if self.is_suppressed(key, &record) {
                continue;
            }
            let raw = self.mapper.digest(row.values).0.max(1);
            each(key, &text, content(raw, &record.to_map(&self.mapper)));
        }
        Ok(())
    }
}
