//! An upload: a file that came by page, API or command line, and waits for its feed to start. One per table; a later
//! one replaces it.

use super::connection::SourceTable;
use super::connector::{ConnectorDefinition, ConnectorId};
use crate::schema::uploads;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use std::collections::HashSet;

/// A file that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The connector.
    pub connector_id: ConnectorId,
    /// `connection.table`: the table it is for.
    pub source_table: SourceTable,
    /// Where it lies, relative to the data directory; a name of ours.
    pub path: String,
    /// What its sender called it: for messages, never a path.
    pub file_name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
    /// When.
    pub uploaded_at: DateTime<Utc>,
    /// By whom.
    pub uploaded_by: String,
}

/// What waits for a connector's feed to start.
pub fn waiting(connection: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Vec<Upload>> {
    let rows = uploads::table
        .filter(uploads::connector_id.eq(connector_id))
        .order(uploads::source_table)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Row::made).collect())
}

/// Where all files that wait lie, of every connector.
pub fn paths(connection: &mut PgConnection) -> QueryResult<HashSet<String>> {
    let paths: Vec<String> = uploads::table.select(uploads::path).load(connection)?;
    Ok(paths.into_iter().collect())
}

/// The connectors for which files wait, with when the last of them came.
pub fn last_received(connection: &mut PgConnection) -> QueryResult<Vec<(ConnectorId, DateTime<Utc>)>> {
    let last = diesel::dsl::sql::<diesel::sql_types::Timestamptz>("max(uploaded_at)");
    uploads::table.group_by(uploads::connector_id).select((uploads::connector_id, last)).load(connection)
}

/// Records a received file in place of the one before it; gives that one's path, whose file is no longer needed.
pub fn replace(connection: &mut PgConnection, upload: &Upload) -> QueryResult<Option<String>> {
    connection.transaction(|connection| {
        let replaced = uploads::table
            .find((upload.connector_id, &upload.source_table.0))
            .select(uploads::path)
            .for_update()
            .first(connection)
            .optional()?;
        let received = (
            uploads::path.eq(&upload.path),
            uploads::file_name.eq(&upload.file_name),
            uploads::bytes.eq(i64::try_from(upload.bytes).unwrap_or(i64::MAX)),
            uploads::sha256.eq(&upload.sha256),
            uploads::uploaded_at.eq(upload.uploaded_at),
            uploads::uploaded_by.eq(&upload.uploaded_by),
        );
        diesel::insert_into(uploads::table)
            .values((
                uploads::connector_id.eq(upload.connector_id),
                uploads::source_table.eq(&upload.source_table.0),
                received,
            ))
            .on_conflict((uploads::connector_id, uploads::source_table))
            .do_update()
            .set(received)
            .execute(connection)?;
        let detail = serde_json::json!({ "table": upload.source_table.0, "file": upload.file_name,
                                         "bytes": upload.bytes, "sha256": upload.sha256 });
        let subject = match super::connector::by_id(connection, upload.connector_id)? {
            Some(connector) => format!("connector {}", connector.name),
            None => format!("connector {}", upload.connector_id),
        };
        super::audit::record(connection, &upload.uploaded_by, "upload", &subject, detail)?;
        Ok(replaced)
    })
}

/// Takes uploads off the list, once a feed has read them: a file that replaced one of them meanwhile stays for the next.
pub fn consume(connection: &mut PgConnection, connector_id: ConnectorId, paths: &[String]) -> QueryResult<()> {
    diesel::delete(uploads::table)
        .filter(uploads::connector_id.eq(connector_id))
        .filter(uploads::path.eq_any(paths))
        .execute(connection)?;
    Ok(())
}

/// The tables that are fed by upload, in the order of the document: the expected set of files.
pub fn expected(definition: &ConnectorDefinition) -> Vec<SourceTable> {
    let fed = |settings: &serde_json::Map<_, _>| settings.get("upload") == Some(&serde_json::Value::Bool(true));
    let tables =
        definition.connections.iter().filter(|connection| fed(&connection.settings)).flat_map(|connection| {
            connection.tables.iter().map(|table| SourceTable::new(&connection.name, &table.name))
        });
    tables.collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = uploads)]
struct Row {
    connector_id: ConnectorId,
    source_table: String,
    path: String,
    file_name: String,
    bytes: i64,
    sha256: String,
    uploaded_at: DateTime<Utc>,
    uploaded_by: String,
}

impl Row {
    fn made(self) -> Upload {
        Upload {
            connector_id: self.connector_id,
            source_table: SourceTable(self.source_table),
            path: self.path,
            file_name: self.file_name,
            bytes: self.bytes.unsigned_abs(),
            sha256: self.sha256,
            uploaded_at: self.uploaded_at,
            uploaded_by: self.uploaded_by,
        }
    }
}
