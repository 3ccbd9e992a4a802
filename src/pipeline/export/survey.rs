//! Looks at a system that no document describes yet: which tables there are, and what their columns are like.

use super::{discover, observe, secrets};
use crate::connectors::{self, ConnectionError, ConnectionRequest, UploadedFile};
use crate::model::connection::ConnectionDefinition;
use crate::pipeline::proposal::{ROWS, facts::Observed};
use std::collections::BTreeMap;
use std::path::Path;

/// The connection with its tables (those it names, or those that were found), and what was seen of them. `files` are
/// read in place of what a connection fed by upload would be sent.
pub fn survey(
    program: &Path,
    mut connection: ConnectionDefinition,
    files: Vec<UploadedFile>,
) -> Result<(ConnectionDefinition, Observed), ConnectionError> {
    let place = format!("connection {:?}", connection.name);
    let kind = connectors::kind(&connection.kind).ok_or_else(|| {
        ConnectionError::permanent(&place, format!("there is no kind of connection {:?}", connection.kind))
    })?;
    let mut request = request_of(&connection)?;
    request.uploads = files.iter().map(|file| (file.name.clone(), file.clone())).collect();
    kind.check_settings(&request)?;
    if connection.tables.is_empty() {
        connection.tables = discover(program, &request)?;
    }
    if connection.tables.is_empty() {
        return Err(ConnectionError::permanent(place, "nothing was found to read there; name a table yourself"));
    }
    let file_of = |settings: &serde_json::Map<String, serde_json::Value>| {
        let name = settings.get("file").and_then(serde_json::Value::as_str);
        files.iter().find(|file| Some(file.name.as_str()) == name).cloned()
    };
    let tables = connection.tables.iter();
    request.uploads = tables.filter_map(|table| Some((table.name.clone(), file_of(&table.settings)?))).collect();
    request.definition = connection.clone();
    let observed = observe(program, &request, ROWS)?;
    Ok((connection, observed))
}

/// What a connection is asked with that nothing maps yet.
pub fn request_of(connection: &ConnectionDefinition) -> Result<ConnectionRequest, ConnectionError> {
    Ok(ConnectionRequest {
        secrets: secrets::resolve(connection)?,
        definition: connection.clone(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
    })
}
