//! A property: a named, typed attribute of an entity type.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an export writes between the values of an attribute that the source itself knows to have several: U+001F, the
/// unit separator of ASCII, which no text holds.
pub const VALUE_SEPARATOR: &str = "\u{1f}";

/// One `[[entity_type.property]]`. Exactly one of `column`, `expression` and `constant` says where the value is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyDefinition {
    /// Unique within the entity type.
    pub name: String,
    /// What pages call it; the name if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The source column the value is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// A CEL expression over `row`, the raw record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The same value for every record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// The primary key: unique, immutable; exactly one property of an entity type.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
    /// An empty value rejects the record (`required_missing`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Two resources can't have the same value (`duplicate_value`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Several values, compared as a set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multivalued: bool,
    /// What separates several values in a column. Default: [`VALUE_SEPARATOR`], as exports of directories write them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// What the value is.
    #[serde(rename = "type", default)]
    pub value_type: ValueType,
    /// How the source writes it: a chrono pattern for dates (`%d/%m/%Y`), `1601` (Windows FILETIME),
    /// `generalized` (LDAP GeneralizedTime) or, for bits, `bit:<n>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// IANA zone of date-times that carry none; UTC if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Words that mean true; default `true`, `1`, `yes`, `y` in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub true_values: Vec<String>,
    /// Words that mean false; default `false`, `0`, `no`, `n` in any case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_values: Vec<String>,
    /// A regular expression that the whole value must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The most characters a text may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Value map, applied after trimming and before conversion: `{ M = "Male" }`; others pass through.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

/// The type of a property or a profile field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Any text. Stored as a JSON string.
    #[default]
    #[serde(alias = "string")]
    Text,
    /// A 64-bit whole number. JSON number.
    Integer,
    /// A decimal number, kept as written after normalization. JSON number.
    Number,
    /// True or false. JSON boolean.
    Bool,
    /// A day. JSON string `YYYY-MM-DD`.
    Date,
    /// A moment. JSON string, RFC 3339 in UTC.
    Datetime,
    /// A GUID; accepts text in either form and base64 of Active Directory's 16 bytes (mixed endian). Lower-case text.
    Guid,
    /// A Windows security identifier; accepts `S-1-…` and base64 of its bytes. JSON string `S-1-…`.
    Sid,
    /// Bytes, base64 in the extraction. Stored once in `blobs`, as `sha256:<hex>` in the resource.
    Binary,
    /// The value of the first component of a distinguished name.
    Rdn,
}

impl ValueType {
    /// All types, as documents know them.
    pub const ALL: [Self; 10] = [
        Self::Text,
        Self::Integer,
        Self::Number,
        Self::Bool,
        Self::Date,
        Self::Datetime,
        Self::Guid,
        Self::Sid,
        Self::Binary,
        Self::Rdn,
    ];

    /// The word in documents and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Guid => "guid",
            Self::Sid => "sid",
            Self::Binary => "binary",
            Self::Rdn => "rdn",
        }
    }
}
