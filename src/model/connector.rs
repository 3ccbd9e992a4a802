//! A connector: a managed system with its settings; active or deactivated.

use super::association::AssociationDefinition;
use super::connection::{ConnectionDefinition, SourceTable, TableDefinition};
use super::entity_type::EntityTypeDefinition;
use super::guard::{GuardSettings, Thresholds};
use serde::{Deserialize, Serialize};

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
}

impl ConnectorDefinition {
    /// The display name, or the name.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
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
