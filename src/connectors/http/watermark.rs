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

    /// Not ahead of the source's own clock, which tells whole seconds: one record with a date in the future would hide all
    /// changes until that day. `None`: a moment of a source that does not say what time it is.
    pub fn by_clock(self, clock: Option<DateTime<Utc>>) -> Option<Self> {
        match self {
            Self::Number(_) => Some(self),
            Self::Time(time) => Some(Self::Time(time.min(clock? + TimeDelta::seconds(1)))),
        }
    }

    /// Whether it is ahead of the source's own clock.
    pub fn is_ahead_of(self, clock: Option<DateTime<Utc>>) -> bool {
        self.by_clock(clock).is_some_and(|capped| capped < self)
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
    fn no_moment_is_ahead_of_the_clock() {
        let clock = Watermark::parse("2026-11-29T18:00:00Z").and_then(|clock| match clock {
            Watermark::Time(time) => Some(time),
            Watermark::Number(_) => None,
        });
        let (past, just_now) = ("2026-11-29T17:00:00Z", "2026-11-29T18:00:00.900Z");
        for (text, capped) in [(past, past), (just_now, just_now), ("2099-01-01T00:00:00Z", "2026-11-29T18:00:01Z")] {
            let moment = Watermark::parse(text).unwrap();
            assert_eq!(moment.by_clock(clock), Watermark::parse(capped), "{text}");
            assert_eq!(moment.is_ahead_of(clock), text != capped, "{text}");
            assert_eq!(moment.by_clock(None), None);
        }
        assert_eq!(Watermark::Number(7).by_clock(None), Some(Watermark::Number(7)));
    }

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
