//! Sources that are still what they were: their tables need not be read again.

use super::message::Known;
use crate::connectors::{ConnectionError, ConnectionKind, ConnectionRequest};
use crate::model::extraction::{ExtractionFile, SourceSeal};
use crate::pipeline::index::Readers;
use crate::store::{Sealed, Sealing, Store};
use serde_json::json;

/// Raised whenever an export writes the same source in another way: sources are read anew then.
const EXPORTER_VERSION: u32 = 2;

/// A digest of everything but the source's bytes that decides what is written of a table: settings, columns, what becomes
/// pairs, and who reads it. Lower-case hex.
pub(super) fn reading(request: &ConnectionRequest, readers: &Readers, source_table: &str, source_file: &str) -> String {
    let table = source_table.split_once('.').map_or(source_table, |(_, table)| table);
    let pairs = request.pair_columns.get(table);
    let of_pairs = pairs.into_iter().flatten().map(|pair| readers.of_table(&format!("{source_table}.{}", pair.column)));
    let all = json!({
        "exporter": EXPORTER_VERSION,
        "mapper": crate::pipeline::mapping::MAPPER_VERSION,
        "connection": request.definition.settings,
        "table": request.table(table),
        "mapped": request.mapped_columns.get(table),
        "pairs": pairs,
        "file": source_file,
        "readers": readers.of_table(source_table),
        "readers of pairs": of_pairs.collect::<Vec<_>>(),
    });
    let mut sealing = Sealing::default();
    sealing.add(all.to_string().as_bytes());
    sealing.seal().sha256
}

/// What a new extraction may take over from the one before, if its source is the same.
pub(super) fn known(before: &[ExtractionFile]) -> Vec<Known> {
    let tables = before.iter().filter(|file| !file.is_pairs());
    tables
        .filter_map(|file| {
            let source = file.source.clone().filter(|_| file.command_column.is_none())?;
            let objects = files_of(before, &file.source_table).flat_map(objects).collect();
            let (table, name) = (file.source_table.clone(), file.source_file.clone());
            Some(Known { table, file: name, source, cursor: file.cursor.clone(), objects })
        })
        .collect()
}

/// The files that were made from a table: its own, and those of its pairs.
pub(super) fn files_of<'a>(
    files: &'a [ExtractionFile],
    source_table: &'a str,
) -> impl Iterator<Item = &'a ExtractionFile> {
    files.iter().filter(move |file| {
        let rest = file.source_table.strip_prefix(source_table);
        rest.is_some_and(|rest| rest.is_empty() || file.is_pairs() && rest.starts_with('.'))
    })
}

fn objects(file: &ExtractionFile) -> impl Iterator<Item = (String, u64)> {
    let indexes = file.indexes.iter().map(|index| (index.path.clone(), index.bytes));
    std::iter::once((file.path.clone(), file.bytes)).chain(indexes)
}

/// Whether a table would be written as it was, from the same bytes in the same way, and what was written is still there.
pub(super) fn is_unchanged(
    kind: &dyn ConnectionKind,
    request: &ConnectionRequest,
    readers: &Readers,
    store: &Store,
    known: &Known,
) -> Result<bool, ConnectionError> {
    let SourceSeal { sha256, bytes, reading: before } = &known.source;
    if reading(request, readers, &known.table, &known.file) != *before {
        return Ok(false);
    }
    let is_there = |(path, bytes): &(String, u64)| store.length(path).is_ok_and(|found| found == Some(*bytes));
    if !known.objects.iter().all(is_there) {
        return Ok(false);
    }
    let Some((_, table)) = known.table.split_once('.') else { return Ok(false) };
    let Some(table) = request.table(table) else { return Ok(false) };
    let sealed = Sealed { sha256: sha256.clone(), bytes: *bytes };
    kind.is_same_source(request, table, &known.file, &sealed, known.cursor.as_ref())
}
