//! Who is in a group: directly, or in a group within it.

use super::{Ends, nesting};
use crate::model::as_of::AsOf;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text};
use serde_json::Value;

/// A user in a group. Who is in several groups within it is there once for each: that shows the way.
#[derive(Debug, Clone, QueryableByName)]
pub struct Member {
    /// The person.
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    /// `current` or `past`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Why the person can't sign in.
    #[diesel(sql_type = Jsonb)]
    pub blocks: Value,
    /// Profile field → value.
    #[diesel(sql_type = Jsonb)]
    pub fields: Value,
    /// How many steps within the group the one is that holds the person; 0: directly.
    #[diesel(sql_type = Integer)]
    pub depth: i32,
    /// The group that holds the person.
    #[diesel(sql_type = BigInt)]
    pub via_id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub via: String,
    /// What holds it there: 0 a link from the group, 1 a link to the group, 2 a local membership.
    #[diesel(sql_type = Integer)]
    pub by: i32,
    /// The resource at the other end of the link, or the person.
    #[diesel(sql_type = BigInt)]
    pub other: i64,
}

/// A place in the list of members: they are sorted by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// [`Member::depth`].
    pub depth: i32,
    /// [`Member::via_id`].
    pub via: i64,
    /// [`Member::by`].
    pub by: i32,
    /// [`Member::other`].
    pub other: i64,
}

impl Member {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { depth: self.depth, via: self.via_id, by: self.by, other: self.other }
    }
}

/// Up to `limit` users of a group after `after`: those directly in it, or those of the groups within it, group by group.
///
/// Group by group, each one's links are read in the order of their index and not further than the page needs, so that a
/// page of a group of a million costs what a page of a small one does.
pub fn members(
    conn: &mut PgConnection,
    at: &AsOf,
    group: i64,
    direct: bool,
    after: Option<Place>,
    limit: i64,
) -> QueryResult<Vec<Member>> {
    let ends = Ends::load(conn)?;
    let users = crate::model::resource::representing(conn, "users")?;
    let holding = if direct {
        "select $1::bigint as id, 0 as depth".to_owned()
    } else {
        let closure = nesting::below(conn, at, &[group])?;
        format!("select descendant_id as id, depth from {closure} n where ancestor_id = $1 and descendant_id <> $1")
    };
    let (links, resources) = (at.links(), at.resources());
    let after = after.unwrap_or(Place { depth: -1, via: 0, by: 0, other: 0 });
    let by_link = |by: u8, associations: &str, this: &str, other: &str| {
        format!(
            "select {by} as by, l.{other} as other, r.person_id
               from {links} l
               cross join lateral (select person_id from {resources} r
                                    where entity_type_id = any($4) and id = l.{other} and person_id is not null) r
              where l.association_id = any({associations}) and l.{this} = held.resource_id
                and (held.id <> $6 or held.depth <> $5 or $7 < {by} or ($7 = {by} and l.{other} > $8))
              order by l.{other} limit $9"
        )
    };
    diesel::sql_query(format!(
        "select p.id as person_id, p.state, p.blocks, p.fields, held.depth, held.id as via_id, held.name as via,
                m.by, m.other
           from (select g.id, g.resource_id, g.name, c.depth
                   from ({holding}) c join {groups} g on g.id = c.id
                  where (c.depth, g.id) >= ($5, $6)
                  order by c.depth, g.id) held
           cross join lateral (
             ({from_group}) union all ({to_group})
             union all
             (select 2, person_id, person_id from {local_memberships} l
               where group_id = held.id and (held.id <> $6 or held.depth <> $5 or $7 < 2 or person_id > $8)
               order by person_id limit $9)
             order by by, other limit $9) m
           join {persons} p on p.id = m.person_id
          order by held.depth, held.id, m.by, m.other
          limit $9",
        from_group = by_link(0, "$2", "from_id", "to_id"),
        to_group = by_link(1, "$3", "to_id", "from_id"),
        groups = at.groups(),
        local_memberships = at.local_memberships(),
        persons = at.persons(),
    ))
    .bind::<BigInt, _>(group)
    .bind::<Array<Integer>, _>(ends.group_first)
    .bind::<Array<Integer>, _>(ends.group_last)
    .bind::<Array<Integer>, _>(users)
    .bind::<Integer, _>(after.depth)
    .bind::<BigInt, _>(after.via)
    .bind::<Integer, _>(after.by)
    .bind::<BigInt, _>(after.other)
    .bind::<BigInt, _>(limit)
    .load(conn)
}
