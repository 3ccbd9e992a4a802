//! The settings document: what spans connectors. Versioned like a connector's configuration.

use super::configuration::{Applied, Outcome};
use super::guard::{GuardSettings, Thresholds};
use super::job::{self, JobDefinition};
use super::notification::NotificationDefinition;
use super::profile_field::{self, ProfileFieldDefinition};
use super::sign_in_settings::SignInSettings;
use super::{audit, connector};
use crate::schema::settings_versions;
use crate::secret::Secret;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;

/// The settings document, parsed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingsDefinition {
    /// Schedules.
    #[serde(rename = "job")]
    pub jobs: Vec<JobDefinition>,
    /// What a profile may hold.
    #[serde(rename = "profile_field")]
    pub profile_fields: Vec<ProfileFieldDefinition>,
    /// The thresholds of connectors whose documents leave them out.
    pub thresholds: Thresholds,
    /// The other guards of connectors whose documents leave them out.
    pub guards: GuardSettings,
    /// How long things are kept.
    pub retention: Retention,
    /// Who hears of blocked, failed and late runs.
    #[serde(rename = "notification")]
    pub notifications: Vec<NotificationDefinition>,
    /// Who may sign in, and how.
    pub sign_in: Box<SignInSettings>,
}

/// `[retention]`: days; 0 is for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Extractions.
    pub extractions_days: u32,
    /// Superseded versions of resources, links and persons.
    pub history_days: u32,
    /// The audit log.
    pub audit_days: u32,
    /// Persons who left: they are anonymized so many days later.
    pub leavers_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { extractions_days: 90, history_days: 0, audit_days: 0, leavers_days: 0 }
    }
}

/// Where a secret stands; it never stands in a document itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretReference {
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(String),
}

impl SecretReference {
    /// The secret itself. The error names where it should stand, never what is in it.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Env(variable) => Secret::from_environment(variable),
            Self::File(path) => Secret::from_file(path),
        }
    }
}

/// One version of the settings document.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = settings_versions, check_for_backend(diesel::pg::Pg))]
pub struct SettingsVersion {
    /// Grows with time.
    pub version: i32,
    /// TOML, as written by the administrator.
    pub document: String,
    /// When it was applied.
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: Option<String>,
}

/// The settings that hold; `None` before the first were applied.
pub fn current(connection: &mut PgConnection) -> QueryResult<Option<SettingsVersion>> {
    settings_versions::table
        .order(settings_versions::version.desc())
        .select(SettingsVersion::as_select())
        .first(connection)
        .optional()
}

/// The settings that held at a moment; `None` before the first were applied.
pub fn held_at(connection: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<Option<SettingsVersion>> {
    settings_versions::table
        .filter(settings_versions::created_at.le(moment))
        .order(settings_versions::version.desc())
        .select(SettingsVersion::as_select())
        .first(connection)
        .optional()
}

/// Lets nobody else change the settings until the transaction ends.
pub fn lock(connection: &mut PgConnection) -> QueryResult<()> {
    diesel::sql_query("lock table settings_versions in share row exclusive mode").execute(connection).map(drop)
}

/// Makes `document` the settings that hold. `definition` is what it says and `before` what the document that held until
/// now said, both from `document::parse`. The same text writes nothing.
pub fn apply(
    connection: &mut PgConnection,
    document: &str,
    definition: &SettingsDefinition,
    before: Option<&SettingsDefinition>,
    by: &str,
) -> QueryResult<Applied> {
    connection.transaction(|connection| {
        lock(connection)?;
        let current = current(connection)?;
        let mut messages = unknown_sources(connection, definition)?;
        if let Some(current) = current.as_ref().filter(|current| current.document == document) {
            return Ok(Applied { outcome: Outcome::Unchanged, version: current.version, messages });
        }
        let version: i32 = diesel::insert_into(settings_versions::table)
            .values((settings_versions::document.eq(document), settings_versions::created_by.eq(by)))
            .returning(settings_versions::version)
            .get_result(connection)?;
        job::store(connection, &definition.jobs)?;
        let declared_before: Vec<String> =
            before.into_iter().flat_map(|before| &before.profile_fields).map(|field| field.name.clone()).collect();
        messages.extend(profile_field::store(connection, &definition.profile_fields, &declared_before)?);
        audit::record(connection, by, "apply", "settings", json!({ "version": version }))?;
        let outcome = if current.is_some() { Outcome::Changed } else { Outcome::Created };
        Ok(Applied { outcome, version, messages })
    })
}

/// A source that is no connector yet is no error: documents may be applied in any order.
fn unknown_sources(connection: &mut PgConnection, definition: &SettingsDefinition) -> QueryResult<Vec<String>> {
    let connectors: BTreeSet<String> = connector::list(connection)?.into_iter().map(|one| one.name).collect();
    let mut messages = Vec::new();
    for field in &definition.profile_fields {
        for source in field.sources.iter().filter(|source| !connectors.contains(*source)) {
            messages.push(format!("profile field {:?}: there is no connector {source:?} yet", field.name));
        }
    }
    for notification in &definition.notifications {
        for name in notification.connectors.iter().filter(|name| !connectors.contains(*name)) {
            messages.push(format!("notification {:?}: there is no connector {name:?} yet", notification.name()));
        }
    }
    let directory = definition.sign_in.directory.as_ref().map(|directory| &directory.connector);
    if let Some(name) = directory.filter(|name| !connectors.contains(*name)) {
        messages.push(format!("[sign_in.directory]: there is no connector {name:?} yet"));
    }
    Ok(messages)
}
