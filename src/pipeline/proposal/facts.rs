//! What the rows of tables tell about their columns: gathered row by row, in bounded memory. Pure.

use super::notation::NOTATIONS;
use crate::model::property::VALUE_SEPARATOR;
use crate::model::source_schema::ColumnSchema;
use crate::values::format::Format;
use crate::values::text::shorten;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// What several values in one text may be separated by, where the source does not say so itself.
pub const SEPARATORS: [&str; 3] = [";", "|", ","];

/// The most different values of one column that are told apart.
const MOST_VALUES: usize = 200_000;
/// A notation that so many of the first values don't have is no longer looked for.
const GIVE_UP_AFTER: u64 = 20;
/// The most different words of what may be yes or no.
const MOST_WORDS: usize = 4;

/// What was seen of all tables of a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Each table.
    pub tables: Vec<TableFacts>,
    /// Columns whose values are values of a column that tells rows apart.
    pub holdings: Vec<Holding>,
}

/// What was seen of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableFacts {
    /// Its name.
    pub name: String,
    /// Rows that were looked at; those that are the same in all columns count once.
    pub rows: u64,
    /// Whether these were all.
    pub complete: bool,
    /// Its columns in order.
    pub columns: Vec<ColumnFacts>,
}

/// What was seen of a column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnFacts {
    /// Its name.
    pub name: String,
    /// What the source says it is.
    pub native_type: Option<String>,
    /// Rows with a value.
    pub filled: u64,
    /// Different values.
    pub distinct: u64,
    /// Different values where upper and lower case are the same.
    pub folded: u64,
    /// Rows that the source itself says have several values.
    pub several: u64,
    /// The longest value in bytes.
    pub longest: u64,
    /// Notations (`NOTATIONS`) that most values have: which, how many, and the line of the first that has not.
    pub notations: Vec<(usize, u64, Option<u64>)>,
    /// Values that look like an address of mail.
    pub mails: u64,
    /// Values that look like a number of a telephone.
    pub phones: u64,
    /// Whole numbers that begin with a zero.
    pub zeros: u64,
    /// All words with their rows, in lower case, where there are few.
    pub words: Vec<(String, u64)>,
    /// What separates values within a text, maybe.
    pub separators: Vec<SeparatorFacts>,
    /// A few values, cut; never part of a document.
    pub examples: Vec<String>,
}

/// What was seen of a separator.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SeparatorFacts {
    /// One of [`SEPARATORS`].
    pub separator: String,
    /// Rows that have it.
    pub rows: u64,
    /// Parts in all rows.
    pub parts: u64,
    /// Different parts.
    pub distinct: u64,
    /// The longest part in bytes.
    pub longest: u64,
}

/// That values of one column are values of another, which tells the rows of its table apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Holding {
    /// Table and column that hold them.
    pub from: (String, String),
    /// What separates them there, where a row has several; the source's own separator is empty.
    pub separator: Option<String>,
    /// Table and column that they are values of.
    pub to: (String, String),
    /// Different values, and how many of them are there.
    pub values: u64,
    /// How many of them are there.
    pub found: u64,
}

/// Looks at the rows of one table.
pub struct TableObserver {
    name: String,
    rows: u64,
    seen: HashSet<u64>,
    columns: Vec<ColumnObserver>,
    /// Whether the source had no more rows.
    pub complete: bool,
}

struct ColumnObserver {
    facts: ColumnFacts,
    values: HashSet<u64>,
    folded: HashSet<u64>,
    readers: Vec<(usize, Format, u64, u64, Option<u64>)>,
    words: BTreeMap<String, u64>,
    wordy: bool,
    /// By separator, the source's own first.
    parts: Vec<(&'static str, HashSet<u64>, SeparatorFacts)>,
}

impl TableObserver {
    /// Before the first row. `known`: what the source says of its columns.
    pub fn new(name: &str, columns: &[String], known: &[ColumnSchema]) -> Self {
        let native = |name: &str| known.iter().find(|one| one.name == name).and_then(|one| one.native_type.clone());
        let columns = columns.iter().map(|name| ColumnObserver::new(name, native(name))).collect();
        Self { name: name.to_owned(), rows: 0, seen: HashSet::new(), columns, complete: false }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// One row, and the line where it stands.
    pub fn row<'v>(&mut self, line: Option<u64>, values: impl Iterator<Item = &'v [u8]>) {
        let texts: Vec<String> = values.map(|value| String::from_utf8_lossy(value).trim().to_owned()).collect();
        if !self.seen.insert(xxh3_64(texts.join("\u{0}").as_bytes())) {
            return;
        }
        self.rows += 1;
        let line = line.unwrap_or(self.rows);
        for (column, text) in self.columns.iter_mut().zip(&texts).filter(|(_, text)| !text.is_empty()) {
            column.value(text, line);
        }
    }

    fn facts(&self) -> TableFacts {
        TableFacts {
            name: self.name.clone(),
            rows: self.rows,
            complete: self.complete,
            columns: self.columns.iter().map(ColumnObserver::facts).collect(),
        }
    }
}

impl ColumnObserver {
    fn new(name: &str, native_type: Option<String>) -> Self {
        let readers = NOTATIONS.iter().enumerate();
        let readers = readers.filter_map(|(at, one)| Some((at, one.reader()?, 0, 0, None))).collect();
        let parts = std::iter::once(VALUE_SEPARATOR).chain(SEPARATORS);
        let parts = parts.map(|one| {
            let facts = SeparatorFacts { separator: one.to_owned(), ..SeparatorFacts::default() };
            (one, HashSet::new(), facts)
        });
        Self {
            facts: ColumnFacts { name: name.to_owned(), native_type, ..ColumnFacts::default() },
            values: HashSet::new(),
            folded: HashSet::new(),
            readers,
            words: BTreeMap::new(),
            wordy: true,
            parts: parts.collect(),
        }
    }

    fn value(&mut self, text: &str, line: u64) {
        let facts = &mut self.facts;
        facts.filled += 1;
        facts.longest = facts.longest.max(text.len() as u64);
        facts.several += u64::from(text.contains(VALUE_SEPARATOR));
        let is_new = add(&mut self.values, text);
        add(&mut self.folded, &text.to_lowercase());
        if is_new && facts.examples.len() < 3 {
            facts.examples.push(shorten(&text.replace(VALUE_SEPARATOR, ", "), 60));
        }
        facts.mails += u64::from(is_mail(text));
        facts.phones += u64::from(is_phone(text));
        facts.zeros += u64::from(text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
        if self.wordy {
            *self.words.entry(text.to_lowercase()).or_default() += 1;
            self.wordy = self.words.len() <= MOST_WORDS && text.len() <= 20;
        }
        for (at, reader, fits, misses, first) in &mut self.readers {
            if NOTATIONS.get(*at).is_some_and(|one| one.may_be(text)) && reader.convert_key(text).is_ok() {
                *fits += 1;
            } else {
                *misses += 1;
                first.get_or_insert(line);
            }
        }
        // Few values are dates where the first twenty are none.
        self.readers.retain(|(_, _, fits, misses, _)| *misses < GIVE_UP_AFTER || *misses * 10 < *fits);
        for (separator, seen, facts) in &mut self.parts {
            if text.contains(*separator) {
                facts.rows += 1;
            }
            for part in text.split(*separator).map(str::trim).filter(|part| !part.is_empty()) {
                facts.parts += 1;
                facts.longest = facts.longest.max(part.len() as u64);
                add(seen, part);
            }
        }
    }

    fn facts(&self) -> ColumnFacts {
        let mut facts = self.facts.clone();
        facts.distinct = self.values.len() as u64;
        facts.folded = self.folded.len() as u64;
        let mostly = self.readers.iter().filter(|(_, _, fits, ..)| *fits > 0 && *fits * 10 >= facts.filled * 9);
        facts.notations = mostly.map(|(at, _, fits, _, first)| (*at, *fits, *first)).collect();
        if self.wordy {
            facts.words = self.words.iter().map(|(word, count)| (word.clone(), *count)).collect();
        }
        let parted = self.parts.iter().filter(|(separator, _, facts)| facts.rows > 0 && *separator != VALUE_SEPARATOR);
        facts.separators =
            parted.map(|(_, seen, facts)| SeparatorFacts { distinct: seen.len() as u64, ..facts.clone() }).collect();
        facts
    }
}

/// What all tables together tell.
pub fn observed(tables: &[TableObserver]) -> Observed {
    let mut holdings = Vec::new();
    for from in tables {
        for column in &from.columns {
            for to in tables {
                // Without a value twice, and, but for a few, in every row.
                let unique = to.columns.iter().filter(|one| {
                    one.values.len() as u64 == one.facts.filled && one.facts.several == 0 && one.facts.filled > 0
                });
                for known in unique.filter(|one| one.facts.filled * 20 >= to.rows * 19 && !std::ptr::eq(*one, column)) {
                    holdings.extend(holding(from, column, to, known));
                }
            }
        }
    }
    Observed { tables: tables.iter().map(TableObserver::facts).collect(), holdings }
}

/// Of the ways to take the column's values apart, the first by which nearly all are known.
fn holding(
    from: &TableObserver,
    column: &ColumnObserver,
    to: &TableObserver,
    known: &ColumnObserver,
) -> Option<Holding> {
    let whole = std::iter::once((None, &column.values)).filter(|_| column.facts.several == 0);
    let parted = column.parts.iter().filter(|(_, _, facts)| facts.rows > 0);
    let parted = parted.map(|(separator, values, _)| {
        (Some(if *separator == VALUE_SEPARATOR { String::new() } else { (*separator).to_owned() }), values)
    });
    whole.chain(parted).find_map(|(separator, values)| {
        let found = values.iter().filter(|value| known.values.contains(*value)).count();
        // A member may be of one of several tables: a part of them is worth telling.
        let enough = if separator.as_deref() == Some("") { found > 0 } else { found * 10 >= values.len() * 9 };
        (enough && found > 0).then(|| Holding {
            from: (from.name.clone(), column.facts.name.clone()),
            separator,
            to: (to.name.clone(), known.facts.name.clone()),
            values: values.len() as u64,
            found: found as u64,
        })
    })
}

fn add(values: &mut HashSet<u64>, text: &str) -> bool {
    values.len() < MOST_VALUES && values.insert(xxh3_64(text.as_bytes()))
}

fn is_mail(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let marked = text.starts_with(['+', '(', '0']) && digits != text.len();
    marked && (6..=16).contains(&digits) && text.bytes().all(|byte| byte.is_ascii_digit() || b"+()-/. ".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_look_like() {
        assert!(is_mail("ada@example.org") && !is_mail("ada@local") && !is_mail("Ada <ada@example.org>"));
        assert!(is_phone("+49 30 1234-56") && is_phone("(030) 123 45 67") && !is_phone("10001234"));
        assert!(!is_phone("2026-01-01"));
    }

    #[test]
    fn the_same_row_counts_once_and_misfits_are_told_by_line() {
        let columns = ["Id".to_owned(), "Since".to_owned()];
        let mut observer = TableObserver::new("people", &columns, &[]);
        for (line, row) in (2..).zip([["1", "31.12.2026"], ["1", "31.12.2026"], ["2", "n/a"], ["3", ""]]) {
            observer.row(Some(line), row.iter().map(|value| value.as_bytes()));
        }
        for line in 6..40 {
            let id = line.to_string();
            observer.row(Some(line), [id.as_bytes(), b"01.02.2026"].into_iter());
        }
        let facts = observer.facts();
        assert_eq!((facts.rows, facts.columns[0].distinct, facts.columns[1].filled), (37, 37, 36));
        let dotted = NOTATIONS.iter().position(|one| one.format == Some("%d.%m.%Y")).unwrap();
        assert_eq!(facts.columns[1].notations, [(dotted, 35, Some(4))]);
    }
}
