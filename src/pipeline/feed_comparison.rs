//! Two feeds held against each other, table by table: which records are new, which are gone, which differ, and where.
//! As the files have them: nothing is mapped. Memory is some 80 bytes a record, and bounded by what is looked at.

use crate::model::connector::ConnectorDefinition;
use crate::model::feed::FeedFile;
use crate::store::{Sealed, Store, StoreError};
use crate::values::digest::Digest;
use csv::StringRecord;
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// Records of a table that are looked at one by one.
pub const MOST_ROWS: i64 = 250_000;
/// Bytes of a table that are looked at one by one.
pub const MOST_BYTES: i64 = 256 << 20;
/// Records of each sort that are shown.
const SHOWN: usize = 20;
/// Columns of a record that are shown.
const SHOWN_COLUMNS: usize = 12;
/// Characters of a value that are shown.
const SHOWN_LETTERS: usize = 200;

/// How two files of the same table differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// They are the same, byte for byte.
    Same,
    /// They were compared record by record.
    Differs(Difference),
    /// One of them is larger than what is looked at.
    TooLarge,
}

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Records that only the later file has.
    pub added: u64,
    /// Records that only the earlier file has.
    pub removed: u64,
    /// Records with the same key and other values.
    pub changed: u64,
    /// Records that are the same.
    pub same: u64,
    /// Columns that only the later file has.
    pub new_columns: Vec<String>,
    /// Columns that only the earlier file has.
    pub gone_columns: Vec<String>,
    /// The first of each sort.
    pub sample: Vec<Divergence>,
}

/// One record that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// What became of it.
    pub what: What,
    /// Its key; empty where the table has none.
    pub key: String,
    /// Column, value before, value after.
    pub values: Vec<(String, Option<String>, Option<String>)>,
}

/// What became of a record from one feed to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its values are others.
    Changed,
}

/// Why two files can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    /// The store does not have them.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are no CSV any more.
    #[error("the files of the feed can't be read: {0}")]
    Csv(#[from] csv::Error),
}

/// Compares two files of a table, the earlier one first. `key` is the column by which its records are told apart; without
/// one a record is all of its values.
pub fn compare(
    store: &Store,
    earlier: &FeedFile,
    later: &FeedFile,
    key: Option<&str>,
) -> Result<Compared, ComparisonError> {
    if earlier.sha256 == later.sha256 {
        return Ok(Compared::Same);
    }
    if [earlier, later].iter().any(|file| file.rows > MOST_ROWS || file.bytes > MOST_BYTES) {
        return Ok(Compared::TooLarge);
    }
    let open = |file: &FeedFile| -> Result<Table, ComparisonError> {
        let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes.unsigned_abs() };
        Table::open(store.verified(&file.path, &sealed)?)
    };
    Ok(Compared::Differs(difference(|| open(earlier), || open(later), key)?))
}

/// The column that tells the records of a table apart, if one entity type reads them and says so.
pub fn key_column<'a>(definition: &'a ConnectorDefinition, table: &str) -> Option<&'a str> {
    let reader = definition.entity_types.iter().find(|entity_type| entity_type.source.0 == table)?;
    reader.properties.iter().find(|property| property.key)?.column.as_deref()
}

/// A file being read.
struct Table {
    header: Vec<String>,
    rows: csv::Reader<Box<dyn Read>>,
}

impl Table {
    fn open(source: impl Read + 'static) -> Result<Self, ComparisonError> {
        let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(Box::new(source) as Box<dyn Read>);
        let header = rows.headers()?.iter().map(str::to_owned).collect();
        Ok(Self { header, rows })
    }

    fn each(mut self, mut see: impl FnMut(&StringRecord)) -> Result<(), ComparisonError> {
        let mut row = StringRecord::new();
        while self.rows.read_record(&mut row)? {
            see(&row);
        }
        Ok(())
    }
}

/// How records of one file are told apart, and what of them counts.
struct View {
    key: Option<usize>,
    /// Where the columns stand that both files have, in the same order for both.
    shared: Vec<usize>,
}

impl View {
    fn of(header: &[String], shared: &[&String], key: Option<&str>) -> Self {
        let position = |name: &str| header.iter().position(|column| column == name);
        Self { key: key.and_then(position), shared: shared.iter().filter_map(|name| position(name)).collect() }
    }

    fn content(&self, row: &StringRecord) -> Digest {
        let values = self.shared.iter().map(|position| row.get(*position).unwrap_or_default().as_bytes());
        Digest::of_fields(1, values)
    }

    fn identity(&self, row: &StringRecord) -> Digest {
        match self.key {
            Some(key) => Digest::of_fields(0, std::iter::once(row.get(key).unwrap_or_default().as_bytes())),
            None => self.content(row),
        }
    }
}

/// The records with one key in both files.
#[derive(Default)]
struct Pair {
    content: [Digest; 2],
    rows: [u32; 2],
}

impl Pair {
    fn see(&mut self, side: usize, content: Digest) {
        if let (Some(sum), Some(rows)) = (self.content.get_mut(side), self.rows.get_mut(side)) {
            *sum += content;
            *rows = rows.saturating_add(1);
        }
    }

    fn what(&self) -> Option<What> {
        match self.rows {
            [0, _] => Some(What::Added),
            [_, 0] => Some(What::Removed),
            _ if self.content[0] != self.content[1] => Some(What::Changed),
            _ => None,
        }
    }
}

fn difference(
    earlier: impl Fn() -> Result<Table, ComparisonError>,
    later: impl Fn() -> Result<Table, ComparisonError>,
    key: Option<&str>,
) -> Result<Difference, ComparisonError> {
    let (one, other) = (earlier()?, later()?);
    let (before, after) = (one.header.clone(), other.header.clone());
    let shared: Vec<&String> = before.iter().filter(|column| after.contains(column)).collect();
    let only = |these: &[String], those: &[String]| these.iter().filter(|it| !those.contains(it)).cloned().collect();
    let key = key.filter(|key| shared.iter().any(|column| column == key));
    let views = [View::of(&before, &shared, key), View::of(&after, &shared, key)];

    let mut pairs: HashMap<Digest, Pair> = HashMap::new();
    for (side, table) in [one, other].into_iter().enumerate() {
        let view = &views[side];
        table.each(|row| pairs.entry(view.identity(row)).or_default().see(side, view.content(row)))?;
    }
    let mut found =
        Difference { new_columns: only(&after, &before), gone_columns: only(&before, &after), ..Difference::default() };
    for pair in pairs.values() {
        let [earlier, later] = pair.rows.map(u64::from);
        match (pair.what(), key) {
            (Some(What::Added), _) => found.added += later,
            (Some(What::Removed), _) => found.removed += earlier,
            (Some(What::Changed), Some(_)) => found.changed += earlier.max(later),
            // Without a key they are the same record, more often or less often.
            (Some(What::Changed), None) => {
                found.added += later.saturating_sub(earlier);
                found.removed += earlier.saturating_sub(later);
                found.same += earlier.min(later);
            }
            (None, _) => found.same += later,
        }
    }
    found.sample = sample(&pairs, &views, [(earlier()?, &before), (later()?, &after)])?;
    Ok(found)
}

/// The first records of each sort, in the order of the files.
fn sample(
    pairs: &HashMap<Digest, Pair>,
    views: &[View; 2],
    tables: [(Table, &Vec<String>); 2],
) -> Result<Vec<Divergence>, ComparisonError> {
    let mut chosen: Vec<(Digest, What, [Option<StringRecord>; 2])> = Vec::new();
    let mut places: HashMap<Digest, usize> = HashMap::new();
    let mut taken: HashSet<Digest> = HashSet::new();
    let headers = [tables[0].1, tables[1].1];
    for (side, (table, _)) in tables.into_iter().enumerate() {
        let view = &views[side];
        let mut left = [SHOWN; 3];
        table.each(|row| {
            let identity = view.identity(row);
            let Some(what) = pairs.get(&identity).and_then(Pair::what) else { return };
            if let Some((_, _, rows)) = places.get(&identity).and_then(|place| chosen.get_mut(*place)) {
                // The first record of a key on each side.
                if let Some(slot) = rows.get_mut(side).filter(|slot| slot.is_none()) {
                    *slot = Some(row.clone());
                }
                return;
            }
            // What changed is chosen where it is met first.
            if (side == 1 && what == What::Changed) || !taken.insert(identity) {
                return;
            }
            if let Some(left) = left.get_mut(what as usize).filter(|left| **left > 0) {
                *left -= 1;
                places.insert(identity, chosen.len());
                let mut rows = [None, None];
                rows[side] = Some(row.clone());
                chosen.push((identity, what, rows));
            }
        })?;
    }
    Ok(chosen.into_iter().map(|(_, what, rows)| divergence(what, &rows, headers, views)).collect())
}

fn divergence(
    what: What,
    rows: &[Option<StringRecord>; 2],
    headers: [&Vec<String>; 2],
    views: &[View; 2],
) -> Divergence {
    let value = |side: usize, column: &str| -> Option<String> {
        let position = headers[side].iter().position(|name| name == column)?;
        let text = rows[side].as_ref()?.get(position)?;
        Some(text.chars().take(SHOWN_LETTERS).collect())
    };
    let mut columns: Vec<&String> = headers[0].iter().collect();
    columns.extend(headers[1].iter().filter(|column| !headers[0].contains(column)));
    let values = columns.into_iter().map(|column| (column.clone(), value(0, column), value(1, column)));
    let values = values.filter(|(_, before, after)| before != after).take(SHOWN_COLUMNS).collect();
    let key = (0..2).find_map(|side| Some(rows[side].as_ref()?.get(views[side].key?)?.to_owned()));
    Divergence { what, key: key.unwrap_or_default(), values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(earlier: &'static str, later: &'static str, key: Option<&str>) -> Difference {
        difference(|| Table::open(earlier.as_bytes()), || Table::open(later.as_bytes()), key).unwrap()
    }

    fn figures(found: &Difference) -> [u64; 4] {
        [found.added, found.removed, found.changed, found.same]
    }

    #[test]
    fn records_are_told_apart_by_their_key() {
        let found = compared("Id,Mail\n1,a\n2,b\n3,c\n", "Mail,Id\nb2,2\na,1\nd,4\n", Some("Id"));
        assert_eq!(figures(&found), [1, 1, 1, 1]);
        let shown: Vec<_> = found.sample.iter().map(|one| (one.what, one.key.as_str())).collect();
        assert_eq!(shown, [(What::Changed, "2"), (What::Removed, "3"), (What::Added, "4")]);
        assert_eq!(found.sample[0].values, [("Mail".into(), Some("b".into()), Some("b2".into()))]);
        assert_eq!(found.sample[2].values[0], ("Id".into(), None, Some("4".into())));
    }

    #[test]
    fn without_a_key_a_record_is_all_of_its_values() {
        let found = compared("a,b\n1,2\n1,2\n3,4\n", "a,b\n1,2\n5,6\n", None);
        assert_eq!(figures(&found), [1, 2, 0, 1]);
        let found = compared("a,b\n1,2\n", "a,b\n1,2\n", Some("no such column"));
        assert_eq!(figures(&found), [0, 0, 0, 1]);
    }

    #[test]
    fn columns_that_only_one_has_are_named_and_do_not_make_every_record_another() {
        let found = compared("Id,Old\n1,x\n", "Id,New\n1,y\n", Some("Id"));
        assert_eq!((found.new_columns.join(","), found.gone_columns.join(",")), ("New".into(), "Old".into()));
        assert_eq!(figures(&found), [0, 0, 0, 1]);
    }

    proptest::proptest! {
        #[test]
        fn the_figures_are_those_of_sets(
            one in proptest::collection::btree_map(0_u8..20, 0_u8..3, 0..20),
            other in proptest::collection::btree_map(0_u8..20, 0_u8..3, 0..20),
        ) {
            let text = |rows: &std::collections::BTreeMap<u8, u8>| {
                rows.iter().fold("k,v\n".to_owned(), |text, (key, value)| format!("{text}{key},{value}\n"))
            };
            let (a, b) = (text(&one), text(&other));
            let open = |text: &String| Table::open(std::io::Cursor::new(text.clone()));
            let found = difference(|| open(&a), || open(&b), Some("k")).unwrap();
            let both = one.keys().filter(|key| other.contains_key(key)).count() as u64;
            let changed = one.iter().filter(|(key, value)| other.get(key).is_some_and(|it| it != *value)).count() as u64;
            let expected = [other.len() as u64 - both, one.len() as u64 - both, changed, both - changed];
            proptest::prop_assert_eq!(figures(&found), expected);
        }
    }
}
