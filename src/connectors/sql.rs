//! The kind `sql`: PostgreSQL, MySQL, MariaDB and SQLite. A table is one of the database's own, or a query.
//!
//! All tables of a connection are read in one read-only transaction with one snapshot, so that they agree with each
//! other. Rows are streamed, and every value becomes text without loss. A table counts as read only if the database said
//! so after its last row; a connection that breaks off is never a short table.
//!
//! With a `watermark` column the rows changed since the last applied run can be told (see `watermark`).
//!
//! ```text
//! settings ── session (postgres, mysql, sqlite) ── row ── export
//!                  └── statement: what is asked        └── pairs
//! ```

mod export;
mod fault;
mod inspect;
mod mysql;
mod pairs;
mod postgres;
mod row;
mod session;
mod settings;
mod sqlite;
mod statement;
mod tls;
mod value;
mod watermark;

use super::{
    ChangesError, ConnectionError, ConnectionKind, ConnectionRequest, Cursors, Extraction, Finding, Setting,
    TableSchema,
};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use settings::{Database, SourceTable};

/// SQL databases.
pub struct Sql;

impl ConnectionKind for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::CONNECTION
    }

    fn table_settings(&self) -> &'static [Setting] {
        settings::TABLE
    }

    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError> {
        Database::new(connection).map(|_| ())
    }

    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
        Ok(inspect::check(&Database::new(connection)?))
    }

    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
        inspect::tables(&Database::new(connection)?)
    }

    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        export::whole(&Database::new(connection)?, extraction)
    }

    fn tells_changes(&self, _: &ConnectionDefinition, table: &TableDefinition) -> bool {
        SourceTable::has_watermark(table)
    }

    fn changes(
        &self,
        connection: &ConnectionRequest,
        since: &Cursors,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        export::changes(&Database::new(connection)?, since, extraction)
    }
}
