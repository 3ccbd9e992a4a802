//! An entity type: a kind of thing read from one table.

use super::connection::SourceTable;
use super::guard::Thresholds;
use super::property::PropertyDefinition;
use super::{connector::ConnectorId, id::id};
use crate::schema::{connectors, entity_types};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One `[[entity_type]]` of a connector's document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityTypeDefinition {
    /// Unique within the connector.
    pub name: String,
    /// What pages call it; the name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The table its rows are read from.
    pub source: SourceTable,
    /// What its resources are in our world.
    #[serde(default)]
    pub represents: Represents,
    /// A CEL expression; rows for which it is false are out of scope.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Stricter thresholds of its own; none by default.
    #[serde(default = "Thresholds::none", skip_serializing_if = "Thresholds::is_none")]
    pub thresholds: Thresholds,
    /// Its attributes.
    #[serde(rename = "property", default)]
    pub properties: Vec<PropertyDefinition>,
    /// Only with `represents = "users"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersDefinition>,
    /// Only with `represents = "groups"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupsDefinition>,
}

impl EntityTypeDefinition {
    /// The display name, or the name.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// The property that is the primary key. A checked document has exactly one.
    pub fn key(&self) -> Option<&PropertyDefinition> {
        self.properties.iter().find(|property| property.key)
    }

    /// The property of that name.
    pub fn property(&self, name: &str) -> Option<&PropertyDefinition> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// What the resources of an entity type are in our world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Represents {
    /// Resources only.
    #[default]
    Nothing,
    /// Each resource feeds a person.
    Users,
    /// Each resource is a managed group.
    Groups,
    /// Each resource is a department; associations between them make the tree.
    Organizations,
}

impl Represents {
    /// The word in documents, SQL and pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Users => "users",
            Self::Groups => "groups",
            Self::Organizations => "organizations",
        }
    }
}

/// `[entity_type.users]`: what it means that these rows are users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersDefinition {
    /// Ordered rules by which a new user finds its person.
    #[serde(default)]
    pub correlate: Vec<CorrelationRule>,
    /// Whether a user without a match makes a new person.
    #[serde(default = "yes")]
    pub create: bool,
    /// What happens to the person when the user is gone.
    #[serde(default)]
    pub on_missing: OnMissing,
    /// Days between the absence and its consequence.
    #[serde(default)]
    pub grace_days: u32,
    /// Who is unblocked when the user is back.
    #[serde(default)]
    pub on_return: OnReturn,
    /// Whether a new key is taken for that of a user whose old key is gone.
    #[serde(default)]
    pub on_move: OnMove,
    /// Profile field = property.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// One rule of correlation: the property's value equals the profile field's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationRule {
    /// A property of the entity type.
    pub property: String,
    /// A profile field.
    pub field: String,
    /// Whether upper and lower case are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
}

/// What happens to a person when the resource that fed it is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The person can't sign in, the profile is past.
    #[default]
    Block,
    /// The person is removed (and kept in history).
    Delete,
    /// Nothing happens: another source decides who is here.
    Keep,
}

/// Whether a person that returns is unblocked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnReturn {
    /// Not by a run.
    Never,
    /// If a run had blocked them.
    #[default]
    ByRun,
    /// Also if a human had.
    Always,
}

/// What happens when a new user matches a person whose user of this entity type is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMove {
    /// It has moved to a new key, unless somebody says that it is another person.
    #[default]
    Accept,
    /// Nothing, until somebody says so: the old one stays, the new one waits.
    Ask,
}

/// `[entity_type.groups]`: what it means that these rows are groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupsDefinition {
    /// The property that names the group.
    pub name: String,
    /// Profile type of a member while current.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_type: Option<String>,
    /// Profile type of a member that is past.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub past_profile_type: Option<String>,
}

id! {
    /// Id of an entity type: the same as long as its connector has one of that name, also after it was away.
    EntityTypeId(i32) as Integer
}

/// An entity type as it is stored: its identity, and what pages need without the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = entity_types, check_for_backend(diesel::pg::Pg))]
pub struct EntityType {
    /// Its id.
    pub id: EntityTypeId,
    /// The connector it belongs to.
    pub connector_id: ConnectorId,
    /// Unique within the connector.
    pub name: String,
    /// What pages call it.
    pub display_name: String,
    /// The word of [`Represents`].
    pub represents: String,
    /// Its place in the document.
    pub position: i32,
    /// No longer in the configuration; its resources are still there.
    pub retired: bool,
}

/// A connector's entity types in the order of the document, retired ones last.
pub fn of_connector(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<EntityType>> {
    entity_types::table
        .filter(entity_types::connector_id.eq(connector))
        .order((entity_types::retired, entity_types::position, entity_types::id))
        .select(EntityType::as_select())
        .load(connection)
}

/// Ids of a connector's entity types by name, retired ones included.
pub fn ids(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<BTreeMap<String, EntityTypeId>> {
    let rows: Vec<(String, EntityTypeId)> = entity_types::table
        .filter(entity_types::connector_id.eq(connector))
        .select((entity_types::name, entity_types::id))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Ids of the entity types of a connector, by its name, that represent users; none if there is no such connector.
pub fn of_users(connection: &mut PgConnection, connector: &str) -> QueryResult<Vec<i32>> {
    let of_connector = connectors::table.filter(connectors::name.eq(connector)).select(connectors::id);
    entity_types::table
        .filter(entity_types::connector_id.eq_any(of_connector))
        .filter(entity_types::represents.eq(Represents::Users.as_str()))
        .select(entity_types::id)
        .load(connection)
}

/// Makes the stored entity types those of the document: by name, with stable ids; those gone are retired.
pub(super) fn store(
    connection: &mut PgConnection,
    connector: ConnectorId,
    definitions: &[EntityTypeDefinition],
) -> QueryResult<BTreeMap<String, EntityTypeId>> {
    diesel::update(entity_types::table.filter(entity_types::connector_id.eq(connector)))
        .set(entity_types::retired.eq(true))
        .execute(connection)?;
    for (position, definition) in (1..).zip(definitions) {
        let row = (
            entity_types::display_name.eq(definition.title()),
            entity_types::represents.eq(definition.represents.as_str()),
            entity_types::position.eq(position),
            entity_types::retired.eq(false),
        );
        diesel::insert_into(entity_types::table)
            .values((entity_types::connector_id.eq(connector), entity_types::name.eq(&definition.name), row))
            .on_conflict((entity_types::connector_id, entity_types::name))
            .do_update()
            .set(row)
            .execute(connection)?;
    }
    ids(connection, connector)
}
