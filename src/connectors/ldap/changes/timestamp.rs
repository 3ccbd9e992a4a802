//! What changed, from a list of all entries: their identities, names, and when they were last written.
//!
//! The list is held against what the applied runs have read, entry by entry, rather than against a clock: whatever has
//! another stamp or another name than it had is read again, whatever is missing is gone. So nothing depends on clocks
//! that agree, on how long a write took, or on when another server's writes arrived here; and entries whose branch was
//! renamed or moved are seen, which are not written by that. A stamp of seconds can't tell two writes in one second
//! apart, and the second may have come after the entry was read, while others with newer stamps were not read yet: so
//! entries are read once more whose stamps are not older than the newest by more than the reading took. OpenLDAP has a
//! better one (`entryCSN`, another for each write).

use super::super::entry::Entry;
use super::super::root::RootDse;
use super::super::row::RowShape;
use super::super::search::PagedSearch;
use super::super::settings::SearchTable;
use super::Watched;
use super::found::{Found, Listed, Mark, digest};
use super::identity::Identity;
use super::settle::{each_known, expired, read_where};
use crate::connectors::{ChangesError, ConnectionError, Extraction};
use chrono::{NaiveDateTime, TimeDelta};
use serde_json::{Value, json};
use std::time::Duration;

/// What a check says of it.
pub const OFFER: &str = "all entries are listed by name and by when they were last written, and held against what was \
                         read before; what is no longer listed is gone";

/// How much earlier than the reading took stamps of seconds are read again, in seconds: servers that share a directory
/// have clocks of their own.
const OVERLAP: u64 = 5;

/// How long a reading took of which nobody has noted that, in seconds.
const LONG: u64 = 3600;

/// When an entry was last written, by the best that the server has.
pub fn stamp(root: &RootDse) -> &'static str {
    match (root.is_openldap(), root.is_active_directory()) {
        (true, _) => "entryCSN",
        (false, true) => "whenChanged",
        (false, false) => "modifyTimestamp",
    }
}

/// Whether two writes of an entry always have two stamps.
fn is_exact(root: &RootDse) -> bool {
    root.is_openldap()
}

/// What to remember of a reading; what was read says the rest.
pub fn stood(took: Duration) -> Value {
    json!({ "took": took.as_secs().saturating_add(1) })
}

/// Nothing to remember before it is read. Or why changes can't be told: an entry lacks what is needed.
pub async fn position(watched: &Watched<'_>) -> Result<Result<Value, String>, ConnectionError> {
    let attributes = [watched.root.identity(), stamp(watched.root)];
    let SearchTable { base, scope, filter, .. } = &watched.table;
    let asked = attributes.iter().map(|attribute| (*attribute).to_owned()).collect();
    let entry = match watched.session.first(base, *scope, filter, asked).await {
        Ok(Some(entry)) => entry,
        Ok(None) => return Ok(Ok(Value::Null)),
        Err(error) if error.transient => return Err(error),
        // Reading the table will say so better.
        Err(error) => return Ok(Err(error.message)),
    };
    Ok(match attributes.iter().find(|attribute| value(&entry, attribute).is_none()) {
        Some(lacking) => Err(format!("the server gives no `{lacking}` to this account")),
        None => Ok(Value::Null),
    })
}

/// The same search for a few attributes.
fn lean(watched: &Watched<'_>, attributes: Vec<String>) -> SearchTable {
    SearchTable { attributes, pairs: Vec::new(), ..watched.table.clone() }
}

/// What changed since the applied runs have read the table.
pub async fn changes(
    watched: &Watched<'_>,
    position: &Value,
    extraction: &mut dyn Extraction,
) -> Result<Found, ChangesError> {
    let stamp = stamp(watched.root);
    let shape = RowShape::new(&watched.table);
    let newest = newest(watched, &shape.header(), stamp, extraction)?;
    let mut found = Found::default();
    let present = list(watched, Some(stamp)).await?;
    found.end = format!("{} entries listed to the end", present.len());
    found.present = Some(present);
    if let Some(newest) = newest {
        let from = match is_exact(watched.root) {
            true => newest.clone(),
            false => {
                let took = position.get("took").and_then(Value::as_u64).unwrap_or(LONG);
                earlier(&newest, took.saturating_add(OVERLAP))
                    .ok_or_else(|| expired(watched, "has entries with stamps that are no times"))?
            }
        };
        let since = format!("(&{}({stamp}>={}))", watched.table.filter, ldap3::ldap_escape(from.as_str()));
        read_where(watched, &shape, since, &mut found.changed).await?;
        if is_exact(watched.root) {
            found.changed.retain(|row| shape.cell(row, stamp).is_none_or(|written| written > newest.as_bytes()));
        }
    }
    Ok(found)
}

/// Lists all entries of the search, in pages to the end.
pub async fn list(watched: &Watched<'_>, stamp: Option<&str>) -> Result<Listed, ChangesError> {
    let identity = watched.root.identity();
    let attributes = std::iter::once(identity).chain(stamp).map(str::to_owned).collect();
    let table = lean(watched, attributes);
    let shape = RowShape::new(&watched.table);
    let mut search = PagedSearch::new(watched.session.clone(), &table, watched.page_size);
    let mut listed = Listed::new();
    while let Some(entry) = search.next().await? {
        let Some(id) = value(&entry, identity).and_then(Identity::of_value) else {
            return Err(expired(watched, &format!("has entries without `{identity}`, which tells them apart")));
        };
        let written = match stamp {
            None => None,
            Some(stamp) => match value(&entry, stamp).and_then(|value| std::str::from_utf8(value).ok()) {
                Some(written) => Some(digest(written)),
                None => {
                    return Err(expired(watched, &format!("has entries without `{stamp}`, when they were written")));
                }
            },
        };
        listed.insert(id, Some(Mark { name: digest(&shape.name_of(&entry.dn)), stamp: written }));
    }
    Ok(listed)
}

fn value<'a>(entry: &'a Entry, attribute: &str) -> Option<&'a [u8]> {
    let found = entry.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.and_then(|(_, values)| values.first()).map(Vec::as_slice)
}

/// A stamp (generalized time, RFC 4517 3.3.13) so many seconds before; whatever stands behind its seconds stays.
fn earlier(stamp: &str, seconds: u64) -> Option<String> {
    const SECONDS: &str = "%Y%m%d%H%M%S";
    let (moment, rest) = stamp.split_at_checked(14)?;
    let moment = NaiveDateTime::parse_from_str(moment, SECONDS).ok()?;
    let before = moment.checked_sub_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)?;
    Some(format!("{}{rest}", before.format(SECONDS)))
}

/// The newest stamp that was read.
fn newest(
    watched: &Watched<'_>,
    header: &[String],
    stamp: &str,
    extraction: &mut dyn Extraction,
) -> Result<Option<String>, ChangesError> {
    let column = watched.table.column(stamp);
    let at = header.iter().position(|name| Some(name.as_str()) == column);
    let mut newest: Option<String> = None;
    each_known(watched, header, extraction, &mut |_, record| {
        let written = at.and_then(|at| record.values.get(at)).filter(|written| !written.is_empty());
        if let Some(written) = written
            && newest.as_deref().is_none_or(|newest| written > newest)
        {
            newest = Some(written.to_owned());
        }
    })?;
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::earlier;

    #[test]
    fn stamps_go_back_as_their_server_writes_them() {
        assert_eq!(earlier("20261129000003Z", 6).as_deref(), Some("20261128235957Z"));
        assert_eq!(earlier("20261129220000.0Z", 60).as_deref(), Some("20261129215900.0Z"));
        for none in ["", "2026112922Z", "20261329220000Z", "yesterday at ten"] {
            assert_eq!(earlier(none, 1), None, "{none}");
        }
    }
}
