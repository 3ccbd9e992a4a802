//! What a document says about a database, checked before anything is connected.

mod declared;

pub(super) use declared::{CONNECTION, TABLE};

use crate::connectors::{ConnectionError, ConnectionRequest, PairColumn};
use crate::model::connection::TableDefinition;
use crate::secret::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// The longest connecting that can be asked for, in seconds.
const MAX_TIMEOUT_SECONDS: u64 = 3600;

/// The longest statement that can be asked for, in seconds.
const MAX_STATEMENT_SECONDS: u64 = 86_400;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB: they differ in a few settings only, and say which they are.
    #[serde(alias = "mariadb")]
    Mysql,
    /// A file of SQLite.
    Sqlite,
}

/// How much of TLS there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// None at all.
    None,
    /// Encrypted, with whom ever.
    Require,
    /// Encrypted, and the server's certificate is for the host and from a trusted CA.
    Verify,
}

/// A database and what is read from it.
pub struct Database {
    /// Which it is.
    pub system: System,
    /// As messages name it: `postgresql://host:5432/hr`.
    pub place: String,
    /// Where it is.
    pub address: Address,
    /// Its name on the server; of SQLite, none.
    pub database: String,
    /// Whom to sign in as; of SQLite, nobody.
    pub user: String,
    /// The user's password, where one is needed.
    pub password: Option<Secret>,
    /// For connecting and signing in.
    pub timeout: Duration,
    /// For a statement, reading its rows included.
    pub statement_timeout: Duration,
    /// The tables, in the order of the document.
    pub tables: Vec<SourceTable>,
}

/// Where a database is.
pub enum Address {
    /// A server on the network.
    Host {
        /// Name or address, without brackets: what the certificate must be for.
        host: String,
        /// TCP port.
        port: u16,
        /// How the connection is protected.
        encryption: Encryption,
        /// The only CA certificates to trust; `None` trusts those of the system.
        ca_file: Option<PathBuf>,
    },
    /// A Unix socket of this machine: PostgreSQL's folder and port, MySQL's file.
    Socket(PathBuf, u16),
    /// A file of SQLite.
    File(PathBuf),
}

/// One table.
pub struct SourceTable {
    /// Its name in the document.
    pub name: String,
    /// What is read.
    pub source: Source,
    /// The column that grows with every change.
    pub watermark: Option<Watermark>,
    /// A condition that is true for rows which count as deleted.
    pub deleted_where: Option<String>,
    /// Columns that leave as pairs.
    pub pairs: Vec<PairColumn>,
}

/// What a table's rows come from.
pub enum Source {
    /// A table or view: the parts of its name as the database has them, schema first.
    Table(Vec<String>),
    /// A query, without the semicolon at its end.
    Query(String),
}

/// A column that tells what changed.
pub struct Watermark {
    /// Its name.
    pub column: String,
    /// How far before the last value is read again: seconds for dates and times, units for numbers.
    pub overlap: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConnection {
    system: System,
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
    file: Option<PathBuf>,
    database: Option<String>,
    user: Option<String>,
    #[serde(rename = "password")]
    _password: Option<Value>,
    tls: Option<Encryption>,
    ca_file: Option<PathBuf>,
    timeout_seconds: Option<u64>,
    statement_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTable {
    table: Option<String>,
    query: Option<String>,
    watermark: Option<String>,
    overlap: Option<u64>,
    deleted_where: Option<String>,
}

impl Database {
    /// Reads and checks the settings. The error names the setting.
    pub fn new(request: &ConnectionRequest) -> Result<Self, ConnectionError> {
        let place = format!("connection {:?}", request.definition.name);
        let raw: RawConnection = typed(&request.definition.settings, &place)?;
        let refuse = |message: String| Err(ConnectionError::permanent(&place, message));
        if let Some(unfit) = raw.unfit() {
            return refuse(unfit);
        }
        let password = request.secrets.get("password").filter(|password| !password.is_empty());
        let address = raw.address(&place)?;
        let timeout = raw.timeout_seconds.unwrap_or(30);
        let statement = raw.statement_seconds.unwrap_or(3600);
        if !(1..=MAX_TIMEOUT_SECONDS).contains(&timeout) || !(1..=MAX_STATEMENT_SECONDS).contains(&statement) {
            return refuse(format!(
                "timeout_seconds goes from 1 to {MAX_TIMEOUT_SECONDS}, statement_seconds from 1 to \
                 {MAX_STATEMENT_SECONDS}"
            ));
        }
        let database = raw.database.unwrap_or_default();
        Ok(Self {
            system: raw.system,
            place: named(raw.system, &address, &database),
            address,
            database,
            user: raw.user.unwrap_or_default(),
            password: password.map(|password| Secret::new(password.clone())),
            timeout: Duration::from_secs(timeout),
            statement_timeout: Duration::from_secs(statement),
            tables: tables(request, &place)?,
        })
    }
}

impl RawConnection {
    /// What is missing, or does not go with the rest.
    fn unfit(&self) -> Option<String> {
        if self.system == System::Sqlite {
            let others = [
                ("host", self.host.is_some()),
                ("port", self.port.is_some()),
                ("socket", self.socket.is_some()),
                ("database", self.database.is_some()),
                ("user", self.user.is_some()),
                ("password", self._password.is_some()),
                ("tls", self.tls.is_some()),
                ("ca_file", self.ca_file.is_some()),
            ];
            if let Some((name, _)) = others.iter().find(|(_, is_given)| *is_given) {
                return Some(format!("{name} does not go with a database of SQLite, which is a file = \"…\""));
            }
            return self.file.is_none().then(|| "say which file the database is: file = \"…\"".to_owned());
        }
        let is_empty = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
        if self.file.is_some() {
            return Some("file goes with system = \"sqlite\" only; a server has host or socket".to_owned());
        }
        if is_empty(&self.host) == self.socket.is_none() {
            return Some("say where the server is: either host = \"…\" or socket = \"…\"".to_owned());
        }
        if is_empty(&self.database) || is_empty(&self.user) {
            return Some("a server needs database = \"…\" and user = \"…\"".to_owned());
        }
        if self.socket.is_some() && (self.tls.is_some_and(|tls| tls != Encryption::None) || self.ca_file.is_some()) {
            return Some("a socket never leaves this machine and knows no TLS; remove tls and ca_file".to_owned());
        }
        if self.tls.is_some_and(|tls| tls != Encryption::Verify) && self.ca_file.is_some() {
            return Some("ca_file goes with tls = \"verify\"".to_owned());
        }
        None
    }

    fn address(&self, place: &str) -> Result<Address, ConnectionError> {
        if let Some(file) = &self.file {
            return Ok(Address::File(file.clone()));
        }
        let standard = if self.system == System::Mysql { 3306 } else { 5432 };
        let port = self.port.unwrap_or(standard);
        if let Some(socket) = &self.socket {
            return Ok(Address::Socket(socket.clone(), port));
        }
        let host = self.host.as_deref().unwrap_or_default().trim();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.contains(['/', '@', ' ', ',', '?', '\0']) || port == 0 {
            // The text is not repeated: somebody may have written a password into it.
            let message = "host is the name or address of one server, and no more; port, database and user have \
                           settings of their own";
            return Err(ConnectionError::permanent(place, message));
        }
        let usual = if is_loopback(host) { Encryption::None } else { Encryption::Verify };
        Ok(Address::Host {
            host: host.to_owned(),
            port,
            encryption: self.tls.unwrap_or(if self.ca_file.is_some() { Encryption::Verify } else { usual }),
            ca_file: self.ca_file.clone(),
        })
    }
}

impl SourceTable {
    /// Whether a table of a document has a watermark.
    pub fn has_watermark(table: &TableDefinition) -> bool {
        table.settings.get("watermark").is_some_and(Value::is_string)
    }

    /// What messages about its rows call it.
    pub fn source_file(&self, database: &Database) -> String {
        match &self.source {
            Source::Table(parts) => format!("{} {}", database.place, parts.join(".")),
            Source::Query(_) => format!("{} query {}", database.place, self.name),
        }
    }

    fn new(table: &TableDefinition, pairs: Vec<PairColumn>, place: &str) -> Result<Self, ConnectionError> {
        let raw: RawTable = typed(&table.settings, place)?;
        let refuse = |message: &str| Err(ConnectionError::permanent(place, message));
        let source = match (raw.table.as_deref(), raw.query.as_deref()) {
            (Some(name), None) => match parts(name) {
                Some(parts) => Source::Table(parts),
                None => return refuse("table is no name; write it as in \"people\" or \"hr.people\""),
            },
            (None, Some(query)) => match query.trim_end_matches(|c: char| c.is_whitespace() || c == ';') {
                "" => return refuse("query is empty; write a select"),
                query if query.contains('\0') => return refuse("query holds a NUL character"),
                query => Source::Query(query.to_owned()),
            },
            _ => return refuse("say what is read: either table = \"…\" or query = \"select …\""),
        };
        let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        if raw.watermark.is_some() && !is_given(&raw.watermark) {
            return refuse("watermark is empty; write the column that grows with every change");
        }
        if raw.overlap.is_some() && raw.watermark.is_none() {
            return refuse("overlap goes with watermark = \"…\", the column that grows with every change");
        }
        if raw.deleted_where.is_some() && !is_given(&raw.deleted_where) {
            return refuse("deleted_where is empty; write a condition, such as \"deleted_at is not null\"");
        }
        Ok(Self {
            name: table.name.clone(),
            source,
            watermark: raw.watermark.map(|column| Watermark { column, overlap: raw.overlap.unwrap_or(600) }),
            deleted_where: raw.deleted_where,
            pairs,
        })
    }
}

/// How messages name a database.
fn named(system: System, address: &Address, database: &str) -> String {
    let scheme = if system == System::Mysql { "mysql" } else { "postgresql" };
    match address {
        Address::Host { host, port, .. } if host.contains(':') => format!("{scheme}://[{host}]:{port}/{database}"),
        Address::Host { host, port, .. } => format!("{scheme}://{host}:{port}/{database}"),
        Address::Socket(path, _) => format!("{scheme}:{}/{database}", path.display()),
        Address::File(path) => path.display().to_string(),
    }
}

fn tables(request: &ConnectionRequest, place: &str) -> Result<Vec<SourceTable>, ConnectionError> {
    let table = |table: &TableDefinition| {
        let pairs = request.pair_columns.get(&table.name).cloned().unwrap_or_default();
        SourceTable::new(table, pairs, &format!("{place}, table {:?}", table.name))
    };
    request.definition.tables.iter().map(table).collect()
}

fn typed<T: DeserializeOwned>(settings: &Map<String, Value>, place: &str) -> Result<T, ConnectionError> {
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| ConnectionError::permanent(place, error.to_string()))
}

/// The parts of a name: `hr.people`, or in quotes where a part holds a dot: `"old.hr".people`.
fn parts(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let part;
        if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.find('"')?;
            (part, rest) = (&quoted[..end], &quoted[end + 1..]);
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            (part, rest) = (rest[..end].trim(), &rest[end..]);
        }
        if part.is_empty() || part.contains(['\0', '"']) {
            return None;
        }
        parts.push(part.to_owned());
        if rest.is_empty() {
            return (parts.len() <= 3).then_some(parts);
        }
        rest = rest.strip_prefix('.')?.trim_start();
    }
}

/// Whether what is sent to a host stays on this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_parts() {
        let of = |name: &str| parts(name).map(|parts| parts.join("|"));
        assert_eq!(of("people"), Some("people".into()));
        assert_eq!(of("hr.People"), Some("hr|People".into()));
        assert_eq!(of("\"old.hr\".people"), Some("old.hr|people".into()));
        for wrong in ["", ".", "hr.", ".people", "\"open", "a\"b", "\"a\"b", "a.b.c.d"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_verified() {
        for (host, is_here) in [("localhost", true), ("127.0.0.2", true), ("::1", true), ("db.example.org", false)] {
            assert_eq!(is_loopback(host), is_here, "{host}");
        }
    }
}
