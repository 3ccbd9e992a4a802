//! What changed since the last applied run: a column that grows with every change, such as `updated_at`.
//!
//! The cursor is the largest value that there was in the snapshot that was read. Rows whose value is not below it are
//! read again, and from some way before it (`overlap`): a transaction that began earlier may commit later, with an
//! earlier value. Rows without a value can't tell and are always read. What is read twice does no harm, since changes
//! are compared with what is stored.
//!
//! Values ahead of the database's clock would leave out everything until their time has come, so the cursor never goes
//! past it. Rows that are gone leave no trace: `deleted_where` tells those that are only marked, a complete run the
//! others.

use super::session::{self, Column, Content, Session};
use super::settings::{Address, Database, Source, SourceTable, Watermark};
use super::statement::{self, Bound};
use crate::connectors::{ChangesError, ConnectionError};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The cursor of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The largest value there was; none: there was none.
    pub watermark: Option<String>,
    /// Whether it is a number there.
    number: bool,
    /// What was asked, and of whom (SHA-256): the value means nothing elsewhere.
    source: String,
}

impl Position {
    /// Where a table stands in the session's snapshot.
    pub fn now(
        database: &Database,
        session: &mut dyn Session,
        table: &SourceTable,
        watermark: &Watermark,
        columns: &[Column],
    ) -> Result<Self, ConnectionError> {
        Ok(Self::read(database, session, table, watermark, columns, None)?.0)
    }

    /// The same, and from where on rows have to be read again, if `since` can be gone on from.
    pub fn after(
        since: Option<&Value>,
        database: &Database,
        session: &mut dyn Session,
        table: &SourceTable,
        watermark: &Watermark,
        columns: &[Column],
    ) -> Result<(Self, Option<Bound>), ChangesError> {
        let since: Self = since.and_then(|since| serde_json::from_value(since.clone()).ok()).ok_or_else(|| {
            ChangesError::Expired(format!("no applied run has read the table {} whole yet", table.name))
        })?;
        if since.source != fingerprint(database, table, watermark) {
            let why =
                format!("the table {} is read from elsewhere, or otherwise, than the last applied run did", table.name);
            return Err(ChangesError::Expired(why));
        }
        let before = since.bound(0);
        let (now, has_grown) = Self::read(database, session, table, watermark, columns, before.as_ref())?;
        if !has_grown {
            let why = format!(
                "the largest {} of the table {} is below what the last applied run had read: rows were removed, or the \
                 database was put back to an earlier state",
                watermark.column, table.name
            );
            return Err(ChangesError::Expired(why));
        }
        let bound = since.bound(watermark.overlap);
        Ok((now, bound))
    }

    /// The cursor as it is kept.
    pub fn to_json(&self) -> Value {
        serde_json::json!({ "watermark": self.watermark, "number": self.number, "source": self.source })
    }

    fn read(
        database: &Database,
        session: &mut dyn Session,
        table: &SourceTable,
        watermark: &Watermark,
        columns: &[Column],
        since: Option<&Bound>,
    ) -> Result<(Self, bool), ConnectionError> {
        let content = content(database, watermark, columns)?;
        let statement = statement::position(database.system, table, &watermark.column, content, since);
        let row = session::one_row(session, &statement)?;
        let [largest, is_number, now, has_grown] = <[String; 4]>::try_from(row).unwrap_or_default();
        let number = is_number == "1";
        let largest = if number { largest } else { not_ahead(&largest, &now) };
        let position = Self {
            watermark: Some(largest).filter(|largest| !largest.is_empty()),
            number,
            source: fingerprint(database, table, watermark),
        };
        Ok((position, has_grown == "1"))
    }

    fn bound(&self, overlap: u64) -> Option<Bound> {
        let text = self.watermark.as_ref()?;
        Some(Bound { text: reach_back(text, self.number, overlap), is_number: self.number })
    }
}

/// What the values of the watermark are; such that can't be compared are refused.
fn content(database: &Database, watermark: &Watermark, columns: &[Column]) -> Result<Content, ConnectionError> {
    let name = &watermark.column;
    let Some(column) = columns.iter().find(|column| column.name == *name) else {
        let there: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let message = format!("watermark: there is no column {name:?}; there are {}", there.join(", "));
        return Err(ConnectionError::permanent(&database.place, message));
    };
    match column.content {
        Content::Bytes | Content::Several => {
            let what = column.native_type.as_deref().unwrap_or("bytes");
            let message = format!("watermark: {name:?} is {what}; it must be a date, a time, a number or text");
            Err(ConnectionError::permanent(&database.place, message))
        }
        content => Ok(content),
    }
}

/// SHA-256 of what is asked and of whom, lower-case hex.
fn fingerprint(database: &Database, table: &SourceTable, watermark: &Watermark) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &str| {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    match &database.address {
        Address::Socket(path, port) => add(&format!("{} {port}", path.display())),
        Address::Host { .. } | Address::File(_) => add(&database.place),
    }
    match &table.source {
        Source::Table(parts) => parts.iter().for_each(|part| add(part)),
        Source::Query(query) => add(&format!("query {query}")),
    }
    add(&watermark.column);
    add(table.deleted_where.as_deref().unwrap_or_default());
    digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// How a moment is written, and what it is.
struct Written {
    moment: NaiveDateTime,
    pattern: &'static str,
    /// `Z`, or nothing.
    zone: &'static str,
}

impl Written {
    fn of(text: &str) -> Option<Self> {
        let (clock, zone) = match text.strip_suffix('Z') {
            Some(clock) => (clock, "Z"),
            None => (text, ""),
        };
        let of = |pattern| Some(Self { moment: NaiveDateTime::parse_from_str(clock, pattern).ok()?, pattern, zone });
        let day = || {
            let day = NaiveDate::parse_from_str(clock, "%Y-%m-%d").ok().filter(|_| zone.is_empty())?;
            Some(Self { moment: day.and_hms_opt(0, 0, 0)?, pattern: "%Y-%m-%d", zone })
        };
        of("%Y-%m-%dT%H:%M:%S%.f").or_else(|| of("%Y-%m-%d %H:%M:%S%.f")).or_else(day)
    }

    fn at(&self, moment: NaiveDateTime) -> String {
        format!("{}{}", moment.format(self.pattern), self.zone)
    }
}

/// A value so far before this one: seconds of a moment, units of a number. Other texts stay as they are.
fn reach_back(text: &str, is_number: bool, overlap: u64) -> String {
    let as_it_is = || text.to_owned();
    if overlap == 0 {
        return as_it_is();
    }
    if is_number {
        // Of a fraction, the whole below it is early enough.
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        let below = i128::from(text.contains('.'));
        return whole
            .parse::<i128>()
            .ok()
            .and_then(|whole| whole.checked_sub(below)?.checked_sub(i128::from(overlap)))
            .map_or_else(as_it_is, |earlier| earlier.to_string());
    }
    let earlier = Written::of(text).and_then(|written| {
        let is_day = written.pattern == "%Y-%m-%d";
        let seconds = if is_day { overlap.div_ceil(86_400).checked_mul(86_400)? } else { overlap };
        let earlier = written.moment.checked_sub_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)?;
        Some(written.at(earlier))
    });
    earlier.unwrap_or_else(as_it_is)
}

/// The value, unless it is a moment that has not come yet: then one that certainly has. Where a value has no zone, it may
/// be anywhere's: the clocks of the world are 14 hours ahead of UTC at most, and 12 behind it.
fn not_ahead(text: &str, now: &str) -> String {
    let Some(now) = Written::of(now).map(|now| now.moment) else { return text.to_owned() };
    if text == "infinity" {
        return now.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    }
    let Some(written) = Written::of(text) else { return text.to_owned() };
    let hours = |hours| TimeDelta::try_hours(hours).unwrap_or_default();
    let (latest, certain) = match written.zone {
        "Z" => (now, now),
        _ => (now + hours(14), now - hours(12)),
    };
    if written.moment > latest { written.at(certain) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_goes_back_in_the_values_own_form() {
        for (text, is_number, overlap, earlier) in [
            ("2026-11-20T00:05:00.25Z", false, 600, "2026-11-19T23:55:00.250Z"),
            ("2026-11-20 00:05:00", false, 600, "2026-11-19 23:55:00"),
            ("2026-11-20T00:05:00", false, 0, "2026-11-20T00:05:00"),
            ("2026-11-20", false, 600, "2026-11-19"),
            ("2026-11-20", false, 90_000, "2026-11-18"),
            ("1000", true, 600, "400"),
            ("-5.5", true, 1, "-7"),
            ("18446744073709551615", true, 1, "18446744073709551614"),
            ("v17", false, 600, "v17"),
            ("1e300", true, 600, "1e300"),
            ("0044-03-15 12:00:00 BC", false, 600, "0044-03-15 12:00:00 BC"),
        ] {
            assert_eq!(reach_back(text, is_number, overlap), earlier, "{text}");
        }
    }

    #[test]
    fn a_value_ahead_of_the_clock_is_no_cursor() {
        let now = "2026-11-20T12:00:00";
        for (text, cursor) in [
            ("2026-11-20T11:00:00Z", "2026-11-20T11:00:00Z"),
            ("9999-12-31T00:00:00Z", "2026-11-20T12:00:00Z"),
            ("2026-11-21T01:00:00", "2026-11-21T01:00:00"),
            ("9999-12-31 00:00:00", "2026-11-20 00:00:00"),
            ("9999-12-31", "2026-11-20"),
            ("infinity", "2026-11-20T12:00:00Z"),
            ("zz", "zz"),
        ] {
            assert_eq!(not_ahead(text, now), cursor, "{text}");
        }
    }
}
