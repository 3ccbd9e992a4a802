//! `[[entity_type.property]]`: a named, typed attribute.

use super::name::{self, NameOf, Unique};
use super::section::Section;
use crate::model::property::{PropertyDefinition, ValueType};
use crate::values::expression::Expression;
use crate::values::format::FormatError;
use crate::values::text::shorten;
use std::collections::BTreeMap;

const LONGEST_TEXT: i64 = 1 << 20;

/// All properties of an entity type: names differ, exactly one is the key.
pub(super) fn read_all(entity_type: &Section<'_, '_>) -> Vec<PropertyDefinition> {
    let sections = entity_type.sections("property", "[[entity_type.property]]");
    let mut unique = Unique::default();
    let mut properties: Vec<PropertyDefinition> = Vec::new();
    for section in sections {
        let property = read(&section);
        unique.check(&section, &property.name);
        if let Some(first) = properties.iter().find(|other| property.key && other.key) {
            section.error_at(
                "key",
                format!("{:?} is the key already; an entity type has exactly one key property", first.name),
            );
        }
        properties.push(property);
    }
    if properties.iter().all(|property| !property.key) {
        entity_type.error("the entity type has no key; give exactly one [[entity_type.property]] key = true");
    }
    properties
}

fn read(section: &Section<'_, '_>) -> PropertyDefinition {
    let types = ValueType::ALL.map(|value_type| (value_type.as_str(), value_type));
    let types = [types.as_slice(), &[("string", ValueType::Text)]].concat();
    let property = PropertyDefinition {
        name: name::read(section, NameOf::Anything),
        display_name: section.text("display_name"),
        column: section.text("column"),
        expression: section.text("expression"),
        constant: section.text("constant"),
        key: section.flag("key", false),
        required: section.flag("required", false),
        unique: section.flag("unique", false),
        multivalued: section.flag("multivalued", false),
        separator: section.text("separator"),
        value_type: section.word("type", &types).unwrap_or_default(),
        format: section.text("format"),
        time_zone: section.text("time_zone"),
        true_values: section.texts("true_values"),
        false_values: section.texts("false_values"),
        pattern: section.text("pattern"),
        max_length: section.integer("max_length", 1..=LONGEST_TEXT).map(|length| length as usize),
        values: value_map(section),
    };
    section.close();
    check_origin(section);
    check_kind(section, &property);
    check_format(section, &property);
    property
}

fn value_map(section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let Some(map) = section.section("values", "[entity_type.property.values]") else { return BTreeMap::new() };
    let mut values = BTreeMap::new();
    for from in map.keys() {
        match map.free_item(from).and_then(|item| item.as_str()) {
            Some(to) => _ = values.insert(from.to_owned(), to.to_owned()),
            None => map.error_at(from, format!("the value for {from:?} must be a text in quotes")),
        }
    }
    values
}

fn check_origin(section: &Section<'_, '_>) {
    let origins = ["column", "expression", "constant"].into_iter().filter(|key| section.has(key)).collect::<Vec<_>>();
    match origins.as_slice() {
        [_] => {}
        [] => section.error("the property has no origin; write exactly one of column, expression and constant"),
        [_, second, ..] => {
            section.error_at(second, format!("{} exclude one another; keep exactly one", origins.join(" and ")));
        }
    }
}

fn check_kind(section: &Section<'_, '_>, property: &PropertyDefinition) {
    let only = |key: &str, holds: bool, condition: &str| {
        if section.has(key) && !holds {
            section.error_at(key, format!("{key} means something only with {condition}; take it out or add that"));
        }
    };
    let value_type = property.value_type;
    let is_moment = matches!(value_type, ValueType::Date | ValueType::Datetime);
    only("true_values", value_type == ValueType::Bool, "type = \"bool\"");
    only("false_values", value_type == ValueType::Bool, "type = \"bool\"");
    only("time_zone", is_moment, "type = \"datetime\" or \"date\"");
    if property.key && (property.multivalued || property.constant.is_some() || value_type == ValueType::Binary) {
        section.error_at("key", "a key tells records apart: it can't be multivalued, a constant, or binary");
    }
    if property.unique && (property.multivalued || value_type == ValueType::Binary) {
        section.error_at("unique", "a unique property can't be multivalued or binary; take one of them out");
    }
    if property.multivalued && value_type == ValueType::Binary {
        section.error_at("multivalued", "a binary property can't have several values; take multivalued out");
    }
}

fn check_format(section: &Section<'_, '_>, property: &PropertyDefinition) {
    if let Some(expression) = &property.expression {
        check_expression(section, "expression", expression);
    }
    if let Err(error) = property.format() {
        let key = match &error {
            FormatError::Pattern(_) | FormatError::Unused { .. } | FormatError::Bit(_) => "format",
            FormatError::TimeZone(_) => "time_zone",
            FormatError::Regex { .. } | FormatError::PatternOfBinary => "pattern",
            FormatError::BothTrueAndFalse(_) => "false_values",
            FormatError::EmptySeparator | FormatError::SeparatorOfOne => "separator",
        };
        section.error_at(key, error.to_string());
    }
}

/// Notes an expression that does not compile, with its own place in the expression.
pub(super) fn check_expression(section: &Section<'_, '_>, key: &str, expression: &str) {
    if let Err(error) = Expression::compile(expression) {
        let shown = shorten(expression, 60);
        section.error_at(key, format!("{key} {shown:?}, {error}"));
    }
}
