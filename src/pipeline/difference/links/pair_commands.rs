//! Pairs that come with commands: `insert` (also `update` and `merge`) of a pair, or `delete`. The last command for a pair
//! counts; other pairs of the owner stay. Where an owner has one link, another pair takes its place.

use super::resolver::{Place, Resolver};
use crate::model::problem::{Problem, ProblemCode};
use crate::pipeline::TaskError;
use crate::pipeline::difference::commands::Command;
use crate::pipeline::difference::keys::{Slot, flag};
use crate::pipeline::difference::pairs::{Association, Source, ownerless};
use crate::pipeline::difference::records::identity;
use crate::pipeline::difference::rows::{Rows, source_line};
use crate::pipeline::difference::{Scope, Work};
use std::collections::BTreeMap;

/// Owners per question to the database.
const BATCH: usize = 5000;

/// The last command for a pair.
struct Last {
    /// Its place among all.
    order: u64,
    insert: bool,
    line: u64,
    owner: String,
}

/// Works out the links of a table of pairs with commands. The table is small against what is stored: it is kept.
pub(super) fn resolve(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    let Source::Pairs { file, to, .. } = association.source else { return Ok(()) };
    let owners = read(work, association, scopes)?;
    if owners.is_empty() {
        return Ok(());
    }
    let mut resolver = Resolver::new(work, association, scopes)?;
    let slots: Vec<Slot> = owners.keys().copied().collect();
    let mut owners = owners;
    let gone = resolver.gone(scopes);
    for slots in slots.chunks(BATCH) {
        work.progress.go_on()?;
        let keys = &scopes[resolver.association.from].keys;
        let known = slots.iter().map(|&slot| keys.get(slot)).filter(|entry| !entry.has(flag::NEW));
        let ids: Vec<i64> = known.map(|entry| entry.id).collect();
        let mut stored = match resolver.association.empty {
            true => BTreeMap::new(),
            false => resolver.stored(work, ids)?,
        };
        for &slot in slots {
            let id = scopes[resolver.association.from].keys.get(slot).id;
            let was = stored.remove(&id).unwrap_or_default();
            let mut wanted = was.clone();
            let mut pairs: Vec<(String, Last)> = owners.remove(&slot).unwrap_or_default().into_iter().collect();
            pairs.sort_by_key(|(_, last)| last.order);
            for (value, last) in pairs {
                let place = Place { file, line: last.line, column: Some(to), key: &last.owner };
                match (resolver.target(scopes, &value), last.insert) {
                    (Some(_), true) if resolver.association.empty => {
                        resolver.pair(work, scopes, slot, &value, &place)?
                    }
                    (Some(target), true) => {
                        if resolver.association.definition.cardinality.is_single_valued() {
                            wanted.clear();
                        }
                        wanted.insert(target);
                    }
                    (Some(target), false) => drop(wanted.remove(&target)),
                    (None, true) => resolver.dangling(work, &value, &place)?,
                    (None, false) => {}
                }
            }
            if !resolver.association.empty {
                resolver.differ(work, (id, ""), &was, &wanted, &gone)?;
            }
        }
    }
    resolver.finish(work, scopes)
}

/// The last command of each pair, by owner. Owners that are not there, and commands that can't be understood, are
/// problems.
fn read(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
) -> Result<BTreeMap<Slot, BTreeMap<String, Last>>, TaskError> {
    let mut owners: BTreeMap<Slot, BTreeMap<String, Last>> = BTreeMap::new();
    let Source::Pairs { file, from, to, .. } = association.source else { return Ok(owners) };
    work.progress.begin(format!("Linking {}", association.definition.title()), file.rows);
    let mut rows = Rows::verified(work.store, file, work.progress)?;
    let mut order = 0;
    while let Some(row) = rows.read()? {
        let line = source_line(file, row.extraction_line);
        let owner = row.values.get(from).unwrap_or_default().trim().to_owned();
        let value = row.values.get(to).unwrap_or_default().trim().to_owned();
        let cell = row.values.get(file.columns().len()).unwrap_or_default();
        let Some(command) = Command::parse(cell) else {
            not_understood(work, association, line, &owner, cell)?;
            continue;
        };
        let insert = command != Command::Delete;
        let scope = &mut scopes[association.from];
        let slot = scope.find(&owner).filter(|&slot| scope.keys.get(slot).will_exist());
        let Some(slot) = slot else {
            if insert {
                ownerless(work, association, line, &owner, &value)?;
            }
            continue;
        };
        let entry = scope.keys.get_mut(slot);
        // The sum of the owner's pairs is no longer known: the next complete run adds them up.
        entry.set(flag::LINKS_OPEN);
        if value.is_empty() || entry.has_any(flag::REJECTED | flag::CONFLICT) {
            continue;
        }
        order += 1;
        owners.entry(slot).or_default().insert(value, Last { order, insert, line, owner });
    }
    Ok(owners)
}

fn not_understood(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    line: u64,
    owner: &str,
    cell: &str,
) -> Result<(), TaskError> {
    let Source::Pairs { file, .. } = association.source else { return Ok(()) };
    association.counters.rejected += 1;
    let scope = association.definition.name.clone();
    let whose = format!("{owner}\0{cell}");
    let identity = identity(&scope, whose.as_bytes());
    let problem = Problem {
        scope,
        file: file.source_file.clone(),
        line: Some(line),
        column: file.command_column.clone(),
        key: Some(owner.to_owned()),
        value: Some(cell.chars().take(200).collect()),
        code: ProblemCode::InvalidValue,
        message: format!("{cell:?} is no command; write insert or delete. The pair stays as it is stored"),
    };
    work.changes.problem(&problem, identity)
}
