//! A resource: one stored thing of an entity type. What pages read of it; runs write it (`pipeline`).

mod links;

pub use links::{Neighbour, linked, neighbours};

use super::amount::{self, Amount};
use super::person;
use crate::schema::resources;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// What the menu shows beside its fixed entries.
#[derive(Debug, Clone)]
pub struct Menu {
    /// All entity types in use, by connector.
    pub entries: Vec<MenuEntry>,
    /// Blocked runs that wait for a decision.
    pub waiting: i64,
}

/// An entity type in the menu.
#[derive(Debug, Clone, QueryableByName)]
pub struct MenuEntry {
    /// Its id.
    #[diesel(sql_type = Integer)]
    pub id: i32,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// What pages call the connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// What pages call it.
    #[diesel(sql_type = Text)]
    pub title: String,
}

/// The menu.
pub fn menu(conn: &mut PgConnection) -> QueryResult<Menu> {
    let entries = diesel::sql_query(
        "select e.id, c.name as connector, c.display_name as connector_title, e.name, e.display_name as title
           from entity_types e join connectors c on c.id = e.connector_id
          where not e.retired
          order by lower(c.display_name), c.id, e.position",
    )
    .load(conn)?;
    let waiting: Count =
        diesel::sql_query("select count(*) as count from runs where state = 'blocked' and not standalone")
            .get_result(conn)?;
    Ok(Menu { entries, waiting: waiting.count })
}

/// A resource as it is stored.
#[derive(Debug, Clone, PartialEq, Queryable, QueryableByName, Selectable)]
#[diesel(table_name = resources, check_for_backend(diesel::pg::Pg))]
pub struct Resource {
    /// Its id; it keeps it for ever.
    pub id: i64,
    /// The person it feeds.
    pub person_id: Option<i64>,
    /// The entity type.
    pub entity_type_id: i32,
    /// The run that wrote this version.
    pub run_id: i32,
    /// Where it stood in the source, header = 1.
    pub line: i32,
    /// Its primary key.
    pub key: String,
    /// Its properties.
    pub attributes: Value,
}

impl Resource {
    /// What to call it: the first property that reads like a name, else the key.
    pub fn title(&self) -> &str {
        title_of(&self.attributes).unwrap_or(&self.key)
    }
}

/// The first property that reads like a name.
pub fn title_of(attributes: &Value) -> Option<&str> {
    ["display_name", "name", "title", "cn", "login", "user_name", "uid", "mail"]
        .iter()
        .find_map(|property| attributes.get(property).and_then(Value::as_str).filter(|text| !text.is_empty()))
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The resources, by key.
    pub resources: Vec<Resource>,
    /// How many there are. A search stops at [`person::MOST_FOUND`] and lists these.
    pub amount: Amount,
    /// Whether a search looks at every value; else at keys, and at what is known of the users that resources feed.
    pub searches_values: bool,
}

/// Up to `limit` resources of an entity type by key, after the key `after`. Every page is a walk along the unique index
/// by key; a search collects its hits first and orders these.
pub fn page(
    conn: &mut PgConnection,
    entity_type: i32,
    search: &str,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Page> {
    let everything = amount::rows(
        conn,
        &format!("resources_{entity_type}"),
        &format!("resources where entity_type_id = {entity_type}"),
    )?;
    let searches_values = matches!(everything, Amount::Exactly(_));
    if !search.is_empty() {
        return found(conn, entity_type, search, searches_values, after, limit);
    }
    let mut query = resources::table
        .filter(resources::entity_type_id.eq(entity_type))
        .order(resources::key)
        .limit(limit)
        .select(Resource::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(resources::key.gt(after.to_owned()));
    }
    Ok(Page { resources: query.load(conn)?, amount: everything, searches_values })
}

fn found(
    conn: &mut PgConnection,
    entity_type: i32,
    search: &str,
    searches_values: bool,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Page> {
    #[derive(QueryableByName)]
    struct Hit {
        #[diesel(embed)]
        resource: Resource,
        #[diesel(sql_type = BigInt)]
        hits: i64,
    }
    // Few enough to be read through; else by the indexes of key and person.
    let (hits, persons) = if searches_values {
        (
            "select id, key from resources where entity_type_id = $1 and (key ilike $2 or attributes::text ilike $2)",
            vec![],
        )
    } else {
        let persons = person::ids_matching(conn, search, person::MOST_FOUND + 1)?;
        (
            "select id, key from resources where entity_type_id = $1 and key = $2
             union select id, key from resources where entity_type_id = $1 and person_id = any($3)",
            persons,
        )
    };
    let looked_for = if searches_values { format!("%{}%", escape_like(search)) } else { search.to_owned() };
    let hits: Vec<Hit> = diesel::sql_query(format!(
        "with found as materialized (select id, key from ({hits}) hits where $3::bigint[] is not null limit {most}),
              listed as (select id, key from found where $4 is null or key > $4 order by key limit $5)
         select r.id, r.person_id, r.entity_type_id, r.run_id, r.line, r.key, r.attributes,
                (select count(*) from found) as hits
           from listed join resources r on r.entity_type_id = $1 and r.id = listed.id
          order by r.key",
        most = person::MOST_FOUND + 1,
    ))
    .bind::<Integer, _>(entity_type)
    .bind::<Text, _>(looked_for)
    .bind::<Array<BigInt>, _>(persons)
    .bind::<Nullable<Text>, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn)?;
    let amount = Amount::counted(hits.first().map_or(0, |hit| hit.hits), person::MOST_FOUND);
    Ok(Page { resources: hits.into_iter().map(|hit| hit.resource).collect(), amount, searches_values })
}

/// One resource.
pub fn find(conn: &mut PgConnection, entity_type: i32, id: i64) -> QueryResult<Option<Resource>> {
    resources::table
        .filter(resources::entity_type_id.eq(entity_type).and(resources::id.eq(id)))
        .select(Resource::as_select())
        .first(conn)
        .optional()
}

/// The resource of an entity type with that key.
pub fn by_key(conn: &mut PgConnection, entity_type: i32, key: &str) -> QueryResult<Option<Resource>> {
    resources::table
        .filter(resources::entity_type_id.eq(entity_type).and(resources::key.eq(key)))
        .select(Resource::as_select())
        .first(conn)
        .optional()
}

/// The resources that feed a person, in the order in which their connectors were created: one look into the index by
/// person of each entity type that represents users.
pub fn of_person(conn: &mut PgConnection, person: i64) -> QueryResult<Vec<Resource>> {
    resources::table
        .filter(resources::person_id.eq(person))
        .filter(resources::entity_type_id.eq_any(representing(conn, "users")?))
        .order((resources::entity_type_id, resources::key))
        .select(Resource::as_select())
        .load(conn)
}

/// Ids of the entity types that represent this: only their partitions need to be looked at.
pub(super) fn representing(conn: &mut PgConnection, what: &str) -> QueryResult<Vec<i32>> {
    use crate::schema::entity_types;
    entity_types::table
        .filter(entity_types::represents.eq(what))
        .select(entity_types::id.into_sql::<Integer>())
        .load(conn)
}

/// One version of a resource that is over.
#[derive(Debug, Clone, QueryableByName)]
pub struct PastVersion {
    /// Its primary key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Where it stood in the source.
    #[diesel(sql_type = Integer)]
    pub line: i32,
    /// The run that wrote it.
    #[diesel(sql_type = Integer)]
    pub run_id: i32,
    /// The run that ended it.
    #[diesel(sql_type = Integer)]
    pub ended_by_run_id: i32,
    /// When it came.
    #[diesel(sql_type = Timestamptz)]
    pub valid_from: DateTime<Utc>,
    /// When it went.
    #[diesel(sql_type = Timestamptz)]
    pub valid_to: DateTime<Utc>,
    /// Its properties.
    #[diesel(sql_type = Jsonb)]
    pub attributes: Value,
}

/// Past versions of a resource, the latest first.
pub fn history(conn: &mut PgConnection, entity_type: i32, id: i64, limit: i64) -> QueryResult<Vec<PastVersion>> {
    diesel::sql_query(
        "select key, line, run_id, ended_by_run_id, valid_from, valid_to, attributes
           from resources_history
          where id = $1 and entity_type_id = $2
          order by valid_to desc
          limit $3",
    )
    .bind::<BigInt, _>(id)
    .bind::<Integer, _>(entity_type)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Text as a pattern of `like` that matches itself.
pub(super) fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}
