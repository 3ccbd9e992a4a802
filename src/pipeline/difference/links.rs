//! Links, resolved against what will be there after the run: only of owners that changed, or whose targets do.

mod pair_commands;
mod resolver;
mod stored;
mod targets;

use super::keys::{Entry, Slot, Walk, flag};
use super::pairs::{Association, Source, is_ownerless, ownerless};
use super::rows::{Rows, source_line};
use super::scan::key_digest;
use super::{Scope, Work};
use crate::pipeline::TaskError;
use crate::pipeline::index::{self, rows_version};
use resolver::{Place, Resolver};

/// Works out the links of all associations.
pub fn resolve(
    work: &mut Work<'_>,
    associations: &mut [Association<'_>],
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    work.changes.flush_changes()?;
    for association in associations.iter_mut() {
        targets::follow(work, association, scopes)?;
    }
    for from in 0..scopes.len() {
        let theirs = associations.iter_mut().filter(|one| one.from == from);
        let (of_rows, of_pairs): (Vec<_>, Vec<_>) =
            theirs.partition(|one| matches!(one.source, Source::Column(_) | Source::Expression));
        // While the rows are looked through, the links of what stands in tables of pairs are read ahead. Where targets are
        // found by another property, all of its values are kept: one association at a time.
        let (at_once, by_value): (Vec<_>, Vec<_>) =
            of_pairs.into_iter().partition(|one| one.definition.match_property.is_none());
        let mut begun = Vec::new();
        for association in at_once {
            begun.extend(begin_pairs(work, association, scopes)?);
        }
        resolve_columns(work, of_rows, from, scopes)?;
        for resolver in begun {
            resolve_pairs(work, resolver, scopes)?;
        }
        for association in by_value {
            if let Some(resolver) = begin_pairs(work, association, scopes)? {
                resolve_pairs(work, resolver, scopes)?;
            }
        }
    }
    associations
        .iter_mut()
        .filter(|one| one.is_changes())
        .try_for_each(|association| pair_commands::resolve(work, association, scopes))
}

fn resolve_columns(
    work: &mut Work<'_>,
    associations: Vec<&mut Association<'_>>,
    from: usize,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    let due = |entry: &Entry| {
        entry.has(flag::READ)
            && !entry.has_any(flag::REJECTED | flag::CONFLICT)
            && entry.has_any(flag::LINKS | flag::FORCED)
    };
    if associations.is_empty() || !scopes[from].keys.iter().any(|(_, entry)| due(entry)) {
        return Ok(());
    }
    let mut resolvers = Vec::new();
    for association in associations {
        resolvers.push(Resolver::new(work, association, scopes)?);
    }
    let file = scopes[from].file;
    work.progress.begin(format!("Linking {}", scopes[from].definition.title()), file.rows);
    let commands = scopes[from].commands.take();
    let version = rows_version(scopes[from].mapper.version());
    let mut rows = {
        let (keys, mut walk) = (&scopes[from].keys, Walk::default());
        let is_due = |row: &index::Entry| {
            let entry = row.key.and_then(|key| walk.find(keys, key)).map(|slot| keys.get(slot));
            entry.is_some_and(|entry| u64::from(entry.ordinal) == row.span.ordinal && due(entry))
        };
        Rows::some(work.store, file, [&scopes[from].definition.name, &version], work.progress, is_due)?
            .of(commands.as_ref())
    };
    while let Some(row) = rows.read()? {
        let Ok(Some(key)) = scopes[from].mapper.key(row.values) else { continue };
        let Some(slot) = scopes[from].keys.find(key_digest(&key)) else { continue };
        let entry = scopes[from].keys.get(slot);
        if entry.ordinal != row.ordinal || !due(entry) {
            continue;
        }
        let key = key.into_owned();
        let partial = entry.has(flag::PARTIAL);
        for resolver in &mut resolvers {
            let (mapper, name) = (&scopes[from].mapper, &resolver.association.definition.name);
            let column = match resolver.association.source {
                Source::Column(position) => Some(position),
                _ => None,
            };
            if partial {
                let gives = match column {
                    Some(position) => row.gives(position),
                    None => mapper.gives_references(name, &|column| row.gives(column)),
                };
                if !gives {
                    continue;
                }
            }
            let computed = match column {
                Some(_) => Ok(Vec::new()),
                None => mapper.references(name, row.values).map_err(|error| error.to_string()),
            };
            if partial {
                // The stored digest is that of a record with other links, maybe.
                scopes[from].keys.get_mut(slot).set(flag::OPEN);
            }
            let place = Place { file, line: source_line(file, row.extraction_line), column, key: &key };
            let single = resolver.association.definition.cardinality.is_single_valued();
            match computed {
                Ok(several) if single && several.len() > 1 => {
                    let why = format!("the expression gave {} values, but the cardinality allows one", several.len());
                    resolver.unreadable(work, scopes, slot, &why, &place)?;
                }
                Ok(computed) => {
                    resolver.owner(slot);
                    let of_column = column.map(|position| row.values.get(position).unwrap_or_default().trim());
                    let values = of_column.into_iter().chain(computed.iter().map(String::as_str));
                    for value in values.filter(|value| !value.is_empty()) {
                        resolver.pair(work, scopes, slot, value, &place)?;
                    }
                }
                Err(why) => resolver.unreadable(work, scopes, slot, &why, &place)?,
            }
            resolver.flush_if_full(work, scopes)?;
        }
    }
    resolvers.into_iter().try_for_each(|resolver| resolver.finish(work, scopes))?;
    drop(rows);
    scopes[from].commands = commands;
    Ok(())
}

/// Notes the owners of pairs that have to be resolved, and begins to read their stored links; `None`: there is nothing to do.
fn begin_pairs<'r, 'a>(
    work: &mut Work<'_>,
    association: &'r mut Association<'a>,
    scopes: &mut [Scope<'_>],
) -> Result<Option<Resolver<'r, 'a>>, TaskError> {
    if association.is_changes() {
        return Ok(None);
    }
    let owners = association.from;
    let is_due = |association: &Association<'_>, entry: &Entry| association.is_due(&scopes[owners], entry);
    if !scopes[owners].keys.iter().any(|(_, entry)| is_due(association, entry) || is_ownerless(entry)) {
        return Ok(None);
    }
    let mut resolver = Resolver::new(work, association, scopes)?;
    // An owner without any pair left has links to lose, so all of them are compared, not those with pairs alone.
    let due: Vec<Slot> = scopes[owners]
        .keys
        .iter()
        .filter(|(_, entry)| is_due(resolver.association, entry))
        .map(|(slot, _)| slot)
        .collect();
    for slot in due {
        resolver.owner(slot);
        let entry = scopes[owners].keys.get(slot);
        if !scopes[owners].knows_pairs(entry) {
            scopes[owners].keys.get_mut(slot).set(flag::LINKS_OPEN);
        }
    }
    resolver.read_ahead(work, scopes);
    Ok(Some(resolver))
}

/// Resolves the pairs of these owners.
fn resolve_pairs(
    work: &mut Work<'_>,
    mut resolver: Resolver<'_, '_>,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    let Source::Pairs { file, from, to, .. } = resolver.association.source else { return Ok(()) };
    let owners = resolver.association.from;
    let is_due =
        |scopes: &[Scope<'_>], association: &Association<'_>, entry: &Entry| association.is_due(&scopes[owners], entry);
    work.progress.begin(format!("Linking {}", resolver.association.definition.title()), file.rows);
    let version = resolver.association.index_version(scopes);
    let mut rows = {
        let (keys, mut walk) = (&scopes[owners].keys, Walk::default());
        let is_due = |pairs: &index::Entry| {
            let entry = pairs.key.and_then(|key| walk.find(keys, key)).map(|slot| keys.get(slot));
            entry.is_some_and(|entry| is_due(scopes, resolver.association, entry) || is_ownerless(entry))
        };
        let name = &resolver.association.definition.name;
        Rows::some(work.store, file, [name, &version], work.progress, is_due)?
    };
    while let Some(row) = rows.read()? {
        let owner = row.values.get(from).unwrap_or_default().trim();
        let value = row.values.get(to).unwrap_or_default().trim();
        let Some(slot) = scopes[owners].find(owner) else { continue };
        let entry = scopes[owners].keys.get(slot);
        if is_ownerless(entry) && entry.has(flag::SUPPRESSED) {
            continue;
        }
        if is_ownerless(entry) && entry.has(flag::WITHHELD) {
            resolver.association.counters.withheld += 1;
        } else if is_ownerless(entry) {
            ownerless(work, resolver.association, source_line(file, row.extraction_line), owner, value)?;
        }
        let counts = resolver.association.counts(&scopes[owners], entry, row.values);
        if value.is_empty() || !counts || !is_due(scopes, resolver.association, entry) {
            continue;
        }
        let place = Place { file, line: source_line(file, row.extraction_line), column: Some(to), key: owner };
        resolver.pair(work, scopes, slot, value, &place)?;
    }
    resolver.finish(work, scopes)
}
