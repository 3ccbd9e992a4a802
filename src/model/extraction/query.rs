//! Extractions in the database.

use super::{Extraction, ExtractionFile, ExtractionId, digest};
use crate::model::run::RunId;
use crate::schema::{extraction_files, extractions, runs};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Records a sealed extraction and its files.
pub fn insert(
    connection: &mut PgConnection,
    connector_id: i32,
    run: RunId,
    prefix: &str,
    written: &[ExtractionFile],
) -> QueryResult<ExtractionId> {
    let id: i64 = diesel::insert_into(extractions::table)
        .values((
            extractions::connector_id.eq(connector_id),
            extractions::run_id.eq(run.0),
            extractions::prefix.eq(prefix),
            extractions::digest.eq(digest(written)),
        ))
        .returning(extractions::id)
        .get_result(connection)?;
    for file in written {
        diesel::insert_into(extraction_files::table)
            .values((
                extraction_files::extraction_id.eq(id),
                extraction_files::source_table.eq(&file.source_table),
                extraction_files::path.eq(&file.path),
                extraction_files::source_file.eq(&file.source_file),
                extraction_files::sha256.eq(&file.sha256),
                extraction_files::bytes.eq(signed(file.bytes)?),
                extraction_files::rows.eq(signed(file.rows)?),
                extraction_files::header.eq(to_json(&file.header)?),
                extraction_files::lines.eq(to_json(&file.lines)?),
                extraction_files::profile.eq(to_json(&file.profile)?),
            ))
            .execute(connection)?;
    }
    Ok(ExtractionId(id))
}

/// The extraction of that id.
pub fn find(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<Option<Extraction>> {
    extractions::table.find(id.0).select(ExtractionRow::as_select()).first(connection).optional().map(made)
}

/// Its files, by source table.
pub fn files(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<Vec<ExtractionFile>> {
    extraction_files::table
        .filter(extraction_files::extraction_id.eq(id.0))
        .order(extraction_files::source_table)
        .select(FileRow::as_select())
        .load(connection)?
        .into_iter()
        .map(FileRow::made)
        .collect()
}

/// The newest extraction of a connector that still has its files.
pub fn newest(connection: &mut PgConnection, connector_id: i32) -> QueryResult<Option<Extraction>> {
    extractions::table
        .filter(extractions::connector_id.eq(connector_id))
        .filter(extractions::deleted_at.is_null())
        .order(extractions::id.desc())
        .select(ExtractionRow::as_select())
        .first(connection)
        .optional()
        .map(made)
}

/// The extraction that a connector's last applied run worked on: what guards compare with. Its files may be gone.
pub fn last_applied(connection: &mut PgConnection, connector_id: i32) -> QueryResult<Option<Extraction>> {
    extractions::table
        .inner_join(runs::table.on(runs::extraction_id.eq(extractions::id.nullable())))
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::applied_at.is_not_null())
        .order((runs::applied_at.desc(), runs::id.desc()))
        .select(ExtractionRow::as_select())
        .first(connection)
        .optional()
        .map(made)
}

/// Extractions recorded before `moment` that still have their files: what retention looks at, oldest first.
pub fn older_than(connection: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<Vec<Extraction>> {
    let rows = extractions::table
        .filter(extractions::created_at.lt(moment))
        .filter(extractions::deleted_at.is_null())
        .order(extractions::id)
        .select(ExtractionRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ExtractionRow::made).collect())
}

/// Notes that the files are gone; what is known of them stays.
pub fn mark_deleted(connection: &mut PgConnection, id: ExtractionId, moment: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(extractions::table.find(id.0)).set(extractions::deleted_at.eq(moment)).execute(connection)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = extractions)]
struct ExtractionRow {
    id: i64,
    connector_id: i32,
    run_id: i32,
    prefix: String,
    digest: String,
    created_at: DateTime<Utc>,
    deleted_at: Option<DateTime<Utc>>,
}

impl ExtractionRow {
    fn made(self) -> Extraction {
        Extraction {
            id: ExtractionId(self.id),
            connector_id: self.connector_id,
            run: RunId(self.run_id),
            prefix: self.prefix,
            digest: self.digest,
            created_at: self.created_at,
            deleted_at: self.deleted_at,
        }
    }
}

fn made(row: Option<ExtractionRow>) -> Option<Extraction> {
    row.map(ExtractionRow::made)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = extraction_files)]
struct FileRow {
    source_table: String,
    path: String,
    source_file: String,
    sha256: String,
    bytes: i64,
    rows: i64,
    header: Value,
    lines: Value,
    profile: Value,
}

impl FileRow {
    fn made(self) -> QueryResult<ExtractionFile> {
        Ok(ExtractionFile {
            source_table: self.source_table,
            path: self.path,
            source_file: self.source_file,
            sha256: self.sha256,
            bytes: self.bytes.unsigned_abs(),
            rows: self.rows.unsigned_abs(),
            header: from_json(self.header)?,
            lines: from_json(self.lines)?,
            profile: from_json(self.profile)?,
        })
    }
}

fn signed(number: u64) -> QueryResult<i64> {
    i64::try_from(number).map_err(|error| Error::SerializationError(Box::new(error)))
}

fn to_json(value: &impl Serialize) -> QueryResult<Value> {
    serde_json::to_value(value).map_err(|error| Error::SerializationError(Box::new(error)))
}

fn from_json<T: DeserializeOwned>(value: Value) -> QueryResult<T> {
    serde_json::from_value(value).map_err(|error| Error::DeserializationError(Box::new(error)))
}
