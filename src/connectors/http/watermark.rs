//! How far a source was read, by what its records say about when they changed.

use chrono::{DateTime, NaiveDateTime, SecondsFormat, TimeDelta, Utc};
use std::fmt;

/// A moment, or a number that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watermark {
    /// A number.
    Number(i64),
    /// A moment.
    Time(DateTime<Utc>),
}

impl Watermark {
    /// RFC 3339 (without an offset: UTC), or a whole number.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Some(Self::Number(number));
        }
        let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        let time =
            time.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|time| time.and_utc()));
        time.ok().map(Self::Time)
    }

    /// So much earlier: seconds of a moment, units of a number.
    pub fn minus(self, overlap: u32) -> Self {
        match self {
            Self::Number(number) => Self::Number(number.saturating_sub(i64::from(overlap))),
            Self::Time(time) => {
                Self::Time(time.checked_sub_signed(TimeDelta::seconds(i64::from(overlap))).unwrap_or(time))
            }
        }
    }
}

impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Time(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_numbers_are_told_apart_and_compared() {
        let early = Watermark::parse("2026-11-29T19:00:00+01:00").unwrap();
        let late = Watermark::parse("2026-11-29T18:10:00.5Z").unwrap();
        assert!(late > early);
        assert_eq!(early.minus(300).to_string(), "2026-11-29T17:55:00Z");
        assert_eq!(Watermark::parse(&late.to_string()), Some(late));
        assert_eq!(Watermark::parse("2026-11-29T18:10:00.500"), Some(late));
        assert_eq!(Watermark::parse(" 41 ").unwrap().minus(1).to_string(), "40");
        assert_eq!(Watermark::parse("yesterday"), None);
    }
}
