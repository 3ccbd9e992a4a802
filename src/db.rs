//! The database: pool, migrations, and the private PostgreSQL.

pub mod backend;
pub mod copy;
mod facts;
pub mod private;

pub use facts::{Facts, facts};

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::{Connection, ConnectionError, IntoSql};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// Connections for short work: pages, commands, state changes.
pub type Db = Pool<ConnectionManager<PgConnection>>;

/// One of them, borrowed.
pub type DbConnection = PooledConnection<ConnectionManager<PgConnection>>;

/// Why the database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It does not answer or refuses us.
    #[error("the database does not answer: {0}. Check DATABASE_URL and that PostgreSQL runs")]
    Unreachable(#[from] ConnectionError),
    /// No connection became free in time.
    #[error("no database connection became free in time: {0}")]
    Pool(#[from] diesel::r2d2::PoolError),
    /// A migration failed; nothing of it was kept.
    #[error("the database's tables can't be brought up to date: {0}")]
    Migration(String),
}

/// A pool of up to `size` connections to `url`; none is opened before it is needed.
pub fn pool(url: &str, size: u32) -> Result<Db, DbError> {
    let pool = Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .connection_timeout(Duration::from_secs(10))
        .test_on_check_out(true)
        .connection_customizer(Box::new(Session))
        .build_unchecked(ConnectionManager::new(url));
    Ok(pool)
}

/// A connection of its own, outside any pool, for long work. `application` names it in `pg_stat_activity`, by which it
/// can be found and ended.
pub fn connect(url: &str, application: &str) -> Result<PgConnection, DbError> {
    let mut connection = PgConnection::establish(url)?;
    let quoted = application.replace('\'', "''");
    // A statement whose client has died ends by itself within seconds. Changes are few among many and what they touch
    // lies near: looking it up by index is cheaper than PostgreSQL's default, made for turning disks, has it. Statistics
    // that such work takes are of its own small tables, where few rows tell enough.
    let session = format!(
        "{SESSION} set client_connection_check_interval = '2s'; set application_name = '{quoted}';
         set work_mem = '64MB'; set random_page_cost = 1.1; set default_statistics_target = 10;"
    );
    connection.batch_execute(&session).map_err(|error| DbError::Migration(error.to_string()))?;
    Ok(connection)
}

/// Brings the tables up to date. Safe to call from several processes at once.
pub fn migrate(url: &str) -> Result<(), DbError> {
    let mut connection = PgConnection::establish(url)?;
    // One at a time: the session's lock is given back when this connection closes.
    connection
        .batch_execute("set client_min_messages = warning; select pg_advisory_lock(7105577)")
        .map_err(|error| DbError::Migration(error.to_string()))?;
    connection.run_pending_migrations(MIGRATIONS).map_err(|error| DbError::Migration(error.to_string()))?;
    Ok(())
}

/// The database's clock: that of the transaction, where there is one. The only clock that leases, versions and history
/// know.
pub fn now(connection: &mut PgConnection) -> diesel::QueryResult<chrono::DateTime<chrono::Utc>> {
    use diesel::RunQueryDsl;
    diesel::select(diesel::dsl::now.into_sql::<diesel::sql_types::Timestamptz>()).get_result(connection)
}

const SESSION: &str = "set time zone 'UTC'; set client_min_messages = warning; set jit = off;";

#[derive(Debug)]
struct Session;

impl CustomizeConnection<PgConnection, diesel::r2d2::Error> for Session {
    fn on_acquire(&self, connection: &mut PgConnection) -> Result<(), diesel::r2d2::Error> {
        // Questions of pages are answered in milliseconds, or should be: to start helpers takes longer than they save, and
        // they take the cores that runs work on. After a run the planner would start some for any search, since what its
        // trigram index has not sorted in yet makes that look long.
        let session = format!("{SESSION} set max_parallel_workers_per_gather = 0;");
        connection.batch_execute(&session).map_err(diesel::r2d2::Error::QueryError)
    }
}
