//! What the applied runs have read of a connector's tables: the extraction of the last one over the whole source, and
//! those of changes since. A source may name what is gone by something that is no key, or only list what is there: what it
//! was, is looked up here.

use crate::connectors::{ConnectionError, ConnectionRequest, KnownRecord};
use crate::model::connector::ConnectorId;
use crate::model::extraction;
use crate::pipeline::difference::commands::Command;
use crate::store::{Sealed, Store};
use csv::StringRecord;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::io::BufReader;
use xxhash_rust::xxh3::xxh3_128;

/// The files of those extractions, oldest first.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Past {
    files: Vec<PastFile>,
}

#[derive(Clone, Serialize, Deserialize)]
struct PastFile {
    /// `connection.table`.
    table: String,
    path: String,
    sha256: String,
    bytes: u64,
    /// The source's own columns.
    columns: Vec<String>,
    /// Whether each row has a command behind its values.
    changes: bool,
}

/// Hears of a record.
type Hear<'a> = &'a mut dyn FnMut(&KnownRecord<'_>) -> Result<(), ConnectionError>;

impl Past {
    /// Of a connector; `None` if what its cursors stand for can't be told, or was deleted by age.
    pub(super) fn load(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Option<Self>> {
        let Ok(runs) = extraction::stored(connection, connector)?.read_by else { return Ok(None) };
        let chain = extraction::of_runs(connection, &runs)?;
        if chain.len() != runs.len() || chain.iter().any(|(_, extraction)| extraction.deleted_at.is_some()) {
            return Ok(None);
        }
        let mut files = Vec::new();
        for (_, extraction) in chain {
            let of_tables = extraction::files(connection, extraction.id)?.into_iter().filter(|file| !file.is_pairs());
            files.extend(of_tables.map(|file| PastFile {
                columns: file.columns().to_vec(),
                table: file.source_table,
                path: file.path,
                sha256: file.sha256,
                bytes: file.bytes,
                changes: file.command_column.is_some(),
            }));
        }
        Ok(Some(Self { files }))
    }

    /// What concerns one connection.
    pub(super) fn of(&self, request: &ConnectionRequest) -> Self {
        let tables: Vec<String> = request.definition.tables.iter().map(|table| request.source(&table.name).0).collect();
        Self { files: self.files.iter().filter(|file| tables.contains(&file.table)).cloned().collect() }
    }

    /// The records of a table, each as it was read last. `false`: nothing has read it, or it had no such column.
    pub(super) fn records(
        &self,
        store: &Store,
        table: &str,
        identity: &str,
        hear: Hear<'_>,
    ) -> Result<bool, ConnectionError> {
        let files: Vec<&PastFile> = self.files.iter().filter(|file| file.table == table).collect();
        let Some(base) = files.iter().rposition(|file| !file.changes) else { return Ok(false) };
        let position = |file: &PastFile| file.columns.iter().position(|column| column == identity);
        if files[base..].iter().any(|file| position(file).is_none()) {
            return Ok(false);
        }
        let mut overtaken: HashSet<u128> = HashSet::new();
        // From the newest to the oldest: what a record is now, is said first.
        for file in files[base..].iter().rev() {
            let Some(at) = position(file) else { continue };
            let id = |row: &StringRecord| xxh3_128(row.get(at).unwrap_or_default().as_bytes());
            let mut last: HashMap<u128, u64> = HashMap::new();
            if file.changes {
                file.rows(store, &mut |row, ordinal| {
                    last.insert(id(row), ordinal);
                    Ok(())
                })?;
            }
            file.rows(store, &mut |row, ordinal| {
                let id = id(row);
                if overtaken.contains(&id) || file.changes && last.get(&id) != Some(&ordinal) {
                    return Ok(());
                }
                let command = row.get(file.columns.len()).filter(|_| file.changes).map(Command::parse);
                if command == Some(Some(Command::Delete)) {
                    return Ok(());
                }
                hear(&KnownRecord { columns: &file.columns, values: row })
            })?;
            overtaken.extend(last.into_keys());
        }
        Ok(true)
    }
}

impl PastFile {
    /// All rows, with their positions. An error unless the file is the one that was sealed.
    fn rows(
        &self,
        store: &Store,
        hear: &mut dyn FnMut(&StringRecord, u64) -> Result<(), ConnectionError>,
    ) -> Result<(), ConnectionError> {
        let changed = |error: &dyn std::fmt::Display| {
            let message =
                format!("the extraction was changed or damaged since its export: {error}; run a complete run");
            ConnectionError::permanent(&self.path, message)
        };
        let sealed = Sealed { sha256: self.sha256.clone(), bytes: self.bytes };
        let reader = store.verified(&self.path, &sealed).map_err(|error| changed(&error))?;
        let mut reader = csv::Reader::from_reader(BufReader::with_capacity(1 << 18, reader));
        let mut row = StringRecord::new();
        let mut ordinal = 0;
        while reader.read_record(&mut row).map_err(|error| changed(&error))? {
            hear(&row, ordinal)?;
            ordinal += 1;
        }
        Ok(())
    }
}
