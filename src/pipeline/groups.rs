//! Managed groups: they follow the resources that represent them; who is in them follows links. Groups within groups
//! are kept as a closure, recomputed when a link between two groups changes; cycles are tolerated.

use super::TaskError;
use crate::db::copy::{RowBuffer, copy_rows};
use crate::model::connector::ConnectorDefinition;
use crate::schema::group_closure;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Brings the managed groups of a connector in step with the resources that this run wrote. `touched` are entity types
/// with changes; `relinked` tells whether membership links changed.
pub fn apply(
    connection: &mut PgConnection,
    definition: &ConnectorDefinition,
    entity_types: &BTreeMap<String, i32>,
    touched: &BTreeSet<i32>,
    relinked: bool,
    run: i32,
) -> Result<(), TaskError> {
    let mut changed = relinked;
    for entity_type in &definition.entity_types {
        let (Some(groups), Some(&id)) = (&entity_type.groups, entity_types.get(&entity_type.name)) else { continue };
        if !touched.contains(&id) {
            continue;
        }
        changed = true;
        diesel::sql_query(HISTORY)
            .bind::<Integer, _>(id)
            .bind::<Text, _>(&groups.name)
            .bind::<Nullable<Text>, _>(groups.profile_type.as_deref())
            .bind::<Nullable<Text>, _>(groups.past_profile_type.as_deref())
            .bind::<Integer, _>(run)
            .execute(connection)?;
        diesel::sql_query(
            "delete from groups g where g.entity_type_id = $1
                and not exists (select from resources r where r.entity_type_id = $1 and r.id = g.resource_id)",
        )
        .bind::<Integer, _>(id)
        .execute(connection)?;
        diesel::sql_query(
            "insert into groups (resource_id, entity_type_id, name, profile_type, past_profile_type, run_id)
             select r.id, $1, coalesce(nullif(r.attributes ->> $2, ''), r.key), $3, $4, $5
               from resources r where r.entity_type_id = $1 and r.run_id = $5
             on conflict (resource_id) do update
               set name = excluded.name, profile_type = excluded.profile_type,
                   past_profile_type = excluded.past_profile_type, run_id = excluded.run_id
             where (groups.name, groups.profile_type, groups.past_profile_type)
                   is distinct from (excluded.name, excluded.profile_type, excluded.past_profile_type)",
        )
        .bind::<Integer, _>(id)
        .bind::<Text, _>(&groups.name)
        .bind::<Nullable<Text>, _>(groups.profile_type.as_deref())
        .bind::<Nullable<Text>, _>(groups.past_profile_type.as_deref())
        .bind::<Integer, _>(run)
        .execute(connection)?;
    }
    if changed {
        nest(connection)?;
    }
    Ok(())
}

/// Keeps the groups of the entity type `$1` that the run `$5` ends: their resource is gone, or is called differently.
const HISTORY: &str = "
    insert into groups_history (id, resource_id, entity_type_id, name, profile_type, past_profile_type, run_id,
                                ended_by_run_id, valid_from, valid_to)
    select g.id, g.resource_id, g.entity_type_id, g.name, g.profile_type, g.past_profile_type, g.run_id, $5,
           w.applied_at, now()
      from groups g
      join runs w on w.id = g.run_id
      left join resources r on r.entity_type_id = $1 and r.id = g.resource_id
     where g.entity_type_id = $1
       and (r.id is null
            or r.run_id = $5 and (g.name, g.profile_type, g.past_profile_type)
                 is distinct from (coalesce(nullif(r.attributes ->> $2, ''), r.key), $3, $4))";

/// Recomputes which groups are in which, from all membership links between groups and the groups within local ones. They
/// are few: groups, not members.
pub(super) fn nest(connection: &mut PgConnection) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Edge {
        #[diesel(sql_type = BigInt)]
        parent: i64,
        #[diesel(sql_type = BigInt)]
        child: i64,
    }
    // Joined from the groups, so that the links of members, by far the most, are found by index and not read through.
    let edges: Vec<Edge> = diesel::sql_query(
        "select p.id as parent, c.id as child
           from associations a
           join groups p on p.entity_type_id = a.from_entity_type_id
           join groups c on c.entity_type_id = any(a.to_entity_type_ids)
           join links l on l.association_id = a.id and l.from_id = p.resource_id and l.to_id = c.resource_id
          where a.membership and not a.retired
         union
         select n.parent_id, n.child_id
           from local_nesting n join groups p on p.id = n.parent_id join groups c on c.id = n.child_id
          where n.removed_at is null",
    )
    .load(connection)?;
    diesel::sql_query("delete from group_closure").execute(connection)?;
    let mut rows = RowBuffer::default();
    for (ancestor, descendant, depth) in closure(edges.iter().map(|edge| (edge.parent, edge.child))) {
        rows.row(3).int8(ancestor).int8(descendant).int4(depth);
    }
    if !rows.is_empty() {
        copy_rows(connection, group_closure::table, rows)?;
    }
    Ok(())
}

/// All groups below each group, with the shortest way down. A group is never below itself.
pub fn closure(edges: impl Iterator<Item = (i64, i64)>) -> Vec<(i64, i64, i32)> {
    let mut children: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (parent, child) in edges {
        children.entry(parent).or_default().insert(child);
    }
    let mut closure = Vec::new();
    for &ancestor in children.keys() {
        let mut seen = BTreeSet::from([ancestor]);
        let mut queue = VecDeque::from([(ancestor, 0)]);
        while let Some((group, depth)) = queue.pop_front() {
            for &child in children.get(&group).into_iter().flatten() {
                if seen.insert(child) {
                    closure.push((ancestor, child, depth + 1));
                    queue.push_back((child, depth + 1));
                }
            }
        }
    }
    closure
}

#[cfg(test)]
mod tests {
    use super::closure;

    #[test]
    fn nested_groups_are_found_by_the_shortest_way() {
        let edges = [(1, 2), (2, 3), (1, 3), (3, 4)];
        assert_eq!(closure(edges.into_iter()), [(1, 2, 1), (1, 3, 1), (1, 4, 2), (2, 3, 1), (2, 4, 2), (3, 4, 1)]);
    }

    #[test]
    fn cycles_end() {
        let edges = [(1, 2), (2, 1), (2, 2)];
        assert_eq!(closure(edges.into_iter()), [(1, 2, 1), (2, 1, 1)]);
    }
}
