//! Cleaning: rows of anonymized persons are taken out of the files of extractions. A cleaned file is written beside each,
//! sealed, and takes its place in one transaction; then the old one goes.
//!
//! What is looked for are keyed digests, so that it can be done again at any time, by any server: for what was stored when
//! somebody was anonymized, and for what a source has sent since. A connector that is at work is left for later.

mod file;

use super::TaskError;
use super::index::Readers;
use crate::document;
use crate::model::connector::ConnectorDefinition;
use crate::model::extraction::{self, Extraction, ExtractionFile};
use crate::model::run;
use crate::model::suppression::{self, Suppressions};
use crate::model::{configuration, entity_type};
use crate::secret::Key;
use crate::store::Store;
use chrono::{DateTime, Utc};
use diesel::Connection;
use diesel::pg::PgConnection;
use file::{Dropped, FileCleaner};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What became of the extractions that were to be cleaned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Clean now.
    pub clean: u64,
    /// Of connectors that are at work.
    pub postponed: u64,
}

/// Cleans all extractions that have to be.
pub fn clean(
    connection: &mut PgConnection,
    store: &Store,
    key_file: &Path,
    now: DateTime<Utc>,
) -> Result<Cleaned, TaskError> {
    let mut cleaned = Cleaned::default();
    if !suppression::any(connection)? {
        return Ok(cleaned);
    }
    let suppressions = Suppressions::load(connection, Key::open(key_file)?)?;
    for extraction in extraction::doubtful(connection)? {
        match one(connection, store, &suppressions, &extraction, now)? {
            true => cleaned.clean += 1,
            false => cleaned.postponed += 1,
        }
    }
    Ok(cleaned)
}

/// `false`: its connector is at work.
fn one(
    connection: &mut PgConnection,
    store: &Store,
    suppressions: &Suppressions,
    extraction: &Extraction,
    now: DateTime<Utc>,
) -> Result<bool, TaskError> {
    if !extraction::rests(connection, extraction.connector_id)? {
        return Ok(false);
    }
    let files = extraction::files(connection, extraction.id)?;
    let written = match definition(connection, extraction)? {
        Some((definition, ids)) => write(store, suppressions, &definition, &ids, &files)?,
        // Whose rows they are can't be told any more: none of them may stay.
        None => None,
    };
    let Some(written) = written else {
        for folder in extraction::give_up(connection, extraction, now)? {
            store.delete_prefix(&folder).map_err(io::Error::from)?;
        }
        tracing::warn!(extraction.id = extraction.id.0, "an extraction could not be cleaned; its files were deleted");
        return Ok(true);
    };
    let replaced = connection.transaction(|connection| {
        if !extraction::rests(connection, extraction.connector_id)? {
            return Ok::<_, TaskError>(false);
        }
        extraction::replace(connection, &written)?;
        Ok(true)
    })?;
    // What is referred to no more goes: the files that were replaced, or those that would have replaced them.
    sweep(connection, store, extraction, &files)?;
    if replaced {
        extraction::is_clean(connection, extraction.id)?;
    }
    Ok(replaced)
}

/// A configuration, and the ids of its entity types.
type Definition = (ConnectorDefinition, BTreeMap<String, i32>);

/// The configuration that an extraction was read by.
fn definition(connection: &mut PgConnection, extraction: &Extraction) -> Result<Option<Definition>, TaskError> {
    let Some(run) = run::by_id(connection, extraction.run_id)? else { return Ok(None) };
    let text = configuration::version(connection, extraction.connector_id, run.configuration_version)?.document;
    let Ok(definition) = document::connector(&text) else { return Ok(None) };
    let ids = entity_type::ids(connection, extraction.connector_id)?;
    Ok(Some((definition, ids.into_iter().map(|(name, id)| (name, id.0)).collect())))
}

/// Writes what takes the place of files that hold something; each with the path of what it replaces. `None`: a file can't
/// be read by its configuration.
fn write(
    store: &Store,
    suppressions: &Suppressions,
    definition: &ConnectorDefinition,
    ids: &BTreeMap<String, i32>,
    files: &[ExtractionFile],
) -> Result<Option<Vec<(String, ExtractionFile)>>, TaskError> {
    let readers = Readers::of(definition);
    let mut dropped: BTreeMap<&str, Dropped> = BTreeMap::new();
    let mut written = Vec::new();
    // Tables come before the pairs that stood in their rows.
    for file in files {
        let Some(cleaner) = FileCleaner::new(definition, ids, file) else { return Ok(None) };
        let owner = file.source_table.rsplit_once('.').filter(|_| file.is_pairs()).and_then(|(of, _)| dropped.get(of));
        let gone = cleaner.look(store, suppressions, file)?;
        if gone.is_some() || owner.is_some_and(|owner| cleaner.follows(owner)) {
            let readers = if file.command_column.is_some() { Readers::default() } else { readers.clone() };
            let new = cleaner.write(store, suppressions, &readers, file, owner)?;
            written.push((file.path.clone(), new));
        }
        dropped.extend(gone.map(|gone| (file.source_table.as_str(), gone)));
    }
    Ok(Some(written))
}

fn sweep(
    connection: &mut PgConnection,
    store: &Store,
    extraction: &Extraction,
    files: &[ExtractionFile],
) -> Result<(), TaskError> {
    let referred: BTreeSet<String> = extraction::objects(connection, extraction.connector_id)?.into_iter().collect();
    let folders: BTreeSet<&str> = files.iter().filter_map(|file| Some(file.path.rsplit_once('/')?.0)).collect();
    for folder in folders {
        for object in store.objects(folder).map_err(io::Error::from)? {
            if !referred.contains(&object) {
                store.delete(&object).map_err(io::Error::from)?;
            }
        }
    }
    Ok(())
}
