//! A connector: a managed system with its settings; active or deactivated.

use super::association::AssociationDefinition;
use super::connection::{ConnectionDefinition, SourceTable, TableDefinition};
use super::entity_type::EntityTypeDefinition;
use super::guard::{GuardSettings, Thresholds};
use super::{audit, id::id};
use crate::schema::connectors;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A connector's document, parsed: what one version of its configuration says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectorDefinition {
    /// Unique; what command line and addresses use.
    pub name: String,
    /// What pages call it; the name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Whether it takes part in complete jobs.
    #[serde(default)]
    pub complete_job: JobUse,
    /// Whether it takes part in incremental jobs.
    #[serde(default)]
    pub incremental_job: JobUse,
    /// Starts a run when Muster starts, as long as none was ever applied.
    #[serde(default)]
    pub run_at_start: bool,
    /// Incremental runs compare the full extraction where the source has no mechanism of its own.
    #[serde(default)]
    pub compare: bool,
    /// Thresholds over all entity types together and all associations together.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// The other guards.
    #[serde(default)]
    pub guards: GuardSettings,
    /// How its system is reached.
    #[serde(rename = "connection", default)]
    pub connections: Vec<ConnectionDefinition>,
    /// What is read.
    #[serde(rename = "entity_type", default)]
    pub entity_types: Vec<EntityTypeDefinition>,
    /// How what is read hangs together.
    #[serde(rename = "association", default)]
    pub associations: Vec<AssociationDefinition>,
    /// The first table that can only be read whole, because its kind, or its settings, know no way to tell what changed.
    /// Found out by whoever reads the document; no part of it.
    #[serde(skip)]
    pub whole_table: Option<SourceTable>,
}

impl ConnectorDefinition {
    /// The display name, or the name.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Whether incremental runs are offered: every table can tell what changed, or is compared.
    pub fn is_incremental(&self) -> bool {
        self.compare || self.whole_table.is_none()
    }

    /// The entity type of that name.
    pub fn entity_type(&self, name: &str) -> Option<&EntityTypeDefinition> {
        self.entity_types.iter().find(|entity_type| entity_type.name == name)
    }

    /// Connection and table behind a source.
    pub fn table(&self, source: &SourceTable) -> Option<(&ConnectionDefinition, &TableDefinition)> {
        let (connection, table) = source.parts()?;
        let connection = self.connections.iter().find(|candidate| candidate.name == connection)?;
        let table = connection.tables.iter().find(|candidate| candidate.name == table)?;
        Some((connection, table))
    }
}

/// Whether a connector takes part in a kind of scheduled job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobUse {
    /// It does.
    #[default]
    Used,
    /// It doesn't.
    NotUsed,
}

id! {
    /// Id of a connector.
    ConnectorId(i32) as Integer
}

/// A connector as it is stored; what it does stands in its configuration.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = connectors, check_for_backend(diesel::pg::Pg))]
pub struct Connector {
    /// Its id, in the order of creation.
    pub id: ConnectorId,
    /// Unique; what command line and addresses use.
    pub name: String,
    /// What pages call it.
    pub display_name: String,
    /// Whether scheduled jobs take it along.
    pub active: bool,
    /// When it was last activated or deactivated; its creation, if never.
    pub activity_changed_at: DateTime<Utc>,
    /// Who did so.
    pub activity_changed_by: Option<String>,
    /// The version of its configuration that new runs use.
    pub configuration_version: i32,
    /// When a draft was saved that waits for Reload.
    pub draft_saved_at: Option<DateTime<Utc>>,
    /// Who saved it.
    pub draft_saved_by: Option<String>,
    /// Raised by every applied run.
    pub state_version: i64,
    /// The last applied run.
    pub applied_run_id: Option<i32>,
    /// When it was first applied.
    pub created_at: DateTime<Utc>,
    /// Raised whenever anything but its own runs writes to its resources or links.
    pub touched: i64,
    /// Whether incremental runs are offered.
    pub incremental: bool,
    /// A table that stands in their way.
    pub whole_table: Option<String>,
}

impl Connector {
    /// Whether a draft waits for Reload (the "stale" badge).
    pub fn is_stale(&self) -> bool {
        self.draft_saved_at.is_some()
    }
}

/// All connectors, in the order of their names.
pub fn list(connection: &mut PgConnection) -> QueryResult<Vec<Connector>> {
    connectors::table.select(Connector::as_select()).order(connectors::name).load(connection)
}

/// The connector of that name.
pub fn by_name(connection: &mut PgConnection, name: &str) -> QueryResult<Option<Connector>> {
    connectors::table.filter(connectors::name.eq(name)).select(Connector::as_select()).first(connection).optional()
}

/// The connector of that id.
pub fn by_id(connection: &mut PgConnection, id: ConnectorId) -> QueryResult<Option<Connector>> {
    connectors::table.find(id).select(Connector::as_select()).first(connection).optional()
}

/// Takes a connector out of the scheduled jobs, or puts it back. `false`: it was so already, nothing is written.
pub fn set_active(connection: &mut PgConnection, connector: &Connector, active: bool, by: &str) -> QueryResult<bool> {
    connection.transaction(|connection| {
        let changed = diesel::update(connectors::table.find(connector.id).filter(connectors::active.ne(active)))
            .set((
                connectors::active.eq(active),
                connectors::activity_changed_at.eq(diesel::dsl::now),
                connectors::activity_changed_by.eq(by),
            ))
            .execute(connection)?;
        if changed > 0 {
            let action = if active { "activate" } else { "deactivate" };
            audit::record(connection, by, action, &format!("connector {}", connector.name), json!({}))?;
        }
        Ok(changed > 0)
    })
}
