//! Tables of changes: the commands of one key, in the order of the feed, become one.
//!
//! `insert` and `update` replace the record, `merge` changes the columns that it gives (an empty value empties), `delete`
//! deletes the key. What a later row overtakes is counted as a duplicate. A row whose command can't be understood rejects
//! the rows of its key with it, from there on: what is stored under that key is protected.

use super::Rowset;
use super::rows::Rows;
use super::scan::key_digest;
use crate::model::extraction::ExtractionFile;
use crate::model::problem::ProblemCode;
use crate::pipeline::TaskError;
use crate::pipeline::mapping::{Mapper, RowProblem};
use crate::pipeline::progress::Progress;
use crate::store::Store;
use csv::StringRecord;
use std::collections::HashMap;

/// What a row of a table of changes asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `insert` or `update`: the row is the record.
    Replace,
    /// `merge`: the record has the given columns from this row.
    Merge,
    /// `delete`.
    Delete,
}

impl Command {
    /// The command in a cell of the extraction: its first word.
    pub fn parse(cell: &str) -> Option<Self> {
        match cell.split_whitespace().next()?.to_ascii_lowercase().as_str() {
            "insert" | "update" => Some(Self::Replace),
            "merge" => Some(Self::Merge),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }
}

/// The columns that a merge gives: those listed behind its word, or all that the table has.
pub fn given(cell: &str, columns: &[String]) -> Vec<bool> {
    let listed = cell.trim().split_once(char::is_whitespace).map(|(_, listed)| listed);
    match listed.and_then(|listed| serde_json::from_str::<Vec<String>>(listed).ok()) {
        Some(listed) => columns.iter().map(|column| listed.contains(column)).collect(),
        None => vec![true; columns.len()],
    }
}

/// What the rows of a table of changes come to.
pub struct Commands {
    columns: Vec<String>,
    command_column: String,
    /// Mapped columns that the table lacks: its rows can be merged, but replace nothing.
    lacking: Vec<String>,
    kept: Rowset,
    refused: Rowset,
    /// By kept row: what is merged there.
    merged: HashMap<u32, Merged>,
    /// Rows that later ones overtook.
    pub overtaken: u64,
}

/// One or several merges of a key as one.
struct Merged {
    /// By column: the row that gives it.
    rows: Vec<Option<u32>>,
    /// The values, where they don't stand in one row.
    values: Option<StringRecord>,
    /// The feed itself says what the record was before: nothing of what is stored remains.
    from_nothing: bool,
}

/// What is known of a key while its commands are read.
#[derive(Default)]
struct Key {
    rows: Vec<u32>,
    last: Option<Command>,
    from_nothing: bool,
    refused: bool,
}

impl Commands {
    /// Reads the table once, to its end: the pass that proves its seal.
    pub fn read(
        store: &Store,
        file: &ExtractionFile,
        mapper: &Mapper,
        lacking: Vec<String>,
        progress: &Progress,
    ) -> Result<Self, TaskError> {
        let columns = file.columns().to_vec();
        let command_column = file.command_column.clone().unwrap_or_default();
        let mut commands = Self {
            columns,
            command_column,
            lacking,
            kept: Rowset::default(),
            refused: Rowset::default(),
            merged: HashMap::new(),
            overtaken: 0,
        };
        let at = commands.columns.len();
        let mut keys: HashMap<u128, Key> = HashMap::new();
        let mut rows = Rows::verified(store, file, progress)?;
        while let Some(row) = rows.read()? {
            let command = commands.understood(row.values.get(at).unwrap_or_default());
            let Ok(Some(key)) = mapper.key(row.values) else {
                // Whose it is can't be told; the mapping says so.
                commands.kept.set(row.ordinal);
                continue;
            };
            let key = keys.entry(key_digest(&key)).or_default();
            commands.overtaken += key.follow(row.ordinal, command);
        }
        let chains = commands.settle(keys);
        commands.gather(store, file, &chains, progress)?;
        Ok(commands)
    }

    fn understood(&self, cell: &str) -> Option<Command> {
        Command::parse(cell).filter(|command| *command != Command::Replace || self.lacking.is_empty())
    }

    /// Notes which rows count. Returns the rows of merges: each with the row that it ends in, and whether it begins from
    /// nothing.
    fn settle(&mut self, keys: HashMap<u128, Key>) -> HashMap<u32, (u32, bool)> {
        let mut chains = HashMap::new();
        for key in keys.into_values() {
            let Some(&last) = key.rows.last() else { continue };
            if key.refused {
                for row in key.rows {
                    self.kept.set(row);
                    self.refused.set(row);
                }
                continue;
            }
            self.kept.set(last);
            self.overtaken += key.rows.len() as u64 - 1;
            if key.last == Some(Command::Merge) {
                chains.extend(key.rows.into_iter().map(|row| (row, (last, key.from_nothing))));
            }
        }
        chains
    }

    /// Second pass, over the rows of merges: what they give.
    fn gather(
        &mut self,
        store: &Store,
        file: &ExtractionFile,
        chains: &HashMap<u32, (u32, bool)>,
        progress: &Progress,
    ) -> Result<(), TaskError> {
        if chains.is_empty() {
            return Ok(());
        }
        let at = self.columns.len();
        let mut rows = Rows::again(store, file, progress)?;
        while let Some(row) = rows.read()? {
            let Some(&(last, from_nothing)) = chains.get(&row.ordinal) else { continue };
            let cell = row.values.get(at).unwrap_or_default();
            let given = match Command::parse(cell) {
                Some(Command::Merge) => given(cell, &self.columns),
                _ => vec![true; at],
            };
            let merged =
                self.merged.entry(last).or_insert_with(|| Merged { rows: vec![None; at], values: None, from_nothing });
            if row.ordinal == last && merged.rows.iter().all(Option::is_none) {
                // The only one: its values stand in its own row.
                merged.rows = given.iter().map(|&given| given.then_some(row.ordinal)).collect();
                continue;
            }
            let before = merged.values.take().unwrap_or_default();
            let value = |column: usize| {
                let from = if given[column] { row.values } else { &before };
                from.get(column).unwrap_or_default()
            };
            merged.values = Some((0..at).map(value).collect());
            for (column, _) in given.iter().enumerate().filter(|(_, given)| **given) {
                merged.rows[column] = Some(row.ordinal);
            }
        }
        Ok(())
    }

    /// Whether a row counts.
    pub fn is_kept(&self, ordinal: u32) -> bool {
        self.kept.get(ordinal)
    }

    /// Whether a row is rejected for its command, or for that of another row of its key.
    pub fn is_refused(&self, ordinal: u32) -> bool {
        self.refused.get(ordinal)
    }

    /// How many columns the source's own are.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// The values of a row where several were merged in it.
    pub fn values(&self, ordinal: u32) -> Option<&StringRecord> {
        self.merged.get(&ordinal)?.values.as_ref()
    }

    /// By column the row that gives it; `None`: the row is the whole record.
    pub fn given(&self, ordinal: u32) -> Option<&[Option<u32>]> {
        self.merged.get(&ordinal).filter(|merged| !merged.from_nothing).map(|merged| merged.rows.as_slice())
    }

    /// The row that gives a column of the record that ends in the row `ordinal`, if any does.
    pub fn row_of(&self, ordinal: u32, column: usize) -> Option<u32> {
        match self.merged.get(&ordinal) {
            Some(merged) => merged.rows.get(column).copied().flatten(),
            None => (column < self.columns.len()).then_some(ordinal),
        }
    }

    /// The same by the column's name.
    pub fn row_that_gives(&self, ordinal: u32, column: &str) -> Option<u32> {
        self.row_of(ordinal, self.columns.iter().position(|name| name == column)?)
    }

    /// Why a row is refused.
    pub fn refusal(&self, cell: &str) -> RowProblem {
        let message = match Command::parse(cell) {
            None => format!(
                "{cell:?} is no command; write insert, update, merge or delete. What is stored under this key stays"
            ),
            Some(Command::Replace) if !self.lacking.is_empty() => format!(
                "this feed lacks the mapped columns {}, so its rows can't replace a record; write merge, or send all \
                 columns",
                self.lacking.join(", ")
            ),
            Some(_) => {
                "an earlier row with this key has a command that can't be understood, so the later ones are left \
                        out as well; correct it and send them again"
                    .to_owned()
            }
        };
        let value = Some(cell.chars().take(200).collect());
        RowProblem { code: ProblemCode::InvalidValue, column: Some(self.command_column.clone()), value, message }
    }
}

impl Key {
    /// Takes the next row of the key; returns how many it overtakes.
    fn follow(&mut self, ordinal: u32, command: Option<Command>) -> u64 {
        let overtaken = match (self.refused, command) {
            (true, _) => 0,
            (false, None) => {
                self.refused = true;
                std::mem::take(&mut self.rows).len()
            }
            (false, Some(Command::Replace | Command::Delete)) => {
                self.from_nothing = false;
                std::mem::take(&mut self.rows).len()
            }
            (false, Some(Command::Merge)) => match self.last {
                Some(Command::Delete) => {
                    self.from_nothing = true;
                    std::mem::take(&mut self.rows).len()
                }
                Some(Command::Replace) => {
                    self.from_nothing = true;
                    0
                }
                _ => 0,
            },
        };
        self.rows.push(ordinal);
        self.last = command;
        overtaken as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_its_first_word_in_whatever_case() {
        assert_eq!(Command::parse(" Insert "), Some(Command::Replace));
        assert_eq!(Command::parse("UPDATE"), Some(Command::Replace));
        assert_eq!(Command::parse("merge [\"a\"]"), Some(Command::Merge));
        assert_eq!(Command::parse("delete"), Some(Command::Delete));
        assert_eq!(Command::parse("remove"), None);
        assert_eq!(Command::parse(""), None);
    }

    #[test]
    fn a_merge_gives_what_it_lists_or_all() {
        let columns = ["a", "b"].map(str::to_owned);
        assert_eq!(given("merge", &columns), [true, true]);
        assert_eq!(given("merge [\"b\"]", &columns), [false, true]);
    }

    #[test]
    fn rows_of_a_key_apply_in_order() {
        use Command::{Delete, Merge, Replace};
        let fold = |commands: &[Option<Command>]| {
            let mut key = Key::default();
            let overtaken: u64 = commands.iter().zip(0..).map(|(command, row)| key.follow(row, *command)).sum();
            (key.rows, key.from_nothing, key.refused, overtaken)
        };
        assert_eq!(fold(&[Some(Replace), Some(Delete), Some(Replace)]), (vec![2], false, false, 2));
        assert_eq!(fold(&[Some(Merge), Some(Merge)]), (vec![0, 1], false, false, 0));
        assert_eq!(fold(&[Some(Replace), Some(Merge)]), (vec![0, 1], true, false, 0));
        assert_eq!(fold(&[Some(Delete), Some(Merge)]), (vec![1], true, false, 1));
        assert_eq!(fold(&[Some(Replace), None, Some(Replace)]), (vec![1, 2], false, true, 1));
    }
}
