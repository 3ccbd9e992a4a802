//! An entry as a row: its columns are `dn` and the attributes that the table asks for.

use super::dn;
use super::entry::Entry;
use super::range::{self, BrokenRange};
use super::settings::SearchTable;
use super::unasked::Unasked;
use crate::connectors::{ConnectionError, Extraction};
use crate::model::property::VALUE_SEPARATOR;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeSet, HashMap};

/// Attributes whose values are bytes in every directory that has them. All their values leave as base64, whether or not
/// one happens to be text.
const BINARY_ATTRIBUTES: &[&str] = &[
    "audio",
    "authorityrevocationlist",
    "cacertificate",
    "certificaterevocationlist",
    "crosscertificatepair",
    "guid",
    "jpegphoto",
    "logonhours",
    "ms-ds-consistencyguid",
    "msds-generationid",
    "msexcharchiveguid",
    "msexchblockedsendershash",
    "msexchmailboxguid",
    "msexchmailboxsecuritydescriptor",
    "msexchsaferecipientshash",
    "msexchsafesendershash",
    "netbootguid",
    "ntsecuritydescriptor",
    "objectguid",
    "objectsid",
    "photo",
    "securityidentifier",
    "sidhistory",
    "thumbnaillogo",
    "thumbnailphoto",
    "tokengroups",
    "usercertificate",
    "userpkcs12",
    "usersmimecertificate",
];

/// How a table's entries become rows.
pub struct RowShape {
    columns: Vec<Column>,
    /// Column by lower-case attribute description.
    by_name: HashMap<String, usize>,
    pairs: Vec<Pair>,
}

struct Column {
    name: String,
    content: Content,
    /// Whether it stands in the table itself.
    in_table: bool,
}

/// What an attribute's values are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Text,
    /// Distinguished names, which leave in one form; what is none, as it is.
    Names,
    /// Names that are held against others, or are keys: without regard to capitals.
    MatchedNames,
    /// Bytes, which leave as base64.
    Bytes,
}

struct Pair {
    table: String,
    key: usize,
    column: usize,
    separator: Option<String>,
}

/// The place of `dn` among the columns.
const DN: usize = 0;

/// An entry on its way to the extraction.
pub struct Row {
    /// Whose row it is, as the server writes it.
    pub dn: String,
    /// Columns that came in ranges, and where the next range begins.
    pub unfinished: Vec<(usize, u64)>,
    values: Vec<Vec<Vec<u8>>>,
}

impl Row {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        const EACH: usize = size_of::<Vec<u8>>();
        let values =
            self.values.iter().map(|values| values.iter().map(|value| value.len() + EACH).sum::<usize>() + EACH);
        self.dn.len() + values.sum::<usize>()
    }
}

/// Why an entry can't be a row.
#[derive(Debug, thiserror::Error)]
pub enum RowFault {
    /// Bytes where text was expected.
    #[error("a value of `{attribute}` of `{dn}` is not text: name the attribute in the table's `binary_attributes`")]
    NotText {
        /// The attribute.
        attribute: String,
        /// The entry.
        dn: String,
    },
    /// The first part of many values is not what it says.
    #[error("`{attribute}` of `{dn}`: {source}")]
    Range {
        /// The attribute.
        attribute: String,
        /// The entry.
        dn: String,
        /// What is wrong.
        source: BrokenRange,
    },
}

impl RowShape {
    /// The shape of the table's rows.
    pub fn new(table: &SearchTable) -> Self {
        let named_binary: BTreeSet<String> =
            table.binary_attributes.iter().map(|attribute| attribute.to_ascii_lowercase()).collect();
        let names = std::iter::once("dn").chain(table.attributes.iter().map(String::as_str));
        let columns: Vec<Column> = names
            .map(|name| Column {
                name: name.to_owned(),
                content: if is_binary(name, &named_binary) {
                    Content::Bytes
                } else if table.matched.iter().any(|matched| matched == name) || is_key_of_names(name, table) {
                    Content::MatchedNames
                } else if holds_names(name, table) {
                    Content::Names
                } else {
                    Content::Text
                },
                in_table: !table.pairs.iter().any(|pair| pair.column == name),
            })
            .collect();
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let pairs = table
            .pairs
            .iter()
            .filter_map(|pair| {
                Some(Pair {
                    table: format!("{}.{}", table.name, pair.column),
                    key: place(&pair.key_column)?,
                    column: place(&pair.column)?,
                    separator: pair.separator.clone().filter(|separator| separator != VALUE_SEPARATOR),
                })
            })
            .collect();
        let by_name = columns
            .iter()
            .enumerate()
            .skip(1)
            .map(|(place, column)| (column.name.to_ascii_lowercase(), place))
            .collect();
        Self { columns, by_name, pairs }
    }

    /// The columns of the table itself.
    pub fn header(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.in_table).map(|column| column.name.clone()).collect()
    }

    /// All columns, those that leave as pairs included.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The attribute of a column.
    pub fn attribute(&self, column: usize) -> &str {
        &self.columns[column].name
    }

    /// Sorts the entry's attributes into columns. Names are compared without regard to capitals; `;binary` may be added
    /// by the server; other options (`;lang-de`) are other attributes and have to be asked for.
    pub fn row(&self, entry: Entry, unasked: &mut Unasked) -> Result<Row, RowFault> {
        let mut row = Row { values: vec![Vec::new(); self.columns.len()], unfinished: Vec::new(), dn: entry.dn };
        row.values[DN].push(self.name_of(&row.dn).into_bytes());
        for (description, values) in entry.attributes {
            let (name, range) = match range::parse(&description) {
                Some((name, range)) => (name, Some(range)),
                None => (description.as_str(), None),
            };
            let Some(column) = self.column(name) else {
                unasked.answered(name);
                continue;
            };
            if let Some(range) = range {
                let next = range.and_then(|range| range.next(0, values.len())).map_err(|source| RowFault::Range {
                    attribute: name.to_owned(),
                    dn: row.dn.clone(),
                    source,
                })?;
                row.unfinished.extend(next.map(|next| (column, next)));
            }
            self.add(&mut row, column, values)?;
        }
        unasked.filled(row.values.iter().map(|values| !values.is_empty()));
        Ok(row)
    }

    /// An entry's name in the form in which it leaves.
    pub fn name_of(&self, name: &str) -> String {
        let form = match self.columns.first().map(|column| column.content) {
            Some(Content::MatchedNames) => dn::matched_form(name),
            _ => dn::one_form(name),
        };
        form.unwrap_or_else(|| name.to_owned())
    }

    fn column(&self, description: &str) -> Option<usize> {
        let lower = description.to_ascii_lowercase();
        self.by_name.get(&lower).or_else(|| self.by_name.get(lower.strip_suffix(";binary")?)).copied()
    }

    /// Adds values to a column in the form in which they leave.
    pub fn add(&self, row: &mut Row, column: usize, values: Vec<Vec<u8>>) -> Result<(), RowFault> {
        let Column { name, content, .. } = &self.columns[column];
        for value in values {
            let value = match content {
                Content::Bytes => STANDARD.encode(value),
                _ => String::from_utf8(value)
                    .map_err(|_| RowFault::NotText { attribute: name.clone(), dn: row.dn.clone() })?,
            };
            row.values[column].push(match content {
                Content::Names => dn::one_form(&value).unwrap_or(value).into_bytes(),
                Content::MatchedNames => dn::matched_form(&value).unwrap_or(value).into_bytes(),
                _ => value.into_bytes(),
            });
        }
        Ok(())
    }

    /// Writes the row and its pairs.
    pub fn write(&self, row: Row, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        self.write_pairs(&row, extraction)?;
        let cells = self.columns.iter().zip(row.values).filter(|(column, _)| column.in_table);
        let cells: Vec<Vec<u8>> = cells.map(|(_, values)| joined(values)).collect();
        extraction.row(None, &mut cells.iter().map(Vec::as_slice))
    }

    /// The columns of a table of changes. Those that leave as pairs stand behind the others, without values: what has
    /// the column, has no other pairs than those that come with it.
    pub fn header_of_changes(&self) -> Vec<String> {
        let of_pairs = self.columns.iter().filter(|column| !column.in_table).map(|column| column.name.clone());
        self.header().into_iter().chain(of_pairs).collect()
    }

    /// Writes the row as one that is new or changed, and its pairs behind it.
    pub fn write_change(&self, row: Row, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let mut cells = self.table_cells(&row);
        cells.resize(self.columns.len(), Vec::new());
        extraction.change("update", None, None, &mut cells.iter().map(Vec::as_slice))?;
        self.write_pairs(&row, extraction)
    }

    /// An entry without a key has no pairs: its row is rejected for the same reason.
    fn write_pairs(&self, row: &Row, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        for pair in &self.pairs {
            let Some(key) = row.values[pair.key].first() else { continue };
            let columns = [self.attribute(pair.key), self.attribute(pair.column)];
            for value in row.values[pair.column].iter().flat_map(|value| pair.parts(value)) {
                extraction.pair(&pair.table, columns, None, [key, value])?;
            }
        }
        Ok(())
    }

    /// The cells of the table itself.
    pub fn table_cells(&self, row: &Row) -> Vec<Vec<u8>> {
        let cells = self.columns.iter().zip(&row.values).filter(|(column, _)| column.in_table);
        cells.map(|(_, values)| joined(values.clone())).collect()
    }

    /// The first value of an attribute, in the form in which it leaves.
    pub fn cell<'r>(&self, row: &'r Row, attribute: &str) -> Option<&'r [u8]> {
        let column = self.column(attribute)?;
        row.values[column].first().map(Vec::as_slice)
    }

    /// All values of an attribute, in the form in which they leave.
    pub fn values<'r>(&self, row: &'r Row, attribute: &str) -> &'r [Vec<u8>] {
        self.column(attribute).and_then(|column| row.values.get(column)).map_or(&[], Vec::as_slice)
    }

    /// The entry's name, in the form in which it leaves.
    pub fn cell_of_name<'r>(&self, row: &'r Row) -> Option<&'r [u8]> {
        row.values[DN].first().map(Vec::as_slice)
    }

    /// The attributes that name other entries.
    pub fn columns_of_names(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().skip(1);
        let names = names.filter(|column| !matches!(column.content, Content::Text | Content::Bytes));
        names.map(|column| column.name.as_str())
    }

    /// The row as it would stand in one table, for people to look at.
    pub fn cells(&self, row: Row) -> Vec<String> {
        row.values.into_iter().map(|values| String::from_utf8_lossy(&joined(values)).into_owned()).collect()
    }
}

impl Pair {
    fn parts<'a>(&self, value: &'a [u8]) -> Vec<&'a [u8]> {
        match (&self.separator, std::str::from_utf8(value)) {
            (Some(separator), Ok(text)) => text
                .split(separator.as_str())
                .map(|part| part.trim().as_bytes())
                .filter(|part| !part.is_empty())
                .collect(),
            _ => vec![value],
        }
    }
}

fn is_binary(name: &str, named: &BTreeSet<String>) -> bool {
    let lower = name.to_ascii_lowercase();
    let (base, options) = lower.split_once(';').unwrap_or((&lower, ""));
    options.split(';').any(|option| option == "binary")
        || BINARY_ATTRIBUTES.contains(&base)
        || named.contains(&lower)
        || named.contains(base)
}

/// A key has the same form whether or not something refers to it: with the first association that does, all records
/// would otherwise become others.
fn is_key_of_names(name: &str, table: &SearchTable) -> bool {
    table.keys.iter().any(|key| key == name) && (name == "dn" || holds_names(name, table))
}

/// Pairs mostly match distinguished names; where they hold something else, it is none and stays as it is.
fn holds_names(name: &str, table: &SearchTable) -> bool {
    let lower = name.to_ascii_lowercase();
    dn::NAME_ATTRIBUTES.contains(&lower.as_str()) || table.pairs.iter().any(|pair| pair.column == name)
}

/// Several values in one cell, in an order that does not depend on the server's mood. A separator inside a value would
/// make two of it: its picture, U+241F, takes its place.
fn joined(mut values: Vec<Vec<u8>>) -> Vec<u8> {
    const SEPARATOR: u8 = VALUE_SEPARATOR.as_bytes()[0];
    for value in &mut values {
        if value.contains(&SEPARATOR) {
            *value = String::from_utf8_lossy(value).replace(VALUE_SEPARATOR, "\u{241f}").into_bytes();
        }
    }
    if values.len() > 1 {
        values.sort_unstable();
    }
    values.join(&SEPARATOR)
}
