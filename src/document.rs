//! Documents: what administrators write. One TOML document per connector, one for what spans them (`settings.toml`).
//!
//! Reading a document checks all of it and lists every error at once, each with line, column, the offending text and
//! the next step. A key that is not known is an error. What [`parse`] accepts is stored as text; [`connector()`] and
//! [`settings()`] read a stored text again.

mod association;
mod connection;
mod connector;
pub mod edit;
mod entity_type;
mod error;
pub mod haplo;
mod limits;
mod name;
mod notification;
mod paths;
mod property;
mod section;
mod sequence;
mod settings;
mod sign_in;
#[cfg(test)]
mod tests;

pub use error::{DocumentError, DocumentErrors};
pub use sequence::{join, split};

use crate::model::connector::ConnectorDefinition;
use crate::model::settings::SettingsDefinition;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use paths::Folder;
use section::Source;
use std::path::Path;

/// The longest document, in bytes: far more than a connector needs, and little enough to read at once.
pub const LONGEST: usize = 1 << 20;

/// A checked document with the text to store: the administrator's own, comments and order kept, paths absolute, the last
/// line ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// What one connector does.
    Connector {
        /// The text to store.
        text: String,
        /// What it says.
        definition: ConnectorDefinition,
    },
    /// What spans connectors.
    Settings {
        /// The text to store.
        text: String,
        /// What it says.
        definition: SettingsDefinition,
    },
}

impl Document {
    /// What it is about: `connector hr` or `settings`.
    pub fn subject(&self) -> String {
        match self {
            Self::Connector { definition, .. } => format!("connector {}", definition.name),
            Self::Settings { .. } => "settings".to_owned(),
        }
    }

    /// The text to store.
    pub fn text(&self) -> &str {
        match self {
            Self::Connector { text, .. } | Self::Settings { text, .. } => text,
        }
    }
}

/// Reads a document from outside. Relative paths in it are relative to `folder` (absolute), the place of the document;
/// a document that comes without a place must have absolute ones.
pub fn parse(text: &str, folder: Option<&Path>) -> Result<Document, DocumentErrors> {
    let source = Source::parse(text)?;
    let folder = folder.map_or(Folder::Unknown, Folder::At);
    if settings::is_settings(source.table()) {
        let definition = settings::read(&source, folder)?;
        Ok(Document::Settings { text: source.to_store(), definition })
    } else {
        let definition = connector::read(&source, folder, &SettingsDefinition::default())?;
        Ok(Document::Connector { text: source.to_store(), definition })
    }
}

/// What a connector's document says; its paths are absolute.
pub fn connector(text: &str) -> Result<ConnectorDefinition, DocumentErrors> {
    connector_under(text, &SettingsDefinition::default())
}

/// What a connector's document says where these settings hold: the guards that it leaves out are theirs.
pub fn connector_under(text: &str, settings: &SettingsDefinition) -> Result<ConnectorDefinition, DocumentErrors> {
    connector::read(&Source::parse(text)?, Folder::Unknown, settings)
}

/// The settings that hold; those that are built in before the first were applied.
pub fn settings_in_force(connection: &mut PgConnection) -> QueryResult<SettingsDefinition> {
    let stored = crate::model::settings::current(connection)?;
    Ok(stored.and_then(|stored| settings(&stored.document).ok()).unwrap_or_default())
}

/// What the settings document says; its paths are absolute.
pub fn settings(text: &str) -> Result<SettingsDefinition, DocumentErrors> {
    settings::read(&Source::parse(text)?, Folder::Unknown)
}
