//! From what was found to commands: an `update` for every entry that is new or changed, and before them a `delete` for
//! every key that nothing has any more.
//!
//! What an entry was comes from what the applied runs have read. Deletes stand first: where one entry took the key of
//! another, the later command counts. Whatever leaves a doubt (two entries with one key, more than fits in memory) lets
//! everything be read whole, since a complete run knows what to do about it.

use super::super::range;
use super::super::row::{Row, RowShape};
use super::super::search::PagedSearch;
use super::super::settings::SearchTable;
use super::super::unasked::Unasked;
use super::cursor::Cursor;
use super::found::{Changed, Found, Mark, digest};
use super::identity::Identity;
use super::{Mechanism, Watched, timestamp};
use crate::connectors::{Changes, ChangesError, Extraction, KnownRecord, SourceEnd};
use std::collections::{BTreeMap, HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_128;

/// What a source that has no such column calls the command.
const COMMAND: &str = "change";

/// How many entries are asked for at once by their identities.
const AT_ONCE: usize = 200;

/// More entries than this are not asked for by their identities.
pub const MOST_UNREAD: usize = 20_000;

/// More new names than this are not looked for in other entries.
const MOST_NAMES: usize = 2000;

/// How many names are looked for at once.
const NAMES_AT_ONCE: usize = 50;

/// More of what entries were is not kept in memory.
const MOST_BYTES: usize = 64 << 20;

/// What was found, held against what was there.
pub struct Settled {
    found: Found,
    /// Keys that nothing has any more, each in the record that had it.
    old: Vec<Old>,
    /// Names that entries did not have before: of new ones, and of those that were renamed.
    pub names: Vec<String>,
}

/// Holds what was found against what was there.
pub async fn compare(
    watched: &Watched<'_>,
    mut found: Found,
    extraction: &mut dyn Extraction,
) -> Result<Settled, ChangesError> {
    let shape = RowShape::new(&watched.table);
    let header = shape.header();
    if found.changed.is_empty() && found.gone.is_empty() && found.present.is_none() {
        return Ok(Settled { found, old: Vec::new(), names: Vec::new() });
    }
    let mut ledger = Ledger::read(watched, &header, &mut found, extraction)?;
    read_by_identity(watched, &shape, std::mem::take(&mut ledger.unread), &mut found.changed).await?;
    let names = ledger.new_names(&shape, &found.changed);
    let old = ledger.left_behind(&shape, &found.changed);
    confirm_keys(watched, &header, &shape, &found, &old, extraction)?;
    Ok(Settled { found, old, names })
}

impl Settled {
    /// Reads entries again in which one of these names stands: it may not have led anywhere before.
    pub async fn follow(&mut self, watched: &Watched<'_>, names: &[String]) -> Result<(), ChangesError> {
        let shape = RowShape::new(&watched.table);
        let columns: Vec<&str> = shape.columns_of_names().collect();
        if columns.is_empty() || names.is_empty() {
            return Ok(());
        }
        if names.len() > MOST_NAMES {
            return Err(expired(watched, "may refer to so many new names that reading all of it is less work"));
        }
        for some in names.chunks(NAMES_AT_ONCE) {
            let condition = |name: &String| {
                let name = ldap3::ldap_escape(name.as_str());
                columns.iter().map(|column| format!("({column}={name})")).collect::<String>()
            };
            let conditions: String = some.iter().map(condition).collect();
            let filter = format!("(&{}(|{conditions}))", watched.table.filter);
            read_where(watched, &shape, filter, &mut self.found.changed).await?;
        }
        Ok(())
    }

    /// Writes the table of changes, and where the table stands now.
    pub fn write(
        self,
        watched: &Watched<'_>,
        cursor: &Cursor,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        let Self { found, old, .. } = self;
        let shape = RowShape::new(&watched.table);
        let header = shape.header_of_changes();
        let table = &watched.table;
        let changes = Changes { columns: &header, command_column: COMMAND };
        extraction.begin_changes(&table.name, &table.source_file(), &changes)?;
        for (_, record) in &old {
            let cells = record.iter().map(String::as_bytes).chain(std::iter::repeat(b"".as_slice())).take(header.len());
            extraction.change("delete", None, None, &mut { cells })?;
        }
        let (gone, changed) = (old.len() as u64, found.changed.len() as u64);
        for row in found.changed.into_rows() {
            shape.write_change(row, extraction)?;
        }
        let words = format!("{}: {changed} entries new or changed, {gone} keys gone", found.end);
        let figures = [("changed", changed), ("gone", gone)].map(|(name, figure)| (name.to_owned(), figure.into()));
        extraction.end(SourceEnd { words, figures: BTreeMap::from(figures) })?;
        let position = match cursor.mechanism {
            Mechanism::Timestamp => Some(timestamp::stood(watched.began.elapsed())),
            _ => found.position,
        };
        extraction.cursor(position.map_or_else(|| cursor.clone(), |position| cursor.at(position)).to_json());
        Ok(())
    }
}

/// What became of an entry that was not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// It is there, but may be another than it was.
    Differs,
    Gone,
}

impl Fate {
    /// `listed`: whether it stands in the list of what is there, where there is one, and with which mark. A list is made
    /// last: an entry that was gone and stands there has come back, as whatever it is now.
    fn of(was_gone: bool, listed: Option<Option<Option<Mark>>>, before: impl Fn(Mark) -> Mark) -> Self {
        match listed {
            None if was_gone => Self::Gone,
            None => Self::Stays,
            Some(None) => Self::Gone,
            Some(Some(_)) if was_gone => Self::Differs,
            Some(Some(Some(mark))) if mark != before(mark) => Self::Differs,
            Some(Some(_)) => Self::Stays,
        }
    }
}

/// The record of an entry as it was.
type Old = (Identity, Vec<String>);

/// So many entries do not all go in a day's work; below, as with the guard over volumes, it may be so.
const FEW: u64 = 20;

/// What the entries concerned were before.
struct Ledger {
    keys: Vec<usize>,
    /// Of entries that are gone.
    gone: Vec<Old>,
    /// Of entries that are changed, or may be.
    changed: Vec<Old>,
    /// Entries that are there, and are new or have another name or stamp, but were not read.
    unread: Vec<Identity>,
}

impl Ledger {
    fn read(
        watched: &Watched<'_>,
        header: &[String],
        found: &mut Found,
        extraction: &mut dyn Extraction,
    ) -> Result<Self, ChangesError> {
        let keys = positions(&watched.table, header);
        let mut ledger = Self { keys, gone: Vec::new(), changed: Vec::new(), unread: Vec::new() };
        let stamp = watched.table.column(timestamp::stamp(watched.root)).map(str::to_owned);
        let stamp = stamp.and_then(|column| header.iter().position(|name| *name == column));
        let mut bytes = 0;
        let lists_nobody = found.present.as_ref().is_some_and(|present| present.is_empty());
        let mut known = 0_u64;
        each_known(watched, header, extraction, &mut |identity, record| {
            known += 1;
            let is_changed = found.changed.get(&identity).is_some();
            let listed = found.present.as_mut().map(|present| present.remove(&identity));
            let was_gone = found.gone.contains(&identity);
            let fate = Fate::of(was_gone, listed, |mark| marked(record, stamp.filter(|_| mark.stamp.is_some())));
            let (is_gone, differs) = (fate == Fate::Gone, fate == Fate::Differs);
            if !is_changed && !is_gone && !differs {
                return;
            }
            let old = (identity, record.values.iter().take(header.len()).map(str::to_owned).collect::<Vec<_>>());
            bytes += record.values.as_byte_record().as_slice().len();
            if bytes > MOST_BYTES {
                return;
            }
            match is_gone && !is_changed {
                true => ledger.gone.push(old),
                false => {
                    if !is_changed {
                        ledger.unread.push(identity);
                    }
                    ledger.changed.push(old);
                }
            }
        })?;
        if lists_nobody && known >= FEW {
            // A right that was taken away looks like this. Complete runs have a guard for it.
            return Err(expired(watched, "shows no entry at all any more"));
        }
        // What is left of the list was not there before.
        let new = found.present.iter().flat_map(|present| present.keys());
        ledger.unread.extend(new.filter(|identity| found.changed.get(identity).is_none()));
        if bytes > MOST_BYTES || ledger.unread.len() > MOST_UNREAD {
            return Err(expired(watched, "has changed so much that reading all of it is less work"));
        }
        ledger.unread.sort_unstable();
        Ok(ledger)
    }

    /// The names of changed entries that they did not have before.
    fn new_names(&self, shape: &RowShape, changed: &Changed) -> Vec<String> {
        let before: HashMap<Identity, &str> =
            self.changed.iter().filter_map(|(identity, record)| Some((*identity, record.first()?.as_str()))).collect();
        let is_new = |(identity, row): &&(Identity, Row)| {
            before.get(identity).map(|name| name.as_bytes()) != shape.cell_of_name(row)
        };
        changed.iter().filter(is_new).map(|(_, row)| row.dn.clone()).collect()
    }

    /// The records whose keys no entry has any more: of entries that are gone, and of those with another key now.
    fn left_behind(self, shape: &RowShape, changed: &Changed) -> Vec<Old> {
        let Self { keys, mut gone, changed: before, .. } = self;
        gone.extend(before.into_iter().filter(|(identity, record)| {
            // What can't be found any more is gone with the next run, which knows for certain.
            changed.get(identity).is_some_and(|row| {
                let now = shape.table_cells(row);
                keys.iter().any(|&key| now[key] != record[key].as_bytes())
            })
        }));
        gone
    }
}

/// Reads entries by their identities, wherever they are in the search now.
pub async fn read_by_identity(
    watched: &Watched<'_>,
    shape: &RowShape,
    unread: Vec<Identity>,
    changed: &mut Changed,
) -> Result<(), ChangesError> {
    let attribute = watched.root.identity();
    for some in unread.chunks(AT_ONCE) {
        let conditions: String = some.iter().map(|identity| identity.condition(attribute)).collect();
        let filter = format!("(&{}(|{conditions}))", watched.table.filter);
        read_where(watched, shape, filter, changed).await?;
    }
    Ok(())
}

/// Reads the entries of the search for which a narrower filter holds.
pub async fn read_where(
    watched: &Watched<'_>,
    shape: &RowShape,
    filter: String,
    changed: &mut Changed,
) -> Result<(), ChangesError> {
    let table = SearchTable { filter, ..watched.table.clone() };
    let mut search = PagedSearch::new(watched.session.clone(), &table, watched.page_size);
    while let Some(entry) = search.next().await? {
        let mut row = shape.row(entry, &mut Unasked::default()).map_err(|fault| search.refuse(&fault.to_string()))?;
        range::complete(watched.session, shape, &mut row).await.map_err(|error| search.in_context(error))?;
        let identity = watched.identity(shape, &row)?;
        changed.add(identity, row)?;
    }
    Ok(())
}

/// Makes sure that no two entries have one of the keys concerned: which of them counts is for a complete run to say.
fn confirm_keys(
    watched: &Watched<'_>,
    header: &[String],
    shape: &RowShape,
    found: &Found,
    old: &[Old],
    extraction: &mut dyn Extraction,
) -> Result<(), ChangesError> {
    const TWICE: &str = "has several entries with one key, which only a look at all of them can settle";
    let keys = positions(&watched.table, header);
    if keys.is_empty() {
        return Ok(());
    }
    let mut taken = HashSet::new();
    for (_, row) in found.changed.iter() {
        let cells = shape.table_cells(row);
        if let Some(key) = key_of(keys.iter().map(|&key| cells[key].as_slice()))
            && !taken.insert(key)
        {
            return Err(expired(watched, TWICE));
        }
    }
    taken.extend(old.iter().filter_map(|(_, record)| key_of(keys.iter().map(|&key| record[key].as_bytes()))));
    let touched: HashSet<Identity> = old.iter().map(|(identity, _)| *identity).collect();
    let mut is_twice = false;
    each_known(watched, header, extraction, &mut |identity, record| {
        if !touched.contains(&identity) && found.changed.get(&identity).is_none() {
            let key = key_of(keys.iter().map(|&key| record.values.get(key).unwrap_or_default().as_bytes()));
            is_twice |= key.is_some_and(|key| taken.contains(&key));
        }
    })?;
    if is_twice { Err(expired(watched, TWICE)) } else { Ok(()) }
}

/// Goes through what the applied runs have read. What they have read in another shape, or without identities, is of no
/// use.
pub fn each_known(
    watched: &Watched<'_>,
    header: &[String],
    extraction: &mut dyn Extraction,
    hear: &mut dyn FnMut(Identity, &KnownRecord<'_>),
) -> Result<(), ChangesError> {
    let table = &watched.table;
    let Some(column) = table.column(watched.root.identity()) else {
        return Err(expired(watched, "was read without what tells its entries apart"));
    };
    let at = header.iter().position(|name| name == column).unwrap_or_default();
    let mut is_usable = true;
    let is_known = extraction.known(&table.name, column, &mut |record| {
        let identity = record.values.get(at).and_then(Identity::of_cell).filter(|_| record.columns.starts_with(header));
        match identity {
            Some(identity) => hear(identity, record),
            None => is_usable = false,
        }
        Ok(())
    })?;
    match (is_known, is_usable) {
        (true, true) => Ok(()),
        (false, _) => Err(expired(watched, "was read by runs whose extractions are gone or were not applied as read")),
        (true, false) => Err(expired(watched, "was read without what tells its entries apart")),
    }
}

fn marked(record: &KnownRecord<'_>, stamp: Option<usize>) -> Mark {
    let cell = |at: usize| record.values.get(at).unwrap_or_default();
    Mark { name: digest(cell(0)), stamp: stamp.map(|at| digest(cell(at))) }
}

fn positions(table: &SearchTable, header: &[String]) -> Vec<usize> {
    table.keys.iter().filter_map(|key| header.iter().position(|column| column == key)).collect()
}

/// A digest of a key; none of one that is empty.
fn key_of<'a>(cells: impl Iterator<Item = &'a [u8]>) -> Option<u128> {
    let mut all = Vec::new();
    let mut is_empty = true;
    for cell in cells {
        is_empty &= cell.is_empty();
        all.extend((cell.len() as u64).to_be_bytes());
        all.extend(cell);
    }
    (!is_empty).then(|| xxh3_128(&all))
}

/// Everything has to be read whole: why.
pub fn expired(watched: &Watched<'_>, why: &str) -> ChangesError {
    ChangesError::Expired(format!("the table {} {why}", watched.table.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_made_last_counts() {
        let mark = |name: u64| Mark { name, stamp: None };
        let of = |was_gone, listed| Fate::of(was_gone, listed, |_| mark(1));
        assert_eq!(of(true, None), Fate::Gone, "named as gone, and nothing is listed");
        assert_eq!(of(true, Some(Some(None))), Fate::Differs, "it came back");
        assert_eq!(of(true, Some(Some(Some(mark(1))))), Fate::Differs, "under its old name, with who knows what");
        assert_eq!(of(true, Some(None)), Fate::Gone);
        assert_eq!(of(false, Some(None)), Fate::Gone);
        assert_eq!(of(false, Some(Some(Some(mark(2))))), Fate::Differs);
        for listed in [None, Some(Some(None)), Some(Some(Some(mark(1))))] {
            assert_eq!(of(false, listed), Fate::Stays, "{listed:?}");
        }
    }
}
