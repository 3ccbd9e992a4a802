//! The files of a feed, and the ways to read them.

use super::members::{Findings, Members};
use crate::connectors::{self, SettingValue};
use encoding_rs::Encoding;
use serde_json::Value;

/// One file of a feed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    pub(super) name: String,
    /// `$.files.people`
    pub(super) path: String,
    pub(super) read: Read,
}

/// How its records are found.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// An array of objects, or one object.
    Json { single_record: bool },
    /// Elements in the root element, or the root element; values are child elements or attributes.
    Xml { single_record: bool, attributes: bool },
    /// Lines of values with a separator between them; the first one names them. Quotes mean nothing.
    Lines { encoding: String, separator: String },
}

/// Reads one member of `files`.
pub(super) fn read_file(name: &str, path: &str, value: &Value, findings: &Findings) -> File {
    let members = Members::of(value, path, findings);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(plain) {
        members.error(format!("{name:?} can't be the name of a file; use letters, digits, _ and -"));
    }
    let single_record = || members.flag("singleRecord");
    let read = match members.required_text("read").as_str() {
        "json" => Read::Json { single_record: single_record() },
        "xml-text-of-children" => Read::Xml { single_record: single_record(), attributes: false },
        "xml-attributes" => Read::Xml { single_record: single_record(), attributes: true },
        "tsv-with-name-row" => Read::Lines { encoding: encoding(&members), separator: separator(&members) },
        other => {
            if !other.is_empty() {
                members.error_at(
                    "read",
                    format!(
                        "there is no reader {other:?}; there are json, xml-text-of-children, xml-attributes and \
                         tsv-with-name-row"
                    ),
                );
            }
            Read::Json { single_record: false }
        }
    };
    members.close();
    File { name: name.to_owned(), path: path.to_owned(), read }
}

/// The word that a files connection has for a charset.
fn encoding(members: &Members<'_>) -> String {
    let utf8 = || "utf-8".to_owned();
    let Some(charset) = members.text("charset") else { return utf8() };
    let known = known_encodings();
    let canonical = Encoding::for_label(charset.as_bytes()).map(|encoding| encoding.name().to_ascii_lowercase());
    match canonical.filter(|name| known.contains(&name.as_str())) {
        Some(name) => name,
        None => {
            members.error_at("charset", format!("{charset:?} can't be read; there are {}", known.join(", ")));
            utf8()
        }
    }
}

fn known_encodings() -> &'static [&'static str] {
    let settings = connectors::kind("files").map(|kind| kind.table_settings()).unwrap_or_default();
    settings
        .iter()
        .find_map(|setting| match setting.value {
            SettingValue::Choice(words) if setting.name == "encoding" => Some(words),
            _ => None,
        })
        .unwrap_or_default()
}

fn separator(members: &Members<'_>) -> String {
    let Some(Value::String(separator)) = members.value("separator") else {
        members.text("separator");
        return "\t".to_owned();
    };
    match separator.as_bytes() {
        [b'"' | b'\n' | b'\r' | 0] => {}
        [byte] if byte.is_ascii() => return separator.clone(),
        _ => {}
    }
    members.error_at(
        "separator",
        format!("{separator:?} is no separator of one ASCII character; write the file with one"),
    );
    "\t".to_owned()
}
