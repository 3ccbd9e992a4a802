//! An association: a link between two entity types.

use super::connection::SourceTable;
use super::entity_type::EntityTypeId;
use super::guard::Thresholds;
use super::{connector::ConnectorId, id::id};
use crate::schema::associations;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One `[[association]]` of a connector's document.
///
/// Its pairs come from a column of the `from` end's own table (`column`), from an expression over that table's rows
/// (`expression`), or from a table of pairs (`source`, `from_column`, `to_column`). In any case they become one stream: key
/// of the `from` end, value that finds the `to` end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociationDefinition {
    /// Unique within the connector.
    pub name: String,
    /// What pages call it; the name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The entity type that has the column, or whose key stands in `from_column`.
    pub from: String,
    /// The entity types the value may find, in this order.
    pub to: OneOrMany,
    /// A column of the `from` end's table. Several values in it if the cardinality is `many_to_many` or `one_to_many`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// An expression over a row of the `from` end's table that gives the value, or a list of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// A table of pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceTable>,
    /// The pair's column with the key of the `from` end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_column: Option<String>,
    /// The pair's column that finds the `to` end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_column: Option<String>,
    /// The unique property of the `to` end that the value holds; its key if absent.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_property: Option<String>,
    /// What separates several values in `column`. Default: `property::VALUE_SEPARATOR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// How many at each end.
    #[serde(default)]
    pub cardinality: Cardinality,
    /// Whether these links decide who is in the managed groups.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub membership: bool,
    /// Stricter thresholds of its own; none by default.
    #[serde(default = "Thresholds::none", skip_serializing_if = "Thresholds::is_none")]
    pub thresholds: Thresholds,
}

impl AssociationDefinition {
    /// The display name, or the name.
    pub fn title(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }
}

/// One name or several: `"a"` or `["a", "b"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A single name.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
        .iter()
        .map(String::as_str)
    }
}

/// How many links an end may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// One at each end.
    OneToOne,
    /// The `from` end has one, the `to` end many: a manager, a department.
    #[default]
    ManyToOne,
    /// The `from` end has many, each `to` end one.
    OneToMany,
    /// Many at each end: members of groups.
    ManyToMany,
}

impl Cardinality {
    /// Whether the `from` end has at most one link, so that another target is an update.
    pub fn is_single_valued(self) -> bool {
        matches!(self, Self::OneToOne | Self::ManyToOne)
    }
}

id! {
    /// Id of an association: the same as long as its connector has one of that name, also after it was away.
    AssociationId(i32) as Integer
}

/// An association as it is stored: its identity, and what pages need without the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = associations, check_for_backend(diesel::pg::Pg))]
pub struct Association {
    /// Its id.
    pub id: AssociationId,
    /// The connector it belongs to.
    pub connector_id: ConnectorId,
    /// Unique within the connector.
    pub name: String,
    /// What pages call it.
    pub display_name: String,
    /// The `from` end.
    pub from_entity_type_id: EntityTypeId,
    /// The `to` ends in order; none is null.
    pub to_entity_type_ids: Vec<Option<EntityTypeId>>,
    /// Whether its links decide who is in the managed groups.
    pub membership: bool,
    /// Its place in the document.
    pub position: i32,
    /// No longer in the configuration; its links are still there.
    pub retired: bool,
}

/// A connector's associations in the order of the document, retired ones last.
pub fn of_connector(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<Association>> {
    associations::table
        .filter(associations::connector_id.eq(connector))
        .order((associations::retired, associations::position, associations::id))
        .select(Association::as_select())
        .load(connection)
}

/// Ids of a connector's associations by name, retired ones included.
pub fn ids(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<BTreeMap<String, AssociationId>> {
    let rows: Vec<(String, AssociationId)> = associations::table
        .filter(associations::connector_id.eq(connector))
        .select((associations::name, associations::id))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// Makes the stored associations those of the document: by name, with stable ids; those gone are retired. An end that
/// is not among `entity_types` can't come from a checked document; it is [`diesel::NotFound`].
pub(super) fn store(
    connection: &mut PgConnection,
    connector: ConnectorId,
    definitions: &[AssociationDefinition],
    entity_types: &BTreeMap<String, EntityTypeId>,
) -> QueryResult<()> {
    let end = |name: &str| entity_types.get(name).copied().ok_or(diesel::NotFound);
    diesel::update(associations::table.filter(associations::connector_id.eq(connector)))
        .set(associations::retired.eq(true))
        .execute(connection)?;
    for (position, definition) in (1..).zip(definitions) {
        let to = definition.to.names().map(|name| end(name).map(Some)).collect::<QueryResult<Vec<_>>>()?;
        let row = (
            associations::display_name.eq(definition.title()),
            associations::from_entity_type_id.eq(end(&definition.from)?),
            associations::to_entity_type_ids.eq(&to),
            associations::membership.eq(definition.membership),
            associations::position.eq(position),
            associations::retired.eq(false),
        );
        diesel::insert_into(associations::table)
            .values((associations::connector_id.eq(connector), associations::name.eq(&definition.name), row))
            .on_conflict((associations::connector_id, associations::name))
            .do_update()
            .set(row)
            .execute(connection)?;
    }
    Ok(())
}
