//! Two moments of one user or resource, side by side: values with where they are from, groups and links that came and
//! went.

mod resource;
mod user;

pub use resource::show as resource;
pub use user::show as user;

use crate::pipeline::provenance::Origin;
use crate::web::error::WebError;
use crate::web::moment::{self, Moment};
use crate::web::page::Layout;
use crate::web::{links, words};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "pages/compare.html")]
struct ComparePage {
    layout: Layout,
    sides: [Side; 2],
    differing: Vec<Row>,
    same: Vec<Row>,
    gatherings: Vec<Gathering>,
    is_cut: bool,
}

/// One of the two moments.
struct Side {
    /// `20 Nov 2026, 10:00:00 UTC`, or `Now`.
    words: String,
    /// The thing's page then.
    href: String,
    /// Whether it was there.
    is_there: bool,
}

/// One field at both moments.
struct Row {
    title: String,
    cells: [Cell; 2],
}

/// A value, and where it is from.
#[derive(Clone, Default, PartialEq)]
struct Cell {
    value: String,
    origin: Option<Source>,
}

/// Where a value is from.
#[derive(Clone, PartialEq)]
struct Source {
    run_href: String,
    words: String,
}

/// What was there at one of the moments only: groups, or what an association leads to.
struct Gathering {
    title: String,
    lost: Vec<(String, String)>,
    gained: Vec<(String, String)>,
    kept: usize,
}

/// The two moments that a query names, the earlier one first: `at` twice, or once to compare with now. Of more, the
/// first and the last.
fn moments(conn: &mut PgConnection, address: &str, now: DateTime<Utc>) -> Result<[Moment; 2], WebError> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let mut asked: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, value)| name == "at" && !value.is_empty())
        .map(|(_, value)| value.into_owned())
        .collect();
    asked.sort();
    asked.dedup();
    let mut read = |text: &str| Moment::read(conn, &links::with_query("", &[("as_of", text)])[1..], now);
    match asked.as_slice() {
        [] => Err(WebError::BadRequest(
            "Nothing to compare: go back and tick one version to compare it with now, or two to compare them.".into(),
        )),
        [one] => Ok([read(one)?, Moment::default()]),
        [first, .., last] => {
            let mut both = [read(first)?, read(last)?];
            both.sort_by_key(|one| one.or(now));
            Ok(both)
        }
    }
}

impl Side {
    fn new(moment: &Moment, address: &str, is_there: bool) -> Self {
        Self {
            words: moment.at.moment().map_or_else(|| "Now".to_owned(), moment::exact),
            href: moment.keep(address),
            is_there,
        }
    }
}

impl Source {
    fn new(origin: &Origin) -> Self {
        let place = origin.place();
        let comma = if place.is_empty() { "" } else { ", " };
        Self {
            run_href: super::resource::run_href(origin.run),
            words: format!("{}, run {}{comma}{place}", origin.connector_title, origin.run),
        }
    }
}

/// Rows that differ, and rows that do not. A value that only came from elsewhere differs, too.
fn parted(rows: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    let with_value = rows.into_iter().filter(|row| row.cells.iter().any(|cell| !cell.value.is_empty()));
    with_value.partition(|row| row.cells[0] != row.cells[1])
}

/// What came and what went, of things told apart by their key: address and words of each.
fn gathering<K: Ord>(title: &str, [before, after]: [BTreeMap<K, (String, String)>; 2]) -> Gathering {
    let only = |these: &BTreeMap<K, (String, String)>, those: &BTreeMap<K, (String, String)>| {
        these.iter().filter(|(key, _)| !those.contains_key(key)).map(|(_, one)| one.clone()).collect()
    };
    Gathering {
        title: title.to_owned(),
        lost: only(&before, &after),
        gained: only(&after, &before),
        kept: before.keys().filter(|key| after.contains_key(key)).count(),
    }
}
