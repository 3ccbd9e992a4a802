//! The kind `ldap`: any LDAP v3 directory, Active Directory included. A table is a search: base, scope, filter,
//! attributes; its columns are `dn` and the attributes.
//!
//! A table counts as read only if its end was proven (see `search`): every page answered success and carried the
//! paging control, and the last cookie was empty. Referrals are never followed.
//!
//! ```text
//! server ── transport (TCP, StartTLS, TLS; every message checked by wire) ── ldap3 ── session ── search ── entry ── row
//! ```

mod changes;
mod dirsync;
mod dn;
mod entry;
mod inspect;
mod outcome;
mod range;
mod root;
mod row;
mod schema;
mod search;
mod session;
mod settings;
mod sign_in;
mod sync;
mod transport;
mod unasked;
mod wire;

use super::sign_in::{SignInRequest, SignedIn};
use super::{
    ChangesError, ConnectionError, ConnectionKind, ConnectionRequest, Cursors, Extraction, Finding, Setting,
    SettingValue, TableSchema,
};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use changes::Stand;
use root::RootDse;
use row::RowShape;
use schema::Schema;
use search::PagedSearch;
use session::Session;
use settings::{DirectorySettings, SearchTable, Wish};
use std::time::Instant;
use unasked::Unasked;

/// LDAP directories.
pub struct Ldap;

static SETTINGS: &[Setting] = &[
    Setting {
        name: "servers",
        value: SettingValue::TextList,
        required: true,
        help: "Addresses such as ldaps://directory.example.org, or ldapi://%2Frun%2Fslapd%2Fldapi; the first that \
               answers is used.",
    },
    Setting {
        name: "bind_dn",
        value: SettingValue::Text,
        required: false,
        help: "The distinguished name to sign in with; without it the directory is read anonymously.",
    },
    Setting {
        name: "bind_password",
        value: SettingValue::Secret,
        required: false,
        help: "The password that belongs to bind_dn.",
    },
    Setting {
        name: "sasl_external",
        value: SettingValue::Bool,
        required: false,
        help: "Sign in as whom the connection says (SASL EXTERNAL): the user at an ldapi:// socket, or client_certificate.",
    },
    Setting {
        name: "client_certificate",
        value: SettingValue::Path,
        required: false,
        help: "PEM file with our certificate, for servers that ask for one.",
    },
    Setting {
        name: "client_key",
        value: SettingValue::Path,
        required: false,
        help: "PEM file with the key of client_certificate.",
    },
    Setting {
        name: "start_tls",
        value: SettingValue::Bool,
        required: false,
        help: "Encrypt ldap:// connections with StartTLS before anything else is said.",
    },
    Setting {
        name: "ca_file",
        value: SettingValue::Path,
        required: false,
        help: "PEM file with the CA certificates to trust, and no others; without it those of the system.",
    },
    Setting {
        name: "page_size",
        value: SettingValue::Integer(1, settings::MAX_PAGE_SIZE),
        required: false,
        help: "Entries per page (500 if not given).",
    },
    Setting {
        name: "timeout_seconds",
        value: SettingValue::Integer(1, settings::MAX_TIMEOUT_SECONDS),
        required: false,
        help: "The longest wait for a connection or an answer (30 if not given).",
    },
];

static TABLE_SETTINGS: &[Setting] = &[
    Setting {
        name: "base",
        value: SettingValue::Text,
        required: true,
        help: "The distinguished name where the search begins.",
    },
    Setting {
        name: "scope",
        value: SettingValue::Choice(&["base", "one", "sub"]),
        required: false,
        help: "The base alone, the entries directly below it, or the whole subtree (sub if not given).",
    },
    Setting {
        name: "filter",
        value: SettingValue::Text,
        required: false,
        help: "Which entries; (objectClass=*) if not given.",
    },
    Setting {
        name: "attributes",
        value: SettingValue::TextList,
        required: true,
        help: "The attributes to read, each a column by that name; `dn` is always a column.",
    },
    Setting {
        name: "binary_attributes",
        value: SettingValue::TextList,
        required: false,
        help: "Attributes that hold bytes, beside well-known ones such as jpegPhoto and objectGUID: read as base64.",
    },
    Setting {
        name: "changes",
        value: SettingValue::Choice(&["auto", "syncrepl", "dirsync", "usn", "timestamp", "none"]),
        required: false,
        help: "How incremental runs find out what changed: the best that the server offers (auto, if not given), one of \
               syncrepl, dirsync, usn and timestamp, or not at all (none).",
    },
];

impl ConnectionKind for Ldap {
    fn name(&self) -> &'static str {
        "ldap"
    }

    fn settings(&self) -> &'static [Setting] {
        SETTINGS
    }

    fn table_settings(&self) -> &'static [Setting] {
        TABLE_SETTINGS
    }

    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError> {
        DirectorySettings::new(connection).map(|_| ())
    }

    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
        let settings = DirectorySettings::new(connection)?;
        block_on(inspect::check(&settings))
    }

    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
        let settings = DirectorySettings::new(connection)?;
        block_on(inspect::tables(&settings))
    }

    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let settings = DirectorySettings::new(connection)?;
        block_on(export(&settings, extraction))
    }

    fn sign_in(
        &self,
        connection: &ConnectionRequest,
        request: &SignInRequest,
    ) -> Result<Option<SignedIn>, ConnectionError> {
        let settings = DirectorySettings::new(connection)?;
        block_on(sign_in::check(&settings, request))
    }

    fn tells_changes(&self, _: &ConnectionDefinition, table: &TableDefinition) -> bool {
        Wish::of(&table.settings) != Wish::None
    }

    fn adds_column(&self, column: &str) -> bool {
        let added = ["entryUUID", "objectGUID", "entryCSN", "modifyTimestamp", "whenChanged"];
        added.iter().any(|name| name.eq_ignore_ascii_case(column))
    }

    fn compares_with_known(&self) -> bool {
        true
    }

    fn changes(
        &self,
        connection: &ConnectionRequest,
        since: &Cursors,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        let settings = DirectorySettings::new(connection)?;
        block_on(export_changes(&settings, since, extraction))
    }
}

/// Whether a text is a filter that can be sent (RFC 4515).
pub fn is_filter(text: &str) -> bool {
    settings::is_filter(text)
}

/// Runs on a runtime of its own. A name lookup that hangs is left behind, not waited for.
fn block_on<T, E: From<ConnectionError>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ConnectionError::transient("ldap", format!("no runtime could be started: {error}")))?;
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

async fn export(settings: &DirectorySettings, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
    let session = Session::open(settings).await?;
    let root = root(settings, &session).await?;
    for table in &settings.tables {
        export_table(settings, &session, &root, table, extraction).await?;
    }
    session.close().await;
    Ok(())
}

async fn export_changes(
    settings: &DirectorySettings,
    since: &Cursors,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let session = Session::open_first(settings, changes::server_of(since).as_deref()).await?;
    let root = root(settings, &session).await?;
    let mut told = changes::find(settings, &session, &root, since, extraction).await?.into_iter();
    for table in &settings.tables {
        match table.changes {
            Wish::None => export_table(settings, &session, &root, table, extraction).await?,
            _ => told.next().map_or(Ok(()), |changes| changes.write(extraction))?,
        }
    }
    drop(told);
    session.close().await;
    Ok(())
}

/// What the server is, where that matters.
async fn root(settings: &DirectorySettings, session: &Session) -> Result<RootDse, ConnectionError> {
    match settings.tables.iter().any(|table| table.changes != Wish::None) {
        true => RootDse::read(session).await,
        false => Ok(RootDse::default()),
    }
}

async fn export_table(
    settings: &DirectorySettings,
    session: &Session,
    root: &RootDse,
    table: &SearchTable,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let began = Instant::now();
    // Before the table is read: what changes meanwhile is told again, rather than missed.
    let Stand { table, cursor, .. } = changes::stand(session, root, table).await?;
    let table = &table;
    let shape = RowShape::new(table);
    extraction.begin(&table.name, &table.source_file(), &shape.header())?;
    let mut search = PagedSearch::new(session.clone(), table, settings.page_size);
    let mut unasked = Unasked::default();
    while let Some(entry) = search.next().await? {
        let mut row = shape.row(entry, &mut unasked).map_err(|fault| search.refuse(&fault.to_string()))?;
        range::complete(session, &shape, &mut row).await.map_err(|error| search.in_context(error))?;
        shape.write(row, extraction)?;
    }
    if unasked.leaves_doubt() {
        let schema = Schema::read(session).await.map_err(|error| search.in_context(error))?;
        if let Some(message) = unasked.renamed_column(&shape, &schema) {
            return Err(search.refuse(&message));
        }
    }
    extraction.end(search.end())?;
    if let Some(cursor) = cursor {
        extraction.cursor(changes::stood(cursor, began.elapsed()));
    }
    Ok(())
}
