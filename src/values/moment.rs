//! Days and moments: how sources write them, and how we do.

use chrono::format::{Fixed, Item, Parsed, StrftimeItems, parse};
use chrono::{
    DateTime, Datelike, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use std::fmt::Write;

/// How a source writes a day or a moment.
#[derive(Debug, Clone)]
pub enum Notation {
    /// A chrono pattern: `%d/%m/%Y`.
    Pattern(Pattern),
    /// Windows FILETIME: 100 ns since 1601. 0 and 0x7FFFFFFFFFFFFFFF mean never (`accountExpires`).
    Filetime,
    /// LDAP GeneralizedTime (RFC 4517 3.3.13): `20261120020000.0Z`.
    Generalized,
    /// RFC 3339; without an offset too.
    Rfc3339,
}

/// A chrono pattern, taken apart once.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    written: Vec<Item<'static>>,
    /// As written, but an offset may have a colon or not, or be `Z`: sources do not keep to one.
    read: Vec<Item<'static>>,
}

/// What a text says about a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Not at any time.
    Never,
    /// A moment with its offset.
    At(DateTime<Utc>),
    /// What a clock on a wall showed.
    Local(NaiveDateTime),
}

/// The years we believe. Earlier ones are two-digit years read by a four-digit pattern, later ones overflowed.
const YEARS: std::ops::RangeInclusive<i32> = 1000..=9999;

impl Pattern {
    /// Takes a pattern apart. `Err`: in words, why it can't be used.
    pub fn new(text: &str) -> Result<Self, String> {
        // `%#z` can only be read; here every offset is read as leniently
        let written = StrftimeItems::new(&text.replace("%#z", "%z"))
            .parse_to_owned()
            .map_err(|_| format!("'{text}' is not a date pattern; for example %d/%m/%Y or %Y-%m-%d %H:%M:%S"))?;
        if text.contains("%Z") {
            return Err(format!("'{text}': %Z is only skipped when read; use %z for an offset, or set time_zone"));
        }
        let read = written
            .iter()
            .map(|item| match item {
                Item::Fixed(Fixed::TimezoneOffset | Fixed::TimezoneOffsetColon) => Item::Fixed(Fixed::TimezoneOffsetZ),
                other => other.clone(),
            })
            .collect();
        Ok(Self { text: text.to_owned(), written, read })
    }

    /// Takes apart a pattern that values are read by: it must tell a whole day.
    pub fn for_reading(text: &str) -> Result<Self, String> {
        let pattern = Self::new(text)?;
        let sample = sample();
        let reread = pattern.write(sample).and_then(|written| pattern.read(&written));
        let day = match reread {
            Some(Reading::At(moment)) => Some(moment.date_naive()),
            Some(Reading::Local(clock)) => Some(clock.date()),
            _ => None,
        };
        if day == Some(sample.date_naive()) {
            Ok(pattern)
        } else {
            Err(format!("'{text}' does not tell a whole day; it needs year, month and day, as in %d/%m/%Y"))
        }
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A day of our time in this notation, to show what is expected.
    pub fn example(&self) -> String {
        self.write(sample()).unwrap_or_default()
    }

    /// Writes a moment. `None` if the pattern can't be written.
    pub fn write(&self, moment: DateTime<Utc>) -> Option<String> {
        let mut written = String::new();
        write!(written, "{}", moment.format_with_items(self.written.iter())).ok()?;
        Some(written)
    }

    /// Reads a text; midnight where it tells no time.
    fn read(&self, text: &str) -> Option<Reading> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, text, self.read.iter()).ok()?;
        if parsed.offset().is_some() || parsed.timestamp().is_some() {
            let moment = parsed.to_datetime().map(|moment| moment.to_utc());
            return moment
                .or_else(|_| parsed.to_naive_datetime_with_offset(0).map(|moment| moment.and_utc()))
                .ok()
                .map(Reading::At);
        }
        let day = parsed.to_naive_date().ok()?;
        let tells_time = parsed.hour_mod_12().is_some() || parsed.hour_div_12().is_some() || parsed.minute().is_some();
        let time = if tells_time { parsed.to_naive_time().ok()? } else { NaiveTime::MIN };
        Some(Reading::Local(day.and_time(time)))
    }
}

impl Notation {
    /// Reads a text in this notation. `None`: it is not written like that, or there is no such day.
    pub fn read(&self, text: &str) -> Option<Reading> {
        let reading = match self {
            Self::Pattern(pattern) => pattern.read(text)?,
            Self::Filetime => read_filetime(text)?,
            Self::Generalized => read_generalized(text)?,
            Self::Rfc3339 => read_rfc3339(text)?,
        };
        let believed = match reading {
            Reading::Never => true,
            Reading::At(moment) => YEARS.contains(&moment.year()),
            Reading::Local(clock) => YEARS.contains(&clock.year()),
        };
        believed.then_some(reading)
    }

    /// What it is called where a value does not have it.
    pub fn describe(&self) -> String {
        match self {
            Self::Pattern(pattern) => format!("the pattern {} (as in {})", pattern.as_str(), pattern.example()),
            Self::Filetime => "a Windows FILETIME (100 ns since 1601)".to_owned(),
            Self::Generalized => "GeneralizedTime (as in 20261120020000Z)".to_owned(),
            Self::Rfc3339 => "RFC 3339 (as in 2026-11-20T02:00:00Z)".to_owned(),
        }
    }
}

/// The moment when a clock in that zone shows this. Where it shows it twice (clocks set back) the first; `None` where
/// it never does (clocks set forward).
pub fn in_zone(clock: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&clock) {
        MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => Some(moment.to_utc()),
        MappedLocalTime::None => None,
    }
}

/// A day as we write it: `2026-11-20`.
pub fn write_day(day: NaiveDate) -> String {
    format!("{:04}-{:02}-{:02}", day.year(), day.month(), day.day())
}

/// A moment as we write it: RFC 3339 in UTC, fractions of a second only where there are.
pub fn write_moment(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A moment as people write it: RFC 3339; without an offset in UTC; a day alone is its beginning.
pub fn read_moment(text: &str) -> Option<DateTime<Utc>> {
    let reading = Notation::Rfc3339.read(text).or_else(|| {
        let minute = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
        let clock = minute.iter().find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok());
        let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
        clock.or_else(day).filter(|clock| YEARS.contains(&clock.year())).map(Reading::Local)
    })?;
    match reading {
        Reading::Never => None,
        Reading::At(moment) => Some(moment),
        Reading::Local(clock) => Some(clock.and_utc()),
    }
}

/// 20 November 2026, 02:03:04 UTC: no two of its numbers are equal.
fn sample() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_140_184, 0).unwrap_or_default()
}

fn read_filetime(text: &str) -> Option<Reading> {
    /// 100 ns between 1601 and 1970.
    const UNIX_EPOCH: i64 = 116_444_736_000_000_000;
    let ticks: i64 = text.parse().ok()?;
    if ticks == 0 || ticks == i64::MAX {
        return Some(Reading::Never);
    }
    if ticks < 0 {
        return None;
    }
    let since_1970 = ticks - UNIX_EPOCH;
    let seconds = since_1970.div_euclid(10_000_000);
    let nanoseconds = u32::try_from(since_1970.rem_euclid(10_000_000) * 100).ok()?;
    DateTime::from_timestamp(seconds, nanoseconds).map(Reading::At)
}

fn read_rfc3339(text: &str) -> Option<Reading> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(Reading::At(moment.to_utc()));
    }
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
        .map(Reading::Local)
}

/// `YYYYMMDDHH[MM[SS]][(.|,)fraction][Z|(+|-)HH[MM]]`; the fraction is of the last unit given.
fn read_generalized(text: &str) -> Option<Reading> {
    let digits_end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(digits_end);
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<u32>().ok());
    let day = NaiveDate::from_ymd_opt(i32::try_from(part(0, 4)?).ok()?, part(4, 6)?, part(6, 8)?)?;
    let hour = part(8, 10)?;
    let (minute, second, unit) = match digits.len() {
        10 => (0, 0, 3600),
        12 => (part(10, 12)?, 0, 60),
        14 => (part(10, 12)?, part(12, 14)?, 1),
        _ => return None,
    };
    // a leap second is the first second of the next minute: no clock of ours has it
    let leap = second == 60;
    let clock = day
        .and_hms_opt(hour, minute, if leap { 59 } else { second })?
        .checked_add_signed(TimeDelta::seconds(i64::from(leap)))?;

    let (fraction, zone) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
            (fraction_of(&rest[..end], unit)?, &rest[end..])
        }
        None => (TimeDelta::zero(), rest),
    };
    let clock = clock.checked_add_signed(fraction)?;
    if zone.is_empty() {
        return Some(Reading::Local(clock));
    }
    let offset = offset_seconds(zone)?;
    Some(Reading::At((clock.checked_sub_signed(TimeDelta::seconds(offset))?).and_utc()))
}

/// Digits after the point, of a unit in seconds; digits past the ninth are less than a nanosecond.
fn fraction_of(digits: &str, unit: i64) -> Option<TimeDelta> {
    if digits.is_empty() {
        return None;
    }
    let billionths: i64 = format!("{digits:0<9.9}").parse().ok()?;
    Some(TimeDelta::nanoseconds(billionths * unit))
}

fn offset_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i64 = digits[..2].parse().ok()?;
    let minutes: i64 = if digits.len() == 4 { digits[2..].parse().ok()? } else { 0 };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests;
