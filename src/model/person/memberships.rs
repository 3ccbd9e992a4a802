//! The groups of persons: direct ones, and those that hold them.

use crate::model::as_of::AsOf;
use crate::model::group::{self, nesting};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};
use serde::Serialize;

/// A group that a person is in.
#[derive(Debug, Clone, QueryableByName, Serialize)]
pub struct Membership {
    /// The person.
    #[diesel(sql_type = BigInt)]
    #[serde(skip)]
    pub person_id: i64,
    /// The group.
    #[diesel(sql_type = BigInt)]
    #[serde(rename = "id")]
    pub group_id: i64,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Whether a connector decides about it.
    #[diesel(sql_type = Bool)]
    pub managed: bool,
    /// The connector's name.
    #[diesel(sql_type = Nullable<Text>)]
    pub connector: Option<String>,
    /// What pages call the connector.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip)]
    pub connector_title: Option<String>,
    /// What the group makes of its members while they are current.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip)]
    pub profile_type: Option<String>,
    /// What it has made of them afterwards.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip)]
    pub past_profile_type: Option<String>,
    /// The direct group through which the person is in this one; `None`: directly.
    #[diesel(sql_type = Nullable<Text>)]
    pub via: Option<String>,
    /// That group.
    #[diesel(sql_type = Nullable<BigInt>)]
    #[serde(skip)]
    pub via_id: Option<i64>,
}

/// The groups of these persons, by person, direct ones first, each group once by its shortest way. A link of a membership
/// association holds a group at one end and the person's resource at the other; which end is the group's is seen from
/// who has one.
///
/// From the persons outwards, index by index: resources by person, links by end, groups by resource.
pub fn memberships(conn: &mut PgConnection, at: &AsOf, persons: &[i64]) -> QueryResult<Vec<Membership>> {
    let users = crate::model::resource::representing(conn, "users")?;
    let associations = group::membership_associations(conn)?;
    let direct = direct(at);
    let closure = match at {
        AsOf::Now => "group_closure".to_owned(),
        AsOf::Then(_) => {
            #[derive(QueryableByName)]
            struct Direct {
                #[diesel(sql_type = BigInt)]
                id: i64,
            }
            let groups: Vec<Direct> = diesel::sql_query(format!("with {direct} select distinct id from direct"))
                .bind::<Array<BigInt>, _>(persons)
                .bind::<Array<Integer>, _>(&users)
                .bind::<Array<Integer>, _>(&associations)
                .load(conn)?;
            let groups: Vec<i64> = groups.into_iter().map(|group| group.id).collect();
            nesting::above(conn, at, &groups)?
        }
    };
    diesel::sql_query(format!(
        "with {direct}, held as (
           select person_id, id, null::bigint as via from direct
           union all
           (select distinct on (d.person_id, c.ancestor_id) d.person_id, c.ancestor_id, d.id
              from direct d join {closure} c on c.descendant_id = d.id and c.ancestor_id <> c.descendant_id
             where (d.person_id, c.ancestor_id) not in (select person_id, id from direct)
             order by d.person_id, c.ancestor_id, c.depth, d.id)
         )
         select held.person_id, g.id as group_id, g.name, g.resource_id is not null as managed,
                g.profile_type, g.past_profile_type,
                c.name as connector, c.display_name as connector_title, v.name as via, v.id as via_id
           from held
           join {groups} g on g.id = held.id
           left join {groups} v on v.id = held.via
           left join entity_types e on e.id = g.entity_type_id
           left join connectors c on c.id = e.connector_id
          order by held.person_id, held.via is not null, lower(g.name), g.id",
        groups = at.groups(),
    ))
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Array<Integer>, _>(&users)
    .bind::<Array<Integer>, _>(&associations)
    .load(conn)
}

/// `direct (person_id, id)`: the groups that the persons `$1` are in directly, by their resources of the entity types
/// `$2` and links of the associations `$3`.
pub(super) fn direct(at: &AsOf) -> String {
    format!(
        "own as materialized (
           select r.id, r.person_id from {resources} r where r.person_id = any($1) and r.entity_type_id = any($2)
         ), ends as materialized (
           select own.person_id, l.other
             from own cross join lateral (
               select from_id as other from {links} l where association_id = any($3) and to_id = own.id
               union all
               select to_id from {links} l where association_id = any($3) and from_id = own.id
               offset 0) l
         ), direct as materialized (
           select ends.person_id, g.id from ends join {groups} g on g.resource_id = ends.other
           union
           select person_id, group_id from {local_memberships} m where person_id = any($1)
         )",
        resources = at.resources(),
        links = at.links(),
        groups = at.groups(),
        local_memberships = at.local_memberships(),
    )
}
