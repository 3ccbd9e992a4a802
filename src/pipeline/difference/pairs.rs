//! Tables of pairs: per owner the sum of its pairs' digests, so that owners whose set did not change are never resolved.

use super::keys::flag;
use super::rows::{Rows, source_line};
use super::{Scope, Work};
use crate::model::association::AssociationDefinition;
use crate::model::counters::AssociationCounters;
use crate::model::extraction::ExtractionFile;
use crate::model::problem::{Problem, ProblemCode};
use crate::pipeline::TaskError;
use crate::values::digest::Digest;
use std::hash::Hasher;

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
    /// Its figures.
    pub counters: AssociationCounters,
}

/// Where pairs come from.
pub enum Source<'a> {
    /// A column of the `from` end's rows; its position.
    Column(usize),
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
    },
}

impl Association<'_> {
    /// The flag of an owner whose links by this association stay open.
    pub fn open(&self) -> u16 {
        match self.source {
            Source::Column(_) => flag::OPEN,
            Source::Pairs { .. } => flag::LINKS_OPEN,
        }
    }

    /// Seeds the digests of its pairs: another association or another way to match makes other digests.
    fn seed(&self) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        for part in std::iter::once(self.definition.name.as_str())
            .chain(self.definition.to.names())
            .chain(self.definition.match_property.as_deref())
        {
            hasher.write(part.as_bytes());
            hasher.write_u8(0);
        }
        hasher.finish()
    }
}

/// Adds up the pairs of each owner. Pairs whose owner is not there are problems.
pub fn add_up(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    let Source::Pairs { file, from, to, .. } = association.source else { return Ok(()) };
    let seed = association.seed();
    work.progress.begin(format!("Comparing {}", association.definition.title()), file.rows);
    let mut rows = Rows::verified(work.store, file, work.progress)?;
    while let Some(row) = rows.read()? {
        let (owner, value) = (row.values.get(from).unwrap_or_default().trim(), row.values.get(to).unwrap_or_default());
        let scope = &mut scopes[association.from];
        if let Some(slot) = scope.find(owner) {
            let digest = Digest::of_fields(seed, std::iter::once(value.trim().as_bytes()));
            let entry = scope.keys.get_mut(slot);
            entry.links = entry.links.wrapping_add(digest.0);
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
pub fn is_ownerless(entry: &super::keys::Entry) -> bool {
    entry.has(flag::NEW) && entry.links != 0 && !entry.will_exist()
}

/// Whether the pairs of the record in `entry` have to be resolved anew.
pub fn is_due(entry: &super::keys::Entry) -> bool {
    entry.has(flag::READ)
        && !entry.has_any(flag::REJECTED | flag::CONFLICT)
        && (entry.links != 0 || entry.has_any(flag::NEW | flag::LINKS_UNKNOWN | flag::FORCED))
}
