//! Of what is stored, what a feed of changes asks for: the keys that its rows have or refer to, looked up by the index of
//! keys, some thousand to a question. What costs a million rows otherwise costs as much as the feed is long.
//!
//! Records that come into it later, such as the owners of links to what is deleted or the holders of a unique value,
//! are looked up when they do ([`scan::ask`]).

use super::pairs::{Association, Source};
use super::rows::Rows;
use super::{Scope, scan};
use crate::pipeline::TaskError;
use crate::pipeline::progress::Progress;
use crate::store::Store;
use diesel::pg::PgConnection;
use std::collections::HashSet;

/// A feed of more rows reads all that is stored.
const MOST: u64 = 100_000;

/// Whether what is stored can be looked up by the keys of the feed: all of it comes with commands, and nothing is found
/// by another property than its key, or by what is computed.
pub fn suffices(scopes: &[Scope<'_>], associations: &[Association<'_>]) -> bool {
    let pairs = || {
        associations.iter().filter_map(|association| match association.source {
            Source::Pairs { file, of_rows, .. } => Some((file, of_rows)),
            Source::Column(_) | Source::Expression => None,
        })
    };
    let files = scopes.iter().map(|scope| scope.file).chain(pairs().map(|(file, _)| file));
    let rows: u64 = files.map(|file| file.rows).sum();
    rows <= MOST
        && scopes.iter().all(|scope| !scope.complete && scope.file.command_column.is_some())
        && pairs().all(|(file, of_rows)| of_rows || file.command_column.is_some())
        && associations.iter().all(|association| association.definition.match_property.is_none())
        && !associations.iter().any(|association| matches!(association.source, Source::Expression))
}

/// Looks up what is stored under the keys that the feed has or refers to. How much is stored is for the caller to find out.
pub fn stored(
    connection: &mut PgConnection,
    store: &Store,
    scopes: &mut [Scope<'_>],
    associations: &[Association<'_>],
    progress: &Progress,
) -> Result<(), TaskError> {
    let mut asked: Vec<HashSet<String>> = vec![HashSet::new(); scopes.len()];
    for (position, scope) in scopes.iter().enumerate() {
        let columns = associations.iter().filter(|one| one.from == position).filter_map(|one| match one.source {
            Source::Column(column) => Some((column, &one.to)),
            Source::Expression | Source::Pairs { .. } => None,
        });
        let columns: Vec<_> = columns.collect();
        // Seals are proved by the pass that works out the commands.
        let mut rows = Rows::again(store, scope.file, progress)?;
        while let Some(row) = rows.read()? {
            if let Ok(Some(key)) = scope.mapper.key(row.values) {
                asked[position].insert(key.into_owned());
            }
            for (column, ends) in &columns {
                refers(scopes, ends, row.values.get(*column).unwrap_or_default().trim(), &mut asked);
            }
        }
    }
    for association in associations {
        let Source::Pairs { file, from, to, .. } = association.source else { continue };
        let mut rows = Rows::again(store, file, progress)?;
        while let Some(row) = rows.read()? {
            let value = |column: usize| row.values.get(column).unwrap_or_default().trim();
            refers(scopes, &[association.from], value(from), &mut asked);
            refers(scopes, &association.to, value(to), &mut asked);
        }
    }
    for (scope, asked) in scopes.iter_mut().zip(asked) {
        progress.begin(format!("Looking up what is stored: {}", scope.definition.title()), 0);
        scope.in_part = true;
        scan::ask(connection, scope, asked.iter().map(String::as_str))?;
    }
    Ok(())
}

fn refers(scopes: &[Scope<'_>], ends: &[usize], value: &str, asked: &mut [HashSet<String>]) {
    for &end in ends {
        if let Ok(Some(key)) = scopes[end].mapper.key_property().reference(value)
            && !asked[end].contains(key.as_ref())
        {
            asked[end].insert(key.into_owned());
        }
    }
}
