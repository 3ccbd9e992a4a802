//! What the tables of a connector's systems hold: columns as they were when somebody last asked, and what changed then.
//! Never values.

use super::connection::SourceTable;
use super::connector::{Connector, ConnectorId};
use super::{audit, json::Json};
use crate::schema::source_schemas;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Its name.
    pub name: String,
    /// What the system says it is, where it says so (an LDAP syntax, an SQL type).
    pub native_type: Option<String>,
    /// Whether a row may hold several values.
    pub multivalued: bool,
}

/// What is known of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSchema {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The table.
    pub source: SourceTable,
    /// Its columns in order.
    pub columns: Vec<ColumnSchema>,
    /// When they were asked for.
    pub refreshed_at: DateTime<Utc>,
    /// By whom.
    pub refreshed_by: String,
    /// The columns before they last changed, and when that was noticed.
    pub before: Option<(Vec<ColumnSchema>, DateTime<Utc>)>,
}

impl SourceSchema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether a column came with the last change.
    pub fn is_new(&self, name: &str) -> bool {
        self.before.as_ref().is_some_and(|(before, _)| before.iter().all(|column| column.name != name))
    }

    /// Columns that went with the last change.
    pub fn gone(&self) -> Vec<&ColumnSchema> {
        let before = self.before.iter().flat_map(|(before, _)| before);
        before.filter(|column| self.column(&column.name).is_none()).collect()
    }
}

/// Keeps what was just found.
pub fn keep(
    connection: &mut PgConnection,
    connector: &Connector,
    found: &[(SourceTable, Vec<ColumnSchema>)],
    by: &str,
) -> QueryResult<()> {
    connection.transaction(|connection| {
        let known = of_connector(connection, connector.id)?;
        for (source, columns) in found {
            let known = known.iter().find(|known| known.source == *source);
            let changed = known.filter(|known| known.columns != *columns);
            let row = (
                source_schemas::found.eq(Json(columns.clone())),
                source_schemas::refreshed_at.eq(diesel::dsl::now),
                source_schemas::refreshed_by.eq(by),
            );
            diesel::insert_into(source_schemas::table)
                .values((
                    source_schemas::connector_id.eq(connector.id),
                    source_schemas::source_table.eq(&source.0),
                    row.clone(),
                ))
                .on_conflict((source_schemas::connector_id, source_schemas::source_table))
                .do_update()
                .set(row)
                .execute(connection)?;
            if let Some(known) = changed {
                diesel::update(source_schemas::table.find((connector.id, &source.0)))
                    .set((
                        source_schemas::before.eq(Some(Json(known.columns.clone()))),
                        source_schemas::changed_at.eq(diesel::dsl::now),
                    ))
                    .execute(connection)?;
            }
        }
        let tables: Vec<&str> = found.iter().map(|(source, _)| source.0.as_str()).collect();
        let subject = format!("connector {}", connector.name);
        audit::record(connection, by, "refresh-schema", &subject, json!({ "tables": tables }))
    })
}

/// What is known of a connector's tables.
pub fn of_connector(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<SourceSchema>> {
    let rows = source_schemas::table.filter(source_schemas::connector_id.eq(connector));
    let rows: Vec<Row> = rows.order(source_schemas::source_table).select(Row::as_select()).load(connection)?;
    Ok(rows.into_iter().map(Row::made).collect())
}

/// What is known of all connectors' tables.
pub fn all(connection: &mut PgConnection) -> QueryResult<Vec<SourceSchema>> {
    let rows: Vec<Row> = source_schemas::table.select(Row::as_select()).load(connection)?;
    Ok(rows.into_iter().map(Row::made).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = source_schemas)]
struct Row {
    connector_id: ConnectorId,
    source_table: String,
    found: Json<Vec<ColumnSchema>>,
    refreshed_at: DateTime<Utc>,
    refreshed_by: String,
    before: Option<Json<Vec<ColumnSchema>>>,
    changed_at: Option<DateTime<Utc>>,
}

impl Row {
    fn made(self) -> SourceSchema {
        SourceSchema {
            connector_id: self.connector_id,
            source: SourceTable(self.source_table),
            columns: self.found.0,
            refreshed_at: self.refreshed_at,
            refreshed_by: self.refreshed_by,
            before: self.before.map(|before| before.0).zip(self.changed_at),
        }
    }
}
