//! From a source's text to a typed value: trim → value map → conversion → validation.

mod convert;
mod error;

pub use convert::Typed;
pub use error::{FormatError, InvalidValue};

use super::binary::Blob;
use super::expression::Evaluated;
use super::moment::{Notation, Pattern};
use super::value_type::ValueType;
use chrono_tz::Tz;
use convert::Conversion;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What an export writes between the values of an attribute that the source itself knows to have several: U+001F, the
/// unit separator of ASCII, which no text holds.
pub const VALUE_SEPARATOR: &str = "\u{1f}";

/// The most bytes a value may have that is looked up by: a key, a unique value. PostgreSQL indexes no more than 2704.
pub const MOST_INDEXED_BYTES: usize = 2000;

/// What a document says about a format; [`Format::new`] checks it.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormatDefinition<'a> {
    /// What the value is.
    pub value_type: ValueType,
    /// How the source writes it: a chrono pattern, `1601`, `generalized`; `bit:<n>` for a bool (bits count from 0);
    /// `,` for a number with a decimal comma.
    pub format: Option<&'a str>,
    /// IANA zone of date-times that carry none; UTC if absent.
    pub time_zone: Option<&'a str>,
    /// Words that mean true, in any case; empty: the usual ones.
    pub true_values: &'a [String],
    /// Words that mean false, in any case; empty: the usual ones.
    pub false_values: &'a [String],
    /// A regular expression that the whole converted value must match.
    pub pattern: Option<&'a str>,
    /// The most characters of the converted value; of a binary, the most bytes.
    pub max_length: Option<usize>,
    /// Value map; `None`: the empty one.
    pub values: Option<&'a BTreeMap<String, String>>,
    /// Several values, compared as a set.
    pub multivalued: bool,
    /// What separates them; [`VALUE_SEPARATOR`] if absent.
    pub separator: Option<&'a str>,
    /// A key or unique value: at most [`MOST_INDEXED_BYTES`].
    pub indexed: bool,
}

/// A compiled format.
#[derive(Debug, Clone)]
pub struct Format {
    conversion: Conversion,
    values: BTreeMap<String, String>,
    pattern: Option<Regex>,
    max_length: Option<usize>,
    separator: Option<String>,
    indexed: bool,
}

impl Format {
    /// Compiles a format. `Err` says which setting can't be used, and why.
    pub fn new(definition: &FormatDefinition) -> Result<Self, FormatError> {
        Ok(Self {
            conversion: conversion(definition)?,
            values: definition.values.cloned().unwrap_or_default(),
            pattern: definition.pattern.map(whole_value_pattern).transpose()?,
            max_length: definition.max_length,
            separator: separator(definition)?,
            indexed: definition.indexed,
        })
    }

    /// Whether a value is a set of several.
    pub fn is_multivalued(&self) -> bool {
        self.separator.is_some()
    }

    /// The JSON value of a raw text, [`Value::Null`] if it is empty; the bytes of binary values are added to `blobs`.
    /// Several values become a sorted array without repetitions, so that equal sets are equal.
    pub fn convert(&self, raw: &str, blobs: &mut Vec<Blob>) -> Result<Value, InvalidValue> {
        let Some(separator) = &self.separator else {
            return Ok(self.convert_one(raw)?.map_or(Value::Null, |value| value.into_json(blobs)));
        };
        let mut values = Vec::new();
        for part in split_values(raw, Some(separator)) {
            values.extend(self.convert_one(part)?);
        }
        Ok(into_set(values, blobs))
    }

    /// The value of a raw text as the text a key is compared by; `None` if it is empty.
    pub fn convert_key<'a>(&self, raw: &'a str) -> Result<Option<Cow<'a, str>>, InvalidValue> {
        Ok(self.convert_one(raw)?.map(Typed::into_key))
    }

    /// As [`Format::convert`], for what an expression gave.
    pub fn convert_evaluated(&self, evaluated: Evaluated, blobs: &mut Vec<Blob>) -> Result<Value, InvalidValue> {
        match evaluated {
            Evaluated::Text(text) => self.convert(&text, blobs),
            Evaluated::List(items) if self.is_multivalued() => {
                let mut values = Vec::new();
                for item in items {
                    if let Some(value) = self.convert_scalar(item)? {
                        values.push(value.into_owned());
                    }
                }
                Ok(into_set(values, blobs))
            }
            scalar => {
                let value = self.convert_scalar(scalar)?.map(|value| value.into_json(blobs));
                Ok(match value {
                    None => Value::Null,
                    Some(value) if self.is_multivalued() => Value::Array(vec![value]),
                    Some(value) => value,
                })
            }
        }
    }

    /// As [`Format::convert_key`], for what an expression gave.
    pub fn convert_evaluated_key(&self, evaluated: Evaluated) -> Result<Option<String>, InvalidValue> {
        Ok(self.convert_scalar(evaluated)?.map(|value| value.into_key().into_owned()))
    }

    fn convert_one<'a>(&self, raw: &'a str) -> Result<Option<Typed<'a>>, InvalidValue> {
        let mut text = Cow::Borrowed(raw.trim());
        if let Some(meaning) = self.values.get(&*text) {
            text = Cow::Owned(meaning.trim().to_owned());
        }
        if text.is_empty() {
            return Ok(None);
        }
        if has_control_characters(&text) {
            if text.contains(VALUE_SEPARATOR) {
                return Err(InvalidValue::several(&text));
            }
            if text.contains('\0') {
                return Err(InvalidValue::nul(&text));
            }
        }
        let Some(value) = self.conversion.convert(text)? else { return Ok(None) };
        self.validate(&value)?;
        Ok(Some(value))
    }

    /// One thing that an expression gave. What has the type already is taken as it is, everything else as its text.
    fn convert_scalar(&self, evaluated: Evaluated) -> Result<Option<Typed<'static>>, InvalidValue> {
        let value = match (&self.conversion, evaluated) {
            (_, Evaluated::Empty) => return Ok(None),
            (Conversion::Bool { .. }, Evaluated::Bool(value)) => Typed::Bool(value),
            (Conversion::Moment { .. } | Conversion::Day { .. }, Evaluated::Moment(moment)) => {
                self.conversion.convert_moment(moment)?
            }
            (_, Evaluated::List(items)) => return Err(InvalidValue::list(items.len())),
            (_, scalar) => return Ok(self.convert_one(&scalar.into_text())?.map(Typed::into_owned)),
        };
        self.validate(&value)?;
        Ok(Some(value))
    }

    fn validate(&self, value: &Typed) -> Result<(), InvalidValue> {
        let limits = self.max_length.is_some() || self.pattern.is_some() || self.indexed;
        if !limits {
            return Ok(());
        }
        if let Typed::Binary(bytes) = value {
            return match self.max_length {
                Some(most) if bytes.len() > most => Err(InvalidValue::too_many_bytes(bytes.len(), most)),
                _ => Ok(()),
            };
        }
        let text = value.as_text();
        // no text has more characters than bytes
        if let Some(most) = self.max_length.filter(|&most| text.len() > most) {
            let length = text.chars().count();
            if length > most {
                return Err(InvalidValue::too_long(&text, length, most));
            }
        }
        if self.indexed && text.len() > MOST_INDEXED_BYTES {
            return Err(InvalidValue::not_indexable(&text, MOST_INDEXED_BYTES));
        }
        match &self.pattern {
            Some(pattern) if !pattern.is_match(&text) => Err(InvalidValue::pattern(&text, pattern)),
            _ => Ok(()),
        }
    }
}

/// The values that stand in one text, trimmed, empty ones left out. [`VALUE_SEPARATOR`] separates them in any case: an
/// export writes it whatever the document says.
pub fn split_values<'a>(raw: &'a str, separator: Option<&'a str>) -> impl Iterator<Item = &'a str> {
    raw.split(separator.filter(|separator| !separator.is_empty()).unwrap_or(VALUE_SEPARATOR))
        .flat_map(|part| part.split(VALUE_SEPARATOR))
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// Without an early end, which lets the compiler look at many bytes at once: nearly all texts have none.
fn has_control_characters(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | (byte < b' '))
}

fn into_set(mut values: Vec<Typed>, blobs: &mut Vec<Blob>) -> Value {
    values.sort();
    values.dedup();
    if values.is_empty() {
        return Value::Null;
    }
    Value::Array(values.into_iter().map(|value| value.into_json(blobs)).collect())
}

fn conversion(definition: &FormatDefinition) -> Result<Conversion, FormatError> {
    let value_type = definition.value_type;
    let format = definition.format;
    let zone = || match definition.time_zone {
        Some(name) => name.parse::<Tz>().map_err(|_| FormatError::TimeZone(name.to_owned())),
        None => Ok(Tz::UTC),
    };
    let unused = |format: Option<&str>| match format {
        Some(format) => Err(FormatError::unused(value_type, format)),
        None => Ok(()),
    };
    Ok(match value_type {
        ValueType::Text => unused(format).map(|()| Conversion::Text)?,
        ValueType::Integer => unused(format).map(|()| Conversion::Integer)?,
        ValueType::Guid => unused(format).map(|()| Conversion::Guid)?,
        ValueType::Sid => unused(format).map(|()| Conversion::Sid)?,
        ValueType::Rdn => unused(format).map(|()| Conversion::Rdn)?,
        ValueType::Binary if definition.pattern.is_some() => return Err(FormatError::PatternOfBinary),
        ValueType::Binary => unused(format).map(|()| Conversion::Binary)?,
        ValueType::Number => match format {
            None | Some(".") => Conversion::Number { decimal_comma: false },
            Some(",") => Conversion::Number { decimal_comma: true },
            Some(other) => return Err(FormatError::unused(value_type, other)),
        },
        ValueType::Bool => match format {
            None => Conversion::bool(definition.true_values, definition.false_values)?,
            Some(format) => Conversion::Bit(bit_number(format)?),
        },
        ValueType::Date => Conversion::Day { notation: notation(format, "%Y-%m-%d")?, zone: zone()? },
        ValueType::Datetime => Conversion::Moment {
            notation: match format {
                None => Notation::Rfc3339,
                Some(format) => notation(Some(format), format)?,
            },
            zone: zone()?,
        },
    })
}

fn notation(format: Option<&str>, default: &str) -> Result<Notation, FormatError> {
    Ok(match format.unwrap_or(default) {
        "1601" => Notation::Filetime,
        "generalized" => Notation::Generalized,
        pattern => Notation::Pattern(Pattern::for_reading(pattern).map_err(FormatError::Pattern)?),
    })
}

fn bit_number(format: &str) -> Result<u8, FormatError> {
    format
        .strip_prefix("bit:")
        .and_then(|number| number.parse().ok())
        .filter(|&bit| bit < 64)
        .ok_or_else(|| FormatError::Bit(format.to_owned()))
}

fn separator(definition: &FormatDefinition) -> Result<Option<String>, FormatError> {
    match (definition.multivalued, definition.separator) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(FormatError::SeparatorOfOne),
        (true, Some("")) => Err(FormatError::EmptySeparator),
        (true, separator) => Ok(Some(separator.unwrap_or(VALUE_SEPARATOR).to_owned())),
    }
}

/// The most bytes that a compiled regular expression may take.
const MOST_REGEX_BYTES: usize = 1 << 20;

fn whole_value_pattern(pattern: &str) -> Result<Regex, FormatError> {
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(MOST_REGEX_BYTES).build();
    // alone first: `a)|(b` would be accepted once it stands in a group
    compile(pattern)
        .and_then(|_| compile(&format!(r"\A(?:{pattern})\z")))
        .map_err(|error| FormatError::Regex { pattern: pattern.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
