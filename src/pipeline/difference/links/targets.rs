//! From what is gone, or found under another value, to the links that lead there.

use crate::model::guard::Operation;
use crate::pipeline::TaskError;
use crate::pipeline::difference::change_set::LinkChange;
use crate::pipeline::difference::keys::flag;
use crate::pipeline::difference::pairs::Association;
use crate::pipeline::difference::scan::{self, key_digest};
use crate::pipeline::difference::{Scope, Work};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

/// Deletes the links of owners that are gone, and notes the owners whose targets are gone or found under another value.
pub(super) fn follow(
    work: &mut Work<'_>,
    association: &mut Association<'_>,
    scopes: &mut [Scope<'_>],
) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct Touched {
        #[diesel(sql_type = BigInt)]
        from_id: i64,
        #[diesel(sql_type = BigInt)]
        to_id: i64,
        #[diesel(sql_type = diesel::sql_types::Bool)]
        owner_gone: bool,
        #[diesel(sql_type = diesel::sql_types::Bool)]
        target_gone: bool,
        #[diesel(sql_type = Nullable<Text>)]
        owner_key: Option<String>,
    }
    if association.empty {
        return Ok(());
    }
    // From the few changes to the links they touch, by the two indexes of the association's partition.
    let touched: Vec<Touched> = diesel::sql_query(format!(
        "with moved as materialized (
           select resource_id as id, operation = 'delete' as gone, key from {schema}.changes
            where resource_id is not null and (operation = 'delete' or (operation = 'update' and after ? $3))
         ), near as (
           select l.from_id, l.to_id, true as owner_gone, false as target_gone, moved.key as owner_key
             from moved join links l on l.from_id = moved.id where moved.gone and l.association_id = $1
           union all
           select l.from_id, l.to_id, false, moved.gone, r.key
             from moved join links l on l.to_id = moved.id
             left join resources r on r.entity_type_id = $2 and r.id = l.from_id
            where l.association_id = $1
         )
         select from_id, to_id, bool_or(owner_gone) as owner_gone, bool_or(target_gone) as target_gone,
                min(owner_key) as owner_key
           from near group by from_id, to_id order by from_id, to_id",
        schema = work.pending.schema
    ))
    .bind::<Integer, _>(association.id)
    .bind::<Integer, _>(scopes[association.from].id)
    .bind::<Text, _>(association.definition.match_property.as_deref().unwrap_or_default())
    .load(work.connection)?;
    let owners = touched.iter().filter(|link| !link.owner_gone).filter_map(|link| link.owner_key.as_deref());
    scan::ask(work.connection, &mut scopes[association.from], owners)?;
    for link in touched {
        let delete = LinkChange {
            association: association.id,
            operation: Some(Operation::Delete),
            from: link.from_id,
            to: link.to_id,
            before_to: None,
        };
        if link.owner_gone {
            association.counters.deleted += 1;
            work.changes.link(&delete, link.owner_key.as_deref().unwrap_or_default())?;
            continue;
        }
        let scope = &scopes[association.from];
        let Some(slot) = link.owner_key.as_deref().and_then(|key| scope.keys.find(key_digest(key))) else { continue };
        let entry = scope.keys.get(slot);
        let is_read = association.is_read(scope, entry);
        let entry = scopes[association.from].keys.get_mut(slot);
        if is_read && !entry.has_any(flag::REJECTED | flag::CONFLICT) {
            entry.set(flag::FORCED);
            continue;
        }
        // A protected record keeps its links, but not one that leads nowhere; and when it is as it was again, its links
        // may no longer be. The same holds for one that was not read: which value led there is not known here, so the
        // next complete run looks again.
        entry.set(association.open());
        if link.target_gone {
            association.counters.deleted += 1;
            association.severed.insert((link.from_id, link.to_id));
            work.changes.link(&delete, link.owner_key.as_deref().unwrap_or_default())?;
        }
    }
    Ok(())
}
