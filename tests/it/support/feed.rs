//! A feed of CSV files in memory, to be changed in the ways in which feeds go wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feed {
    /// Tables by file name.
    pub tables: BTreeMap<String, Table>,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The columns.
    pub header: Vec<String>,
    /// The rows, each as wide as the header was.
    pub rows: Vec<Vec<String>>,
    /// What stands in the file instead.
    pub bytes: Option<Vec<u8>>,
}

impl Feed {
    /// With a table of these columns.
    pub fn with(mut self, file: &str, header: &[&str], rows: Vec<Vec<String>>) -> Self {
        let header = header.iter().map(ToString::to_string).collect();
        self.tables.insert(file.to_owned(), Table { header, rows, bytes: None });
        self
    }

    /// A table.
    pub fn table(&mut self, file: &str) -> &mut Table {
        self.tables.get_mut(file).unwrap_or_else(|| panic!("there is no {file}"))
    }

    /// Writes all files; those of an earlier feed are gone.
    pub fn write(&self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (file, table) in &self.tables {
            fs::write(folder.join(file), table.bytes.clone().unwrap_or_else(|| table.text().into_bytes())).unwrap();
        }
    }
}

impl Table {
    /// Where a column stands.
    #[track_caller]
    pub fn column(&self, name: &str) -> usize {
        self.header.iter().position(|column| column == name).unwrap_or_else(|| panic!("there is no column {name}"))
    }

    /// Changes the values of a column.
    pub fn map(&mut self, column: &str, change: impl Fn(&str) -> String) {
        let at = self.column(column);
        for row in &mut self.rows {
            row[at] = change(&row[at]);
        }
    }

    /// Exchanges the names of two columns; the values stay where they are.
    pub fn swap_names(&mut self, a: &str, b: &str) {
        let (a, b) = (self.column(a), self.column(b));
        self.header.swap(a, b);
    }

    /// Takes a column out, name and values.
    pub fn remove(&mut self, column: &str) {
        let at = self.column(column);
        self.header.remove(at);
        for row in &mut self.rows {
            row.remove(at);
        }
    }

    /// Calls a column something else.
    pub fn rename(&mut self, column: &str, name: &str) {
        let at = self.column(column);
        self.header[at] = name.to_owned();
    }

    /// Adds a column.
    pub fn add(&mut self, position: usize, column: &str, value: impl Fn(usize) -> String) {
        self.header.insert(position, column.to_owned());
        for (number, row) in self.rows.iter_mut().enumerate() {
            row.insert(position, value(number));
        }
    }

    /// Keeps the rows for which it holds.
    pub fn keep(&mut self, holds: impl Fn(&[String]) -> bool) {
        self.rows.retain(|row| holds(row));
    }

    /// The file's text.
    pub fn text(&self) -> String {
        self.separated_by(',')
    }

    /// The file's text with another separator.
    pub fn separated_by(&self, separator: char) -> String {
        let field = |text: &String| match text.contains(['"', '\n', '\r', separator]) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.clone(),
        };
        let line = |row: &Vec<String>| row.iter().map(field).collect::<Vec<_>>().join(&separator.to_string()) + "\n";
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }
}
