//! The record of a user as its source last sent it, verbatim: found in the extractions that what is stored was made of.

use crate::document;
use crate::model::connector::ConnectorId;
use crate::model::extraction::{self, ExtractionFile};
use crate::model::{configuration, run};
use crate::pipeline::TaskError;
use crate::pipeline::index::columns_of;
use crate::pipeline::mapping::Mapper;
use crate::store::{Sealed, Store};
use csv::StringRecord;
use diesel::pg::PgConnection;
use serde_json::{Map, Value, json};
use std::io::{self, BufReader};

/// Of the record with this key; `None`: the files that held it are no longer kept.
pub(super) fn last(
    conn: &mut PgConnection,
    store: &Store,
    connector: i32,
    entity_type: &str,
    key: &str,
) -> Result<Option<Value>, TaskError> {
    let connector = ConnectorId(connector);
    let runs = extraction::last_said(conn, connector)?;
    let extractions = extraction::of_runs(conn, &runs)?;
    // From the newest to the oldest: what came last counts.
    for (id, extraction) in extractions.into_iter().rev().filter(|(_, one)| one.deleted_at.is_none()) {
        let Some(run) = run::by_id(conn, id)? else { continue };
        let text = configuration::version(conn, connector, run.configuration_version)?.document;
        let Ok(definition) = document::connector(&text) else { continue };
        let Some(found) = definition.entity_types.iter().find(|one| one.name == entity_type) else { continue };
        let files = extraction::files(conn, extraction.id)?;
        let Some(file) = files.iter().find(|file| file.source_table == found.source.0) else { continue };
        let columns = columns_of(&definition.associations);
        let Ok((mapper, _)) = Mapper::of_changes(found, &columns, file.columns()) else { continue };
        if let Some((line, row)) = find(store, file, &mapper, key)? {
            let values = file.header.iter().zip(row.iter());
            let columns: Map<String, Value> =
                values.map(|(column, value)| (column.clone(), Value::from(value))).collect();
            return Ok(Some(json!({
                "run": id, "received_at": extraction.created_at, "file": file.source_file, "line": line,
                "columns": columns,
            })));
        }
    }
    Ok(None)
}

/// The last row of a key, with its line in the source.
fn find(
    store: &Store,
    file: &ExtractionFile,
    mapper: &Mapper,
    key: &str,
) -> Result<Option<(u64, StringRecord)>, TaskError> {
    let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes };
    let reader = store.verified(&file.path, &sealed).map_err(io::Error::from)?;
    let mut rows = csv::Reader::from_reader(BufReader::with_capacity(1 << 18, reader));
    let (mut row, mut found) = (StringRecord::new(), None);
    loop {
        match rows.read_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(found),
            Err(error) => {
                return Err(TaskError::failed(
                    &file.path,
                    format!("the extraction was changed or damaged since its export: {error}"),
                ));
            }
        }
        if mapper.key(&row).is_ok_and(|own| own.as_deref() == Some(key)) {
            let line = row.position().map_or(0, csv::Position::line);
            found = Some((file.lines.source_line(line), row.clone()));
        }
    }
}
