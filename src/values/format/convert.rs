//! The conversion of one text, by type.

use super::error::{FormatError, InvalidValue};
use crate::values::binary::{Blob, decode_base64};
use crate::values::identifier::{parse_guid, parse_sid};
use crate::values::moment::{Notation, Reading, in_zone, write_day, write_moment};
use crate::values::rdn::first_rdn;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

/// How one text becomes a value.
#[derive(Debug, Clone)]
pub(super) enum Conversion {
    Text,
    Integer,
    Number { decimal_comma: bool },
    Bool { true_words: Vec<String>, false_words: Vec<String> },
    Bit(u8),
    Day { notation: Notation, zone: Tz },
    Moment { notation: Notation, zone: Tz },
    Guid,
    Sid,
    Binary,
    Rdn,
}

/// One converted value.
#[derive(Debug, Clone)]
pub enum Typed<'a> {
    /// Text, and what is kept as text: dates, identifiers.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Bytes.
    Binary(Vec<u8>),
}

const TRUE_WORDS: [&str; 4] = ["true", "1", "yes", "y"];
const FALSE_WORDS: [&str; 4] = ["false", "0", "no", "n"];

impl Conversion {
    /// Words in any case; the usual ones for the side that has none, as far as the other side does not take them.
    pub(super) fn bool(true_values: &[String], false_values: &[String]) -> Result<Self, FormatError> {
        let words = |given: &[String], usual: [&str; 4], other: &[String]| -> Vec<String> {
            let is_taken = |word: &&str| other.iter().any(|taken| same_word(taken, word));
            match given {
                [] => usual.into_iter().filter(|word| !is_taken(word)).map(str::to_owned).collect(),
                given => given.iter().map(|word| word.trim().to_owned()).collect(),
            }
        };
        if let Some(word) = true_values.iter().find(|word| false_values.iter().any(|other| same_word(word, other))) {
            return Err(FormatError::BothTrueAndFalse(word.clone()));
        }
        Ok(Self::Bool {
            true_words: words(true_values, TRUE_WORDS, false_values),
            false_words: words(false_values, FALSE_WORDS, true_values),
        })
    }

    /// The value of a text that is trimmed, not empty, and has no NUL. `None`: the source's way to say that there is no value.
    pub(super) fn convert<'a>(&self, text: Cow<'a, str>) -> Result<Option<Typed<'a>>, InvalidValue> {
        let value = match self {
            Self::Text => Typed::Text(text),
            Self::Integer => match text.parse() {
                Ok(integer) => Typed::Integer(integer),
                Err(_) => return Err(InvalidValue::expected(&text, "a whole number of at most 64 bits")),
            },
            Self::Number { decimal_comma } => number(&text, *decimal_comma)?,
            Self::Bool { true_words, false_words } => {
                let is_one_of = |words: &[String]| words.iter().any(|word| same_word(word, &text));
                if is_one_of(true_words) {
                    Typed::Bool(true)
                } else if is_one_of(false_words) {
                    Typed::Bool(false)
                } else {
                    return Err(InvalidValue::bool(&text, true_words, false_words));
                }
            }
            Self::Bit(bit) => match text.parse::<i64>() {
                Ok(bits) => Typed::Bool(bits >> bit & 1 == 1),
                Err(_) => return Err(InvalidValue::expected(&text, "a whole number whose bits are flags")),
            },
            Self::Day { notation, zone } => match notation.read(&text) {
                Some(Reading::Never) => return Ok(None),
                Some(Reading::Local(clock)) => Typed::Text(Cow::Owned(write_day(clock.date()))),
                Some(Reading::At(moment)) => day_in(moment, *zone),
                None => return Err(InvalidValue::moment(&text, "a date", notation)),
            },
            Self::Moment { notation, zone } => match notation.read(&text) {
                Some(Reading::Never) => return Ok(None),
                Some(Reading::At(moment)) => Typed::Text(Cow::Owned(write_moment(moment))),
                Some(Reading::Local(clock)) => match in_zone(clock, *zone) {
                    Some(moment) => Typed::Text(Cow::Owned(write_moment(moment))),
                    None => return Err(InvalidValue::skipped(&text, *zone)),
                },
                None => return Err(InvalidValue::moment(&text, "a date and time", notation)),
            },
            Self::Guid => match parse_guid(&text) {
                Some(guid) => Typed::Text(Cow::Owned(guid)),
                None => return Err(InvalidValue::expected(&text, "a GUID, as text or as base64 of its 16 bytes")),
            },
            Self::Sid => match parse_sid(&text) {
                Some(sid) => Typed::Text(Cow::Owned(sid)),
                None => return Err(InvalidValue::expected(&text, "a security identifier (S-1-…), or base64 of one")),
            },
            Self::Binary => match decode_base64(&text) {
                Some(bytes) => Typed::Binary(bytes),
                None => return Err(InvalidValue::expected(&text, "base64")),
            },
            Self::Rdn => return rdn(text),
        };
        Ok(Some(value))
    }

    /// The value of a moment that an expression gave.
    pub(super) fn convert_moment(&self, moment: DateTime<Utc>) -> Result<Typed<'static>, InvalidValue> {
        Ok(match self {
            Self::Day { zone, .. } => day_in(moment, *zone),
            _ => Typed::Text(Cow::Owned(write_moment(moment))),
        })
    }
}

fn day_in(moment: DateTime<Utc>, zone: Tz) -> Typed<'static> {
    Typed::Text(Cow::Owned(write_day(moment.with_timezone(&zone).date_naive())))
}

fn same_word(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b) || a.trim().to_lowercase() == b.to_lowercase()
}

fn rdn(text: Cow<'_, str>) -> Result<Option<Typed<'_>>, InvalidValue> {
    let value = match first_rdn(&text) {
        None => return Err(InvalidValue::expected(&text, "a distinguished name, as in cn=Ada,dc=example,dc=org")),
        Some(value) if value.contains('\0') => return Err(InvalidValue::nul(&text)),
        Some(value) => value.trim().to_owned(),
    };
    Ok((!value.is_empty()).then_some(Typed::Text(Cow::Owned(value))))
}

/// What a 64-bit float keeps of any decimal number.
const SIGNIFICANT_DIGITS: usize = 15;

/// A decimal number: sign, digits, point, digits, exponent. One that would be rounded is refused, as a value must not
/// change on its way.
fn number(text: &str, decimal_comma: bool) -> Result<Typed<'static>, InvalidValue> {
    let pointed =
        if decimal_comma { Cow::Owned(text.replace('.', "?").replace(',', ".")) } else { Cow::Borrowed(text) };
    let expected = || {
        let example = if decimal_comma { "1234,5" } else { "1234.5" };
        InvalidValue::expected(text, &format!("a number, as in {example}, without thousands separators"))
    };
    let (mantissa, exponent) = match pointed.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (pointed.as_ref(), None),
    };
    let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    if !is_digits(whole) || !is_digits(fraction) || !exponent_digits.is_none_or(is_digits) {
        return Err(expected());
    }
    if exponent.is_none() && fraction.bytes().all(|digit| digit == b'0') {
        let unsigned = mantissa.split('.').next().unwrap_or_default();
        if let Ok(integer) = unsigned.parse::<i64>() {
            return Ok(Typed::Integer(integer));
        }
    }
    let significant = digits.replace('.', "");
    let significant = significant.trim_start_matches('0').trim_end_matches('0').len();
    let value: f64 = pointed.parse().map_err(|_| expected())?;
    let underflowed = value == 0.0 && significant > 0;
    if significant > SIGNIFICANT_DIGITS || !value.is_finite() || underflowed {
        return Err(InvalidValue::expected(
            text,
            &format!("a number of at most {SIGNIFICANT_DIGITS} significant digits (a property of type text keeps all)"),
        ));
    }
    Ok(Typed::Number(value + 0.0))
}

impl<'a> Typed<'a> {
    /// The value as text: as a key is written, as patterns see it. A binary has none: empty.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Integer(integer) => Cow::Owned(integer.to_string()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            Self::Binary(_) => Cow::Borrowed(""),
        }
    }

    /// The value as the text of a key; of a binary, its reference.
    pub(super) fn into_key(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) => Cow::Owned(Blob::new(bytes).reference()),
            other => Cow::Owned(other.as_text().into_owned()),
        }
    }

    /// The JSON value; a binary's bytes go to `blobs`.
    pub(super) fn into_json(self, blobs: &mut Vec<Blob>) -> Value {
        match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Integer(integer) => Value::Number(integer.into()),
            Self::Number(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
            Self::Bool(value) => Value::Bool(value),
            Self::Binary(bytes) => {
                let blob = Blob::new(bytes);
                let reference = blob.reference();
                blobs.push(blob);
                Value::String(reference)
            }
        }
    }

    /// The value without a borrow.
    pub(super) fn into_owned(self) -> Typed<'static> {
        match self {
            Self::Text(text) => Typed::Text(Cow::Owned(text.into_owned())),
            Self::Integer(integer) => Typed::Integer(integer),
            Self::Number(number) => Typed::Number(number),
            Self::Bool(value) => Typed::Bool(value),
            Self::Binary(bytes) => Typed::Binary(bytes),
        }
    }

    /// The number, where it is one: whole and other numbers of one set compare with each other.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

/// A total order within one type, by which the values of a set are written.
impl Ord for Typed<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Binary(a), Self::Binary(b)) => a.cmp(b),
            (a, b) => match (a.number(), b.number()) {
                (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.as_text().cmp(&b.as_text())),
                _ => a.as_text().cmp(&b.as_text()),
            },
        }
    }
}

impl PartialOrd for Typed<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Typed<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Typed<'_> {}
