//! The links of a resource, both ways.

use crate::model::as_of::AsOf;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

/// A resource at the other end of a link.
#[derive(Debug, Clone, QueryableByName)]
pub struct Neighbour {
    /// The association's name.
    #[diesel(sql_type = Text)]
    pub association: String,
    /// What pages call the association.
    #[diesel(sql_type = Text)]
    pub association_title: String,
    /// Whether the link leads there (else it comes from there).
    #[diesel(sql_type = Bool)]
    pub outgoing: bool,
    /// The resource's id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The person it feeds.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub person_id: Option<i64>,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Its properties.
    #[diesel(sql_type = Jsonb)]
    pub attributes: Value,
    /// Its entity type's name.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// What pages call its entity type.
    #[diesel(sql_type = Text)]
    pub entity_type_title: String,
    /// Its connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
}

impl Neighbour {
    /// What to call it.
    pub fn title(&self) -> &str {
        super::title_of(&self.attributes).unwrap_or(&self.key)
    }
}

const SELECT: &str = "select a.name as association, a.display_name as association_title, a.outgoing,
                r.id, r.person_id, r.key, r.attributes, e.name as entity_type, e.display_name as entity_type_title,
                c.name as connector";

/// What a resource is linked to, at most `limit` per association and direction.
///
/// Only the associations that its entity type takes part in are looked at, and at the other end only the entity types
/// that an association leads to: one index scan of one partition each.
pub fn neighbours(
    conn: &mut PgConnection,
    at: &AsOf,
    entity_type: i32,
    id: i64,
    limit: i64,
) -> QueryResult<Vec<Neighbour>> {
    let (links, resources) = (at.links(), at.resources());
    diesel::sql_query(format!(
        "with {ENDS}
         {SELECT}
           from ends a
           cross join lateral (
             select to_id as other from {links} l where a.outgoing and association_id = a.id and from_id = $2
             union all
             select from_id from {links} l where not a.outgoing and association_id = a.id and to_id = $2
             limit $3) l
           cross join lateral (select * from {resources} r
                                where entity_type_id = any(a.others) and id = l.other limit 1) r
           join entity_types e on e.id = r.entity_type_id
           join connectors c on c.id = e.connector_id
          order by a.outgoing desc, a.position, a.id, r.key"
    ))
    .bind::<Integer, _>(entity_type)
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// What a resource is linked to by one association in one direction, in the order of the ids at the other end: up to
/// `limit` after the resource `after`.
pub fn linked(
    conn: &mut PgConnection,
    at: &AsOf,
    (entity_type, id): (i32, i64),
    (association, outgoing): (&str, bool),
    after: i64,
    limit: i64,
) -> QueryResult<Vec<Neighbour>> {
    let (links, resources) = (at.links(), at.resources());
    let (other, this) = if outgoing { ("to_id", "from_id") } else { ("from_id", "to_id") };
    diesel::sql_query(format!(
        "with {ENDS}
         {SELECT}
           from ends a
           cross join lateral (
             select {other} as other from {links} l
              where association_id = a.id and {this} = $2 and {other} > $3 order by {other} limit $4) l
           cross join lateral (select * from {resources} r
                                where entity_type_id = any(a.others) and id = l.other limit 1) r
           join entity_types e on e.id = r.entity_type_id
           join connectors c on c.id = e.connector_id
          where a.name = $5 and a.outgoing = {outgoing}
          order by r.id
          limit $4"
    ))
    .bind::<Integer, _>(entity_type)
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .bind::<Text, _>(association)
    .load(conn)
}

/// The associations that the entity type `$1` takes part in, once for each direction, with the entity types at the other
/// end.
const ENDS: &str = "ends as materialized (
           select id, name, display_name, position, true as outgoing, to_entity_type_ids as others
             from associations where from_entity_type_id = $1
           union all
           select id, name, display_name, position, false, array[from_entity_type_id]
             from associations where $1 = any(to_entity_type_ids)
         )";
