//! The tables of one connection: one after the other, or side by side where their kind can.

use super::message::{Answer, Known};
use super::past::Past;
use super::sources;
use super::writer::ExtractionWriter;
use crate::connectors::{ChangesError, ConnectionError, ConnectionKind, ConnectionRequest, Cursors};
use crate::model::extraction::ExtractionFile;
use crate::pipeline::index::Readers;
use crate::store::Store;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How many tables are read at a time. Each takes some 50 MB at most, whatever its size.
const SIDE_BY_SIDE: usize = 2;

/// What the runs before have left for one that reads changes.
pub(super) struct Before {
    pub(super) since: Cursors,
    pub(super) past: Option<Past>,
}

/// Hears of rows read of a table.
pub(super) type Tell<'a> = &'a (dyn Fn(&str, u64) + Sync);

/// Writes all tables of the request, each an object whose name begins with `prefix`. What is `known` and unchanged is not
/// written again.
pub(super) fn export(
    kind: &dyn ConnectionKind,
    request: &ConnectionRequest,
    store: &Store,
    prefix: &str,
    readers: &Readers,
    known: &[Known],
    tell: Tell<'_>,
) -> Result<Answer, ConnectionError> {
    let parts = parts(kind, request);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let written = Mutex::new(Vec::new());
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(number) else { return };
            let part = Part { kind, request: part, store, readers, known, failed: &failed, tell };
            let ended = part.export(&format!("{prefix}-{number:02}"));
            failed.fetch_or(ended.is_err(), Ordering::Relaxed);
            written.lock().unwrap_or_else(PoisonError::into_inner).push((number, ended));
        }
    };
    std::thread::scope(|scope| {
        // This thread is one of them: a single part needs no other.
        (1..parts.len().min(SIDE_BY_SIDE)).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    written.sort_by_key(|(number, _)| *number);
    let (mut files, mut unchanged) = (Vec::new(), Vec::new());
    let mut given_up = None;
    for (_, ended) in written {
        match ended {
            Ok(Written::Files(of_part)) => files.extend(of_part),
            Ok(Written::Unchanged(table)) => unchanged.push(table),
            Err(Ended::GivenUp(error)) => given_up = Some(error),
            Err(Ended::Failed(error)) => return Err(error),
        }
    }
    given_up.map_or(Ok(Answer::Exported { files, unchanged }), Err)
}

/// Every table has told how its end is known.
fn read_to_their_end(files: Vec<ExtractionFile>) -> Result<Vec<ExtractionFile>, ConnectionError> {
    match files.iter().find(|file| !file.is_pairs() && file.source_end.words.is_empty()) {
        Some(file) => Err(ConnectionError::permanent(
            &file.source_table,
            "was not read to an end that is proven; nothing of it is used",
        )),
        None => Ok(files),
    }
}

/// Writes what changed since the cursors where tables can tell, and the others whole: one table after the other, for no
/// reader in particular. Who reads changes reads all of them.
pub(super) fn export_changes(
    kind: &dyn ConnectionKind,
    request: &ConnectionRequest,
    store: &Store,
    prefix: &str,
    before: Before,
    tell: Tell<'_>,
) -> Result<Answer, ConnectionError> {
    let readers = Readers::default();
    let tell = |table: &str, rows: u64| {
        tell(table, rows);
        Ok(())
    };
    let mut extraction = ExtractionWriter::new(store.clone(), prefix, request, &readers, &tell).after(before.past);
    match kind.changes(request, &before.since, &mut extraction) {
        Ok(()) => Ok(Answer::Exported { files: read_to_their_end(extraction.finish()?)?, unchanged: Vec::new() }),
        Err(ChangesError::Expired(why)) => Ok(Answer::Expired(why)),
        Err(ChangesError::Failed(error)) => Err(error),
    }
}

/// One request for each table, where they can be read apart.
fn parts(kind: &dyn ConnectionKind, request: &ConnectionRequest) -> Vec<ConnectionRequest> {
    if !kind.reads_tables_apart() {
        return vec![request.clone()];
    }
    let alone = |table: &crate::model::connection::TableDefinition| {
        let mut part = request.clone();
        part.definition.tables = vec![table.clone()];
        part
    };
    request.definition.tables.iter().map(alone).collect()
}

enum Written {
    Files(Vec<ExtractionFile>),
    Unchanged(String),
}

enum Ended {
    /// Because another part has failed, which is what there is to say.
    GivenUp(ConnectionError),
    Failed(ConnectionError),
}

struct Part<'a> {
    kind: &'a dyn ConnectionKind,
    request: &'a ConnectionRequest,
    store: &'a Store,
    readers: &'a Readers,
    known: &'a [Known],
    failed: &'a AtomicBool,
    tell: Tell<'a>,
}

impl Part<'_> {
    fn export(&self, prefix: &str) -> Result<Written, Ended> {
        if let [table] = &self.request.definition.tables[..] {
            let source = self.request.source(&table.name).0;
            let known = self.known.iter().find(|known| known.table == source);
            let is_unchanged = known.map_or(Ok(false), |known| {
                sources::is_unchanged(self.kind, self.request, self.readers, self.store, known)
            });
            if is_unchanged.map_err(Ended::Failed)? {
                return Ok(Written::Unchanged(source));
            }
        }
        let tell = |table: &str, rows: u64| {
            (self.tell)(table, rows);
            match self.failed.load(Ordering::Relaxed) {
                true => Err(ConnectionError::transient(table, "was given up, because another table failed")),
                false => Ok(()),
            }
        };
        let mut extraction = ExtractionWriter::new(self.store.clone(), prefix, self.request, self.readers, &tell);
        let exported = self
            .kind
            .export(self.request, &mut extraction)
            .and_then(|()| extraction.finish())
            .and_then(read_to_their_end);
        exported.map(Written::Files).map_err(|error| match self.failed.load(Ordering::Relaxed) {
            true => Ended::GivenUp(error),
            false => Ended::Failed(error),
        })
    }
}
