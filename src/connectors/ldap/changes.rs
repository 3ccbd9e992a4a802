//! What changed in a table since the last applied run read it.
//!
//! Which way a server offers is told by its root entry; a table's `changes` may ask for one. Each way is a file below:
//!
//! | word | what it is | needs |
//! |---|---|---|
//! | `syncrepl` | a refresh of content synchronization (RFC 4533): the server names what changed and what is gone | OpenLDAP with syncprov, 389 Directory Server |
//! | `dirsync` | Active Directory names the objects that were touched; each is read again | Active Directory, and the right to replicate changes |
//! | `usn` | entries with a higher number of their last write, and a list of all entries with their names | Active Directory |
//! | `timestamp` | a list of all entries with their names and when they were last written, held against what was read before | any server |
//!
//! Whatever finds out what changed ([`Found`]), [`settle`] makes commands of it: servers name what is gone by
//! `entryUUID` or `objectGUID`, and a command needs the key, so what an entry was is looked up in what the applied runs
//! have read ([`Extraction::known`]). That is right whatever the key is made of, at all sizes, and costs one pass over
//! files of our own. For it the identity is a column of every such table, whether the document names it or not.

mod attributes;
mod cursor;
mod dirsync;
mod found;
mod identity;
mod settle;
mod syncrepl;
mod timestamp;
mod usn;

use super::root::RootDse;
use super::row::{Row, RowShape};
use super::session::Session;
use super::settings::{DirectorySettings, SearchTable, Wish};
use crate::connectors::{ChangesError, ConnectionError, Cursors, Extraction};
use cursor::Cursor;
use found::Found;
pub use identity::Identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use settle::Settled;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A way to tell what changed. The words are those of `changes` and of cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// Content synchronization (RFC 4533), refresh only.
    SyncRepl,
    /// Active Directory's DirSync.
    DirSync,
    /// The numbers of the last write of each entry (`uSNChanged`), and which are there.
    Usn,
    /// When each entry was last written, and which are there.
    Timestamp,
}

/// In the order in which they are chosen: the first that the server offers.
const MECHANISMS: &[Mechanism] = &[Mechanism::SyncRepl, Mechanism::DirSync, Mechanism::Usn, Mechanism::Timestamp];

/// A table of a server, being asked what changed.
pub struct Watched<'a> {
    /// The connection.
    pub session: &'a Session,
    /// What the server is.
    pub root: &'a RootDse,
    /// The table with the columns of the mechanism.
    pub table: SearchTable,
    /// Entries per page.
    pub page_size: i32,
    /// When it began.
    pub began: Instant,
}

impl Watched<'_> {
    /// The identity of a row.
    fn identity(&self, shape: &RowShape, row: &Row) -> Result<Identity, ChangesError> {
        let attribute = self.root.identity();
        let cell = shape.cell(row, attribute).and_then(|cell| std::str::from_utf8(cell).ok());
        cell.and_then(Identity::of_cell)
            .ok_or_else(|| settle::expired(self, &format!("has entries without `{attribute}`, which tells them apart")))
    }
}

/// Where a table stands before it is read whole.
pub struct Stand {
    /// The table with the columns that the next run needs to tell what changed.
    pub table: SearchTable,
    /// What to hand to the next run; none where nothing can tell it.
    pub cursor: Option<Value>,
    /// Which way it will be, and why: for people.
    pub words: String,
}

impl Mechanism {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::SyncRepl => "syncrepl",
            Self::DirSync => "dirsync",
            Self::Usn => "usn",
            Self::Timestamp => "timestamp",
        }
    }

    /// Why the server can do it; `Err`: why not.
    fn offer(self, root: &RootDse) -> Result<&'static str, &'static str> {
        match self {
            Self::SyncRepl => syncrepl::offer(root),
            Self::DirSync => dirsync::offer(root),
            Self::Usn => usn::offer(root),
            Self::Timestamp => Ok(timestamp::OFFER),
        }
    }

    /// Attributes that it needs of every entry.
    fn attributes(self, root: &RootDse) -> Vec<&'static str> {
        match self {
            Self::SyncRepl | Self::DirSync | Self::Usn => vec![root.identity()],
            Self::Timestamp => vec![root.identity(), timestamp::stamp(root)],
        }
    }

    /// Where the table stands now, in its own terms; or why that can't be told, although the server offers it.
    async fn position(self, watched: &Watched<'_>) -> Result<Result<Value, String>, ConnectionError> {
        match self {
            Self::SyncRepl => syncrepl::position(watched).await,
            Self::DirSync => dirsync::position(watched).await,
            Self::Usn => usn::position(watched).await,
            Self::Timestamp => timestamp::position(watched).await,
        }
    }

    /// What changed since that position.
    async fn changes(
        self,
        watched: &Watched<'_>,
        position: &Value,
        extraction: &mut dyn Extraction,
    ) -> Result<Found, ChangesError> {
        match self {
            Self::SyncRepl => syncrepl::changes(watched, position).await,
            Self::DirSync => dirsync::changes(watched, position).await,
            Self::Usn => usn::changes(watched, position).await,
            Self::Timestamp => timestamp::changes(watched, position, extraction).await,
        }
    }
}

/// Where a table stands, by the first mechanism that can tell.
pub async fn stand(session: &Session, root: &RootDse, table: &SearchTable) -> Result<Stand, ConnectionError> {
    let wished: &[Mechanism] = match &table.changes {
        Wish::None => &[],
        Wish::Auto => MECHANISMS,
        Wish::By(mechanism) => std::slice::from_ref(mechanism),
    };
    if root.is_active_directory() && !wished.is_empty() {
        let untold = attributes::untold(session, root, table, &table.attributes).await?;
        if !untold.is_empty() {
            let words = format!(
                "changes can't be told, so it is read whole each time: {} changes without the entry being written; \
                 leave it out of `attributes` (groups have `member` instead of `memberOf`)",
                untold.join(", ")
            );
            return Ok(Stand { table: table.clone(), cursor: None, words });
        }
    }
    let mut passed_over = Vec::new();
    for mechanism in wished {
        let word = mechanism.word();
        let why = match mechanism.offer(root) {
            Ok(why) => why,
            Err(why_not) => {
                passed_over.push(format!("not by {word}: {why_not}"));
                continue;
            }
        };
        let wide = table.with(&mechanism.attributes(root));
        let watched = Watched { session, root, table: wide, page_size: 1, began: Instant::now() };
        match mechanism.position(&watched).await? {
            Ok(position) => {
                let cursor = Cursor::new(*mechanism, root, session, table, position);
                let words = [format!("changes by {word}: {why}")].into_iter().chain(passed_over);
                let words = words.collect::<Vec<_>>().join("; ");
                return Ok(Stand { table: watched.table, cursor: Some(cursor.to_json()), words });
            }
            Err(why_not) => passed_over.push(format!("not by {word}: {why_not}")),
        }
    }
    let words = match passed_over.is_empty() {
        true => "changes are not asked for: it is read whole each time".to_owned(),
        false => format!("changes can't be told, so it is read whole each time: {}", passed_over.join("; ")),
    };
    Ok(Stand { table: table.clone(), cursor: None, words })
}

/// What to hand to the next run once the table was read whole, which took so long.
pub fn stood(cursor: Value, took: Duration) -> Value {
    match Cursor::parse(&cursor) {
        Some(read) if read.mechanism == Mechanism::Timestamp => read.at(timestamp::stood(took)).to_json(),
        _ => cursor,
    }
}

/// The server that the cursors are from: others may not know them.
pub fn server_of(since: &Cursors) -> Option<String> {
    since.values().filter_map(Cursor::parse).map(|cursor| cursor.address).next()
}

/// What changed in a table, ready to be written.
pub struct Told<'a> {
    watched: Watched<'a>,
    cursor: Cursor,
    settled: Settled,
}

impl Told<'_> {
    /// Writes it.
    pub fn write(self, extraction: &mut dyn Extraction) -> Result<(), ChangesError> {
        self.settled.write(&self.watched, &self.cursor, extraction)
    }
}

/// What changed since their cursors, of each table that asks for it, in their order.
///
/// An entry that came into a search, or got another name, may stand in others that were not written: a group names its
/// members whether or not we read them, and in Active Directory names follow by themselves. Those are read again.
pub async fn find<'a>(
    settings: &DirectorySettings,
    session: &'a Session,
    root: &'a RootDse,
    since: &Cursors,
    extraction: &mut dyn Extraction,
) -> Result<Vec<Told<'a>>, ChangesError> {
    let mut all = Vec::new();
    for table in settings.tables.iter().filter(|table| table.changes != Wish::None) {
        let cursor = since.get(&table.name).and_then(Cursor::parse).ok_or_else(|| {
            ChangesError::Expired(format!(
                "no applied run has read the table {} whole, or not so that changes can be told",
                table.name
            ))
        })?;
        cursor.check(root, session, table)?;
        let mechanism = cursor.mechanism;
        let wide = table.with(&mechanism.attributes(root));
        let watched = Watched { session, root, table: wide, page_size: settings.page_size, began: Instant::now() };
        let found = mechanism.changes(&watched, &cursor.position, extraction).await?;
        let settled = settle::compare(&watched, found, extraction).await?;
        all.push(Told { watched, cursor, settled });
    }
    let names: BTreeSet<&String> = all.iter().flat_map(|told| &told.settled.names).collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    for told in &mut all {
        told.settled.follow(&told.watched, &names).await?;
    }
    Ok(all)
}
