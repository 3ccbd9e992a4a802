//! What documents say about a service that is reached by HTTP, whatever is read there.

use crate::connectors::{ConnectionError, ConnectionRequest, Setting, SettingValue};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// The longest wait that can be asked for.
const MAX_TIMEOUT_SECONDS: i64 = 3600;

/// Where the service is.
pub const URL: Setting = Setting {
    name: "url",
    value: SettingValue::Text,
    required: true,
    help: "The service's address, such as https://directory.example.org/scim/v2; all that is read stands below it.",
};
/// A bearer token.
pub const TOKEN: Setting = Setting {
    name: "token",
    value: SettingValue::Secret,
    required: false,
    help: "The token to sign in with (Authorization: Bearer).",
};
/// Whom to sign in as.
pub const USER: Setting = Setting {
    name: "user",
    value: SettingValue::Text,
    required: false,
    help: "The user to sign in as (Authorization: Basic).",
};
/// With what.
pub const PASSWORD: Setting = Setting {
    name: "password",
    value: SettingValue::Secret,
    required: false,
    help: "The password that belongs to user.",
};
/// Whom to trust.
pub const CA_FILE: Setting = Setting {
    name: "ca_file",
    value: SettingValue::Path,
    required: false,
    help: "PEM file with the CA certificates to trust, and no others; without it those of the system.",
};
/// How long to wait.
pub const TIMEOUT_SECONDS: Setting = Setting {
    name: "timeout_seconds",
    value: SettingValue::Integer(1, MAX_TIMEOUT_SECONDS),
    required: false,
    help: "The longest wait for a connection, or for an answer to begin or go on (30 if not given).",
};
/// Where else to go.
pub const ALLOW_LINK_LOCAL: Setting = Setting {
    name: "allow_link_local",
    value: SettingValue::Bool,
    required: false,
    help: "Also reach link-local addresses, where clouds tell a machine its secrets.",
};

/// A service, and how one signs in.
pub struct Service {
    /// Its address; the path ends without a slash.
    pub url: Url,
    /// What is sent with each request to that origin, and to no other. Marked as sensitive.
    pub credentials: Option<(HeaderName, HeaderValue)>,
    /// The secret itself, so that it is never repeated.
    secret: Option<Secret>,
    /// The only CA certificates to trust; `None` trusts those of the system.
    pub ca_file: Option<PathBuf>,
    /// For a connection, and for an answer to begin or go on.
    pub timeout: Duration,
    /// Whether link-local addresses may be reached.
    pub allow_link_local: bool,
}

#[derive(Deserialize)]
struct Raw {
    url: String,
    user: Option<String>,
    api_key_header: Option<String>,
    ca_file: Option<PathBuf>,
    timeout_seconds: Option<i64>,
    #[serde(default)]
    allow_link_local: bool,
}

impl Service {
    /// Reads and checks what all connections to services have. The error names the setting.
    pub fn new(request: &ConnectionRequest) -> Result<Self, ConnectionError> {
        let place = format!("connection `{}`", request.definition.name);
        let raw: Raw = parse(&request.definition.settings, &place)?;
        let seconds = raw.timeout_seconds.unwrap_or(30).clamp(1, MAX_TIMEOUT_SECONDS);
        let signed_in = SignIn::of(request, &raw).map_err(|why| ConnectionError::permanent(&place, why))?;
        Ok(Self {
            url: address(&raw.url).map_err(|why| ConnectionError::permanent(&place, format!("`url`: {why}")))?,
            credentials: signed_in.header,
            secret: signed_in.secret,
            ca_file: raw.ca_file,
            timeout: Duration::from_secs(seconds as u64),
            allow_link_local: raw.allow_link_local,
        })
    }

    /// Scheme, host and port, as messages name the service.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether a text repeats the secret, plain or as it is sent.
    pub fn stands_in(&self, text: &str) -> bool {
        let sent = self.credentials.as_ref().and_then(|(_, value)| value.to_str().ok());
        let sent = sent.and_then(|sent| sent.rsplit(' ').next());
        let secret = self.secret.as_ref().map(Secret::expose);
        secret.into_iter().chain(sent).any(|secret| text.contains(secret))
    }

    /// What to know of how it is reached: nothing, or that a secret can be overheard.
    pub fn caution(&self) -> &'static str {
        let is_this_machine = match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match self.url.scheme() == "http" && self.credentials.is_some() && !is_this_machine {
            true => "; the secret travels in the clear: use https://",
            false => "",
        }
    }

    /// The address of something below the service's: a path, and the query that may stand behind it.
    pub fn below(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{}", self.url.path().trim_end_matches('/'), path.trim_start_matches('/')));
        url.set_query(query.filter(|query| !query.is_empty()));
        url
    }
}

/// Settings as the kind that has them understands them.
pub fn parse<T: DeserializeOwned>(settings: &Map<String, Value>, place: &str) -> Result<T, ConnectionError> {
    serde_json::from_value(Value::Object(settings.clone()))
        .map_err(|error| ConnectionError::permanent(place, error.to_string()))
}

/// The columns of a table: those that documents map, then those that the table names besides; each once.
pub fn columns(request: &ConnectionRequest, table: &str, named: &[String]) -> Vec<String> {
    let mapped = request.mapped_columns.get(table).into_iter().flatten();
    let mut columns: Vec<String> = Vec::new();
    for column in mapped.chain(named) {
        if !columns.contains(column) {
            columns.push(column.clone());
        }
    }
    columns
}

/// The text itself is not repeated in errors: somebody may have written a password into it.
fn address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "the address can't be read; write it as https://host/path")?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err("the address begins with neither https:// nor http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user name: it belongs in `user` and `password`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address has a query: that belongs in the table");
    }
    Ok(url)
}

#[derive(Default)]
struct SignIn {
    header: Option<(HeaderName, HeaderValue)>,
    secret: Option<Secret>,
}

impl SignIn {
    fn of(request: &ConnectionRequest, raw: &Raw) -> Result<Self, String> {
        let secret = |name: &str| match request.secrets.get(name) {
            Some(secret) if secret.trim().is_empty() => Err(format!("`{name}` is empty")),
            secret => Ok(secret.map(|secret| secret.trim_end_matches(['\r', '\n']))),
        };
        let (token, password, api_key) = (secret("token")?, secret("password")?, secret("api_key")?);
        let ways = [token.is_some(), raw.user.is_some() || password.is_some(), api_key.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(
                "there are several ways to sign in; give one of token, user with password, or an API key".into()
            );
        }
        let (name, value, secret) = match (token, &raw.user, password, api_key, &raw.api_key_header) {
            (Some(token), ..) => (AUTHORIZATION, format!("Bearer {token}"), token),
            (_, Some(user), Some(password), ..) if !user.contains(':') => {
                (AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), password)
            }
            (_, Some(_), Some(_), ..) => return Err("`user` holds a colon, which can't be sent".to_owned()),
            (_, Some(_), None, ..) => return Err("`user` needs its `password`".to_owned()),
            (_, None, Some(_), ..) => return Err("`password` is given without `user`: whose is it?".to_owned()),
            (.., Some(key), header) => {
                let header = header.as_deref().unwrap_or("X-API-Key");
                let name = HeaderName::try_from(header)
                    .map_err(|_| format!("`api_key_header`: {header:?} can't be the name of a header"))?;
                (name, key.to_owned(), key)
            }
            (.., None, Some(_)) => return Err("`api_key_header` needs its `api_key`".to_owned()),
            _ => return Ok(Self::default()),
        };
        let mut value =
            HeaderValue::try_from(value).map_err(|_| "the secret holds a character that can't be sent".to_owned())?;
        value.set_sensitive(true);
        Ok(Self { header: Some((name, value)), secret: Some(Secret::new(secret.to_owned())) })
    }
}
