//! First pass: which keys are stored, which are read, and which records have to be looked at.

use super::Scope;
use super::commands::{Command, Commands};
use super::keys::{Keys, Slot, Walk, flag};
use super::rows::{Row, Rows};
use super::seals::Seals;
use crate::pipeline::TaskError;
pub use crate::pipeline::index::key_digest;
use crate::pipeline::index::{IndexReader, rows_version};
use crate::pipeline::progress::Progress;
use crate::store::Store;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Uuid as SqlUuid};
use uuid::Uuid;

/// Keys per question to the database.
const ASKED_AT_ONCE: usize = 5000;

/// Reads the keys of all stored resources of the scope, with their digests.
pub fn stored(connection: &mut PgConnection, scope: &mut Scope<'_>, rows: u64) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query("select count(*) as count from resources where entity_type_id = $1")
        .bind::<Integer, _>(scope.id)
        .get_result(connection)?;
    let expected = usize::try_from(rows.max(count.count.unsigned_abs())).unwrap_or(usize::MAX);
    scope.keys = Keys::with_capacity(expected + expected / 100);

    let stored = diesel::sql_query(
        "select id, digest, links_digest, person_id, key from digested_resources where entity_type_id = $1",
    )
    .bind::<Integer, _>(scope.id);
    for row in stored.load_iter::<Stored, PgRowByRowLoadingMode>(connection)? {
        row?.enter(&mut scope.keys);
    }
    scope.counters.stored = scope.keys.len() as u64;
    Ok(())
}

/// Looks up stored resources of a scope that is known in part, by their keys. Those that are known stay as they are.
pub fn ask<'k>(
    connection: &mut PgConnection,
    scope: &mut Scope<'_>,
    keys: impl Iterator<Item = &'k str>,
) -> QueryResult<()> {
    if !scope.in_part {
        return Ok(());
    }
    let unknown: Vec<&str> = keys.filter(|key| scope.keys.find(key_digest(key)).is_none()).collect();
    for keys in unknown.chunks(ASKED_AT_ONCE) {
        let found: Vec<Stored> = diesel::sql_query(
            "select id, digest, links_digest, person_id, key from digested_resources
              where entity_type_id = $1 and key = any($2)",
        )
        .bind::<Integer, _>(scope.id)
        .bind::<Array<Text>, _>(keys)
        .load(connection)?;
        for row in found {
            if scope.keys.find(key_digest(&row.key)).is_none() {
                row.enter(&mut scope.keys);
            }
        }
    }
    Ok(())
}

/// What is known of a stored resource.
#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    digest: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    links_digest: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<i64>,
    #[diesel(sql_type = Text)]
    key: String,
}

impl Stored {
    fn enter(&self, keys: &mut Keys) {
        let mut flags = 0;
        if self.digest.is_none() {
            flags |= flag::UNKNOWN;
        }
        if self.links_digest.is_none() {
            flags |= flag::LINKS_UNKNOWN;
        }
        if self.person_id.is_none() {
            flags |= flag::NOBODY;
        }
        let digest = self.digest.map_or(0, |digest| digest.as_u128());
        let slot = keys.insert(key_digest(&self.key), digest, self.id, flags);
        keys.get_mut(slot).expect_links(self.links_digest.map_or(0, |digest| digest.as_u128()));
    }
}

/// Reads the extraction once. Unchanged records need nothing but this pass: the digest of their raw columns is the
/// stored one. All others are noted in `scope.look`.
///
/// Where the export has left an index for this very mapping, it tells the same without the file, whose seal is proved
/// beside.
pub fn read(store: &Store, scope: &mut Scope<'_>, seals: &Seals, progress: &Progress) -> Result<(), TaskError> {
    let file = scope.file;
    if file.command_column.is_some() {
        return read_changes(store, scope, progress);
    }
    let version = rows_version(scope.mapper.version());
    if scope.complete
        && let Some(mut index) = IndexReader::open(store, file, &scope.definition.name, &version, progress)?
    {
        seals.prove(file);
        let mut walk = Walk::default();
        while let Some(entry) = index.read()? {
            // The export refuses more than 2^32 rows in a file.
            let ordinal = u32::try_from(entry.span.ordinal).unwrap_or(u32::MAX);
            scope.counters.read += 1;
            match entry.key {
                Some(key) => {
                    let known = walk.find(&scope.keys, key);
                    record(scope, (key, known), entry.digest, ordinal, |_| entry.in_scope);
                }
                None => scope.look.set(ordinal),
            }
        }
        return Ok(());
    }
    let mut rows = Rows::verified(store, file, progress)?;
    while let Some(row) = rows.read()? {
        scope.counters.read += 1;
        let digest = scope.mapper.digest(row.values).0.max(1);
        let key = match scope.mapper.key(row.values) {
            Ok(Some(key)) => key_digest(&key),
            // No key, or none that can be read: the second pass says so, unless the row is out of scope.
            Ok(None) | Err(_) => {
                scope.look.set(row.ordinal);
                continue;
            }
        };
        // What `where` stumbles over is rejected by the second pass, and its key protected.
        let known = scope.keys.find(key);
        record(scope, (key, known), digest, row.ordinal, |scope| {
            !matches!(scope.mapper.in_scope(row.values), Ok(false))
        });
    }
    Ok(())
}

/// Takes a record in. `known`: the slot of its key, if it is there.
fn record(
    scope: &mut Scope<'_>,
    (key, known): (u128, Option<Slot>),
    digest: u128,
    ordinal: u32,
    is_in_scope: impl FnOnce(&Scope<'_>) -> bool,
) {
    if let Some(slot) = known {
        let entry = scope.keys.get_mut(slot);
        if !entry.has(flag::READ) && entry.digest == digest {
            // The digest covers the columns that `where` reads, so the record is in scope as it was.
            entry.set(flag::READ);
            // A row of the same key that is out of scope may have come before it.
            entry.clear(flag::GONE);
            entry.ordinal = ordinal;
            return;
        }
    }
    match is_in_scope(scope) {
        true => note(scope, known, key, digest, ordinal),
        false => leaves(scope, known),
    }
}

/// Reads a table of changes: twice, since what a row comes to is known when the last one of its key was read.
fn read_changes(store: &Store, scope: &mut Scope<'_>, progress: &Progress) -> Result<(), TaskError> {
    let file = scope.file;
    let lacking = std::mem::take(&mut scope.lacking);
    let commands = Commands::read(store, file, &scope.mapper, lacking, progress)?;
    scope.counters.read = file.rows;
    scope.counters.duplicates_dropped = commands.overtaken;
    let mut rows = Rows::again(store, file, progress)?.of(Some(&commands));
    while let Some(row) = rows.read()? {
        change(scope, &row);
    }
    drop(rows);
    scope.commands = Some(commands);
    Ok(())
}

fn change(scope: &mut Scope<'_>, row: &Row<'_>) {
    let Some(change) = row.change else { return };
    let Ok(Some(key)) = scope.mapper.key(row.values) else { return scope.look.set(row.ordinal) };
    let key = key_digest(&key);
    let known = scope.keys.find(key);
    if change.is_refused {
        let new = flag::NEW | flag::UNKNOWN | flag::NOBODY;
        let slot = known.unwrap_or_else(|| scope.keys.insert(key, 0, 0, new));
        let entry = scope.keys.get_mut(slot);
        entry.set(flag::READ | flag::LOOK | flag::REJECTED);
        entry.ordinal = row.ordinal;
        return scope.look.set(row.ordinal);
    }
    if change.command == Some(Command::Delete) {
        // What is not stored is as it should be.
        if let Some(slot) = known {
            scope.keys.get_mut(slot).set(flag::GONE | flag::COMMANDED);
            scope.counters.deleted_by_command += 1;
        }
        return;
    }
    let partial = change.given.is_some() && known.is_some();
    let digest = scope.mapper.digest(row.values).0.max(1);
    if let (Some(slot), false) = (known, partial) {
        let entry = scope.keys.get_mut(slot);
        if entry.digest == digest {
            entry.set(flag::READ);
            entry.ordinal = row.ordinal;
            return;
        }
    }
    let in_scope = match partial {
        true => scope.mapper.stays_in_scope(row.values, &|column| row.gives(column)),
        false => scope.mapper.in_scope(row.values),
    };
    match in_scope {
        Ok(false) => leaves(scope, known),
        Ok(true) | Err(_) => {
            note(scope, known, key, digest, row.ordinal);
            if let (Some(slot), true) = (known, partial) {
                scope.keys.get_mut(slot).set(flag::PARTIAL);
            }
        }
    }
}

/// A record that `where` leaves out. In a run that is not over the whole truth this is how it is known that a stored one
/// has left: its row says so.
fn leaves(scope: &mut Scope<'_>, known: Option<Slot>) {
    scope.counters.out_of_scope += 1;
    if let Some(slot) = known.filter(|_| !scope.complete) {
        let entry = scope.keys.get_mut(slot);
        // Another row of this key may be in scope.
        if !entry.has_any(flag::READ | flag::NEW) {
            entry.set(flag::GONE);
        }
    }
}

/// Notes a record in scope that is new or differs, and finds out about records with the same key.
fn note(scope: &mut Scope<'_>, known: Option<Slot>, key: u128, digest: u128, ordinal: u32) {
    let Some(slot) = known else {
        let slot =
            scope.keys.insert(key, digest, 0, flag::READ | flag::NEW | flag::LOOK | flag::UNKNOWN | flag::NOBODY);
        scope.keys.get_mut(slot).ordinal = ordinal;
        scope.look.set(ordinal);
        return;
    };
    let entry = scope.keys.get_mut(slot);
    if !entry.has(flag::READ) {
        entry.set(flag::READ | flag::LOOK);
        // A row of the same key that is out of scope may have come before it.
        entry.clear(flag::GONE);
        entry.digest = digest;
        entry.ordinal = ordinal;
        scope.look.set(ordinal);
        return;
    }
    if entry.digest == digest {
        scope.counters.duplicates_dropped += 1;
        return;
    }
    entry.set(flag::CONFLICT);
    let first = entry.ordinal;
    let seen = scope.conflicts.entry(slot).or_default();
    if seen.contains(&digest) {
        scope.counters.duplicates_dropped += 1;
        return;
    }
    seen.push(digest);
    // All of them are rejected, the first one too.
    scope.look.set(first);
    scope.look.set(ordinal);
}
