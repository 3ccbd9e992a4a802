//! What a document says about a directory, checked before anything is connected.

use super::changes::Mechanism;
use crate::connectors::{ConnectionError, ConnectionRequest, PairColumn};
use crate::secret::Secret;
use ldap3::Scope;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The largest page that can be asked for.
pub const MAX_PAGE_SIZE: i64 = 10_000;

/// The longest wait that can be asked for.
pub const MAX_TIMEOUT_SECONDS: i64 = 3600;

/// How many parentheses a filter may open at a time. ldap3 parses filters by recursion.
const MAX_FILTER_DEPTH: usize = 100;

/// A directory and what is read from it.
pub struct DirectorySettings {
    /// In the order in which they are tried; at least one.
    pub servers: Vec<Server>,
    /// Whom to sign in as; `None` reads anonymously.
    pub credentials: Option<Credentials>,
    /// Sign in as whom the connection itself says (SASL EXTERNAL): the user behind a socket, or a certificate.
    pub external: bool,
    /// PEM files with our certificate and its key, for servers that ask for one.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The only CA certificates to trust; `None` trusts those of the system.
    pub ca_file: Option<PathBuf>,
    /// Entries per page.
    pub page_size: i32,
    /// For each connection and each answer.
    pub timeout: Duration,
    /// The searches, in the order of the document.
    pub tables: Vec<SearchTable>,
}

/// One server's address.
pub struct Server {
    /// As messages name it: `ldap://host:port`.
    pub name: String,
    /// A host name or an address without brackets: what the certificate must be for.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// A socket of this machine (`ldapi://`), instead of host and port.
    pub socket: Option<PathBuf>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Not at all.
    None,
    /// TLS from the first byte (`ldaps://`).
    Tls,
    /// TLS after the StartTLS operation, which is the first one.
    StartTls,
}

/// A name and its password.
pub struct Credentials {
    /// The distinguished name.
    pub dn: String,
    /// Never empty: RFC 4513 5.1.2 makes an empty one an anonymous bind that succeeds.
    pub password: Secret,
}

/// One table: a search.
#[derive(Clone)]
pub struct SearchTable {
    /// Its name in the document.
    pub name: String,
    /// Where the search begins.
    pub base: String,
    /// How far it goes.
    pub scope: Scope,
    /// Which entries; known to parse.
    pub filter: String,
    /// Without `dn`, in the order of the document, no two alike.
    pub attributes: Vec<String>,
    /// Attributes that hold bytes, beside the known ones.
    pub binary_attributes: Vec<String>,
    /// Columns that leave as pairs.
    pub pairs: Vec<PairColumn>,
    /// Columns that keys are made of.
    pub keys: Vec<String>,
    /// Columns that associations hold against each other.
    pub matched: Vec<String>,
    /// How it is told what changed.
    pub changes: Wish,
}

impl SearchTable {
    /// What messages about single entries call the place they are from.
    pub fn source_file(&self) -> String {
        format!("{} {}", self.base, self.filter)
    }

    /// The table with these attributes as well, behind its own.
    pub fn with(&self, attributes: &[&str]) -> Self {
        let mut table = self.clone();
        for attribute in attributes {
            if !table.attributes.iter().any(|known| known.eq_ignore_ascii_case(attribute)) {
                table.attributes.push((*attribute).to_owned());
            }
        }
        table
    }

    /// The column of an attribute, as the document writes it.
    pub fn column(&self, attribute: &str) -> Option<&str> {
        self.attributes.iter().find(|known| known.eq_ignore_ascii_case(attribute)).map(String::as_str)
    }
}

#[derive(Deserialize)]
struct ConnectionSettings {
    servers: Vec<String>,
    bind_dn: Option<String>,
    #[serde(default)]
    start_tls: bool,
    #[serde(default)]
    sasl_external: bool,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    page_size: Option<i64>,
    timeout_seconds: Option<i64>,
}

#[derive(Deserialize)]
struct TableSettings {
    base: String,
    scope: Option<String>,
    filter: Option<String>,
    attributes: Vec<String>,
    #[serde(default)]
    binary_attributes: Vec<String>,
    #[serde(default)]
    changes: Wish,
}

/// How a table is to be told apart from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// By the best that the server offers.
    #[default]
    Auto,
    /// Not at all: it is read whole each time.
    None,
    /// By this, and nothing else.
    #[serde(untagged)]
    By(Mechanism),
}

impl Wish {
    /// What a table's settings say.
    pub fn of(settings: &Map<String, Value>) -> Self {
        settings.get("changes").and_then(|wish| serde_json::from_value(wish.clone()).ok()).unwrap_or_default()
    }
}

impl DirectorySettings {
    /// Reads and checks the settings. The error names the setting.
    pub fn new(request: &ConnectionRequest) -> Result<Self, ConnectionError> {
        let place = format!("connection `{}`", request.definition.name);
        let raw: ConnectionSettings = parse(&request.definition.settings, &place)?;
        if raw.servers.is_empty() {
            return Err(ConnectionError::permanent(place, "`servers` is empty: name at least one, `ldaps://host`"));
        }
        let servers =
            raw.servers.iter().map(|text| server(text, raw.start_tls, &place)).collect::<Result<Vec<_>, _>>()?;
        let page_size = within("page_size", raw.page_size.unwrap_or(500), MAX_PAGE_SIZE, &place)?;
        let seconds = within("timeout_seconds", raw.timeout_seconds.unwrap_or(30), MAX_TIMEOUT_SECONDS, &place)?;
        let credentials = credentials(raw.bind_dn, request.secrets.get("bind_password"), &place)?;
        let client_certificate = match (raw.client_certificate, raw.client_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                let message = "`client_certificate` and `client_key` belong together: give both, or neither";
                return Err(ConnectionError::permanent(place, message));
            }
        };
        if raw.sasl_external {
            if credentials.is_some() {
                let message = "`sasl_external` signs in without a password: remove `bind_dn` and `bind_password`";
                return Err(ConnectionError::permanent(place, message));
            }
            let is_known = |server: &Server| {
                server.socket.is_some() || server.protection != Protection::None && client_certificate.is_some()
            };
            if let Some(server) = servers.iter().find(|server| !is_known(server)) {
                let message = format!(
                    "`sasl_external` needs a connection that says who we are: {} is neither a socket (ldapi://) nor \
                     encrypted with a `client_certificate`",
                    server.name
                );
                return Err(ConnectionError::permanent(place, message));
            }
        }
        Ok(Self {
            servers,
            credentials,
            external: raw.sasl_external,
            client_certificate,
            ca_file: raw.ca_file,
            page_size: page_size as i32,
            timeout: Duration::from_secs(seconds as u64),
            tables: tables(request, &place)?,
        })
    }
}

fn parse<T: DeserializeOwned>(settings: &Map<String, Value>, place: &str) -> Result<T, ConnectionError> {
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| ConnectionError::permanent(place, error.to_string()))
}

fn within(name: &str, value: i64, most: i64, place: &str) -> Result<i64, ConnectionError> {
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(ConnectionError::permanent(place, format!("`{name}` is {value}: it must be from 1 to {most}")))
}

/// The text itself is not repeated in errors: somebody may have written a password into it.
fn server(text: &str, start_tls: bool, place: &str) -> Result<Server, ConnectionError> {
    let refuse = |why: &str| ConnectionError::permanent(place, format!("`servers`: {why}"));
    if let Some(path) = text.strip_prefix("ldapi://") {
        return socket(path)
            .ok_or_else(|| refuse("an ldapi:// address names its socket as ldapi://%2Fpath%2Fto%2Fldapi"));
    }
    let url = Url::parse(text).map_err(|error| refuse(&format!("an address can't be read ({error})")))?;
    let (protection, standard_port) = match (url.scheme(), start_tls) {
        ("ldaps", _) => (Protection::Tls, 636),
        ("ldap", true) => (Protection::StartTls, 389),
        ("ldap", false) => (Protection::None, 389),
        _ => return Err(refuse("an address begins with none of ldap://, ldaps:// and ldapi://")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("an address holds a user name: it belongs in `bind_dn` and `bind_password`"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("an address has more than host and port: base and filter belong in the table"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("an address has no host"))?;
    let port = url.port().unwrap_or(standard_port);
    Ok(Server {
        name: format!("{}://{host}:{port}", url.scheme()),
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
        protection,
        socket: None,
    })
}

/// `%2Frun%2Fslapd%2Fldapi`, as OpenLDAP writes it.
fn socket(path: &str) -> Option<Server> {
    let decoded = percent_decode_str(path.trim_end_matches('/')).decode_utf8().ok()?;
    let name = format!("ldapi://{path}");
    decoded.starts_with('/').then(|| Server {
        name,
        host: "localhost".to_owned(),
        port: 0,
        protection: Protection::None,
        socket: Some(PathBuf::from(decoded.into_owned())),
    })
}

fn credentials(
    dn: Option<String>,
    password: Option<&String>,
    place: &str,
) -> Result<Option<Credentials>, ConnectionError> {
    let dn = dn.filter(|dn| !dn.trim().is_empty());
    let password = password.filter(|password| !password.trim().is_empty());
    match (dn, password) {
        (Some(dn), Some(password)) => Ok(Some(Credentials { dn, password: Secret::new(password.clone()) })),
        (Some(_), None) => Err(ConnectionError::permanent(
            place,
            "`bind_password` is empty: a server takes that for an anonymous sign-in (RFC 4513 5.1.2), so nothing was \
             sent; give the password of `bind_dn`, or remove `bind_dn` to read anonymously",
        )),
        (None, Some(_)) => {
            Err(ConnectionError::permanent(place, "`bind_password` is given without `bind_dn`: whose password is it?"))
        }
        (None, None) => Ok(None),
    }
}

fn tables(request: &ConnectionRequest, place: &str) -> Result<Vec<SearchTable>, ConnectionError> {
    request
        .definition
        .tables
        .iter()
        .map(|table| {
            let pairs = request.pair_columns.get(&table.name).cloned().unwrap_or_default();
            let columns = |of: &BTreeMap<String, Vec<String>>| of.get(&table.name).cloned().unwrap_or_default();
            let search =
                search_table(&table.name, &table.settings, pairs, &format!("{place}, table `{}`", table.name))?;
            let (keys, matched) = (columns(&request.key_columns), columns(&request.matched_columns));
            Ok(SearchTable { keys, matched, ..search })
        })
        .collect()
}

fn search_table(
    name: &str,
    settings: &Map<String, Value>,
    pairs: Vec<PairColumn>,
    place: &str,
) -> Result<SearchTable, ConnectionError> {
    let raw: TableSettings = parse(settings, place)?;
    let refuse = |why: String| Err(ConnectionError::permanent(place, why));
    let scope = match raw.scope.as_deref() {
        Some("base") => Scope::Base,
        Some("one") => Scope::OneLevel,
        Some("sub") | None => Scope::Subtree,
        Some(other) => return refuse(format!("`scope` is `{other}`: it must be base, one or sub")),
    };
    let filter = raw.filter.unwrap_or_else(|| "(objectClass=*)".to_owned());
    if !is_filter(&filter) {
        return refuse(format!("`filter` is not an LDAP filter (RFC 4515): {filter}"));
    }
    let mut seen = HashSet::new();
    let mut attributes = Vec::new();
    for attribute in raw.attributes {
        if !is_attribute_description(&attribute) {
            return refuse(format!("`attributes`: `{attribute}` is not the name of one attribute"));
        }
        let lower = attribute.to_ascii_lowercase();
        if !seen.insert(lower.clone()) {
            return refuse(format!("`attributes` names `{attribute}` twice (capitals do not matter)"));
        }
        if lower != "dn" {
            attributes.push(attribute);
        }
    }
    let is_column = |name: &str| name == "dn" || attributes.iter().any(|attribute| attribute == name);
    for pair in &pairs {
        if let Some(missing) = [&pair.column, &pair.key_column].into_iter().find(|name| !is_column(name)) {
            return refuse(format!("an association needs the column `{missing}`: add it to `attributes`"));
        }
    }
    Ok(SearchTable {
        name: name.to_owned(),
        base: raw.base,
        scope,
        filter,
        attributes,
        binary_attributes: raw.binary_attributes,
        pairs,
        keys: Vec::new(),
        matched: Vec::new(),
        changes: raw.changes,
    })
}

/// Whether a filter can be sent.
pub fn is_filter(filter: &str) -> bool {
    filter_depth(filter) <= MAX_FILTER_DEPTH && ldap3::parse_filter(filter).is_ok()
}

fn filter_depth(filter: &str) -> usize {
    let mut open = 0usize;
    let mut deepest = 0;
    for byte in filter.bytes() {
        match byte {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// RFC 4512 2.5: a name or a numeric OID, then options. `*` and `+` are none: columns must be known beforehand.
fn is_attribute_description(text: &str) -> bool {
    !text.is_empty()
        && text.split(';').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._=".contains(&byte))
        })
}
