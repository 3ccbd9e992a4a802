//! A JSON object, member by member: what is missing, of the wrong kind or not known is noted with its path.

use crate::values::text::{closest, shorten};
use serde_json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ControlError {
    /// Where: `$.instructions[3].then[0]`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(RefCell<Vec<ControlError>>);

impl Findings {
    /// Notes a mistake.
    pub(super) fn add(&self, path: &str, message: impl Into<String>) {
        self.0.borrow_mut().push(ControlError { path: path.to_owned(), message: message.into() });
    }

    /// All of them.
    pub(super) fn into_errors(self) -> Vec<ControlError> {
        self.0.into_inner()
    }
}

/// The members of one object.
pub(super) struct Members<'a> {
    pub(super) path: String,
    map: Option<&'a Map<String, Value>>,
    known: RefCell<BTreeSet<&'static str>>,
    anything: Cell<bool>,
    findings: &'a Findings,
}

impl<'a> Members<'a> {
    /// Of `value`, which must be an object.
    pub(super) fn of(value: &'a Value, path: &str, findings: &'a Findings) -> Self {
        let map = value.as_object();
        if map.is_none() {
            findings.add(path, format!("here must be an object, not {}", shown(value)));
        }
        let (known, anything) = (RefCell::default(), Cell::new(false));
        Self { path: path.to_owned(), map, known, anything, findings }
    }

    /// Notes a mistake in this object.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.findings.add(&self.path, message);
    }

    /// Notes a mistake in a member.
    pub(super) fn error_at(&self, key: &str, message: impl Into<String>) {
        self.findings.add(&member(&self.path, key), message);
    }

    /// A member that may be there.
    pub(super) fn value(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(key);
        self.map?.get(key)
    }

    /// A member that must be there.
    pub(super) fn required(&self, key: &'static str) -> Option<&'a Value> {
        let value = self.value(key);
        if value.is_none() && self.map.is_some() {
            self.error(format!("{key} is missing; add it"));
        }
        value
    }

    /// A text that may be there.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.value(key).and_then(|value| self.as_text(key, value))
    }

    /// A text that must be there; empty if it is not, which is noted.
    pub(super) fn required_text(&self, key: &'static str) -> String {
        self.required(key).and_then(|value| self.as_text(key, value)).unwrap_or_default()
    }

    fn as_text(&self, key: &str, value: &Value) -> Option<String> {
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.error_at(key, format!("{key} takes a text that is not empty, not {}", shown(value)));
        }
        text.map(str::to_owned)
    }

    /// Whether a member is true.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        match self.value(key) {
            None => false,
            Some(value) => value.as_bool().unwrap_or_else(|| {
                self.error_at(key, format!("{key} takes true or false, not {}", shown(value)));
                false
            }),
        }
    }

    /// A text, number, true or false, as its text.
    pub(super) fn scalar(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        let text = scalar(value);
        if text.is_none() {
            self.error_at(key, format!("{key} takes a text or a number, not {}", shown(value)));
        }
        text
    }

    /// A list, element by element with its path; none if it is not there.
    pub(super) fn list(&self, key: &'static str) -> Vec<(String, &'a Value)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(list) = value.as_array() else {
            self.error_at(key, format!("{key} takes a list, not {}", shown(value)));
            return Vec::new();
        };
        let path = member(&self.path, key);
        list.iter().enumerate().map(|(position, value)| (format!("{path}[{position}]"), value)).collect()
    }

    /// A list of texts, numbers, true or false, as their texts.
    pub(super) fn scalars(&self, key: &'static str) -> Vec<String> {
        let as_text = |(path, value): (String, &Value)| {
            let text = scalar(value);
            if text.is_none() {
                self.findings.add(&path, format!("here must be a text or a number, not {}", shown(value)));
            }
            text
        };
        self.list(key).into_iter().filter_map(as_text).collect()
    }

    /// An object of free names, member by member with its path; none if it is not there.
    pub(super) fn free(&self, key: &'static str) -> Vec<(String, String, &'a Value)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let path = member(&self.path, key);
        let Some(map) = value.as_object() else {
            self.findings.add(&path, format!("{key} takes an object, not {}", shown(value)));
            return Vec::new();
        };
        map.iter().map(|(name, value)| (name.clone(), member(&path, name), value)).collect()
    }

    /// An object of texts and numbers, by name.
    pub(super) fn scalars_by_name(&self, key: &'static str) -> Vec<(String, String)> {
        let as_text = |(name, path, value): (String, String, &Value)| match scalar(value) {
            Some(text) => Some((name, text)),
            None => {
                self.findings.add(&path, format!("here must be a text or a number, not {}", shown(value)));
                None
            }
        };
        self.free(key).into_iter().filter_map(as_text).collect()
    }

    /// Members that nobody asks for are no mistake here.
    pub(super) fn allow_others(&self) {
        self.anything.set(true);
    }

    /// Notes every member that nobody asked for.
    pub(super) fn close(&self) {
        let known = self.known.borrow();
        let names = self.map.into_iter().flat_map(|map| map.keys());
        for name in names.filter(|name| !self.anything.get() && !known.contains(name.as_str())) {
            let hint = match closest(name, known.iter().copied()).first() {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here are {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            self.error_at(name, format!("{name:?} is not known here; {hint}"));
        }
    }
}

/// The path of a member: `$.files`, `$.files["a b"]`.
fn member(path: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !key.is_empty() && key.chars().all(plain) {
        true => format!("{path}.{key}"),
        false => format!("{path}[{}]", Value::from(key)),
    }
}

/// What stands there as text; a null is empty.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => shorten(&other.to_string(), 40),
    }
}
