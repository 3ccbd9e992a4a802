//! What changed since the last applied run, by versions (`meta.version`, RFC 7644 3.14): those of all resources are held
//! against those that were read.
//!
//! Whatever is new, or has another version than it had, is read by itself; what is not listed any more is gone. So nothing
//! depends on dates: not on clocks, nor on services that show a change later than they date it, or do not date it at all,
//! and deletions are told. Where a doubt is left (two resources with one key, more than fits in memory), everything is
//! read whole.

use super::list::List;
use super::settings::{ResourceTable, VersionColumns};
use super::single::{self, Single, Wanted};
use super::{Work, ask, changes};
use crate::connectors::http::Client;
use crate::connectors::http::json::Json;
use crate::connectors::http::reading::identity;
use crate::connectors::http::row::{Row, RowShape};
use crate::connectors::{Changes, ChangesError, ConnectionError, Extraction, KnownRecord};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::pin::pin;

/// More resources than this are not read one by one.
const MOST_READ: usize = 20_000;

/// More than this of what resources are, and were, is not kept in memory.
const MOST_BYTES: usize = 64 << 20;

/// So many resources do not all go in a day's work; below, as with the guard over volumes, it may be so.
const FEW: usize = 20;

/// The cursor of a table.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// What was read.
    source: String,
    /// The columns that were.
    columns: Vec<String>,
}

/// Where a table stands that was read whole: what was read says the rest.
pub fn position(client: &Client, table: &ResourceTable) -> Option<Value> {
    let position = Position { source: changes::source(client, table), columns: table.columns.clone() };
    serde_json::to_value(position).ok()
}

/// The version of a resource.
pub fn version(resource: Json<'_>) -> Option<Cow<'_, str>> {
    let version = resource.get("meta", true)?.get("version", true)?.as_text()?;
    Some(version).filter(|version| !version.is_empty())
}

/// Writes what changed since `since`.
pub async fn export(
    work: &Work<'_>,
    columns: &VersionColumns,
    since: Option<&Value>,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let Some(since) = since.and_then(|since| serde_json::from_value::<Position>(since.clone()).ok()) else {
        return Err(expired(work, "no applied run has read it whole with the meta.version of every resource yet"));
    };
    if since.source != changes::source(work.client, work.table) || since.columns != work.table.columns {
        return Err(expired(work, "its address, filter or columns are others than in the last applied run"));
    }
    let mut past = Past { work, columns, extraction: &mut *extraction };
    let mut known = past.versions()?;
    let before = known.len();
    let mut question = ask(work.abilities, work.table, work.page_size);
    (question.attributes, question.known_by) = (["id", "meta"].map(str::to_owned).to_vec(), Vec::new());
    let mut list = List::new(work.client, work.table, question);
    let (mut wanted, mut all_versioned) = (Vec::new(), true);
    list.all(&mut |resource| {
        let id = resource.get("id", true).and_then(Json::as_text).unwrap_or_default();
        let version = version(resource);
        all_versioned &= version.is_some();
        let same = version.is_some_and(|version| known.remove(&digest(&id)) == Some(digest(&version)));
        if !same && wanted.len() <= MOST_READ {
            wanted.push(Wanted { id: id.into_owned(), known: None });
        }
        Ok(())
    })
    .await?;
    if !all_versioned {
        return Err(expired(work, "a resource has no meta.version any more"));
    }
    if list.reading().records() == 0 && before >= FEW {
        // A right that was taken away looks like this. Complete runs have a guard for it.
        return Err(expired(work, "the service shows no resource at all any more"));
    }
    if wanted.len() > MOST_READ {
        return Err(expired(work, "so many resources have changed that reading all of them is less work"));
    }

    let mut shape = work.table.shape()?.of_changes();
    let header = shape.header();
    // What is left of those that were known is gone.
    let Before { gone: mut old, of_wanted: was } = past.records(&known, &mut wanted, &header)?;
    let rows = read(work, &list, &wanted, &mut shape).await?;
    for (id, row) in &rows {
        let has_another_key = |was: &Vec<String>| {
            let mut cells = header.iter().zip(was).filter(|(column, _)| work.table.keys.contains(column));
            cells.any(|(column, was)| shape.cell(row, column).is_some_and(|now| now != *was))
        };
        old.extend(was.get(id).filter(|was| has_another_key(was)).cloned());
    }
    past.confirm_keys(&known, &rows, &old, &shape)?;
    write(work, list, shape, &old, rows, extraction)
}

fn write(
    work: &Work<'_>,
    list: List<'_>,
    shape: RowShape,
    old: &[Vec<String>],
    rows: Vec<(u128, Row)>,
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    let (table, header) = (work.table, shape.header());
    let changes = Changes { columns: &header, command_column: "command" };
    extraction.begin_changes(&table.name, &table.source_file(), &changes)?;
    // First, since the later command counts: another resource may have taken the key.
    for record in old {
        extraction.change("delete", None, None, &mut record.iter().map(String::as_bytes))?;
    }
    let (changed, gone) = (rows.len(), old.len());
    for (_, row) in rows {
        shape.write(row, Some("update"), extraction)?;
    }
    let mut end = list.end();
    end.words = format!("{}, by their versions {changed} new or changed, {gone} keys gone", end.words);
    for (name, figure) in [("changed", changed), ("gone", gone)] {
        end.figures.insert(name.to_owned(), figure.into());
    }
    extraction.end(end)?;
    if let Some(position) = position(work.client, table) {
        extraction.cursor(position);
    }
    Ok(())
}

/// Reads the resources that are wanted, as rows. Those that are gone meanwhile, the next run will not find listed.
async fn read(
    work: &Work<'_>,
    list: &List<'_>,
    wanted: &[Wanted],
    shape: &mut RowShape,
) -> Result<Vec<(u128, Row)>, ChangesError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut singles = pin!(single::read(work, list, wanted));
    let mut ids = wanted.iter().map(|wanted| digest(&wanted.id));
    while let (Some(single), Some(id)) = (singles.try_next().await?, ids.next()) {
        let Single::Read(body) = single else { continue };
        bytes += body.len();
        if bytes > MOST_BYTES {
            return Err(expired(work, "so much has changed that reading all of it is less work"));
        }
        let refuse = |why: String| list.in_context(ConnectionError::permanent(&work.table.name, why));
        let resource = Json::parse(&body).map_err(|fault| refuse(format!("the answer is no JSON: {fault}")))?;
        if version(resource).is_none() {
            return Err(expired(work, "a resource has no meta.version any more"));
        }
        rows.push((id, shape.row(resource).map_err(refuse)?));
    }
    Ok(rows)
}

/// What resources were: their cells.
struct Before {
    /// Of those that are gone.
    gone: Vec<Vec<String>>,
    /// Of those that are wanted, by the digests of their ids.
    of_wanted: HashMap<u128, Vec<String>>,
}

/// What the applied runs have read.
struct Past<'a> {
    work: &'a Work<'a>,
    columns: &'a VersionColumns,
    extraction: &'a mut dyn Extraction,
}

impl Past<'_> {
    /// Versions by id, in digests.
    fn versions(&mut self) -> Result<HashMap<u128, u128>, ChangesError> {
        let mut versions = HashMap::new();
        let (work, version) = (self.work, self.columns.version.clone());
        let mut is_usable = true;
        self.each(&mut |id, record| match cell(record, &version) {
            Some(version) if !version.is_empty() => drop(versions.insert(digest(id), digest(version))),
            _ => is_usable = false,
        })?;
        if is_usable { Ok(versions) } else { Err(expired(work, "it was read without its versions")) }
    }

    /// Goes through the records as they were, with their ids.
    fn each(&mut self, hear: &mut dyn FnMut(&str, &KnownRecord<'_>)) -> Result<(), ChangesError> {
        let (name, column) = (&self.work.table.name, &self.columns.id);
        let is_known = self.extraction.known(name, column, &mut |record| {
            hear(cell(record, column).unwrap_or_default(), record);
            Ok(())
        })?;
        match is_known {
            true => Ok(()),
            false => {
                Err(expired(self.work, "it was read by runs whose extractions are gone or were not applied as read"))
            }
        }
    }

    /// What was: of the resources that are gone, and by id of those that are wanted, whose versions are noted.
    fn records(
        &mut self,
        gone: &HashMap<u128, u128>,
        wanted: &mut [Wanted],
        header: &[String],
    ) -> Result<Before, ChangesError> {
        let places: HashMap<u128, usize> =
            wanted.iter().enumerate().map(|(place, wanted)| (digest(&wanted.id), place)).collect();
        let (mut old, mut was, mut bytes) = (Vec::new(), HashMap::new(), 0);
        let (work, version) = (self.work, self.columns.version.clone());
        self.each(&mut |id, record| {
            let id = digest(id);
            let place = places.get(&id);
            if !gone.contains_key(&id) && place.is_none() || bytes > MOST_BYTES {
                return;
            }
            bytes += record.values.as_slice().len();
            let cells = header.iter().map(|column| cell(record, column).unwrap_or_default().to_owned()).collect();
            match place.and_then(|&place| wanted.get_mut(place)) {
                Some(wanted) => {
                    wanted.known = cell(record, &version).map(str::to_owned);
                    was.insert(id, cells);
                }
                None => old.push(cells),
            }
        })?;
        match bytes > MOST_BYTES {
            true => Err(expired(work, "so much has changed that reading all of it is less work")),
            false => Ok(Before { gone: old, of_wanted: was }),
        }
    }

    /// Makes sure that no two resources have one of the keys concerned: which of them counts is for a complete run to say.
    fn confirm_keys(
        &mut self,
        gone: &HashMap<u128, u128>,
        rows: &[(u128, Row)],
        old: &[Vec<String>],
        shape: &RowShape,
    ) -> Result<(), ChangesError> {
        let (work, id) = (self.work, &self.columns.id);
        let keys: Vec<&String> = work.table.keys.iter().collect();
        if keys.is_empty() || keys.contains(&id) {
            return Ok(());
        }
        let header = shape.header();
        let (mut taken, mut is_twice) = (HashSet::new(), false);
        for (_, row) in rows {
            is_twice |= !taken.insert(key(keys.iter().filter_map(|column| shape.cell(row, column))));
        }
        let of_old = |record: &Vec<String>| {
            let cell = |column: &&String| Some(record.get(header.iter().position(|name| name == *column)?)?.clone());
            key(keys.iter().filter_map(cell))
        };
        taken.extend(old.iter().map(of_old));
        let touched: HashSet<u128> = rows.iter().map(|(id, _)| *id).collect();
        self.each(&mut |id, record| {
            let id = digest(id);
            if !touched.contains(&id) && !gone.contains_key(&id) {
                let cells = keys.iter().map(|column| cell(record, column).unwrap_or_default().to_owned());
                is_twice |= taken.contains(&key(cells));
            }
        })?;
        match is_twice {
            true => Err(expired(work, "several resources have one key, which only a look at all of them can settle")),
            false => Ok(()),
        }
    }
}

fn cell<'r>(record: &KnownRecord<'r>, column: &str) -> Option<&'r str> {
    record.values.get(record.columns.iter().position(|known| known == column)?)
}

fn digest(text: &str) -> u128 {
    identity(std::iter::once(text)).0
}

fn key(cells: impl Iterator<Item = String>) -> u128 {
    let cells: Vec<String> = cells.collect();
    identity(cells.iter().map(String::as_str)).0
}

/// Everything has to be read whole: why.
fn expired(work: &Work<'_>, why: &str) -> ChangesError {
    ChangesError::Expired(format!("{}: {why}", work.table.resource))
}
