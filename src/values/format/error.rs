//! What is wrong with a format or with a value, in words.

use crate::values::moment::Notation;
use crate::values::text::shorten;
use crate::values::value_type::ValueType;
use chrono_tz::Tz;
use regex::Regex;

/// Why a format can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A date pattern.
    #[error("format {0}")]
    Pattern(String),
    /// A format that the type does not know.
    #[error("format '{format}' means nothing for the type {value_type}; {hint}")]
    Unused {
        /// The type's word.
        value_type: &'static str,
        /// What stands there.
        format: String,
        /// What may stand there.
        hint: &'static str,
    },
    /// A bit.
    #[error("format '{0}' is not bit:<n>, with n from 0 (the lowest bit) to 63")]
    Bit(String),
    /// A zone.
    #[error("time_zone '{0}' is not an IANA time zone; for example Europe/Berlin")]
    TimeZone(String),
    /// A regular expression.
    #[error("pattern '{pattern}' is not a regular expression that can be used: {reason}")]
    Regex {
        /// As written.
        pattern: String,
        /// Where and why.
        reason: String,
    },
    /// A pattern for bytes.
    #[error("a binary property can't have a pattern; max_length limits its bytes")]
    PatternOfBinary,
    /// A word on both sides.
    #[error("'{0}' stands in true_values and in false_values")]
    BothTrueAndFalse(String),
    /// A separator that would separate nothing.
    #[error("separator can't be empty")]
    EmptySeparator,
    /// A separator where there is only one value.
    #[error("separator needs multivalued = true")]
    SeparatorOfOne,
}

impl FormatError {
    pub(super) fn unused(value_type: ValueType, format: &str) -> Self {
        let hint = match value_type {
            ValueType::Number => "leave it out, or ',' for a decimal comma",
            _ => "leave it out",
        };
        Self::Unused { value_type: value_type.as_str(), format: format.to_owned(), hint }
    }
}

/// Why a value is refused: what was expected, what stood there, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidValue {
    /// The value, shortened to 200 characters.
    pub value: String,
    /// The sentence.
    pub message: String,
}

/// The most characters of a value that a problem shows.
const SHOWN: usize = 200;

impl InvalidValue {
    fn new(value: &str, message: String) -> Self {
        Self { value: shorten(value, SHOWN), message }
    }

    pub(super) fn expected(value: &str, expected: &str) -> Self {
        let message = format!("'{}' is not {expected}; correct it in the source", quote(value));
        Self::new(value, message)
    }

    pub(super) fn moment(value: &str, what: &str, notation: &Notation) -> Self {
        let message = format!(
            "'{}' is not {what} in {}; correct it in the source, or the property's format",
            quote(value),
            notation.describe()
        );
        Self::new(value, message)
    }

    pub(super) fn skipped(value: &str, zone: Tz) -> Self {
        let message = format!(
            "'{}' never was: clocks in {} were set forward over it; correct it in the source, or the property's time_zone",
            quote(value),
            zone.name()
        );
        Self::new(value, message)
    }

    pub(super) fn bool(value: &str, true_words: &[String], false_words: &[String]) -> Self {
        let message = format!(
            "'{}' is neither true ({}) nor false ({}); correct it in the source, or add the word to true_values or \
             false_values",
            quote(value),
            true_words.join(", "),
            false_words.join(", ")
        );
        Self::new(value, message)
    }

    pub(super) fn several(value: &str) -> Self {
        let values: Vec<String> = value.split(super::VALUE_SEPARATOR).map(quote).collect();
        let message = format!(
            "several values ({}) for a property that has one; make it multivalued, or pick one by an expression",
            shorten(&values.join(", "), SHOWN)
        );
        Self::new(&value.replace(super::VALUE_SEPARATOR, ", "), message)
    }

    pub(super) fn list(length: usize) -> Self {
        let message = format!(
            "the expression gave a list of {length} for a property that has one value; make the property multivalued, \
             or pick one element, as in list[0]"
        );
        Self::new("", message)
    }

    pub(super) fn nul(value: &str) -> Self {
        let message = format!(
            "'{}' has a NUL character, which no text can hold; remove it in the source, or check the file's encoding",
            quote(&value.replace('\0', "␀"))
        );
        Self::new(&value.replace('\0', "␀"), message)
    }

    pub(super) fn too_long(value: &str, length: usize, most: usize) -> Self {
        let message = format!(
            "has {length} characters, at most {most} are allowed; shorten it in the source, or raise max_length"
        );
        Self::new(value, message)
    }

    pub(super) fn too_many_bytes(length: usize, most: usize) -> Self {
        let message = format!(
            "has {length} bytes, at most {most} are allowed; make it smaller in the source, or raise max_length"
        );
        Self::new("", message)
    }

    pub(super) fn not_indexable(value: &str, most: usize) -> Self {
        let message = format!(
            "has {} bytes; a key or unique value can have at most {most}; shorten it in the source, or map another column",
            value.len()
        );
        Self::new(value, message)
    }

    pub(super) fn pattern(value: &str, pattern: &Regex) -> Self {
        let pattern = pattern.as_str();
        let written = pattern.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(pattern);
        let message = format!(
            "'{}' does not match the pattern {written}; correct it in the source, or the property's pattern",
            quote(value)
        );
        Self::new(value, message)
    }
}

/// A value inside a sentence.
fn quote(value: &str) -> String {
    shorten(value, 60)
}
