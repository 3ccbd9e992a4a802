//! Tables of pairs: per owner the sum of its pairs' digests, so that owners whose set did not change are never resolved.

use super::keys::{Entry, Walk, flag};
use super::rows::{Rows, source_line};
use super::{Scope, Work};
use crate::model::association::AssociationDefinition;
use crate::model::counters::AssociationCounters;
use crate::model::extraction::ExtractionFile;
use crate::model::problem::{Problem, ProblemCode};
use crate::pipeline::TaskError;
use crate::pipeline::index::{IndexReader, pair_digest, pair_seed, pairs_version};
use std::collections::HashSet;

/// One association in a preparation.
pub struct Association<'a> {
    /// Its id.
    pub id: i32,
    /// Its definition.
    pub definition: &'a AssociationDefinition,
    /// Its `from` end among the scopes.
    pub from: usize,
    /// Its `to` ends among the scopes, in order.
    pub to: Vec<usize>,
    /// Where its pairs come from.
    pub source: Source<'a>,
    /// No link is stored yet: new links go into a pending table.
    pub empty: bool,
    /// Links of owners that stay, deleted because their targets go.
    pub severed: HashSet<(i64, i64)>,
    /// Its figures.
    pub counters: AssociationCounters,
}

/// Where pairs come from.
pub enum Source<'a> {
    /// A column of the `from` end's rows; its position.
    Column(usize),
    /// An expression over the `from` end's rows; its mapper has it.
    Expression,
    /// A table of pairs; the positions of its two columns.
    Pairs {
        /// The table.
        file: &'a ExtractionFile,
        /// The column with the key of the `from` end.
        from: usize,
        /// The column that finds the `to` end.
        to: usize,
        /// They stood in a column of the owners' rows: a row that is left out takes its pairs with it.
        of_rows: bool,
        /// That column's position in the owners' rows; `None`: they don't have it.
        column: Option<usize>,
    },
}

impl Association<'_> {
    /// The flag of an owner whose links by this association stay open.
    pub fn open(&self) -> u32 {
        match self.source {
            Source::Column(_) | Source::Expression => flag::OPEN,
            Source::Pairs { .. } => flag::LINKS_OPEN,
        }
    }

    /// What an index of its pairs says of how it was made; empty where its pairs come from rows of its owners.
    pub fn index_version(&self, scopes: &[Scope<'_>]) -> String {
        match self.source {
            Source::Column(_) | Source::Expression => String::new(),
            Source::Pairs { from, to, .. } => pairs_version(self.definition, scopes[self.from].definition, [from, to]),
        }
    }

    /// The pairs come with commands, each by itself.
    pub fn is_changes(&self) -> bool {
        matches!(self.source, Source::Pairs { file, .. } if file.command_column.is_some())
    }

    /// Whether the run has read what the owner in `entry` is linked with, all of it.
    pub fn is_read(&self, scope: &Scope<'_>, entry: &Entry) -> bool {
        entry.has(flag::READ)
            && (scope.complete
                || match self.source {
                    Source::Column(column) => scope.gives(entry, column),
                    Source::Expression => {
                        scope.mapper.gives_references(&self.definition.name, &|column| scope.gives(entry, column))
                    }
                    Source::Pairs { of_rows, column, .. } => {
                        of_rows && column.map_or(scope.commands.is_none(), |column| scope.gives(entry, column))
                    }
                })
    }

    /// Whether the pairs of the owner in `entry` have to be resolved anew.
    pub fn is_due(&self, scope: &Scope<'_>, entry: &Entry) -> bool {
        let is_new = entry.has_any(flag::NEW | flag::LINKS_UNKNOWN | flag::FORCED);
        if entry.has_any(flag::REJECTED | flag::CONFLICT | flag::GONE) || self.is_changes() {
            return false;
        }
        if self.is_read(scope, entry) {
            return !scope.knows_pairs(entry) || entry.links != 0 || is_new;
        }
        // Of a table of pairs that is compared: what it has is there, what it lacks stays.
        let of_rows = matches!(self.source, Source::Pairs { of_rows: true, .. });
        !of_rows && entry.has(flag::PAIRED) && (entry.links != 0 || is_new)
    }

    /// Whether a pair in the row `values` is one of the record that its owner's rows come to.
    pub fn counts(&self, scope: &Scope<'_>, entry: &Entry, values: &csv::StringRecord) -> bool {
        let (Source::Pairs { of_rows: true, column, .. }, Some(commands)) = (&self.source, &scope.commands) else {
            return true;
        };
        let row: Option<u32> = values.get(2).and_then(|row| row.parse().ok());
        row.is_some() && column.and_then(|column| commands.row_of(entry.ordinal, column)) == row
    }
}

/// Adds up the pairs of each owner. Pairs whose owner is not there are problems.
pub fn add_up(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    let Source::Pairs { file, from, to, .. } = association.source else { return Ok(()) };
    if association.is_changes() {
        return Ok(());
    }
    work.progress.begin(format!("Comparing {}", association.definition.title()), file.rows);
    let version = association.index_version(scopes);
    if scopes[association.from].complete
        && let Some(index) = IndexReader::open(work.store, file, &association.definition.name, &version, work.progress)?
    {
        work.seals.prove(file);
        return add_up_index(work, association, scopes, index);
    }
    let seed = pair_seed(association.definition);
    let mut rows = Rows::verified(work.store, file, work.progress)?;
    while let Some(row) = rows.read()? {
        let (owner, value) = (row.values.get(from).unwrap_or_default().trim(), row.values.get(to).unwrap_or_default());
        let scope = &mut scopes[association.from];
        if let Some(slot) = scope.find(owner) {
            if !association.counts(scope, scope.keys.get(slot), row.values) {
                continue;
            }
            let complete = scope.complete;
            let entry = scope.keys.get_mut(slot);
            entry.links = entry.links.wrapping_add(pair_digest(seed, value));
            if !complete {
                entry.set(flag::PAIRED);
            }
            if !entry.has(flag::GONE) {
                continue;
            }
        }
        let line = source_line(file, row.extraction_line);
        let (owner, value) = (owner.to_owned(), value.trim().to_owned());
        ownerless(work, association, line, &owner, &value)?;
    }
    Ok(())
}

/// The same by an index, which has the sums. Only pairs whose owner is not there are read.
fn add_up_index(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
    mut index: IndexReader<'_>,
) -> Result<(), TaskError> {
    let Source::Pairs { file, from, to, .. } = association.source else { return Ok(()) };
    let keys = &mut scopes[association.from].keys;
    let (mut walk, mut without_owner) = (Walk::default(), Vec::new());
    while let Some(pairs) = index.read()? {
        let slot = pairs.key.and_then(|key| walk.find(keys, key));
        if let Some(slot) = slot {
            let entry = keys.get_mut(slot);
            entry.links = entry.links.wrapping_add(pairs.digest);
            if !entry.has(flag::GONE) {
                continue;
            }
        }
        without_owner.push(pairs.span);
    }
    if without_owner.is_empty() {
        return Ok(());
    }
    let mut rows = Rows::of_spans(work.store, file, without_owner, work.progress)?;
    while let Some(row) = rows.read()? {
        let owner = row.values.get(from).unwrap_or_default().trim();
        let there = scopes[association.from].find(owner);
        if there.is_some_and(|slot| !scopes[association.from].keys.get(slot).has(flag::GONE)) {
            // A store that can't be entered in the middle has given all rows.
            continue;
        }
        let line = source_line(file, row.extraction_line);
        let (owner, value) = (owner.to_owned(), row.values.get(to).unwrap_or_default().trim().to_owned());
        ownerless(work, association, line, &owner, &value)?;
    }
    Ok(())
}

/// A pair whose owner will not be there after the run.
pub fn ownerless(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    line: u64,
    owner: &str,
    value: &str,
) -> Result<(), TaskError> {
    let Source::Pairs { file, from, of_rows: false, .. } = association.source else { return Ok(()) };
    let definition = association.definition;
    association.counters.rejected += 1;
    let problem = Problem {
        scope: definition.name.clone(),
        file: file.source_file.clone(),
        line: Some(line),
        column: file.header.get(from).cloned(),
        key: Some(owner.to_owned()),
        value: Some(owner.to_owned()),
        code: ProblemCode::DanglingReference,
        message: format!(
            "{} {owner:?} does not exist, so it can't be linked with {} {value:?}; correct the pair, or add the record",
            definition.from,
            definition.to.names().collect::<Vec<_>>().join(" or "),
        ),
    };
    let whose = format!("{owner}\0{value}");
    work.changes.problem(&problem, super::records::identity(&definition.name, whose.as_bytes()))
}

/// Whether the record in `entry` has pairs and will not be there after the run: it is new, and was rejected.
pub fn is_ownerless(entry: &Entry) -> bool {
    entry.has(flag::NEW) && entry.links != 0 && !entry.will_exist()
}
