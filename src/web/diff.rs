//! Values and changes as people read them.

use super::elements::Badge;
use super::links;
use crate::model::change::Change;
use crate::model::guard::Operation;
use crate::model::run::Run;
use crate::model::{association, connector, entity_type};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde_json::Value;

/// A property that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The property's name.
    pub name: String,
    /// The value before, if there was one.
    pub before: Option<String>,
    /// The value after, if there is one.
    pub after: Option<String>,
}

/// A value as text: lists joined, long ones cut, binary ones named by their digest.
pub fn text(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => match text.strip_prefix("sha256:") {
            Some(digest) if digest.len() == 64 => format!("binary, SHA-256 {}…", &digest[..12]),
            _ => text.clone(),
        },
        Value::Array(values) => values.iter().map(self::text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What differs between two sets of properties, by name. A property that is absent has no value.
pub fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let empty = serde_json::Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    let after = after.and_then(Value::as_object).unwrap_or(&empty);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let shown = |value: Option<&Value>| value.map(text).filter(|text| !text.is_empty());
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Difference { name: name.clone(), before: shown(before.get(name)), after: shown(after.get(name)) })
        .filter(|difference| difference.before.is_some() || difference.after.is_some())
        .collect()
}

/// A change as a row.
pub struct ChangeLine {
    /// What happens.
    pub badge: Badge,
    /// What pages call the entity type or association.
    pub scope: String,
    /// The key, of a link its `from` end's.
    pub key: String,
    /// The resource's page, where there is one.
    pub href: Option<String>,
    /// A link's `to` end before and after.
    pub target: Option<Difference>,
    /// The properties that differ.
    pub properties: Vec<Difference>,
    /// Line in the source.
    pub line: Option<i32>,
    /// By which it is chosen.
    pub cursor: String,
}

/// What pages call everything that a connector's changes can be changes of.
pub struct Scopes {
    connector: String,
    names: Vec<(String, String)>,
}

impl Scopes {
    /// Those of the run's connector, entity types first.
    pub fn load(conn: &mut PgConnection, run: &Run) -> QueryResult<Self> {
        let entity_types = entity_type::of_connector(conn, run.connector_id)?;
        let associations = association::of_connector(conn, run.connector_id)?;
        let names = entity_types.into_iter().map(|one| (one.name, one.display_name));
        let names = names.chain(associations.into_iter().map(|one| (one.name, one.display_name))).collect();
        let connector = connector::by_id(conn, run.connector_id)?.map(|connector| connector.name).unwrap_or_default();
        Ok(Self { connector, names })
    }

    /// Name and title of all of them.
    pub fn all(self) -> Vec<(String, String)> {
        self.names
    }

    /// What pages call it.
    pub fn title(&self, name: &str) -> String {
        self.names.iter().find(|(known, _)| known == name).map_or_else(|| name.to_owned(), |(_, title)| title.clone())
    }

    /// A change as a row. `applied`: whether inserts can be looked at already.
    pub fn line(&self, change: &Change, applied: bool) -> ChangeLine {
        let operation = change.operation().unwrap_or(Operation::Update);
        let is_there = operation != Operation::Insert || applied;
        let href = change
            .entity_type
            .as_ref()
            .filter(|_| is_there)
            .map(|entity_type| links::resource(&self.connector, entity_type, change.resource_id));
        let target = change.to_key.as_ref().map(|to| {
            let (before, after) = match operation {
                Operation::Insert => (None, Some(to.clone())),
                Operation::Update => (change.before_to_key.clone(), Some(to.clone())),
                Operation::Delete => (Some(to.clone()), None),
            };
            Difference { name: "leads to".into(), before, after }
        });
        let scope = change.entity_type.as_ref().or(change.association.as_ref());
        ChangeLine {
            badge: operation.into(),
            scope: scope.map(|name| self.title(name)).unwrap_or_default(),
            key: change.key.clone(),
            href,
            target,
            properties: differences(change.before.as_ref(), change.after.as_ref()),
            line: (change.line > 0).then_some(change.line),
            cursor: change.cursor.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_shown() {
        let before = json!({"mail": "a@b", "name": "Ada", "note": null});
        let after = json!({"mail": "a@c", "name": "Ada", "tags": ["x", "y"], "note": ""});
        let shown = differences(Some(&before), Some(&after));
        let as_text: Vec<String> = shown
            .iter()
            .map(|one| format!("{}: {:?} → {:?}", one.name, one.before.as_deref(), one.after.as_deref()))
            .collect();
        assert_eq!(as_text, ["mail: Some(\"a@b\") → Some(\"a@c\")", "tags: None → Some(\"x, y\")"]);
    }

    #[test]
    fn long_and_binary_values_are_cut() {
        assert!(text(&json!("x".repeat(400))).ends_with('…'));
        assert_eq!(text(&json!(format!("sha256:{}", "ab".repeat(32)))), "binary, SHA-256 abababababab…");
        assert_eq!(text(&json!(true)), "true");
    }
}
