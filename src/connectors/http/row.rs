//! A JSON record as a row: each column is a path.

use super::json::Json;
use super::path::{Names, Path};
use crate::connectors::{ConnectionError, Extraction, PairColumn};
use crate::model::property::VALUE_SEPARATOR;

/// Longer cells (photos) are cut for looking at.
const SAMPLE_LENGTH: usize = 200;

/// How a table's records become rows.
pub struct RowShape {
    columns: Vec<Column>,
    pairs: Vec<Pair>,
    filled: Vec<bool>,
}

struct Column {
    name: String,
    path: Path,
    /// Whether it stands in the table itself.
    in_table: bool,
}

struct Pair {
    table: String,
    key: usize,
    column: usize,
    separator: Option<String>,
}

/// A record's values by column, on their way to the extraction.
pub struct Row(Vec<Vec<String>>);

impl RowShape {
    /// The shape of rows with these columns, each once. The error names the column.
    pub fn new(table: &str, columns: &[String], names: Names, pairs: &[PairColumn]) -> Result<Self, String> {
        let columns = columns.iter().map(|name| {
            let path = Path::parse(name, names).map_err(|error| format!("the column `{name}` is no path: {error}"))?;
            let in_table = !pairs.iter().any(|pair| pair.column == *name);
            Ok(Column { name: name.clone(), path, in_table })
        });
        let columns = columns.collect::<Result<Vec<_>, String>>()?;
        let place = |name: &str| {
            let place = columns.iter().position(|column| column.name == name);
            place.ok_or_else(|| format!("an association needs the column `{name}`"))
        };
        let pairs = pairs.iter().map(|pair| {
            Ok(Pair {
                table: format!("{table}.{}", pair.column),
                key: place(&pair.key_column)?,
                column: place(&pair.column)?,
                separator: pair.separator.clone().filter(|separator| separator != VALUE_SEPARATOR),
            })
        });
        let pairs = pairs.collect::<Result<_, String>>()?;
        if !columns.iter().any(|column| column.in_table) {
            return Err("nothing is read from it: map a column, or name columns to read".to_owned());
        }
        Ok(Self { filled: vec![false; columns.len()], columns, pairs })
    }

    /// The shape of a table of changes: columns that leave as pairs stand in the table as well, which says that the record
    /// gives them.
    pub fn of_changes(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.in_table = true);
        self
    }

    /// The columns of the table itself.
    pub fn header(&self) -> Vec<String> {
        self.columns.iter().filter(|column| column.in_table).map(|column| column.name.clone()).collect()
    }

    /// All columns, those that leave as pairs included, with their paths.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.columns.iter().map(|column| (column.name.as_str(), &column.path))
    }

    /// Columns that no row has had a value in so far.
    pub fn never_filled(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.columns().zip(&self.filled).filter(|(_, filled)| !**filled).map(|(column, _)| column)
    }

    /// A record's values. The error names the column.
    pub fn row(&mut self, record: Json<'_>) -> Result<Row, String> {
        let values = self.columns.iter().zip(&mut self.filled).map(|(column, filled)| {
            let values =
                column.path.values(record).map_err(|what| format!("the column `{}` holds {what}", column.name));
            values.map(|values| {
                *filled |= !values.is_empty();
                values.into_iter().map(|value| value.into_owned()).collect()
            })
        });
        values.collect::<Result<_, String>>().map(Row)
    }

    /// Writes the row and its pairs; with a command into a table of changes. A record without a key has no pairs: its row
    /// is rejected for the same reason.
    pub fn write(
        &self,
        row: Row,
        command: Option<&str>,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ConnectionError> {
        let Row(values) = row;
        let in_table = self.columns.iter().zip(&values).filter(|(column, _)| column.in_table);
        let cells: Vec<String> = in_table.map(|(_, values)| joined(values)).collect();
        let mut cells = cells.iter().map(|cell| cell.as_bytes());
        match command {
            Some(command) => extraction.change(command, None, None, &mut cells)?,
            None => extraction.row(None, &mut cells)?,
        }
        for pair in &self.pairs {
            let (Some(key), Some(values)) = (values[pair.key].first(), values.get(pair.column)) else { continue };
            let columns = [self.columns[pair.key].name.as_str(), self.columns[pair.column].name.as_str()];
            for value in values.iter().flat_map(|value| pair.parts(value)) {
                extraction.pair(&pair.table, columns, None, [key.as_bytes(), value.as_bytes()])?;
            }
        }
        Ok(())
    }

    /// What stands in a column of the row, as it leaves; `None`: there is no such column.
    pub fn cell(&self, row: &Row, column: &str) -> Option<String> {
        let at = self.columns.iter().position(|known| known.name == column)?;
        row.0.get(at).map(|values| joined(values))
    }

    /// The row as it would stand in one table, for people to look at.
    pub fn cells(&self, row: Row) -> Vec<String> {
        row.0.iter().map(|values| shortened(joined(values))).collect()
    }
}

impl Row {
    /// Whether a column has several values.
    pub fn has_several(&self, column: usize) -> bool {
        self.0.get(column).is_some_and(|values| values.len() > 1)
    }
}

impl Pair {
    fn parts<'a>(&'a self, value: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match &self.separator {
            Some(separator) if !separator.is_empty() => {
                Box::new(value.split(separator.as_str()).map(str::trim).filter(|part| !part.is_empty()))
            }
            _ => Box::new(std::iter::once(value).filter(|value| !value.is_empty())),
        }
    }
}

/// Several values in one cell, in an order that does not depend on the service's mood. A separator inside a value would
/// make two of it: its picture, U+241F, takes its place.
fn joined(values: &[String]) -> String {
    let values = values.iter().filter(|value| !value.is_empty());
    let mut values: Vec<String> = values.map(|value| value.replace(VALUE_SEPARATOR, "\u{241f}")).collect();
    values.sort_unstable();
    values.join(VALUE_SEPARATOR)
}

fn shortened(cell: String) -> String {
    match cell.char_indices().nth(SAMPLE_LENGTH) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell,
    }
}
