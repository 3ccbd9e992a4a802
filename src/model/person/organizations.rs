//! Where a person belongs: the organizations that associations of its resources lead to, and those around them.

use crate::model::as_of::AsOf;
use crate::model::resource::title_of;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Text};
use serde_json::Value;

/// An organization on the way up from a person.
#[derive(Debug, Clone, QueryableByName)]
pub struct Organization {
    /// Counts the organizations that the person is directly in; all steps of a way up have the same one.
    #[diesel(sql_type = BigInt)]
    pub way: i64,
    /// Steps up from the one that the person is directly in: 0 is that one itself.
    #[diesel(sql_type = Integer)]
    pub depth: i32,
    /// What pages call the association that led there.
    #[diesel(sql_type = Text)]
    pub association_title: String,
    /// The resource.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Its properties.
    #[diesel(sql_type = Jsonb)]
    pub attributes: Value,
    /// Its entity type's name.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// Its connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
}

impl Organization {
    /// What to call it.
    pub fn title(&self) -> &str {
        title_of(&self.attributes).unwrap_or(&self.key)
    }
}

/// The organizations of a person, way by way, each from the top down; at most five ways and eight steps up. An
/// association from organizations to organizations leads from the inner to the outer one.
///
/// From the person's resources outwards, each step through the index of the links that begin there.
pub fn organizations(conn: &mut PgConnection, at: &AsOf, person: i64) -> QueryResult<Vec<Organization>> {
    let (links, resources) = (at.links(), at.resources());
    diesel::sql_query(format!(
        "with recursive upward as materialized (
           select a.id, a.display_name, a.from_entity_type_id, e.id as to_entity_type_id, e.name, c.name as connector
             from associations a
             join entity_types e on e.id = any(a.to_entity_type_ids) and e.represents = 'organizations'
             join connectors c on c.id = e.connector_id
            where not a.retired
         ), own as materialized (
           select id, entity_type_id from {resources} r where person_id = $1 and entity_type_id = any($2)
         ), up as (
           (select row_number() over (order by upward.id, r.id) as way, 0 as depth, upward.display_name, upward.name,
                   upward.connector, r.id, r.entity_type_id, r.key, r.attributes
              from own
              join upward on upward.from_entity_type_id = own.entity_type_id
              cross join lateral (select to_id from {links} l
                                   where association_id = upward.id and from_id = own.id limit 5) l
              cross join lateral (select id, entity_type_id, key, attributes from {resources} r
                                   where entity_type_id = upward.to_entity_type_id and id = l.to_id limit 1) r
             limit 5)
           union all
           select up.way, up.depth + 1, upward.display_name, upward.name, upward.connector,
                  r.id, r.entity_type_id, r.key, r.attributes
             from up
             join upward on upward.from_entity_type_id = up.entity_type_id
             cross join lateral (select to_id from {links} l
                                  where association_id = upward.id and from_id = up.id and to_id <> up.id limit 1) l
             cross join lateral (select id, entity_type_id, key, attributes from {resources} r
                                  where entity_type_id = upward.to_entity_type_id and id = l.to_id limit 1) r
            where up.depth < 8
         )
         select way, depth, display_name as association_title, id, key, attributes, name as entity_type,
                connector
           from up order by way, depth desc"
    ))
    .bind::<BigInt, _>(person)
    .bind::<Array<Integer>, _>(crate::model::resource::representing(conn, "users")?)
    .load(conn)
}
