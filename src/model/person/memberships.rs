//! The groups of a person: direct ones, and those that hold them.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

/// A group that a person is in.
#[derive(Debug, Clone, QueryableByName)]
pub struct Membership {
    /// The group.
    #[diesel(sql_type = BigInt)]
    pub group_id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Whether a connector decides about it.
    #[diesel(sql_type = Bool)]
    pub managed: bool,
    /// The direct group through which the person is in this one; `None`: directly.
    #[diesel(sql_type = Nullable<Text>)]
    pub via: Option<String>,
    /// What pages call the connector.
    #[diesel(sql_type = Nullable<Text>)]
    pub connector_title: Option<String>,
}

/// The groups of a person, direct ones first. A link of a membership association holds a group at one end and the
/// person's resource at the other; which end is the group's is seen from who has one.
pub fn memberships(conn: &mut PgConnection, person: i64, limit: i64) -> QueryResult<Vec<Membership>> {
    diesel::sql_query(
        "with own as (
           select r.id from resources r where r.person_id = $1 and r.entity_type_id = any($2)
         ), direct as (
           select g.id from own
             join links l on l.to_id = own.id and l.association_id = any($3)
             join groups g on g.resource_id = l.from_id
           union
           select g.id from own
             join links l on l.from_id = own.id and l.association_id = any($3)
             join groups g on g.resource_id = l.to_id
           union
           select group_id from local_memberships where person_id = $1
         ), held as (
           select id, null::bigint as via from direct
           union all
           select c.ancestor_id, min(c.descendant_id)
             from direct join group_closure c on c.descendant_id = direct.id and c.ancestor_id <> c.descendant_id
            where c.ancestor_id not in (select id from direct)
            group by c.ancestor_id
         )
         select g.id as group_id, g.name, g.resource_id is not null as managed, v.name as via,
                c.display_name as connector_title
           from held
           join groups g on g.id = held.id
           left join groups v on v.id = held.via
           left join entity_types e on e.id = g.entity_type_id
           left join connectors c on c.id = e.connector_id
          order by held.via is not null, lower(g.name), g.id
          limit $4",
    )
    .bind::<BigInt, _>(person)
    .bind::<Array<Integer>, _>(crate::model::resource::representing(conn, "users")?)
    .bind::<Array<Integer>, _>(crate::model::group::membership_associations(conn)?)
    .bind::<BigInt, _>(limit)
    .load(conn)
}
