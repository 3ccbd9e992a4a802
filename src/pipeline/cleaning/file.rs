//! One file of an extraction, cleaned: rows of suppressed persons go; a cell of somebody else's row that refers to one of
//! them, or names one, is emptied.

use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::extraction::{ExtractionFile, PAIR_ROW};
use crate::model::suppression::Suppressions;
use crate::pipeline::TaskError;
use crate::pipeline::export::TableWriter;
use crate::pipeline::index::{Readers, columns_of, key_digest};
use crate::pipeline::mapping::{CompiledProperty, Mapper, reader_of};
use crate::store::{Sealed, Store, StoreReader, VerifyingReader};
use csv::StringRecord;
use std::collections::BTreeMap;
use std::io::{self, BufReader};

/// Positions of rows that go, in rising order.
#[derive(Default)]
pub(super) struct Dropped(Vec<u64>);

impl Dropped {
    /// Where a row stands once they are gone; `None`: it is one of them.
    fn place(&self, row: u64) -> Option<u64> {
        match self.0.binary_search(&row) {
            Ok(_) => None,
            Err(before) => Some(row - before as u64),
        }
    }
}

/// Who may stand in a column.
struct End {
    /// The entity type.
    id: i32,
    /// How a value is read: as this property.
    property: CompiledProperty,
    /// Whether that is not the key.
    is_matched: bool,
}

type Ends = Vec<End>;

/// How a file is read.
pub(super) struct FileCleaner {
    /// Rows are records of these.
    records: Vec<(i32, Mapper)>,
    /// Columns that refer to records.
    references: Vec<(usize, Ends)>,
    /// Every row is a pair: without one end there is none.
    is_pairs: bool,
    /// The column with the position of the row that a pair stood in.
    row: Option<usize>,
}

/// What becomes of a row.
enum Verdict {
    Stays,
    Goes,
    /// It stays without these values.
    Without(Vec<usize>),
}

impl FileCleaner {
    /// `None`: a mapping does not fit the file.
    pub(super) fn new(
        definition: &ConnectorDefinition,
        ids: &BTreeMap<String, i32>,
        file: &ExtractionFile,
    ) -> Option<Self> {
        let entity_type = |name: &str| definition.entity_types.iter().find(|one| one.name == name);
        let end = |one: &EntityTypeDefinition, by: Option<&str>| {
            Some(End { id: *ids.get(&one.name)?, property: reader_of(one, by)?, is_matched: by.is_some() })
        };
        let ends = |names: Vec<&str>, by: Option<&str>| -> Ends {
            names.into_iter().filter_map(|name| end(entity_type(name)?, by)).collect()
        };
        let (mut records, mut references) = (Vec::new(), Vec::new());
        let mut is_pairs = file.is_pairs();
        let table = match file.is_pairs() {
            true => file.source_table.rsplit_once('.').map_or("", |(table, _)| table),
            false => &file.source_table,
        };
        let of_table = definition.entity_types.iter().filter(|one| one.source.0 == table);
        for one in of_table {
            if file.is_pairs() {
                references.push((0, end(one, None).into_iter().collect()));
                continue;
            }
            let columns = columns_of(&definition.associations);
            records.push((*ids.get(&one.name)?, Mapper::of_changes(one, &columns, file.columns()).ok()?.0));
        }
        let own = file.source_table.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        for association in &definition.associations {
            let from_here = entity_type(&association.from).is_some_and(|one| one.source.0 == table);
            let to = || ends(association.to.names().collect(), association.match_property.as_deref());
            match (&association.source, &association.column) {
                (Some(source), _) if source.0 == file.source_table => {
                    is_pairs = true;
                    let column = |name: &Option<String>| file.position(name.as_deref().unwrap_or_default());
                    references.push((column(&association.from_column)?, ends(vec![&association.from], None)));
                    references.push((column(&association.to_column)?, to()));
                }
                (None, Some(column)) if from_here && file.is_pairs() && own == Some(column.as_str()) => {
                    references.push((1, to()));
                }
                (None, Some(column)) if from_here && !file.is_pairs() => {
                    references.extend(file.position(column).map(|position| (position, to())));
                }
                _ => {}
            }
        }
        let row = file.header.iter().position(|name| name == PAIR_ROW).filter(|at| file.is_pairs() && *at == 2);
        Some(Self { records, references, is_pairs, row })
    }

    /// Whether its rows have to say anew which row they stood in.
    pub(super) fn follows(&self, owner: &Dropped) -> bool {
        self.row.is_some() && !owner.0.is_empty()
    }

    /// Looks through the file: rows that go; `None` if nothing of it has to be changed.
    pub(super) fn look(
        &self,
        store: &Store,
        suppressions: &Suppressions,
        file: &ExtractionFile,
    ) -> Result<Option<Dropped>, TaskError> {
        let (mut dropped, mut is_touched) = (Dropped::default(), false);
        let mut rows = rows(store, file)?;
        let (mut row, mut number) = (StringRecord::new(), 0);
        while rows.read_record(&mut row).map_err(|error| damaged(file, &error))? {
            match self.verdict(suppressions, &row) {
                Verdict::Stays => {}
                Verdict::Goes => {
                    is_touched = true;
                    dropped.0.push(number);
                }
                Verdict::Without(_) => is_touched = true,
            }
            number += 1;
        }
        Ok(is_touched.then_some(dropped))
    }

    /// Writes what is left of the file beside it. `owner`: what went of the table that its pairs stood in.
    pub(super) fn write(
        &self,
        store: &Store,
        suppressions: &Suppressions,
        readers: &Readers,
        file: &ExtractionFile,
        owner: Option<&Dropped>,
    ) -> Result<ExtractionFile, TaskError> {
        let path = next_path(&file.path);
        let source_table = file.source_table.clone();
        let mut table = TableWriter::begin(store, readers, path, source_table, &file.source_file, &file.header)?;
        let mut rows = rows(store, file)?;
        let mut row = StringRecord::new();
        while rows.read_record(&mut row).map_err(|error| damaged(file, &error))? {
            let emptied = match self.verdict(suppressions, &row) {
                Verdict::Goes => continue,
                Verdict::Stays => Vec::new(),
                Verdict::Without(columns) => columns,
            };
            let stood_in = self.row.zip(owner).and_then(|(at, owner)| Some((at, owner, row.get(at)?.parse().ok()?)));
            let moved = match stood_in.map(|(at, owner, number)| (at, owner.place(number))) {
                Some((_, None)) => continue,
                Some((at, Some(place))) => Some((at, place.to_string())),
                None => None,
            };
            let line = rows.position().line();
            let line = row.position().map_or(line, csv::Position::line);
            let values = row.iter().enumerate().map(|(column, value)| match &moved {
                _ if emptied.contains(&column) => &b""[..],
                Some((at, place)) if *at == column => place.as_bytes(),
                _ => value.as_bytes(),
            });
            table.row(Some(file.lines.source_line(line)), &mut values.into_iter(), None)?;
        }
        let new = table.seal()?;
        Ok(ExtractionFile {
            command_column: file.command_column.clone(),
            cursor: file.cursor.clone(),
            source_end: file.source_end.clone(),
            source: None,
            ..new
        })
    }

    fn verdict(&self, suppressions: &Suppressions, row: &StringRecord) -> Verdict {
        let has_key = |id: i32, key: &str| suppressions.has_key(id, key_digest(key));
        for (id, mapper) in &self.records {
            if let Ok(Some(key)) = mapper.key(row)
                && has_key(*id, &key)
            {
                return Verdict::Goes;
            }
        }
        let mut emptied: Vec<usize> = Vec::new();
        for (column, ends) in &self.references {
            let value = row.get(*column).unwrap_or_default().trim();
            let refers = |end: &End| match end.property.reference(value) {
                Ok(Some(read)) if end.is_matched => {
                    suppressions.has_match(end.id, end.property.name(), key_digest(&read))
                }
                Ok(Some(key)) => has_key(end.id, &key),
                _ => false,
            };
            if !value.is_empty() && ends.iter().any(refers) {
                emptied.push(*column);
            }
        }
        for (column, value) in row.iter().enumerate() {
            if !emptied.contains(&column) && names_somebody(suppressions, value) {
                emptied.push(column);
            }
        }
        match (emptied.is_empty(), self.is_pairs) {
            (true, _) => Verdict::Stays,
            (false, true) => Verdict::Goes,
            (false, false) => Verdict::Without(emptied),
        }
    }
}

/// Whether a value, or a part of it, names somebody who is suppressed.
fn names_somebody(suppressions: &Suppressions, value: &str) -> bool {
    let value = value.trim();
    if value.is_empty() {
        return false;
    }
    if suppressions.has_text(value) {
        return true;
    }
    let separates =
        |c: char| c.is_whitespace() || matches!(c, ';' | ',' | '|' | '<' | '>' | '"' | '(' | ')' | '[' | ']');
    value.contains(separates) && value.split(separates).any(|part| suppressions.has_text(part))
}

fn rows(
    store: &Store,
    file: &ExtractionFile,
) -> Result<csv::Reader<BufReader<VerifyingReader<StoreReader>>>, TaskError> {
    let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes };
    let reader = store.verified(&file.path, &sealed).map_err(io::Error::from)?;
    Ok(csv::Reader::from_reader(BufReader::with_capacity(1 << 18, reader)))
}

fn damaged(file: &ExtractionFile, error: &dyn std::fmt::Display) -> TaskError {
    TaskError::failed(&file.path, format!("the extraction was changed or damaged since its export: {error}"))
}

/// `people.csv` → `people.clean1.csv` → `people.clean2.csv`.
fn next_path(path: &str) -> String {
    let stem = path.strip_suffix(".csv").unwrap_or(path);
    let cleaned = stem.rsplit_once(".clean").and_then(|(stem, number)| Some((stem, number.parse::<u64>().ok()?)));
    let (stem, number) = cleaned.unwrap_or((stem, 0));
    format!("{stem}.clean{}.csv", number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleaned_file_stands_beside_the_one_it_replaces() {
        assert_eq!(next_path("extractions/1/7-1/00-people.csv"), "extractions/1/7-1/00-people.clean1.csv");
        assert_eq!(next_path("a/people.clean9.csv"), "a/people.clean10.csv");
        assert_eq!(next_path("a/x.cleanly.csv"), "a/x.cleanly.clean1.csv");
    }

    #[test]
    fn rows_move_up_by_what_went_before_them() {
        let dropped = Dropped(vec![2, 5]);
        let places: Vec<Option<u64>> = (0..7).map(|row| dropped.place(row)).collect();
        assert_eq!(places, [Some(0), Some(1), None, Some(2), Some(3), None, Some(4)]);
    }
}
