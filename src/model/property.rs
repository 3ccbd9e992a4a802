//! A property: a named, typed attribute of an entity type.

use crate::values::format::{Format, FormatDefinition, FormatError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::values::format::VALUE_SEPARATOR;
pub use crate::values::value_type::ValueType;

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

impl PropertyDefinition {
    /// The compiled format. `Err` says which setting can't be used.
    pub fn format(&self) -> Result<Format, FormatError> {
        Format::new(&FormatDefinition {
            value_type: self.value_type,
            format: self.format.as_deref(),
            time_zone: self.time_zone.as_deref(),
            true_values: &self.true_values,
            false_values: &self.false_values,
            pattern: self.pattern.as_deref(),
            max_length: self.max_length,
            values: Some(&self.values),
            multivalued: self.multivalued,
            separator: self.separator.as_deref(),
            indexed: self.key || self.unique,
        })
    }
}
