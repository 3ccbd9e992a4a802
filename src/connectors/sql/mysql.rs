//! MySQL and MariaDB. Rows come by the binary protocol, one by one as they are asked for: it loses nothing of a FLOAT,
//! and a prepared statement is a single one.

mod cell;
mod fault;

use super::fault::{lost, no_connection, took_too_long};
use super::row::Row;
use super::session::{Column, EachRow, Session};
use super::settings::{Address, Database, Encryption};
use super::tls;
use super::value::place;
use crate::connectors::ConnectionError;
use cell::Cell;
use fault::explain;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, SslOpts};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};

/// How much longer than the server we wait: it says more about why.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session with MySQL or MariaDB.
pub struct Mysql<'a> {
    database: &'a Database,
    runtime: Option<Runtime>,
    connection: Option<Conn>,
}

impl<'a> Mysql<'a> {
    /// Connects, signs in and begins.
    pub fn open(database: &'a Database) -> Result<Self, ConnectionError> {
        let options = options(database)?;
        // What the library asks the process for.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| ConnectionError::transient(&database.place, format!("no runtime: {error}")))?;
        let opening = async { tokio::time::timeout(database.timeout, sign_in(database, options)).await };
        match runtime.block_on(opening).unwrap_or_else(|_| Err(no_connection(database))) {
            Ok(connection) => Ok(Self { database, runtime: Some(runtime), connection: Some(connection) }),
            Err(error) => {
                // A name lookup that hangs is left behind, not waited for.
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    fn parts(&mut self) -> Result<(&Runtime, &mut Conn), ConnectionError> {
        match (&self.runtime, &mut self.connection) {
            (Some(runtime), Some(connection)) => Ok((runtime, connection)),
            _ => Err(lost(self.database, "it was closed")),
        }
    }
}

impl Session for Mysql<'_> {
    fn describe(&mut self) -> Result<String, ConnectionError> {
        let mut found = Vec::new();
        self.read("SELECT version(), current_user()", &mut |row| {
            found = row.texts();
            Ok(())
        })?;
        let [version, user] = <[String; 2]>::try_from(found).unwrap_or_default();
        let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
        let encryption = match &self.database.address {
            Address::Host { encryption: Encryption::Require | Encryption::Verify, .. } => "with TLS",
            _ => "not encrypted",
        };
        Ok(format!("{product} {version}, {encryption}, signed in as {user}"))
    }

    fn columns(&mut self, statement: &str) -> Result<Vec<Column>, ConnectionError> {
        let database = self.database;
        let (runtime, connection) = self.parts()?;
        let deadline = database.statement_timeout + PATIENCE;
        let prepared = runtime.block_on(async { tokio::time::timeout(deadline, connection.prep(statement)).await });
        let prepared = prepared.map_err(|_| took_too_long(database))?.map_err(|error| explain(database, &error))?;
        let refuse = |message: &str| Err(ConnectionError::permanent(&database.place, message));
        if prepared.num_params() > 0 {
            return refuse("the query has a placeholder such as ?, and there is nothing to put there");
        }
        if prepared.columns().is_empty() {
            return refuse("the query returns no columns; it must be a single select that only reads");
        }
        Ok(prepared.columns().iter().map(cell::column).collect())
    }

    fn read(&mut self, statement: &str, each: EachRow<'_>) -> Result<(), ConnectionError> {
        let database = self.database;
        let (runtime, connection) = self.parts()?;
        let too_long = |_| took_too_long(database);
        let failed = |error| explain(database, &error);
        runtime.block_on(async {
            let deadline = Instant::now() + database.statement_timeout + PATIENCE;
            let begun = timeout_at(deadline, connection.exec_iter(statement, ())).await.map_err(too_long)?;
            let mut result = begun.map_err(failed)?;
            let cells: Vec<Cell> = result.columns_ref().iter().map(Cell::of).collect();
            let names: Vec<String> = result.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
            let mut row = Row::default();
            let mut rows = 0;
            while let Some(read) = timeout_at(deadline, result.next()).await.map_err(too_long)?.map_err(failed)? {
                rows += 1;
                row.clear();
                for ((at, cell), name) in cells.iter().enumerate().zip(&names) {
                    row.push_with(|to| cell.write(to, read.as_ref(at))).map_err(|fault| {
                        ConnectionError::permanent(&database.place, format!("{}: {fault}", place(rows, name)))
                    })?;
                }
                each(&row)?;
            }
            Ok(())
        })
    }

    fn close(mut self: Box<Self>) {
        if let (Some(runtime), Some(connection)) = (&self.runtime, self.connection.take()) {
            // All that was read is proven; nothing was written.
            let goodbye = async { tokio::time::timeout(Duration::from_secs(1), connection.disconnect()).await };
            let _ = runtime.block_on(goodbye);
        }
    }
}

impl Drop for Mysql<'_> {
    fn drop(&mut self) {
        // The rest of a result that is not read to its end is not waited for either.
        let _within = self.runtime.as_ref().map(Runtime::enter);
        drop(self.connection.take());
        drop(_within);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn options(database: &Database) -> Result<OptsBuilder, ConnectionError> {
    let mut options = OptsBuilder::default()
        .user(Some(&database.user))
        .pass(database.password.as_ref().map(|password| password.expose()))
        .db_name(Some(&database.database))
        .prefer_socket(false)
        .tcp_keepalive(Some(Duration::from_secs(30)));
    options = match &database.address {
        Address::Host { host, port, .. } => options.ip_or_hostname(host).tcp_port(*port),
        Address::Socket(path, _) => options.socket(Some(path.display().to_string())),
        Address::File(_) => return Err(ConnectionError::permanent(&database.place, "a file is no server")),
    };
    let Address::Host { encryption, ca_file, .. } = &database.address else { return Ok(options) };
    let tls = SslOpts::default().with_disable_built_in_roots(true);
    Ok(match encryption {
        Encryption::None => options,
        Encryption::Require => {
            // The library wants a CA to trust, though none is asked then.
            options.ssl_opts(tls.with_disable_built_in_roots(false).with_danger_accept_invalid_certs(true))
        }
        Encryption::Verify => {
            let trusted = tls::trusted(ca_file.as_deref())?;
            let trusted = trusted.iter().map(|certificate| certificate.to_vec().into()).collect();
            options.ssl_opts(tls.with_root_certs(trusted))
        }
    })
}

async fn sign_in(database: &Database, options: OptsBuilder) -> Result<Conn, ConnectionError> {
    let failed = |error| explain(database, &error);
    let mut connection = Conn::new(options).await.map_err(failed)?;
    let version: Option<String> = connection.query_first("SELECT version()").await.map_err(failed)?;
    for statement in beginning(database, version.is_some_and(|version| version.contains("MariaDB"))) {
        connection.query_drop(statement).await.map_err(failed)?;
    }
    Ok(connection)
}

/// How long a statement may take, in which zone moments are, and the transaction.
fn beginning(database: &Database, is_mariadb: bool) -> Vec<String> {
    let limit = database.statement_timeout;
    vec![
        match is_mariadb {
            true => format!("SET SESSION max_statement_time = {}", limit.as_secs()),
            false => format!("SET SESSION max_execution_time = {}", limit.as_millis().min(u128::from(u32::MAX))),
        },
        "SET SESSION time_zone = '+00:00', SESSION net_write_timeout = 600".to_owned(),
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY".to_owned(),
    ]
}
