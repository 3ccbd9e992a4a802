//! `[[entity_type]]`: a kind of thing read from one table, and what it means that it represents users or groups.

use super::limits;
use super::name::{self, NameOf, Unique};
use super::property;
use super::section::{Section, hint};
use crate::model::connection::SourceTable;
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::{
    CorrelationRule, EntityTypeDefinition, GroupsDefinition, OnMissing, OnMove, OnReturn, Represents, UsersDefinition,
};
use crate::model::guard::Subject;
use crate::model::property::{PropertyDefinition, ValueType};
use std::collections::BTreeMap;

const REPRESENTS: [(&str, Represents); 4] = [
    ("nothing", Represents::Nothing),
    ("users", Represents::Users),
    ("groups", Represents::Groups),
    ("organizations", Represents::Organizations),
];
const ON_MISSING: [(&str, OnMissing); 3] =
    [("block", OnMissing::Block), ("delete", OnMissing::Delete), ("keep", OnMissing::Keep)];
const ON_RETURN: [(&str, OnReturn); 3] =
    [("never", OnReturn::Never), ("by_run", OnReturn::ByRun), ("always", OnReturn::Always)];
const ON_MOVE: [(&str, OnMove); 2] = [("accept", OnMove::Accept), ("ask", OnMove::Ask)];
const LONGEST_GRACE_DAYS: i64 = 3650;

/// All entity types of a connector; its connections are known already.
pub(super) fn read_all(root: &Section<'_, '_>, connector: &mut ConnectorDefinition) {
    let sections = root.sections("entity_type", "[[entity_type]]");
    if sections.is_empty() {
        root.error("the connector has no [[entity_type]]; write what its tables hold");
    }
    let mut unique = Unique::default();
    for section in sections {
        let entity_type = read(&section, connector);
        unique.check(&section, &entity_type.name);
        connector.entity_types.push(entity_type);
    }
}

/// The table under `key`, which must be one of the connector's.
pub(super) fn source_table(
    section: &Section<'_, '_>,
    key: &'static str,
    connector: &ConnectorDefinition,
) -> SourceTable {
    let source = SourceTable(section.required_text(key));
    let incomplete = connector.connections.iter().any(|connection| connection.tables.is_empty());
    if !source.0.is_empty() && connector.table(&source).is_none() && !incomplete {
        let known: Vec<String> = connector
            .connections
            .iter()
            .flat_map(|connection| {
                connection.tables.iter().map(|table| SourceTable::new(&connection.name, &table.name).0)
            })
            .collect();
        let hint = hint(&source.0, known.iter().map(String::as_str));
        section.error_at(key, format!("there is no table {:?} (connection.table); {hint}", source.0));
    }
    source
}

fn read(section: &Section<'_, '_>, connector: &ConnectorDefinition) -> EntityTypeDefinition {
    let mut entity_type = EntityTypeDefinition {
        name: name::read(section, NameOf::Anything),
        display_name: section.text("display_name"),
        source: source_table(section, "source", connector),
        represents: section.word("represents", &REPRESENTS).unwrap_or_default(),
        scope: section.text("where"),
        thresholds: limits::own_thresholds(section, "[entity_type.thresholds]", Subject::Resources),
        properties: property::read_all(section),
        users: None,
        groups: None,
    };
    entity_type.users = means(section, "users", "[entity_type.users]", &entity_type, Represents::Users, users);
    entity_type.groups = means(section, "groups", "[entity_type.groups]", &entity_type, Represents::Groups, groups);
    section.close();
    if let Some(scope) = &entity_type.scope {
        property::check_expression(section, "where", scope);
    }
    entity_type
}

/// The section that goes with what the entity type represents: it must be there then, and only then.
fn means<T>(
    section: &Section<'_, '_>,
    key: &'static str,
    title: &'static str,
    entity_type: &EntityTypeDefinition,
    represents: Represents,
    read: fn(&Section<'_, '_>, &EntityTypeDefinition) -> T,
) -> Option<T> {
    let found = section.section(key, title);
    match (&found, entity_type.represents == represents) {
        (Some(found), false) => {
            found.error(format!("{title} stands only where represents = {key:?}; take it out or change represents"));
        }
        (None, true) => section.error_at("represents", format!("represents = {key:?} needs {title}")),
        _ => {}
    }
    found.map(|found| read(&found, entity_type))
}

fn users(section: &Section<'_, '_>, entity_type: &EntityTypeDefinition) -> UsersDefinition {
    let correlate = section.sections("correlate", "{ property = …, field = … }");
    let users = UsersDefinition {
        correlate: correlate.iter().map(|rule| correlation_rule(rule, entity_type)).collect(),
        create: section.flag("create", true),
        on_missing: section.word("on_missing", &ON_MISSING).unwrap_or_default(),
        grace_days: section.integer("grace_days", 0..=LONGEST_GRACE_DAYS).map_or(0, |days| days as u32),
        on_return: section.word("on_return", &ON_RETURN).unwrap_or_default(),
        on_move: section.word("on_move", &ON_MOVE).unwrap_or_default(),
        fields: fields(section, entity_type),
    };
    section.close();
    users
}

fn correlation_rule(section: &Section<'_, '_>, entity_type: &EntityTypeDefinition) -> CorrelationRule {
    let rule = CorrelationRule {
        property: section.required_text("property"),
        field: section.required_text("field"),
        ignore_case: section.flag("ignore_case", false),
    };
    section.close();
    if let Some(flaw) = name::flaw(&rule.field, NameOf::Anything) {
        section.error_at("field", format!("the profile field {:?} {flaw}", rule.field));
    }
    if let Some(property) = existing(section, "property", &rule.property, entity_type)
        && (property.multivalued || property.value_type == ValueType::Binary)
    {
        section.error_at("property", format!("{:?} can't find a person: it must be a single text", rule.property));
    }
    rule
}

fn fields(section: &Section<'_, '_>, entity_type: &EntityTypeDefinition) -> BTreeMap<String, String> {
    let Some(fields) = section.section("fields", "[entity_type.users.fields]") else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for field in fields.keys() {
        if let Some(flaw) = name::flaw(field, NameOf::Anything) {
            fields.error_at(field, format!("the profile field {field:?} {flaw}"));
        }
        let Some(property) = fields.free_item(field).and_then(|item| item.as_str()) else {
            fields.error_at(field, format!("{field} takes the name of a property in quotes"));
            continue;
        };
        let found = existing(&fields, field, property, entity_type);
        if field == "photo" && found.is_some_and(|found| found.value_type != ValueType::Binary) {
            fields.error_at(field, format!("photo holds an image: give the property {property:?} type = \"binary\""));
        }
        read.insert(field.to_owned(), property.to_owned());
    }
    read
}

fn groups(section: &Section<'_, '_>, entity_type: &EntityTypeDefinition) -> GroupsDefinition {
    let groups = GroupsDefinition {
        name: section.required_text("name"),
        profile_type: section.text("profile_type"),
        past_profile_type: section.text("past_profile_type"),
    };
    section.close();
    existing(section, "name", &groups.name, entity_type);
    groups
}

/// The property that the value of `key` names; that there is none is noted.
fn existing<'e>(
    section: &Section<'_, '_>,
    key: &str,
    name: &str,
    entity_type: &'e EntityTypeDefinition,
) -> Option<&'e PropertyDefinition> {
    let found = entity_type.property(name);
    if found.is_none() && !name.is_empty() {
        section.error_at(key, no_property(name, entity_type));
    }
    found
}

/// What to say of a property that is not there.
pub(super) fn no_property(name: &str, entity_type: &EntityTypeDefinition) -> String {
    let hint = hint(name, entity_type.properties.iter().map(|property| property.name.as_str()));
    format!("the entity type {:?} has no property {name:?}; {hint}", entity_type.name)
}
