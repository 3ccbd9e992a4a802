//! Extractions whose files are to be cleaned of rows that are held no more, and what takes their place.

use super::{Extraction, ExtractionFile, ExtractionId, digest, files};
use crate::model::connector::ConnectorId;
use crate::model::json::Json;
use crate::schema::{extraction_files, extractions};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};

/// Says that the files of all extractions may hold what has to go.
pub fn doubt_all(connection: &mut PgConnection) -> QueryResult<usize> {
    diesel::update(extractions::table.filter(extractions::deleted_at.is_null()))
        .set(extractions::to_clean.eq(true))
        .execute(connection)
}

/// Says it of one.
pub fn doubt(connection: &mut PgConnection, id: i64) -> QueryResult<()> {
    diesel::update(extractions::table.find(ExtractionId(id)))
        .set(extractions::to_clean.eq(true))
        .execute(connection)
        .map(drop)
}

/// Those that are to be cleaned, the newest first: it is what the next run looks at.
pub fn doubtful(connection: &mut PgConnection) -> QueryResult<Vec<Extraction>> {
    extractions::table
        .filter(extractions::to_clean)
        .filter(extractions::deleted_at.is_null())
        .order(extractions::id.desc())
        .select(Extraction::as_select())
        .load(connection)
}

/// Nothing is left in it.
pub fn is_clean(connection: &mut PgConnection, id: ExtractionId) -> QueryResult<()> {
    diesel::update(extractions::table.find(id)).set(extractions::to_clean.eq(false)).execute(connection).map(drop)
}

/// Whether nobody works for a connector, which stays so until the transaction ends.
pub fn rests(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Rests {
        #[diesel(sql_type = Bool)]
        rests: bool,
    }
    // Whoever starts a run refers to the connector, and waits.
    diesel::sql_query("select from connectors where id = $1 for update")
        .bind::<Integer, _>(connector)
        .execute(connection)?;
    let rests: Rests = diesel::sql_query(
        "select not exists (
           select from runs where connector_id = $1
              and (state in ('queued', 'exporting', 'preparing', 'synchronizing')
                   or (state = 'ready' and not standalone))) as rests",
    )
    .bind::<Integer, _>(connector)
    .get_result(connection)?;
    Ok(rests.rests)
}

/// Puts cleaned files in the place of those at `path`, in every extraction that shares them, and seals these anew.
pub fn replace(connection: &mut PgConnection, replaced: &[(String, ExtractionFile)]) -> QueryResult<()> {
    let mut resealed = Vec::new();
    for (path, file) in replaced {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let ids: Vec<i64> = diesel::update(extraction_files::table.filter(extraction_files::path.eq(path)))
            .set((
                extraction_files::path.eq(&file.path),
                extraction_files::sha256.eq(&file.sha256),
                extraction_files::bytes.eq(signed(file.bytes)),
                extraction_files::rows.eq(signed(file.rows)),
                extraction_files::lines.eq(Json(file.lines.clone())),
                extraction_files::profile.eq(Json(file.profile.clone())),
                extraction_files::indexes.eq(Json(file.indexes.clone())),
                // It no longer is what its source was.
                extraction_files::source.eq(None::<serde_json::Value>),
            ))
            .returning(extraction_files::extraction_id)
            .get_results(connection)?;
        resealed.extend(ids);
    }
    resealed.sort_unstable();
    resealed.dedup();
    for id in resealed.into_iter().map(ExtractionId) {
        let digest = digest(&files(connection, id)?);
        diesel::update(extractions::table.find(id)).set(extractions::digest.eq(digest)).execute(connection)?;
    }
    Ok(())
}

/// All objects that extractions of a connector refer to.
pub fn objects(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<String>> {
    let rows: Vec<(String, serde_json::Value)> = extraction_files::table
        .inner_join(extractions::table.on(extractions::id.eq(extraction_files::extraction_id)))
        .filter(extractions::connector_id.eq(connector))
        .filter(extractions::deleted_at.is_null())
        .select((extraction_files::path, extraction_files::indexes))
        .load(connection)?;
    let mut objects = Vec::new();
    for (path, indexes) in rows {
        let of_index = indexes.as_array().into_iter().flatten().filter_map(|index| index.get("path")?.as_str());
        objects.extend(of_index.map(str::to_owned));
        objects.push(path);
    }
    Ok(objects)
}
