//! `[[connection]]` and `[[connection.table]]`: the keys of every kind, checked against what the kind declares.

use super::name::{self, NameOf, Unique};
use super::paths::Folder;
use super::section::{Section, one_of};
use crate::connectors::{self, ConnectionKind, ConnectionRequest, Setting, SettingValue};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use crate::model::settings::SecretReference;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use toml_edit::Item;

/// All connections of a connector.
pub(super) fn read_all(root: &Section<'_, '_>, folder: Folder<'_>) -> Vec<ConnectionDefinition> {
    let sections = root.sections("connection", "[[connection]]");
    if sections.is_empty() {
        root.error("the connector has no [[connection]]; write how its system is reached");
    }
    let mut unique = Unique::default();
    let mut connections = Vec::new();
    for section in sections {
        let connection = read(&section, folder);
        unique.check(&section, &connection.name);
        connections.push(connection);
    }
    connections
}

fn read(section: &Section<'_, '_>, folder: Folder<'_>) -> ConnectionDefinition {
    let errors_before = section.error_count();
    let name = name::read(section, NameOf::PartOfSource);
    let kind_name = section.required_text("kind");
    let tables = section.sections("table", "[[connection.table]]");
    if tables.is_empty() {
        section.error(format!("the connection {name:?} has no [[connection.table]]; write what it reads"));
    }
    let Some(kind) = connectors::kind(&kind_name) else {
        if !kind_name.is_empty() {
            let known = one_of(connectors::KINDS.iter().map(|kind| kind.name()));
            section.error_at("kind", format!("there is no kind of connection {kind_name:?}; write {known}"));
        }
        return ConnectionDefinition { name, kind: kind_name, tables: Vec::new(), settings: Map::new() };
    };
    let settings = read_settings(section, kind.settings(), folder);
    section.close();

    let mut unique = Unique::default();
    let mut definitions = Vec::new();
    for table in tables {
        let name = name::read(&table, NameOf::PartOfSource);
        unique.check(&table, &name);
        let settings = read_settings(&table, kind.table_settings(), folder);
        table.close();
        definitions.push(TableDefinition { name, settings });
    }
    let definition = ConnectionDefinition { name, kind: kind_name, tables: definitions, settings };
    if section.error_count() == errors_before {
        check_together(section, kind, &definition);
    }
    definition
}

/// What only the kind can tell: settings that don't go together, filters that can't be read.
fn check_together(section: &Section<'_, '_>, kind: &dyn ConnectionKind, definition: &ConnectionDefinition) {
    let is_secret = |name: &str| {
        kind.settings().iter().any(|setting| setting.name == name && setting.value == SettingValue::Secret)
    };
    let referred = definition.settings.keys().filter(|name| is_secret(name));
    let request = ConnectionRequest {
        definition: definition.clone(),
        secrets: referred.map(|name| (name.clone(), "unknown".to_owned())).collect(),
        uploads: BTreeMap::new(),
        mapped_columns: BTreeMap::new(),
        pair_columns: BTreeMap::new(),
        key_columns: BTreeMap::new(),
        matched_columns: BTreeMap::new(),
    };
    if let Err(error) = kind.check_settings(&request) {
        section.error(error.to_string());
    }
}

fn read_settings(section: &Section<'_, '_>, settings: &'static [Setting], folder: Folder<'_>) -> Map<String, Value> {
    let mut read = Map::new();
    for setting in settings {
        let key = setting.name;
        match section.item(key) {
            None if setting.required => section.error(format!("{} needs {key}: {}", section.title(), setting.help)),
            None => {}
            Some(item) => {
                if let Some(value) = value(section, setting, item, folder) {
                    read.insert(key.to_owned(), value);
                }
            }
        }
    }
    read
}

fn value(section: &Section<'_, '_>, setting: &'static Setting, item: &Item, folder: Folder<'_>) -> Option<Value> {
    let key = setting.name;
    let wrong = |wanted: &str| {
        section.wrong(key, wanted, item);
        None
    };
    match setting.value {
        SettingValue::Text => item.as_str().map(Value::from).or_else(|| wrong("a text in quotes")),
        SettingValue::Bool => item.as_bool().map(Value::from).or_else(|| wrong("true or false")),
        SettingValue::Integer(least, most) => section.integer(key, least..=most).map(Value::from),
        SettingValue::TextList => {
            let texts = section.texts(key);
            (!texts.is_empty()).then(|| Value::from(texts))
        }
        SettingValue::Path => match item.as_str() {
            Some(path) => Some(Value::from(folder.absolute(section, key, path))),
            None => wrong("a path in quotes"),
        },
        SettingValue::Choice(words) => {
            let word = item.as_str().filter(|word| words.contains(word));
            word.map(Value::from).or_else(|| wrong(&one_of(words.iter().copied())))
        }
        SettingValue::Secret => secret(section, key, folder).map(|reference| match reference {
            SecretReference::Env(name) => json!({ "env": name }),
            SecretReference::File(path) => json!({ "file": path }),
        }),
    }
}

/// A secret is named, never written: `{ env = "NAME" }` or `{ file = "PATH" }`. The offending text is not shown: it may
/// be the secret itself.
pub(super) fn secret(section: &Section<'_, '_>, key: &'static str, folder: Folder<'_>) -> Option<SecretReference> {
    section.item(key)?;
    let reference = section.free_item(key).filter(|item| item.is_table_like());
    let Some(place) = reference.and_then(|_| section.section(key, "a secret")) else {
        section.error_at(
            key,
            format!(
                "{key} is a secret and never stands in a document; write {{ env = \"NAME\" }} or {{ file = \"PATH\" }}"
            ),
        );
        return None;
    };
    let (env, file) = (place.text("env"), place.text("file"));
    place.close();
    match (env, file) {
        (Some(name), None) if name.contains(['=', '\0']) => {
            place.error_at("env", "the name of an environment variable can't hold '='");
            None
        }
        (Some(name), None) => Some(SecretReference::Env(name)),
        (None, Some(path)) => Some(SecretReference::File(folder.absolute(&place, "file", &path))),
        _ => {
            place.error(format!("{key} names its secret by either env or file; write exactly one of them"));
            None
        }
    }
}
