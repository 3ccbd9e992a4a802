//! A profile field: what a person's profile may hold, where its value may come from, and who may edit it.

pub mod entry;
mod field_type;
mod permission;

pub use field_type::FieldType;
pub use permission::{Editor, Permission, permission};

use super::connector::ConnectorDefinition;
use crate::schema::profile_fields;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The profile fields that exist from the start, with the types that they keep.
pub const BUILT_IN: [(&str, FieldType); 16] = [
    ("user_name", FieldType::Text),
    ("employee_id", FieldType::Text),
    ("given_name", FieldType::Text),
    ("family_name", FieldType::Text),
    ("display_name", FieldType::Text),
    ("mail", FieldType::Text),
    ("phone", FieldType::Text),
    ("mobile", FieldType::Text),
    ("title", FieldType::Text),
    ("department", FieldType::Text),
    ("location", FieldType::Text),
    ("country", FieldType::Text),
    ("language", FieldType::Text),
    ("time_zone", FieldType::Text),
    ("summary", FieldType::Text),
    ("photo", FieldType::Binary),
];

/// One `[[profile_field]]` of the settings document. What is absent keeps the value of a field that exists already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProfileFieldDefinition {
    /// Unique.
    pub name: String,
    /// What pages call it; the name if absent.
    pub title: Option<String>,
    /// What its value is; text if absent. Fields that exist from the start keep theirs.
    #[serde(rename = "type")]
    pub value_type: Option<FieldType>,
    /// A profile without it is incomplete.
    pub required: bool,
    /// Connectors in order: the first that has a value wins. None: the order in which connectors were created.
    pub sources: Vec<String>,
    /// Who may edit it, if no source fills it.
    pub editable_by: EditableBy,
    /// The words of a choice, in order.
    pub choices: Vec<String>,
    /// A person may have several values.
    pub multivalued: bool,
    /// Shown to administrators alone.
    pub hidden: bool,
}

/// Who may edit a profile field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditableBy {
    /// Nobody: it comes from sources.
    #[default]
    Nobody,
    /// The person, and administrators.
    Person,
    /// Administrators.
    Administrator,
}

impl EditableBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Nobody, Self::Person, Self::Administrator];

    /// The word in documents and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Person => "person",
            Self::Administrator => "administrator",
        }
    }

    /// For people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Nobody => "nobody: sources fill it",
            Self::Person => "the person, and administrators",
            Self::Administrator => "administrators",
        }
    }
}

/// A profile field as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = profile_fields, check_for_backend(diesel::pg::Pg))]
pub struct ProfileField {
    /// Unique.
    pub name: String,
    /// What pages call it.
    pub title: String,
    /// The word of [`FieldType`].
    #[diesel(column_name = type_)]
    pub value_type: String,
    /// A profile without it is incomplete.
    pub required: bool,
    /// Two persons can't have the same value.
    pub is_unique: bool,
    /// Connectors in order; empty: as they were created. None is null.
    pub sources: Vec<Option<String>>,
    /// The word of [`EditableBy`].
    pub editable_by: String,
    /// Its place on the profile.
    pub position: i32,
    /// `built_in`, `settings`, or the connector that named it first.
    pub declared_by: String,
    /// The words of a choice, in order. None is null.
    pub choices: Vec<Option<String>>,
    /// A person may have several values.
    pub multivalued: bool,
    /// Shown to administrators alone.
    pub hidden: bool,
}

impl ProfileField {
    /// What its value is.
    pub fn field_type(&self) -> FieldType {
        FieldType::from_word(&self.value_type).unwrap_or_default()
    }

    /// Who may edit it, where no source fills it.
    pub fn editors(&self) -> EditableBy {
        EditableBy::ALL.into_iter().find(|one| one.as_str() == self.editable_by).unwrap_or_default()
    }

    /// Whether people write it on one line: all but longer texts.
    pub fn is_line(&self) -> bool {
        self.field_type() != FieldType::Text || (self.declared_by == "built_in" && self.name != "summary")
    }
}

/// All profile fields in the order of the profile.
pub fn list(connection: &mut PgConnection) -> QueryResult<Vec<ProfileField>> {
    profile_fields::table
        .order((profile_fields::position, profile_fields::name))
        .select(ProfileField::as_select())
        .load(connection)
}

/// Makes the profile fields that a connector names and that do not exist yet, as text. One message for each.
pub(super) fn declare(connection: &mut PgConnection, definition: &ConnectorDefinition) -> QueryResult<Vec<String>> {
    let users = definition.entity_types.iter().filter_map(|entity_type| entity_type.users.as_ref());
    let named: BTreeSet<&str> = users
        .flat_map(|users| users.fields.keys().chain(users.correlate.iter().map(|rule| &rule.field)))
        .map(String::as_str)
        .collect();
    let mut messages = Vec::new();
    for name in named {
        let position = next_position(connection)?;
        let made = diesel::insert_into(profile_fields::table)
            .values((
                profile_fields::name.eq(name),
                profile_fields::title.eq(title_of(name)),
                profile_fields::position.eq(position),
                profile_fields::declared_by.eq(&definition.name),
            ))
            .on_conflict_do_nothing()
            .execute(connection)?;
        if made > 0 {
            messages.push(format!(
                "connector {}: the profile field {name:?} did not exist and was made, as text",
                definition.name
            ));
        }
    }
    Ok(messages)
}

/// Makes an index for every profile field that the connector correlates by, so that correlation never reads all
/// persons. Building it locks out writers of `persons`, therefore only where it is missing.
pub(super) fn index_correlations(connection: &mut PgConnection, definition: &ConnectorDefinition) -> QueryResult<()> {
    const INDEXED_FROM_THE_START: [&str; 3] = ["user_name", "mail", "employee_id"];
    let users = definition.entity_types.iter().filter_map(|entity_type| entity_type.users.as_ref());
    let fields: BTreeSet<&str> =
        users.flat_map(|users| users.correlate.iter().map(|rule| rule.field.as_str())).collect();
    for field in fields.into_iter().filter(|field| !INDEXED_FROM_THE_START.contains(field)) {
        // A field's name is arbitrary Unicode and may be longer than an identifier: a digest names the index.
        let digest: String = Sha256::digest(field).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let literal = field.replace('\'', "''");
        connection.batch_execute(&format!(
            "create index if not exists persons_by_field_{digest} on persons (lower(fields ->> '{literal}'))"
        ))?;
    }
    Ok(())
}

/// Makes the stored profile fields those of the settings document. A field that it no longer declares stays with its
/// values, but loses sources and editors: one message for each.
pub(super) fn store(
    connection: &mut PgConnection,
    definitions: &[ProfileFieldDefinition],
    declared_before: &[String],
) -> QueryResult<Vec<String>> {
    let mut messages = Vec::new();
    let mut undeclared: BTreeMap<String, ProfileField> =
        list(connection)?.into_iter().map(|field| (field.name.clone(), field)).collect();
    for definition in definitions {
        let stored = undeclared.remove(&definition.name);
        let value_type = match (definition.value_type, &stored) {
            (None, Some(stored)) => stored.value_type.clone(),
            (declared, _) => declared.unwrap_or_default().as_str().to_owned(),
        };
        let title = match (&definition.title, &stored) {
            (Some(title), _) => title.clone(),
            (None, Some(stored)) => stored.title.clone(),
            (None, None) => title_of(&definition.name),
        };
        let row = (
            profile_fields::title.eq(title),
            profile_fields::type_.eq(value_type),
            profile_fields::required.eq(definition.required),
            profile_fields::sources.eq(definition.sources.iter().map(Some).collect::<Vec<_>>()),
            profile_fields::editable_by.eq(definition.editable_by.as_str()),
            profile_fields::choices.eq(definition.choices.iter().map(Some).collect::<Vec<_>>()),
            profile_fields::multivalued.eq(definition.multivalued),
            profile_fields::hidden.eq(definition.hidden),
        );
        let position = next_position(connection)?;
        diesel::insert_into(profile_fields::table)
            .values((
                profile_fields::name.eq(&definition.name),
                profile_fields::position.eq(position),
                profile_fields::declared_by.eq("settings"),
                row.clone(),
            ))
            .on_conflict(profile_fields::name)
            .do_update()
            .set(row)
            .execute(connection)?;
    }
    for gone in declared_before.iter().filter(|name| undeclared.contains_key(*name)) {
        diesel::update(profile_fields::table.find(gone))
            .set((
                profile_fields::required.eq(false),
                profile_fields::sources.eq(Vec::<Option<String>>::new()),
                profile_fields::editable_by.eq(EditableBy::Nobody.as_str()),
            ))
            .execute(connection)?;
        messages.push(format!(
            "profile field {gone:?} is no longer declared: its values stay, without an order of sources and without editors"
        ));
    }
    Ok(messages)
}

/// Removes a field. What persons have in it is for the caller to remove before.
pub fn remove(connection: &mut PgConnection, name: &str) -> QueryResult<bool> {
    Ok(diesel::delete(profile_fields::table.find(name)).execute(connection)? > 0)
}

fn next_position(connection: &mut PgConnection) -> QueryResult<i32> {
    let last: Option<i32> =
        profile_fields::table.select(diesel::dsl::max(profile_fields::position)).first(connection)?;
    Ok(last.unwrap_or(0) + 1)
}

/// `card_number` → `Card number`.
fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut characters = words.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
/// Takes hidden fields out of values that others than administrators see.
pub fn conceal<'v>(declared: &[ProfileField], shown: impl IntoIterator<Item = &'v mut Value>) {
    if declared.iter().all(|field| !field.hidden) {
        return;
    }
    for values in shown.into_iter().filter_map(Value::as_object_mut) {
        values.retain(|name, _| !declared.iter().any(|field| field.hidden && field.name == *name));
    }
}
