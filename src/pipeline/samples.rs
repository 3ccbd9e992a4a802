//! The first rows of a table as an export wrote them, to try a mapping on. They are personal data: for administrators.

use super::Context;
use crate::model::connection::SourceTable;
use crate::model::connector::ConnectorId;
use crate::model::extraction;
use crate::model::run::RunId;
use crate::store::StoreError;
use csv::{ReaderBuilder, StringRecord};
use diesel::pg::PgConnection;
use std::io::BufReader;

/// Rows of a table.
#[derive(Clone)]
pub struct Samples {
    /// Its columns.
    pub columns: Vec<String>,
    /// At most as many rows as were asked for.
    pub rows: Vec<StringRecord>,
    /// The run that read them.
    pub run: RunId,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The database failed us.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
    /// The extraction can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no CSV of ours.
    #[error("the extraction can't be read: {0}")]
    Csv(#[from] csv::Error),
}

/// The first rows of a table in the connector's newest extraction; `None` without one.
pub fn of_newest(
    context: &Context,
    connection: &mut PgConnection,
    connector: ConnectorId,
    source: &SourceTable,
    most: usize,
) -> Result<Option<Samples>, SamplesError> {
    let Some(newest) = extraction::newest(connection, connector)? else { return Ok(None) };
    let files = extraction::files(connection, newest.id)?;
    let Some(file) = files.into_iter().find(|file| file.source_table == source.0) else { return Ok(None) };
    let object = BufReader::new(context.store.reader(&file.path)?);
    let rows = ReaderBuilder::new().flexible(true).from_reader(object).into_records().take(most);
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Samples { columns: file.columns().to_vec(), rows, run: newest.run_id }))
}
