//! From what databases send to text without loss.

use crate::model::property::VALUE_SEPARATOR;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;

/// U+001F separates values.
const SEPARATOR: u8 = VALUE_SEPARATOR.as_bytes()[0];

/// Its picture, U+241F.
const PICTURE: &str = "\u{241f}";

/// Why a value can't be text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoText {
    /// Bytes that are no characters.
    #[error("the value is no UTF-8 (byte {at} is 0x{byte:02x}): mend it there, or read the column as bytes")]
    Encoding {
        /// Where the first wrong byte stands, from 1.
        at: usize,
        /// What it is.
        byte: u8,
    },
    /// The database wrote something that it should not have.
    #[error("the value can't be understood as {0}")]
    Malformed(&'static str),
}

/// Adds a text. A separator inside would make two values of it: its picture takes its place.
pub fn text(to: &mut Vec<u8>, value: &[u8]) -> Result<(), NoText> {
    if let Err(error) = std::str::from_utf8(value) {
        let at = error.valid_up_to();
        return Err(NoText::Encoding { at: at + 1, byte: value.get(at).copied().unwrap_or_default() });
    }
    let mut rest = value;
    while let Some(at) = memchr::memchr(SEPARATOR, rest) {
        to.extend_from_slice(&rest[..at]);
        to.extend_from_slice(PICTURE.as_bytes());
        rest = &rest[at + 1..];
    }
    to.extend_from_slice(rest);
    Ok(())
}

/// Begins another value of a cell with several.
pub fn separator(to: &mut Vec<u8>) {
    to.push(SEPARATOR);
}

/// Adds bytes as base64.
pub fn bytes(to: &mut Vec<u8>, value: &[u8]) {
    to.extend_from_slice(STANDARD.encode(value).as_bytes());
}

/// Adds a moment written as `2026-11-20 02:00:00.5`, with an offset that can only be zero where there is one: as ISO
/// 8601. What is no such moment (`infinity`, years before Christ) stays as it is.
pub fn moment(to: &mut Vec<u8>, value: &[u8]) -> Result<(), NoText> {
    let (clock, is_utc) = match value.strip_suffix(b"+00") {
        Some(clock) => (clock, true),
        None => (value, false),
    };
    let Some(space) = memchr::memchr(b' ', clock).filter(|_| clock.first().is_some_and(u8::is_ascii_digit)) else {
        return text(to, value);
    };
    let (day, time) = clock.split_at(space);
    if !time[1..].iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.')) {
        return text(to, value);
    }
    to.extend_from_slice(day);
    to.push(b'T');
    to.extend_from_slice(&time[1..]);
    if is_utc {
        to.push(b'Z');
    }
    Ok(())
}

/// Adds a number with as many digits as tell it from every other.
pub fn number(to: &mut Vec<u8>, value: f64) {
    written(to, value.abs(), format_args!("{value}"), format_args!("{value:e}"));
}

/// The same for a number of single precision: 0.1, and not 0.10000000149011612.
pub fn single(to: &mut Vec<u8>, value: f32) {
    written(to, f64::from(value.abs()), format_args!("{value}"), format_args!("{value:e}"));
}

/// Very large and very small numbers have an exponent, as databases write them.
fn written(to: &mut Vec<u8>, size: f64, plain: std::fmt::Arguments<'_>, short: std::fmt::Arguments<'_>) {
    let is_usual = size == 0.0 || !size.is_finite() || (1e-5..1e16).contains(&size);
    // Writing to memory can't fail.
    let _ = to.write_fmt(if is_usual { plain } else { short });
}

/// What was read of a cell, and where it could not be.
pub fn place(row: u64, column: &str) -> String {
    format!("row {row}, column {column:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut to = Vec::new();
        write(&mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn a_separator_inside_a_text_makes_no_two_values() {
        assert_eq!(of(|to| text(to, b"a\x1fb\x1f").unwrap()), "a\u{241f}b\u{241f}");
        assert_eq!(of(|to| text(to, "Å\0".as_bytes()).unwrap()), "Å\0");
        assert_eq!(text(&mut Vec::new(), b"Ren\xe9"), Err(NoText::Encoding { at: 4, byte: 0xe9 }));
    }

    #[test]
    fn moments_become_iso() {
        for (written, iso) in [
            ("2026-11-20 02:00:00", "2026-11-20T02:00:00"),
            ("2026-11-20 02:00:00.123456+00", "2026-11-20T02:00:00.123456Z"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
            ("0044-03-15 12:00:00 BC", "0044-03-15 12:00:00 BC"),
            ("0044-03-15 12:00:00+00 BC", "0044-03-15 12:00:00+00 BC"),
            ("2026-11-20", "2026-11-20"),
        ] {
            assert_eq!(of(|to| moment(to, written.as_bytes()).unwrap()), iso);
        }
    }

    #[test]
    fn numbers_lose_nothing() {
        for (value, written) in [
            (0.1, "0.1"),
            (1.0, "1"),
            (-0.0, "-0"),
            (1e300, "1e300"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(of(|to| number(to, value)), written);
            assert_eq!(written.parse::<f64>().unwrap(), value);
        }
        assert_eq!(of(|to| single(to, 0.1)), "0.1");
        assert_eq!(of(|to| single(to, 16_777_216.0)), "16777216");
    }
}
