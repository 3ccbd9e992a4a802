//! What changed, from a list of all entries: their identities, names, and when they were last written.
//!
//! The list is held against what the applied runs have read, entry by entry, rather than against a clock: whatever has
//! another stamp or another name than it had is read again, whatever is missing is gone. So nothing depends on clocks
//! that agree, on how long a write took, or on when another server's writes arrived here; and entries whose branch was
//! renamed or moved are seen, which are not written by that. A stamp of seconds can't tell two writes in one second
//! apart: entries with the newest stamp that was read are read once more. OpenLDAP has a better one (`entryCSN`, another
//! for each write).

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
use serde_json::Value;

/// What a check says of it.
pub const OFFER: &str = "all entries are listed by name and by when they were last written, and held against what was \
                         read before; what is no longer listed is gone";

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

/// Nothing to remember: what was read says it. Or why it can't: an entry lacks what is needed.
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
pub async fn changes(watched: &Watched<'_>, extraction: &mut dyn Extraction) -> Result<Found, ChangesError> {
    let stamp = stamp(watched.root);
    let shape = RowShape::new(&watched.table);
    let newest = newest(watched, &shape.header(), stamp, extraction)?;
    let mut found = Found::default();
    let present = list(watched, Some(stamp)).await?;
    found.end = format!("{} entries listed to the end", present.len());
    found.present = Some(present);
    if let Some(newest) = newest {
        let since = format!("(&{}({stamp}>={}))", watched.table.filter, ldap3::ldap_escape(newest.as_str()));
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
