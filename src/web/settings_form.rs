//! The settings that a kind of connection declares, as fields of a form, and back.

use crate::connectors::{Setting, SettingValue};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a form sent, by the names of its fields.
pub type Sent = BTreeMap<String, String>;

/// A setting as a field.
pub struct Field {
    /// Of the input, and its id.
    pub name: String,
    /// The key in documents.
    pub label: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// Whether it must be filled in.
    pub required: bool,
    /// What is filled in.
    pub value: String,
    /// Which input it is.
    pub input: Input,
}

impl Field {
    /// Whether this is filled in.
    pub fn is(&self, word: &str) -> bool {
        self.value == word
    }
}

/// Which input a field is.
pub enum Input {
    /// A line of text.
    Text,
    /// A whole number.
    Number(i64, i64),
    /// One of these words; none may be chosen.
    Choice(Vec<&'static str>),
    /// Lines of text, each an item.
    Lines,
    /// Where a secret is, never itself: how that is said, and where.
    Secret(String),
}

/// The fields of `settings`, filled in as they were sent; their names begin with `prefix`.
pub fn fields(prefix: &str, settings: &'static [Setting], sent: &Sent) -> Vec<Field> {
    let field = |setting: &'static Setting| {
        let name = format!("{prefix}{}", setting.name);
        let input = match setting.value {
            SettingValue::Text | SettingValue::Path => Input::Text,
            SettingValue::Integer(least, most) => Input::Number(least, most),
            SettingValue::Bool => Input::Choice(vec!["true", "false"]),
            SettingValue::Choice(words) => Input::Choice(words.to_vec()),
            SettingValue::TextList => Input::Lines,
            SettingValue::Secret => Input::Secret(sent.get(&format!("{name}.how")).cloned().unwrap_or_default()),
        };
        let value = sent.get(&name).cloned().unwrap_or_default();
        Field { name, label: setting.name, help: setting.help, required: setting.required, value, input }
    };
    settings.iter().map(field).collect()
}

/// What was filled in, as documents have it; what can't be used is told.
pub fn read(prefix: &str, settings: &'static [Setting], sent: &Sent, refusals: &mut Vec<String>) -> Map<String, Value> {
    let mut read = Map::new();
    for setting in settings {
        let name = format!("{prefix}{}", setting.name);
        let text = sent.get(&name).map(|text| text.trim()).unwrap_or_default();
        if text.is_empty() {
            if setting.required {
                refusals.push(format!("{} is empty. {}", setting.name, setting.help));
            }
            continue;
        }
        let mut refuse = |why: String| {
            refusals.push(format!("{}: {why}", setting.name));
            None
        };
        let value = match setting.value {
            SettingValue::Text => Some(json!(text)),
            SettingValue::Path if text.starts_with('/') => Some(json!(text)),
            SettingValue::Path => refuse(format!("{text:?} is no whole path; begin with /")),
            SettingValue::Bool => Some(json!(text == "true")),
            SettingValue::Integer(least, most) => match text.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Some(json!(number)),
                _ => refuse(format!("write a whole number from {least} to {most}")),
            },
            SettingValue::Choice(words) if words.contains(&text) => Some(json!(text)),
            SettingValue::Choice(words) => refuse(format!("choose one of {}", words.join(", "))),
            SettingValue::TextList => {
                Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect())
            }
            SettingValue::Secret => match sent.get(&format!("{name}.how")).map(String::as_str) {
                Some("file") if text.starts_with('/') => Some(json!({ "file": text })),
                // What was written may be the secret itself: it is not repeated.
                Some("file") => refuse("write the whole path of the file that holds it".to_owned()),
                _ if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => Some(json!({ "env": text })),
                _ => refuse("write the name of an environment variable, never the secret itself".to_owned()),
            },
        };
        if let Some(value) = value {
            read.insert(setting.name.to_owned(), value);
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    static SETTINGS: &[Setting] = &[
        Setting { name: "servers", value: SettingValue::TextList, required: true, help: "Addresses." },
        Setting { name: "password", value: SettingValue::Secret, required: false, help: "Where it is." },
        Setting { name: "page_size", value: SettingValue::Integer(1, 10), required: false, help: "Rows." },
        Setting { name: "folder", value: SettingValue::Path, required: false, help: "Where." },
    ];

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_was_sent_becomes_settings_and_a_secret_is_never_taken() {
        let mut refusals = Vec::new();
        let form = [("c.servers", "ldap://a\r\nldap://b\r\n"), ("c.password", "PASSWORD"), ("c.page_size", "7")];
        let settings = read("c.", SETTINGS, &sent(&form), &mut refusals);
        assert_eq!(refusals, Vec::<String>::new());
        assert_eq!(settings["servers"], json!(["ldap://a", "ldap://b"]));
        assert_eq!(settings["password"], json!({ "env": "PASSWORD" }));
        let wrong = [("c.password", "s3cret!"), ("c.page_size", "70"), ("c.folder", "here")];
        read("c.", SETTINGS, &sent(&wrong), &mut refusals);
        assert_eq!(refusals.len(), 4, "{refusals:?}");
        assert!(refusals.iter().all(|refusal| !refusal.contains("s3cret")));
    }
}
