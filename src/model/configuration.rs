//! A connector's versioned configuration: the documents as the administrator wrote them.
//!
//! The text is the truth; `document::connector` reads it. Every run names the version it used. A saved edit is a draft
//! until Reload makes it the version that new runs use.

use super::connector::{Connector, ConnectorDefinition, ConnectorId};
use super::{association, audit, connector, entity_type, profile_field};
use crate::schema::{configurations, connectors};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;

/// One version of a connector's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = configurations, check_for_backend(diesel::pg::Pg))]
pub struct Configuration {
    /// The connector.
    pub connector_id: ConnectorId,
    /// From 1.
    pub version: i32,
    /// TOML, as written by the administrator; paths absolute.
    pub document: String,
    /// When it was applied or reloaded.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: Option<String>,
}

/// What applying a document did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whether anything was stored.
    pub outcome: Outcome,
    /// The version that holds now.
    pub version: i32,
    /// What the administrator should know: profile fields that were made, a draft that waits.
    pub messages: Vec<String>,
}

/// Whether applying stored anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did not exist.
    Created,
    /// It differed: a new version.
    Changed,
    /// The same text: nothing was written.
    Unchanged,
}

/// Makes `document` the configuration that new runs of its connector use. `definition` is what it says; both come from
/// `document::parse`. The same text writes nothing, so that applying twice is applying once.
pub fn apply(
    connection: &mut PgConnection,
    document: &str,
    definition: &ConnectorDefinition,
    by: &str,
) -> QueryResult<Applied> {
    connection.transaction(|connection| {
        let created = diesel::insert_into(connectors::table)
            .values((
                connectors::name.eq(&definition.name),
                connectors::display_name.eq(definition.title()),
                connectors::configuration_version.eq(0),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?
            > 0;
        let connector = locked(connection, &definition.name)?;
        let mut messages = Vec::new();
        if let Some(saved_by) = &connector.draft_saved_by {
            messages.push(format!(
                "connector {}: a draft of {saved_by} still waits for Reload; it is not part of what was applied",
                connector.name
            ));
        }
        if !created && current(connection, &connector)?.document == document {
            return Ok(Applied { outcome: Outcome::Unchanged, version: connector.configuration_version, messages });
        }
        let version = store(connection, &connector, document, definition, by, "apply", &mut messages)?;
        Ok(Applied { outcome: if created { Outcome::Created } else { Outcome::Changed }, version, messages })
    })
}

/// Keeps an edit beside the version that runs use, until [`reload`]. A text that is what runs use already ends the
/// draft.
pub fn save_draft(connection: &mut PgConnection, connector: &Connector, document: &str, by: &str) -> QueryResult<()> {
    connection.transaction(|connection| {
        let connector = locked(connection, &connector.name)?;
        if current(connection, &connector)?.document == document {
            return end_draft(connection, connector.id);
        }
        diesel::update(connectors::table.find(connector.id))
            .set((
                connectors::draft.eq(document),
                connectors::draft_saved_at.eq(diesel::dsl::now),
                connectors::draft_saved_by.eq(by),
            ))
            .execute(connection)?;
        audit::record(connection, by, "save-draft", &subject(&connector), json!({}))
    })
}

/// Throws the draft away.
pub fn discard_draft(connection: &mut PgConnection, connector: &Connector, by: &str) -> QueryResult<()> {
    connection.transaction(|connection| {
        end_draft(connection, connector.id)?;
        audit::record(connection, by, "discard-draft", &subject(connector), json!({}))
    })
}

/// The draft that waits, if there is one.
pub fn draft(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Option<String>> {
    connectors::table.find(connector).select(connectors::draft).first(connection)
}

/// Makes the draft the version that runs use. `document` and `definition` are the draft as the caller read and checked
/// it; if it was saved anew meanwhile, nothing happens and the result is `None`.
pub fn reload(
    connection: &mut PgConnection,
    connector: &Connector,
    document: &str,
    definition: &ConnectorDefinition,
    by: &str,
) -> QueryResult<Option<Applied>> {
    connection.transaction(|connection| {
        let connector = locked(connection, &connector.name)?;
        if draft(connection, connector.id)?.as_deref() != Some(document) || definition.name != connector.name {
            return Ok(None);
        }
        let mut messages = Vec::new();
        let version = store(connection, &connector, document, definition, by, "reload", &mut messages)?;
        end_draft(connection, connector.id)?;
        Ok(Some(Applied { outcome: Outcome::Changed, version, messages }))
    })
}

/// The version of the configuration that new runs use.
pub fn current(connection: &mut PgConnection, connector: &Connector) -> QueryResult<Configuration> {
    version(connection, connector.id, connector.configuration_version)
}

/// One version, such as the one that a run used.
pub fn version(connection: &mut PgConnection, connector: ConnectorId, version: i32) -> QueryResult<Configuration> {
    configurations::table.find((connector, version)).select(Configuration::as_select()).first(connection)
}

/// All versions, newest first.
pub fn versions(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<Configuration>> {
    configurations::table
        .filter(configurations::connector_id.eq(connector))
        .order(configurations::version.desc())
        .select(Configuration::as_select())
        .load(connection)
}

/// The row, locked until the transaction ends: two edits at once make two versions, one after the other.
fn locked(connection: &mut PgConnection, name: &str) -> QueryResult<Connector> {
    connectors::table.filter(connectors::name.eq(name)).select(Connector::as_select()).for_update().first(connection)
}

fn store(
    connection: &mut PgConnection,
    connector: &Connector,
    document: &str,
    definition: &ConnectorDefinition,
    by: &str,
    action: &str,
    messages: &mut Vec<String>,
) -> QueryResult<i32> {
    let version = connector.configuration_version + 1;
    diesel::insert_into(configurations::table)
        .values((
            configurations::connector_id.eq(connector.id),
            configurations::version.eq(version),
            configurations::document.eq(document),
            configurations::created_by.eq(by),
        ))
        .execute(connection)?;
    diesel::update(connectors::table.find(connector.id))
        .set((
            connectors::display_name.eq(definition.title()),
            connectors::configuration_version.eq(version),
            connectors::incremental.eq(definition.is_incremental()),
            connectors::whole_table.eq(definition.whole_table.as_ref().map(|table| &table.0)),
        ))
        .execute(connection)?;
    let ids = entity_type::store(connection, connector.id, &definition.entity_types)?;
    association::store(connection, connector.id, &definition.associations, &ids)?;
    messages.extend(profile_field::declare(connection, definition)?);
    profile_field::index_correlations(connection, definition)?;
    audit::record(connection, by, action, &subject(connector), json!({ "version": version }))?;
    Ok(version)
}

fn end_draft(connection: &mut PgConnection, connector: connector::ConnectorId) -> QueryResult<()> {
    diesel::update(connectors::table.find(connector))
        .set((
            connectors::draft.eq(None::<String>),
            connectors::draft_saved_at.eq(None::<DateTime<Utc>>),
            connectors::draft_saved_by.eq(None::<String>),
        ))
        .execute(connection)?;
    Ok(())
}

fn subject(connector: &Connector) -> String {
    format!("connector {}", connector.name)
}
