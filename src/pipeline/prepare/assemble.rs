//! What is stored of a connector, as its source gave it: the extraction of the last applied run over the whole truth, and
//! on it those of the runs applied since, the last row of each key counting. Written as an extraction of its own, sealed
//! like any other, so that everything after it is the same as for one that was exported.

use crate::document;
use crate::model::association::AssociationDefinition;
use crate::model::claim::{Claim, fence};
use crate::model::connector::ConnectorDefinition;
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::extraction::{self, Extraction, ExtractionFile, NewExtraction};
use crate::model::run::{self, Mode, Run, RunId};
use crate::model::{configuration, connector};
use crate::pipeline::difference::commands::{Command, Commands};
use crate::pipeline::difference::rows::{Rows, source_line};
use crate::pipeline::difference::scan::key_digest;
use crate::pipeline::export::{self, TableWriter};
use crate::pipeline::index::{Readers, columns_of};
use crate::pipeline::mapping::Mapper;
use crate::pipeline::progress::Progress;
use crate::pipeline::{Context, TaskError};
use diesel::Connection;
use diesel::pg::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Gives a run over stored values its extraction, if it has none yet.
pub fn extraction_of_stored_values(
    context: &Context,
    connection: &mut PgConnection,
    claim: &Claim,
    progress: &Progress,
) -> Result<(), TaskError> {
    let place = format!("run {}", claim.run);
    let missing = |what: &str| TaskError::failed(&place, format!("{what} is gone; start a new run"));
    let run = run::by_id(connection, claim.run)?.ok_or_else(|| missing("the run"))?;
    if run.mode != Mode::UpdateExpressions || run.extraction_id.is_some() {
        return Ok(());
    }
    let connector = connector::by_id(connection, run.connector_id)?.ok_or_else(|| missing("the connector"))?;
    let document = configuration::version(connection, connector.id, run.configuration_version)?.document;
    let definition = document::connector(&document)
        .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
    let made_of = extraction::stored(connection, run.connector_id)?
        .made_of
        .map_err(|why| TaskError::failed(&place, format!("{why}; start a complete run")))?;
    let chain = extraction::of_runs(connection, &made_of)?;
    let Some((_, base)) = chain.first() else { return Err(missing("what the source had said")) };
    if let Some((of, _)) = chain.iter().find(|(_, extraction)| extraction.deleted_at.is_some()) {
        return Err(TaskError::failed(
            format!("run {of}"),
            "the files of its extraction were deleted by age, so the values that it read are gone; start a complete run",
        ));
    }
    if chain.len() == 1 {
        let base = base.id.0;
        return connection.transaction(|connection| {
            fence(connection, claim)?;
            Ok(run::set_extraction(connection, run.id, base)?)
        });
    }
    progress.begin("Putting together what the source said", 0);
    let prefix = export::prefix(run.connector_id, run.id, claim.epoch);
    let written = Assembly::load(context, connection, &definition, &chain, &prefix, progress).and_then(|it| it.write());
    let recorded = written.and_then(|files| record(connection, claim, &run, &prefix, &chain, &files));
    if recorded.is_err() {
        export::discard(context, &prefix);
    }
    recorded
}

fn record(
    connection: &mut PgConnection,
    claim: &Claim,
    run: &Run,
    prefix: &str,
    chain: &[(RunId, Extraction)],
    files: &[ExtractionFile],
) -> Result<(), TaskError> {
    let runs: Vec<RunId> = chain.iter().map(|(run, _)| *run).collect();
    let new = NewExtraction {
        connector_id: run.connector_id,
        run: run.id,
        prefix,
        files,
        complete: true,
        assembled_from: &runs,
    };
    connection.transaction(|connection| {
        fence(connection, claim)?;
        let id = extraction::insert(connection, &new)?;
        Ok(run::set_extraction(connection, run.id, id.0)?)
    })
}

/// Everything that is put together: small against the base, the changes are kept in memory.
struct Assembly<'a> {
    context: &'a Context,
    definition: &'a ConnectorDefinition,
    base: Vec<ExtractionFile>,
    later: Vec<Vec<ExtractionFile>>,
    prefix: &'a str,
    progress: &'a Progress,
}

/// What later extractions say of the rows of one table.
#[derive(Default)]
struct Later {
    rows: HashMap<u128, Last>,
    /// Keys that are not in the base, in the order in which they came.
    order: Vec<u128>,
    /// By column of the table: which extraction says what its pairs are; none: the record was deleted.
    sets: HashMap<String, HashMap<u128, Option<usize>>>,
    commands: HashMap<usize, (Commands, HashMap<u128, u32>)>,
}

enum Last {
    Deleted,
    /// By column of the base; none: as it is there.
    Row {
        values: Vec<Option<String>>,
        line: u64,
    },
}

impl<'a> Assembly<'a> {
    fn load(
        context: &'a Context,
        connection: &mut PgConnection,
        definition: &'a ConnectorDefinition,
        chain: &[(RunId, Extraction)],
        prefix: &'a str,
        progress: &'a Progress,
    ) -> Result<Self, TaskError> {
        let mut files = Vec::new();
        for (_, extraction) in chain {
            files.push(extraction::files(connection, extraction.id)?);
        }
        let later = files.split_off(1);
        let base = files.pop().unwrap_or_default();
        Ok(Self { context, definition, base, later, prefix, progress })
    }

    fn write(&self) -> Result<Vec<ExtractionFile>, TaskError> {
        let mut tables: BTreeMap<&str, Later> = BTreeMap::new();
        for base in self.base.iter().filter(|file| !file.is_pairs()) {
            if let Some(entity_type) = self.entity_type(base) {
                tables.insert(&base.source_table, self.later(base, entity_type)?);
            }
        }
        let mut written = Vec::new();
        for (number, base) in self.base.iter().enumerate() {
            let path = format!("{}/{number:02}.csv", self.prefix);
            let mut table = TableWriter::begin(
                &self.context.store,
                &Readers::default(),
                path,
                base.source_table.clone(),
                &base.source_file,
                base.columns(),
            )?;
            let owners = base.source_table.rsplit_once('.').filter(|_| base.is_pairs());
            if let Some(later) = tables.get(base.source_table.as_str()) {
                self.rows(base, later, &mut table)?;
            } else if let Some((later, column)) = owners.and_then(|(of, column)| Some((tables.get(of)?, column))) {
                self.pairs_of_rows(base, later, column, &mut table)?;
            } else {
                self.pairs(base, &tables, &mut table)?;
            }
            written.push(table.seal()?);
        }
        Ok(written)
    }

    fn entity_type(&self, file: &ExtractionFile) -> Option<&'a EntityTypeDefinition> {
        let of_pairs = file.is_pairs().then(|| file.source_table.rsplit_once('.').map(|(table, _)| table)).flatten();
        let table = of_pairs.unwrap_or(&file.source_table);
        self.definition.entity_types.iter().find(|one| one.source.0 == table)
    }

    /// The compiled mapping of a file, for its keys; and what it lacks.
    fn mapper(
        &self,
        file: &ExtractionFile,
        entity_type: &EntityTypeDefinition,
    ) -> Result<(Mapper, Vec<String>), TaskError> {
        let columns = columns_of(&self.definition.associations);
        Mapper::of_changes(entity_type, &columns, file.columns())
            .map_err(|error| TaskError::failed(&file.source_file, error.to_string()))
    }

    fn of_table<'s>(&'s self, table: &'s str) -> impl Iterator<Item = (usize, &'s ExtractionFile)> {
        self.later
            .iter()
            .enumerate()
            .filter_map(move |(number, files)| Some((number, files.iter().find(|file| file.source_table == table)?)))
    }

    fn later(&self, base: &ExtractionFile, entity_type: &EntityTypeDefinition) -> Result<Later, TaskError> {
        let mut later = Later::default();
        let sets: Vec<&str> = self
            .base
            .iter()
            .filter_map(|pairs| pairs.source_table.strip_prefix(base.source_table.as_str())?.strip_prefix('.'))
            .collect();
        for (number, file) in self.of_table(&base.source_table) {
            let (mapper, lacking) = self.mapper(file, entity_type)?;
            let commands = match file.command_column {
                Some(_) => Some(Commands::read(&self.context.store, file, &mapper, lacking, self.progress)?),
                None => None,
            };
            let places: Vec<Option<usize>> =
                base.columns().iter().map(|name| file.columns().iter().position(|known| known == name)).collect();
            let mut ends = HashMap::new();
            let mut rows = match commands {
                Some(_) => Rows::again(&self.context.store, file, self.progress)?.of(commands.as_ref()),
                None => Rows::verified(&self.context.store, file, self.progress)?,
            };
            while let Some(row) = rows.read()? {
                let Ok(Some(key)) = mapper.key(row.values) else { continue };
                let key = key_digest(&key);
                if row.change.is_some_and(|change| change.is_refused) {
                    continue;
                }
                ends.insert(key, row.ordinal);
                let known = later.rows.get(&key);
                if known.is_none() {
                    later.order.push(key);
                }
                let deletes = row.change.is_some_and(|change| change.command == Some(Command::Delete));
                for &column in &sets {
                    let place = file.columns().iter().position(|name| name == column);
                    let says = place.is_some_and(|place| row.gives(place)) || commands.is_none();
                    if deletes || says {
                        let by = (!deletes).then_some(number);
                        later.sets.entry(column.to_owned()).or_default().insert(key, by);
                    }
                }
                if deletes {
                    later.rows.insert(key, Last::Deleted);
                    continue;
                }
                let partial = row.change.is_some_and(|change| change.given.is_some());
                let value = |column: usize| -> Option<String> {
                    let place = places[column].filter(|&place| row.gives(place));
                    match (place, partial, known) {
                        (Some(place), ..) => Some(row.values.get(place).unwrap_or_default().to_owned()),
                        (None, true, None) => None,
                        (None, true, Some(Last::Row { values, .. })) => values[column].clone(),
                        (None, ..) => Some(String::new()),
                    }
                };
                let values = (0..places.len()).map(value).collect();
                let line = source_line(file, row.extraction_line);
                later.rows.insert(key, Last::Row { values, line });
            }
            drop(rows);
            if let Some(commands) = commands {
                later.commands.insert(number, (commands, ends));
            }
        }
        Ok(later)
    }

    /// The rows of the base, those that later ones changed in their place, and the new ones behind them.
    fn rows(&self, base: &ExtractionFile, later: &Later, table: &mut TableWriter) -> Result<(), TaskError> {
        let Some(entity_type) = self.entity_type(base) else { return Ok(()) };
        let (mapper, _) = self.mapper(base, entity_type)?;
        let mut there = HashSet::new();
        let mut rows = Rows::verified(&self.context.store, base, self.progress)?;
        while let Some(row) = rows.read()? {
            let line = Some(source_line(base, row.extraction_line));
            let key = mapper.key(row.values).ok().flatten().map(|key| key_digest(&key));
            match key.and_then(|key| Some((key, later.rows.get(&key)?))) {
                None => table.row(line, &mut row.values.iter().map(str::as_bytes), None)?,
                Some((key, last)) => {
                    if let (true, Last::Row { values, line }) = (there.insert(key), last) {
                        let old = row.values.iter();
                        let values = values.iter().zip(old).map(|(new, old)| new.as_deref().unwrap_or(old).as_bytes());
                        table.row(Some(*line), &mut { values }, None)?;
                    }
                }
            }
        }
        for key in later.order.iter().filter(|key| !there.contains(*key)) {
            if let Some(Last::Row { values, line }) = later.rows.get(key) {
                let mut values = values.iter().map(|value| value.as_deref().unwrap_or_default().as_bytes());
                table.row(Some(*line), &mut values, None)?;
            }
        }
        Ok(())
    }

    /// Pairs that stood in a column of rows: they go with the last row that says anything about the column.
    fn pairs_of_rows(
        &self,
        base: &ExtractionFile,
        later: &Later,
        column: &str,
        table: &mut TableWriter,
    ) -> Result<(), TaskError> {
        let Some(entity_type) = self.entity_type(base) else { return Ok(()) };
        let none = HashMap::new();
        let sets = later.sets.get(column).unwrap_or(&none);
        let files =
            std::iter::once((None, base)).chain(self.of_table(&base.source_table).map(|(at, file)| (Some(at), file)));
        for (number, file) in files {
            let (mapper, _) = Mapper::of_changes(entity_type, &[], &self.columns_of_owners(file))
                .map_err(|error| TaskError::failed(&file.source_file, error.to_string()))?;
            let mut rows = Rows::verified(&self.context.store, file, self.progress)?;
            while let Some(row) = rows.read()? {
                let owner = row.values.get(0).unwrap_or_default();
                let Ok(Some(key)) = mapper.key_property().reference(owner) else { continue };
                let key = key_digest(&key);
                let counts = match (number, sets.get(&key)) {
                    (None, None) => true,
                    (None, Some(_)) => false,
                    (Some(number), Some(Some(by))) if number == *by => {
                        self.is_last(later, number, key, column, row.values)
                    }
                    (Some(_), _) => false,
                };
                if counts {
                    let line = Some(source_line(file, row.extraction_line));
                    table.row(line, &mut row.values.iter().take(2).map(str::as_bytes), None)?;
                }
            }
        }
        Ok(())
    }

    fn columns_of_owners(&self, pairs: &ExtractionFile) -> Vec<String> {
        let owners = pairs.source_table.rsplit_once('.').map(|(table, _)| table);
        let file = self.base.iter().find(|file| Some(file.source_table.as_str()) == owners);
        file.map(|file| file.columns().to_vec()).unwrap_or_default()
    }

    /// Whether a pair of an extraction stood in the row that its owner's rows come to.
    fn is_last(&self, later: &Later, number: usize, key: u128, column: &str, pair: &csv::StringRecord) -> bool {
        let Some((commands, ends)) = later.commands.get(&number) else { return true };
        let row: Option<u32> = pair.get(2).and_then(|row| row.parse().ok());
        row.is_some() && ends.get(&key).and_then(|&end| commands.row_that_gives(end, column)) == row
    }

    /// A table of pairs: those of the base, without those that were deleted, and the new ones behind them.
    fn pairs(
        &self,
        base: &ExtractionFile,
        tables: &BTreeMap<&str, Later>,
        table: &mut TableWriter,
    ) -> Result<(), TaskError> {
        let of_pairs =
            |one: &&AssociationDefinition| one.source.as_ref().is_some_and(|source| source.0 == base.source_table);
        let association = self.definition.associations.iter().find(of_pairs);
        let ends = association.and_then(|one| {
            let from = base.position(one.from_column.as_deref()?)?;
            Some((one, from, base.position(one.to_column.as_deref()?)?))
        });
        let mut last: HashMap<(String, String), bool> = HashMap::new();
        let mut new: Vec<(Vec<String>, u64, (String, String))> = Vec::new();
        let mut replaced: HashSet<String> = HashSet::new();
        if let Some((association, from, to)) = ends {
            for (_, file) in self.of_table(&base.source_table) {
                let places: Vec<Option<usize>> =
                    base.columns().iter().map(|name| file.columns().iter().position(|known| known == name)).collect();
                let mut rows = Rows::verified(&self.context.store, file, self.progress)?;
                while let Some(row) = rows.read()? {
                    let command = match file.command_column {
                        Some(_) => Command::parse(row.values.get(file.columns().len()).unwrap_or_default()),
                        None => Some(Command::Replace),
                    };
                    let Some(command) = command else { continue };
                    let values: Vec<String> = places
                        .iter()
                        .map(|place| {
                            place.and_then(|place| row.values.get(place)).unwrap_or_default().trim().to_owned()
                        })
                        .collect();
                    let pair = (values[from].clone(), values[to].clone());
                    let insert = command != Command::Delete;
                    if insert && association.cardinality.is_single_valued() {
                        replaced.insert(pair.0.clone());
                        new.retain(|(_, _, known)| known.0 != pair.0);
                    }
                    last.insert(pair.clone(), insert);
                    new.retain(|(_, _, known)| *known != pair);
                    if insert {
                        new.push((values, source_line(file, row.extraction_line), pair));
                    }
                }
            }
        }
        let deleted = ends.and_then(|(association, ..)| {
            let owners = self.definition.entity_type(&association.from)?;
            let file = self.base.iter().find(|file| file.source_table == owners.source.0)?;
            Some((self.mapper(file, owners).ok()?.0, tables.get(owners.source.0.as_str())?))
        });
        let is_deleted = |owner: &str| {
            deleted.as_ref().is_some_and(|(mapper, later)| {
                let key = mapper.key_property().reference(owner).ok().flatten();
                key.is_some_and(|key| matches!(later.rows.get(&key_digest(&key)), Some(Last::Deleted)))
            })
        };
        let mut rows = Rows::verified(&self.context.store, base, self.progress)?;
        while let Some(row) = rows.read()? {
            let (from, to) = ends.map_or((0, 1), |(_, from, to)| (from, to));
            let value = |at: usize| row.values.get(at).unwrap_or_default().trim().to_owned();
            let pair = (value(from), value(to));
            if !last.contains_key(&pair) && !replaced.contains(&pair.0) && !is_deleted(&pair.0) {
                let line = Some(source_line(base, row.extraction_line));
                table.row(line, &mut row.values.iter().map(str::as_bytes), None)?;
            }
        }
        for (values, line, (owner, _)) in &new {
            if !is_deleted(owner) {
                table.row(Some(*line), &mut values.iter().map(String::as_bytes), None)?;
            }
        }
        Ok(())
    }
}
