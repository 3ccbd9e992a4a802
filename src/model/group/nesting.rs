//! Which groups are within which: now by the stored closure, as of a moment from the links of then.

use super::Ends;
use crate::model::as_of::AsOf;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The relation `(ancestor_id, descendant_id, depth)`, with at least the groups around these.
pub fn above(conn: &mut PgConnection, at: &AsOf, groups: &[i64]) -> QueryResult<String> {
    relation(conn, at, groups, true)
}

/// The relation `(ancestor_id, descendant_id, depth)`, with at least the groups within these.
pub fn below(conn: &mut PgConnection, at: &AsOf, groups: &[i64]) -> QueryResult<String> {
    relation(conn, at, groups, false)
}

fn relation(conn: &mut PgConnection, at: &AsOf, groups: &[i64], upwards: bool) -> QueryResult<String> {
    if at.is_now() {
        return Ok("group_closure".to_owned());
    }
    let edges = edges(conn, at)?;
    let next = edges.into_iter().map(|edge| match upwards {
        true => (edge.child, edge.parent),
        false => (edge.parent, edge.child),
    });
    let (mut ancestors, mut descendants, mut depths) = (Vec::new(), Vec::new(), Vec::new());
    for (from, to, depth) in reached(next, groups) {
        let (ancestor, descendant) = if upwards { (to, from) } else { (from, to) };
        ancestors.push(ancestor.to_string());
        descendants.push(descendant.to_string());
        depths.push(depth.to_string());
    }
    Ok(format!(
        "(select * from unnest('{{{}}}'::bigint[], '{{{}}}'::bigint[], '{{{}}}'::integer[])
             as nested (ancestor_id, descendant_id, depth))",
        ancestors.join(","),
        descendants.join(","),
        depths.join(",")
    ))
}

#[derive(QueryableByName)]
struct Edge {
    #[diesel(sql_type = BigInt)]
    parent: i64,
    #[diesel(sql_type = BigInt)]
    child: i64,
}

/// All links between two groups. From the groups, each by the index of the links that lead to it: the links of users,
/// by far the most, are not read.
fn edges(conn: &mut PgConnection, at: &AsOf) -> QueryResult<Vec<Edge>> {
    let ends = Ends::load(conn)?;
    diesel::sql_query(format!(
        "select p.id as parent, c.id as child
           from {groups} c
           cross join lateral (select from_id from {links} l
                                where l.association_id = any($1) and l.to_id = c.resource_id offset 0) l
           join {groups} p on p.resource_id = l.from_id
         union
         select n.parent_id, n.child_id
           from {nesting} n join {groups} p on p.id = n.parent_id join {groups} c on c.id = n.child_id",
        groups = at.groups(),
        links = at.links(),
        nesting = at.local_nesting()
    ))
    .bind::<Array<Integer>, _>(ends.group_first)
    .load(conn)
}

/// All groups that can be reached from each of these, by the shortest way; never itself.
fn reached(edges: impl Iterator<Item = (i64, i64)>, groups: &[i64]) -> Vec<(i64, i64, i32)> {
    let mut next: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().insert(to);
    }
    let mut reached = Vec::new();
    for &from in groups {
        let mut seen = BTreeSet::from([from]);
        let mut queue = VecDeque::from([(from, 0)]);
        while let Some((group, depth)) = queue.pop_front() {
            for &to in next.get(&group).into_iter().flatten() {
                if seen.insert(to) {
                    reached.push((from, to, depth + 1));
                    queue.push_back((to, depth + 1));
                }
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::reached;

    #[test]
    fn groups_are_reached_by_the_shortest_way_and_cycles_end() {
        let edges = [(1, 2), (2, 3), (1, 3), (3, 1), (3, 4)];
        assert_eq!(reached(edges.into_iter(), &[1]), [(1, 2, 1), (1, 3, 1), (1, 4, 2)]);
        assert_eq!(reached(edges.into_iter(), &[4]), []);
    }
}
