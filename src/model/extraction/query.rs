//! Extractions in the database.

use super::{Extraction, ExtractionFile, ExtractionId, FileIndex, LineMap, SourceEnd, SourceSeal, digest};
use crate::model::connector::ConnectorId;
use crate::model::json::Json;
use crate::model::profile::TableProfile;
use crate::model::run::{Mode, RunId};
use crate::schema::{extraction_files, extractions, runs};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Integer, Text};

/// A sealed extraction, to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewExtraction<'a> {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The run that made it.
    pub run: RunId,
    /// The folder in the store.
    pub prefix: &'a str,
    /// Its files.
    pub files: &'a [ExtractionFile],
    /// Whether it is the whole truth.
    pub complete: bool,
    /// The runs of whose extractions it was made; empty: it was exported.
    pub assembled_from: &'a [RunId],
}

/// Records a sealed extraction and its files.
pub fn insert(connection: &mut PgConnection, new: &NewExtraction<'_>) -> QueryResult<ExtractionId> {
    let NewExtraction { connector_id, run, prefix, files: written, complete, assembled_from } = *new;
    let assembled: Vec<i32> = assembled_from.iter().map(|run| run.0).collect();
    let id: ExtractionId = diesel::insert_into(extractions::table)
        .values((
            extractions::connector_id.eq(connector_id),
            extractions::run_id.eq(run),
            extractions::prefix.eq(prefix),
            extractions::digest.eq(digest(written)),
            extractions::complete.eq(complete),
            extractions::assembled_from.eq((!assembled.is_empty()).then_some(assembled)),
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
                extraction_files::header.eq(Json(file.header.clone())),
                extraction_files::lines.eq(Json(file.lines.clone())),
                extraction_files::profile.eq(Json(file.profile.clone())),
                extraction_files::source_end.eq(Json(file.source_end.clone())),
                extraction_files::indexes.eq(Json(file.indexes.clone())),
                extraction_files::source.eq(file.source.clone().map(Json)),
                extraction_files::command_column.eq(&file.command_column),
                extraction_files::cursor.eq(&file.cursor),
            ))
            .execute(connection)?;
    }
    Ok(id)
}

/// The extraction of that id.
pub fn find(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<Option<Extraction>> {
    extractions::table.find(id).select(Extraction::as_select()).first(connection).optional()
}

/// Its files, by source table.
pub fn files(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<Vec<ExtractionFile>> {
    let rows = extraction_files::table
        .filter(extraction_files::extraction_id.eq(id))
        .order(extraction_files::source_table)
        .select(FileRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(FileRow::made).collect())
}

/// The folders that extractions of a connector need: those that are recorded and not deleted, and the older ones whose
/// files they share because the source had not changed.
pub fn needed(connection: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Vec<String>> {
    let folders: Vec<Folder> = diesel::sql_query(
        r"select prefix as folder from extractions where connector_id = $1 and deleted_at is null
          union
          select regexp_replace(f.path, '/[^/]*$', '') from extractions e join extraction_files f on f.extraction_id = e.id
           where e.connector_id = $1 and e.deleted_at is null",
    )
    .bind::<Integer, _>(connector_id)
    .load(connection)?;
    Ok(folders.into_iter().map(|row| row.folder).collect())
}

/// Makes sure, for the length of the transaction, that the files of an extraction are there to be shared.
pub fn share(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<bool> {
    let there: Option<ExtractionId> = extractions::table
        .find(id)
        .filter(extractions::deleted_at.is_null())
        .select(extractions::id)
        .for_share()
        .first(connection)
        .optional()?;
    Ok(there.is_some())
}

/// The newest extraction of a connector that still has its files.
pub fn newest(connection: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<Extraction>> {
    extractions::table
        .filter(extractions::connector_id.eq(connector_id))
        .filter(extractions::deleted_at.is_null())
        .order(extractions::id.desc())
        .select(Extraction::as_select())
        .first(connection)
        .optional()
}

/// The extraction that a connector's last applied run over the whole truth worked on: what guards compare with. Its
/// files may be gone.
pub fn last_applied(connection: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<Extraction>> {
    extractions::table
        .inner_join(runs::table.on(runs::extraction_id.eq(extractions::id.nullable())))
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::applied_at.is_not_null())
        .filter(runs::mode.ne(Mode::Correlate))
        .filter(extractions::complete)
        .order((runs::applied_at.desc(), runs::id.desc()))
        .select(Extraction::as_select())
        .first(connection)
        .optional()
}

/// The last run before this one that was applied, and the extraction that it worked on.
pub fn applied_before(
    connection: &mut PgConnection,
    connector_id: ConnectorId,
    run: RunId,
) -> QueryResult<Option<(RunId, Extraction)>> {
    extractions::table
        .inner_join(runs::table.on(runs::extraction_id.eq(extractions::id.nullable())))
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::applied_at.is_not_null())
        .filter(runs::mode.ne(Mode::Correlate))
        .filter(runs::id.lt(run))
        .order(runs::id.desc())
        .select((runs::id, Extraction::as_select()))
        .first(connection)
        .optional()
}

/// Extractions recorded before `moment` that still have their files: what retention looks at, oldest first.
pub fn older_than(connection: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<Vec<Extraction>> {
    extractions::table
        .filter(extractions::created_at.lt(moment))
        .filter(extractions::deleted_at.is_null())
        .order(extractions::id)
        .select(Extraction::as_select())
        .load(connection)
}

/// Gives up the files of an extraction; what is known of them stays. Returns the folders that no other extraction needs:
/// the caller deletes them, and should it not come to that, the next export of the connector does.
pub fn give_up(connection: &mut PgConnection, old: &Extraction, moment: DateTime<Utc>) -> QueryResult<Vec<String>> {
    diesel::update(extractions::table.find(old.id)).set(extractions::deleted_at.eq(moment)).execute(connection)?;
    let files = files(connection, old.id)?;
    let folder_of = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let mut folders: Vec<String> = files.iter().filter_map(|file| folder_of(&file.path)).collect();
    folders.push(old.prefix.clone());
    folders.sort();
    folders.dedup();
    let needed = needed(connection, old.connector_id)?;
    folders.retain(|folder| !needed.contains(folder));
    Ok(folders)
}

#[derive(QueryableByName)]
struct Folder {
    #[diesel(sql_type = Text)]
    folder: String,
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
    header: Json<Vec<String>>,
    lines: Json<LineMap>,
    profile: Json<TableProfile>,
    source_end: Json<SourceEnd>,
    indexes: Json<Vec<FileIndex>>,
    source: Option<Json<SourceSeal>>,
    command_column: Option<String>,
    cursor: Option<serde_json::Value>,
}

impl FileRow {
    fn made(self) -> ExtractionFile {
        ExtractionFile {
            source_table: self.source_table,
            path: self.path,
            source_file: self.source_file,
            sha256: self.sha256,
            bytes: self.bytes.unsigned_abs(),
            rows: self.rows.unsigned_abs(),
            header: self.header.0,
            lines: self.lines.0,
            profile: self.profile.0,
            source_end: self.source_end.0,
            indexes: self.indexes.0,
            source: self.source.map(|source| source.0),
            command_column: self.command_column,
            cursor: self.cursor,
        }
    }
}

fn signed(number: u64) -> QueryResult<i64> {
    i64::try_from(number).map_err(|error| Error::SerializationError(Box::new(error)))
}
