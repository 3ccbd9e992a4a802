//! PostgreSQL. Rows come by `COPY (…) TO STDOUT`: the server's own text of every value, streamed, at the least cost.
//!
//! A statement is prepared first, by itself: so it is one statement, it returns rows, and its types are known. Only then
//! it stands within ours.

mod copy;
mod fault;
mod kinds;

use super::fault::{lost, no_connection, took_too_long};
use super::session::{Column, EachRow, Session};
use super::settings::{Address, Database, System};
use super::tls;
use crate::connectors::ConnectionError;
use copy::Lines;
use fault::explain;
use futures::StreamExt;
use kinds::Kind;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::timeout_at;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much longer than the server we wait: it says more about why.
const PATIENCE: Duration = Duration::from_secs(5);

/// Finds a schema that holds Muster's tables. Asked in the very session that reads, it knows the database whatever way
/// led there: another name, address or port, a pooler, a copy that follows.
const MUSTERS_OWN: &str = "
    SELECT 1 FROM pg_catalog.pg_class
     WHERE relname IN ('__diesel_schema_migrations', 'installation', 'extraction_files', 'sign_in_failures')
     GROUP BY relnamespace HAVING pg_catalog.count(*) = 4";

/// A session with PostgreSQL.
pub struct Postgres<'a> {
    database: &'a Database,
    runtime: Option<Runtime>,
    client: Client,
}

impl<'a> Postgres<'a> {
    /// Connects, signs in and begins.
    pub fn open(database: &'a Database) -> Result<Self, ConnectionError> {
        debug_assert_eq!(database.system, System::Postgresql);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ConnectionError::transient(&database.place, format!("no runtime: {error}")))?;
        let opening = async { tokio::time::timeout(database.timeout, sign_in(database)).await };
        let opened = match runtime.block_on(opening) {
            Ok(signed_in) => signed_in,
            Err(_) => Err(no_connection(database)),
        };
        match opened {
            Ok(client) => Ok(Self { database, runtime: Some(runtime), client }),
            Err(error) => {
                // A name lookup that hangs is left behind, not waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Does something within the time of one statement.
    fn within_time<T>(
        &self,
        statement: &str,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, ConnectionError> {
        let Some(runtime) = &self.runtime else { return Err(lost(self.database, "it was closed")) };
        let most = self.database.statement_timeout + PATIENCE;
        let done = runtime.block_on(async { tokio::time::timeout(most, work).await });
        let done = done.map_err(|_| took_too_long(self.database))?;
        done.map_err(|error| explain(self.database, statement, &error))
    }
}

impl Session for Postgres<'_> {
    fn describe(&mut self) -> Result<String, ConnectionError> {
        let asked = "SELECT current_setting('server_version') || '|' || current_user || '|' || pg_is_in_recovery()";
        let mut found = String::new();
        self.read(asked, &mut |row| {
            found = String::from_utf8_lossy(row.value(0)).into_owned();
            Ok(())
        })?;
        let mut parts = found.splitn(3, '|');
        let [version, user, is_standby] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let encryption = match &self.database.address {
            Address::Host { encryption, .. } if *encryption != super::settings::Encryption::None => "with TLS",
            _ => "not encrypted",
        };
        let standby = if is_standby == "true" { ", a standby" } else { "" };
        Ok(format!("PostgreSQL {version}{standby}, {encryption}, signed in as {user}"))
    }

    fn columns(&mut self, statement: &str) -> Result<Vec<Column>, ConnectionError> {
        let prepared = self.within_time(statement, self.client.prepare(statement))?;
        if prepared.columns().is_empty() {
            let message = "the query returns no columns; it must be a single select that only reads";
            return Err(ConnectionError::permanent(&self.database.place, message));
        }
        if !prepared.params().is_empty() {
            let message = "the query has a placeholder such as $1, and there is nothing to put there";
            return Err(ConnectionError::permanent(&self.database.place, message));
        }
        Ok(prepared.columns().iter().map(kinds::column).collect())
    }

    fn read(&mut self, statement: &str, each: EachRow<'_>) -> Result<(), ConnectionError> {
        let database = self.database;
        let prepared = self.within_time(statement, self.client.prepare(statement))?;
        let names: Vec<&str> = prepared.columns().iter().map(|column| column.name()).collect();
        let kinds: Vec<Kind> = prepared.columns().iter().map(|column| Kind::of(column.type_())).collect();
        let mut lines = Lines::new(&database.place, &names, &kinds);
        let copy = format!("COPY (\n{statement}\n) TO STDOUT");
        let Some(runtime) = &self.runtime else { return Err(lost(database, "it was closed")) };
        let deadline = tokio::time::Instant::now() + database.statement_timeout + PATIENCE;
        runtime.block_on(async {
            let failed = |error| explain(database, statement, &error);
            let begun = timeout_at(deadline, self.client.copy_out(&copy)).await;
            let mut parts = pin!(begun.map_err(|_| took_too_long(database))?.map_err(failed)?);
            while let Some(part) = timeout_at(deadline, parts.next()).await.map_err(|_| took_too_long(database))? {
                lines.take(&part.map_err(failed)?, each)?;
            }
            lines.finish()?;
            // The end of the data is not yet the end of the statement: whether that went well, the next one tells.
            let proof = timeout_at(deadline, self.client.simple_query("SELECT 1")).await;
            proof.map_err(|_| took_too_long(database))?.map_err(failed)?;
            Ok(())
        })
    }

    fn close(mut self: Box<Self>) {
        if let Some(runtime) = self.runtime.take() {
            let goodbye =
                async { tokio::time::timeout(Duration::from_secs(1), self.client.batch_execute("COMMIT")).await };
            // All that was read is proven; nothing was written.
            let _ = runtime.block_on(goodbye);
            runtime.shutdown_background();
        }
    }
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn sign_in(database: &Database) -> Result<Client, ConnectionError> {
    let mut config = Config::new();
    config.application_name("muster").dbname(&database.database).user(&database.user);
    config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
    if let Some(password) = &database.password {
        config.password(password.expose());
    }
    match &database.address {
        Address::Host { host, port, .. } => config.host(host).port(*port),
        Address::Socket(folder, port) => config.host_path(folder).port(*port),
        Address::File(_) => return Err(ConnectionError::permanent(&database.place, "a file is no server")),
    };
    let failed = |error: tokio_postgres::Error| explain(database, "", &error);
    let client = match tls::client_config(database)? {
        Some(tls) => {
            config.ssl_mode(SslMode::Require);
            let (client, connection) = config.connect(MakeRustlsConnect::new(tls)).await.map_err(failed)?;
            tokio::spawn(connection);
            client
        }
        None => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(connection);
            client
        }
    };
    client.batch_execute(&settled(database)).await.map_err(failed)?;
    let found = client.simple_query(MUSTERS_OWN).await.map_err(failed)?;
    if found.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_))) {
        let message = "this is a database of Muster itself, and no source: it holds accounts and sessions, and what is \
                       known of all connectors. Name the database that people come from";
        return Err(ConnectionError::permanent(&database.place, message));
    }
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    Ok(client)
}

/// How values are written, and how long a statement may take. Where nothing says how characters are
/// encoded, the server would stop at the first that is no UTF-8 without saying where: then we look ourselves.
fn settled(database: &Database) -> String {
    format!(
        "SET datestyle = 'ISO, YMD';
         SET intervalstyle = 'iso_8601';
         SET timezone = 'UTC';
         SET extra_float_digits = 3;
         SET bytea_output = 'hex';
         SET xmlbinary = 'base64';
         SET lc_monetary = 'C';
         SET standard_conforming_strings = on;
         SET synchronize_seqscans = off;
         SET client_min_messages = error;
         SET statement_timeout = {};
         SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval';
         SELECT set_config('client_encoding', 'SQL_ASCII', false)
           WHERE current_setting('server_encoding') = 'SQL_ASCII'",
        database.statement_timeout.as_millis()
    )
}
