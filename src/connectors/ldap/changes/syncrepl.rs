//! Content synchronization (RFC 4533), refresh only: with the cookie of last time, the server names what changed and
//! what is gone, or, if it can't, everything that is still there (the present phase).
//!
//! The cookie is asked for before a table is read whole, with a search that finds nothing: what changes meanwhile is told
//! again. It is the server's own; of OpenLDAP's we know that it holds change sequence numbers.
//!
//! One thing no cookie tells: when a branch is renamed or moved, its entries have other names, or come into the search
//! or leave it, without being written. So if any entry with others below it was written since, all are listed by name
//! as well.

use super::super::outcome;
use super::super::range;
use super::super::root::RootDse;
use super::super::row::RowShape;
use super::super::settings::SearchTable;
use super::super::sync::{Event, Phase, SYNC_REQUEST, SyncSearch};
use super::super::unasked::Unasked;
use super::found::{Found, Listed};
use super::settle::expired;
use super::{Watched, timestamp};
use crate::connectors::{ChangesError, ConnectionError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ldap3::Scope;
use serde_json::Value;

/// `e-syncRefreshRequired`: the cookie is of no use any more.
const REFRESH_REQUIRED: u32 = 4096;

/// Finds nothing.
const NOTHING: &str = "(entryUUID=00000000-0000-0000-0000-000000000000)";

/// Why the server can do it, or not.
pub fn offer(root: &RootDse) -> Result<&'static str, &'static str> {
    match root.offers(SYNC_REQUEST) {
        true => Ok("the server offers content synchronization (RFC 4533)"),
        false => Err("the server does not offer content synchronization (RFC 4533; OpenLDAP: the overlay syncprov)"),
    }
}

/// The server's cookie as of now; or why it gives none.
pub async fn position(watched: &Watched<'_>) -> Result<Result<Value, String>, ConnectionError> {
    // 389 Directory Server takes a cookie only for the search that it gave it for: there, the whole is listed.
    let filter = if watched.root.is_openldap() { NOTHING } else { &watched.table.filter };
    let table = SearchTable { filter: filter.to_owned(), attributes: Vec::new(), ..watched.table.clone() };
    let mut search = SyncSearch::begin(watched.session, &table, None).await?;
    while search.next().await?.is_some() {}
    let end = search.end();
    Ok(match (end.code, end.cookie) {
        (outcome::SUCCESS, Some(ref cookie)) => Ok(STANDARD.encode(cookie).into()),
        (outcome::SUCCESS, None) => Err("the server offers it, but gives no cookie for this base".to_owned()),
        (code, _) => Err(format!("the server offers it, but answers {}", outcome::words(code, &end.text))),
    })
}

/// What changed since the cookie.
pub async fn changes(watched: &Watched<'_>, position: &Value) -> Result<Found, ChangesError> {
    let cookie = position.as_str().and_then(|text| STANDARD.decode(text).ok());
    let Some(cookie) = cookie else { return Err(expired(watched, "was left with a cookie that can't be read")) };
    // Before anything else: branches that are moved from now on are seen by the next run.
    let branches_moved = branches_were_written(watched, &cookie).await;
    let shape = RowShape::new(&watched.table);
    let mut found = Found::default();
    let mut listed = Listed::new();
    let mut ended_by_list = false;
    let mut search = SyncSearch::begin(watched.session, &watched.table, Some(cookie)).await?;
    while let Some(event) = search.next().await? {
        match event {
            Event::Entry(identity, entry) => {
                let mut row = shape
                    .row(entry, &mut Unasked::default())
                    .map_err(|fault| ConnectionError::permanent(&watched.session.server, fault.to_string()))?;
                range::complete(watched.session, &shape, &mut row).await?;
                found.gone.remove(&identity);
                listed.insert(identity, None);
                found.changed.add(identity, row)?;
            }
            Event::Present(identities) => listed.extend(identities.into_iter().map(|identity| (identity, None))),
            Event::Gone(identities) => {
                for identity in identities {
                    found.changed.remove(&identity);
                    listed.remove(&identity);
                    found.gone.insert(identity);
                }
            }
            Event::EndOf(Phase::Present) => ended_by_list = true,
            Event::EndOf(Phase::Delete) => {}
        }
    }
    let end = search.end();
    match end.code {
        outcome::SUCCESS => {}
        REFRESH_REQUIRED => {
            return Err(expired(watched, "can't be told changes of: the server no longer knows the cookie"));
        }
        3 | outcome::SIZE_LIMIT_EXCEEDED | 11 | 12 | 53 => {
            let why = format!("can't be told changes of: the server says {}", end.words());
            return Err(expired(watched, &why));
        }
        _ => return Err(end.error(&watched.session.server).into()),
    }
    let Some(refresh_deletes) = end.refresh_deletes else {
        let message = "the server ended a synchronization without saying how (RFC 4533 2.4); nothing of it is used";
        return Err(ConnectionError::permanent(&watched.session.server, message).into());
    };
    found.end = match refresh_deletes && !ended_by_list {
        true => "content synchronization, the server named what is gone".to_owned(),
        false => {
            let words = format!("content synchronization, the server listed what is there ({})", listed.len());
            found.present = Some(listed);
            words
        }
    };
    if branches_moved {
        found.present = Some(timestamp::list(watched, None).await?);
        found.end.push_str("; branches were written, so that all entries were listed by name");
    }
    found.position = end.cookie.map(|cookie| STANDARD.encode(cookie).into());
    Ok(found)
}

/// Whether an entry that has others below it was written since the cookie. If that can't be told, it may have been.
async fn branches_were_written(watched: &Watched<'_>, cookie: &[u8]) -> bool {
    let Some(since) = oldest_number(cookie) else { return true };
    // Wherever it was moved from: everything of this server that holds the base.
    let base = watched.root.context_of(&watched.table.base).unwrap_or_else(|| watched.table.base.clone());
    let filter = format!("(&(hasSubordinates=TRUE)(entryCSN>={}))", ldap3::ldap_escape(since));
    let found = watched.session.finds(&base, Scope::Subtree, &filter).await;
    found.unwrap_or(true)
}

/// The oldest change sequence number of OpenLDAP's cookie: `rid=000,csn=20261129…#000000#001#000000;2026…`.
fn oldest_number(cookie: &[u8]) -> Option<&str> {
    let cookie = std::str::from_utf8(cookie).ok()?;
    let numbers = cookie.split(',').find_map(|part| part.strip_prefix("csn="))?;
    numbers.split(';').filter(|number| number.contains('#')).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_number_of_a_cookie_is_found() {
        let cookie =
            b"rid=000,sid=001,csn=20261129200000.000000Z#000000#001#000000;20261128200000.000000Z#000000#002#000000";
        assert_eq!(oldest_number(cookie), Some("20261128200000.000000Z#000000#002#000000"));
        for other in ["", "rid=000", "rid=000,csn=", "server:389#cn=x:dc=y:(z=*)#17"] {
            assert_eq!(oldest_number(other.as_bytes()), None, "{other}");
        }
    }
}
