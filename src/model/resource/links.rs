//! The links of a resource, both ways.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Text};
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

/// What a resource is linked to, at most `limit` per association and direction.
///
/// Only the associations that its entity type takes part in are looked at: one index scan of each one's partition.
pub fn neighbours(conn: &mut PgConnection, entity_type: i32, id: i64, limit: i64) -> QueryResult<Vec<Neighbour>> {
    diesel::sql_query(
        "with ends as (
           select a.id, a.name, a.display_name, a.position, true as outgoing, l.other
             from associations a
             cross join lateral (select to_id as other from links where association_id = a.id and from_id = $2
                                  order by to_id limit $3) l
            where a.from_entity_type_id = $1
           union all
           select a.id, a.name, a.display_name, a.position, false, l.other
             from associations a
             cross join lateral (select from_id as other from links where association_id = a.id and to_id = $2
                                  order by from_id limit $3) l
            where $1 = any(a.to_entity_type_ids)
         )
         select ends.name as association, ends.display_name as association_title, ends.outgoing,
                r.id, r.key, r.attributes, e.name as entity_type, e.display_name as entity_type_title, c.name as connector
           from ends
           join resources r on r.id = ends.other
           join entity_types e on e.id = r.entity_type_id
           join connectors c on c.id = e.connector_id
          order by ends.outgoing desc, ends.position, ends.id, r.key",
    )
    .bind::<Integer, _>(entity_type)
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(limit)
    .load(conn)
}
