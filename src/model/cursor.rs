//! A cursor: where a source stood when the last applied run read it, in the words of its kind. Only the transaction that
//! applies a run moves cursors, so what was read but not applied is read again.

use super::connector::ConnectorId;
use super::extraction::ExtractionId;
use super::run::RunId;
use crate::schema::cursors;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};
use serde_json::Value;
use std::collections::BTreeMap;

/// The cursors of a connector, by `connection.table`.
pub fn of_connector(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<BTreeMap<String, Value>> {
    let rows: Vec<(String, Value)> = cursors::table
        .filter(cursors::connector_id.eq(connector))
        .select((cursors::source_table, cursors::cursor))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Moves the cursors to where the source stood when the extraction was read. Tables without one in it have none
/// afterwards if the extraction is the whole truth; if it is not, only cursors that are there are moved: what was read
/// since one that was forgotten meanwhile says nothing of what came before it.
pub fn move_to(
    connection: &mut PgConnection,
    connector: ConnectorId,
    run: RunId,
    extraction: ExtractionId,
    complete: bool,
) -> QueryResult<()> {
    if complete {
        forget(connection, connector)?;
    }
    let statement = match complete {
        true => {
            "insert into cursors (connector_id, source_table, cursor, run_id)
             select $1, source_table, cursor, $2 from extraction_files where extraction_id = $3 and cursor is not null"
        }
        false => {
            "update cursors c set cursor = f.cursor, run_id = $2, moved_at = now() from extraction_files f
              where c.connector_id = $1 and f.extraction_id = $3 and f.source_table = c.source_table
                and f.cursor is not null"
        }
    };
    diesel::sql_query(statement)
        .bind::<Integer, _>(connector.0)
        .bind::<Integer, _>(run.0)
        .bind::<BigInt, _>(extraction.0)
        .execute(connection)
        .map(drop)
}

/// Forgets them: what is stored is no longer what the source said at any moment, so the next run must read it whole.
pub fn forget(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<()> {
    diesel::delete(cursors::table.filter(cursors::connector_id.eq(connector))).execute(connection).map(drop)
}
