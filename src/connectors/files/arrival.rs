//! What lies in the folder of a connection whose runs start by arrival: names, lengths and times, not content.

use super::pattern::Pattern;
use super::settings::{ConnectionSettings, TableSettings};
use super::{Arrival, ConnectionDefinition, ConnectionError};
use crate::store::Sealing;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What is there; `None` if runs do not start by arrival, or a table's file is missing.
pub(super) fn look(connection: &ConnectionDefinition) -> Result<Option<Arrival>, ConnectionError> {
    let settings = ConnectionSettings::of_definition(connection)?;
    let Some(folder) = settings.folder.filter(|_| settings.on_arrival) else { return Ok(None) };
    let (mut complete, mut changes) = (Sealing::default(), Sealing::default());
    let mut has_changes = false;
    for table in &connection.tables {
        let settings = TableSettings::of(table)?;
        let Some(pattern) = Pattern::of_complete(&settings) else { return Ok(None) };
        let Some(file) = pattern.list(&folder, table)?.pop() else { return Ok(None) };
        let Some(words) = in_words(&folder, &file) else { return Ok(None) };
        complete.add(words.as_bytes());
        let Some(pattern) = Pattern::of_changes(&settings) else { continue };
        for file in pattern.list(&folder, table)? {
            let Some(words) = in_words(&folder, &file) else { return Ok(None) };
            changes.add(words.as_bytes());
            has_changes = true;
        }
    }
    let changes = if has_changes { changes.seal().sha256 } else { String::new() };
    Ok(Some(Arrival { complete: complete.seal().sha256, changes }))
}

/// Name, length and time of a file; `None` if it is gone again.
fn in_words(folder: &Path, file: &str) -> Option<String> {
    let seen = std::fs::metadata(folder.join(file)).ok().filter(std::fs::Metadata::is_file)?;
    let modified = seen.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(format!("{file}\n{}\n{}\n", seen.len(), modified.as_nanos()))
}
