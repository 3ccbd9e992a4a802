//! Profile fields changed from a page: the settings document is edited in place and applied, as `muster apply` would.

use super::local_groups::rules;
use super::people::edits::{self, EditError};
use crate::document::edit::{self, EditError as TextError};
use crate::document::{self, DocumentErrors};
use crate::model::profile_field::{self, ProfileFieldDefinition};
use crate::model::{connector, settings};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;

/// Why the fields stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The document can't be edited in place.
    #[error(transparent)]
    Text(#[from] TextError),
    /// It would not be right.
    #[error("{}", .0.0.first().map(|error| error.message.as_str()).unwrap_or("the settings can't be read"))]
    Document(#[from] DocumentErrors),
    /// It can't be so.
    #[error("{0}")]
    Refused(String),
    /// Its values could not be removed.
    #[error(transparent)]
    Values(#[from] EditError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

/// Adds a field that is not there yet. The result is what the settings had to say.
pub fn add(connection: &mut PgConnection, field: &ProfileFieldDefinition, by: &str) -> Result<Vec<String>, FieldError> {
    connection.transaction(|connection| {
        if profile_field::list(connection)?.iter().any(|known| known.name == field.name) {
            return Err(FieldError::Refused(format!("there is a field {:?} already; change that one", field.name)));
        }
        apply(connection, by, |text| edit::set_profile_field(text, field))
    })
}

/// Changes what is said of a field.
pub fn change(
    connection: &mut PgConnection,
    field: &ProfileFieldDefinition,
    by: &str,
) -> Result<Vec<String>, FieldError> {
    connection.transaction(|connection| apply(connection, by, |text| edit::set_profile_field(text, field)))
}

/// Removes a field that was added here or in the settings, with the values that accounts have set. One that a connector
/// fills would be made anew, so it stays.
pub fn remove(
    connection: &mut PgConnection,
    name: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<String>, FieldError> {
    connection.transaction(|connection| {
        let known = profile_field::list(connection)?;
        let Some(field) = known.iter().find(|field| field.name == name) else { return Ok(Vec::new()) };
        if field.declared_by == "built_in" {
            return Err(FieldError::Refused(format!("{} exists from the start and stays", field.title)));
        }
        if let Some(connector) = filled_by(connection, name)? {
            let message = format!("the connector {connector} fills {}; take it out there first", field.title);
            return Err(FieldError::Refused(message));
        }
        if let Some(group) = rules::reading(connection, name)? {
            let message = format!("the rule of the group {group} reads {}; change that first", field.title);
            return Err(FieldError::Refused(message));
        }
        edits::forget_field(connection, name, by, now)?;
        let messages = apply(connection, by, |text| edit::remove_profile_field(text, name))?;
        profile_field::remove(connection, name)?;
        Ok(messages.into_iter().filter(|message| !message.contains("is no longer declared")).collect())
    })
}

/// A connector whose users fill a field, or are found by it.
fn filled_by(connection: &mut PgConnection, field: &str) -> QueryResult<Option<String>> {
    for connector in connector::list(connection)? {
        let text = crate::model::configuration::current(connection, &connector)?.document;
        let Ok(definition) = document::connector(&text) else { continue };
        let mut users = definition.entity_types.iter().filter_map(|entity_type| entity_type.users.as_ref());
        if users.any(|users| users.fields.contains_key(field) || users.correlate.iter().any(|rule| rule.field == field))
        {
            return Ok(Some(connector.name));
        }
    }
    Ok(None)
}

fn apply(
    connection: &mut PgConnection,
    by: &str,
    edit: impl FnOnce(&str) -> Result<String, TextError>,
) -> Result<Vec<String>, FieldError> {
    settings::lock(connection)?;
    let stored = settings::current(connection)?.map(|stored| stored.document);
    let before = stored.as_deref().map(document::settings).transpose()?;
    let text = edit(stored.as_deref().unwrap_or_default())?;
    let definition = document::settings(&text)?;
    Ok(settings::apply(connection, &text, &definition, before.as_ref(), by)?.messages)
}
