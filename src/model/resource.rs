//! A resource: one stored thing of an entity type. What pages read of it; runs write it (`pipeline`).

mod links;

pub use links::{Neighbour, neighbours};

use crate::schema::resources;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

/// An entity type small enough (in rows) to be searched by any of its values; larger ones are searched by key and, where
/// they represent users, by what is known of the user.
const SEARCHED_WHOLE: f32 = 50_000.0;

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
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
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

/// Up to `limit` resources of an entity type by key, after the key `after`. `search` looks into keys and values.
pub fn page(
    conn: &mut PgConnection,
    entity_type: i32,
    search: &str,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Vec<Resource>> {
    let mut query = resources::table
        .filter(resources::entity_type_id.eq(entity_type))
        .order(resources::key)
        .limit(limit)
        .select(Resource::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(resources::key.gt(after.to_owned()));
    }
    if !search.is_empty() {
        query = match is_searched_whole(conn, entity_type)? {
            true => {
                let pattern = format!("%{}%", escape_like(search));
                query.filter(
                    resources::key
                        .ilike(pattern.clone())
                        .or(diesel::dsl::sql::<Bool>("attributes::text ilike ").bind::<Text, _>(pattern)),
                )
            }
            false => {
                let persons = super::person::ids_matching(conn, search, 2000)?;
                query.filter(resources::key.eq(search.to_owned()).or(resources::person_id.eq_any(persons)))
            }
        };
    }
    query.load(conn)
}

/// The planner's estimate decides; counting a million rows would take longer than the search.
fn is_searched_whole(conn: &mut PgConnection, entity_type: i32) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Estimate {
        #[diesel(sql_type = diesel::sql_types::Float)]
        rows: f32,
    }
    let estimate: Option<Estimate> =
        diesel::sql_query("select reltuples as rows from pg_class where oid = to_regclass('resources_' || $1::text)")
            .bind::<Text, _>(entity_type.to_string())
            .get_result(conn)
            .optional()?;
    Ok(estimate.is_none_or(|estimate| estimate.rows < SEARCHED_WHOLE))
}

/// One resource.
pub fn find(conn: &mut PgConnection, entity_type: i32, id: i64) -> QueryResult<Option<Resource>> {
    resources::table
        .filter(resources::entity_type_id.eq(entity_type).and(resources::id.eq(id)))
        .select(Resource::as_select())
        .first(conn)
        .optional()
}

/// A resource of a person, with what it is and whose.
#[derive(Debug, Clone, QueryableByName)]
pub struct PersonsResource {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// Its primary key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The run that wrote this version.
    #[diesel(sql_type = Integer)]
    pub run_id: i32,
    /// Where it stood in the source.
    #[diesel(sql_type = Integer)]
    pub line: i32,
    /// The entity type's name.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// What pages call the entity type.
    #[diesel(sql_type = Text)]
    pub entity_type_title: String,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// What pages call the connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
}

/// The resources that feed a person.
pub fn of_person(conn: &mut PgConnection, person: i64) -> QueryResult<Vec<PersonsResource>> {
    diesel::sql_query(
        "select r.id, r.key, r.run_id, r.line, e.name as entity_type, e.display_name as entity_type_title,
                c.name as connector, c.display_name as connector_title
           from resources r join entity_types e on e.id = r.entity_type_id join connectors c on c.id = e.connector_id
          where r.person_id = $1 and r.entity_type_id = any($2)
          order by c.id, e.position, r.key",
    )
    .bind::<BigInt, _>(person)
    .bind::<Array<Integer>, _>(representing(conn, "users")?)
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
        "select key, run_id, ended_by_run_id, valid_from, valid_to, attributes
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

/// When a run was applied; `None` for one that never was.
pub fn applied_at(conn: &mut PgConnection, run: i32) -> QueryResult<Option<DateTime<Utc>>> {
    #[derive(QueryableByName)]
    struct Moment {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        applied_at: Option<DateTime<Utc>>,
    }
    let moment: Option<Moment> = diesel::sql_query("select applied_at from runs where id = $1")
        .bind::<Integer, _>(run)
        .get_result(conn)
        .optional()?;
    Ok(moment.and_then(|moment| moment.applied_at))
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
