//! A resource: one stored thing of an entity type. What pages read of it; runs write it (`pipeline`).

mod links;

pub use links::{Neighbour, linked, neighbours};

use super::amount::{self, Amount};
use super::as_of::{AsOf, Life};
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
/// by key (as of a moment, also along the index of superseded ones); a search collects its hits first and orders these.
pub fn page(
    conn: &mut PgConnection,
    at: &AsOf,
    entity_type: i32,
    search: &str,
    after: Option<&str>,
    limit: i64,
) -> QueryResult<Page> {
    let resources = at.resources();
    let everything = match at {
        AsOf::Now => amount::rows(
            conn,
            &format!("resources_{entity_type}"),
            &format!("resources where entity_type_id = {entity_type}"),
        ),
        AsOf::Then(_) => amount::count(conn, &format!("{resources} r where entity_type_id = {entity_type}")),
    }?;
    let searches_values = matches!(everything, Amount::Exactly(_));
    if !search.is_empty() {
        return found(conn, at, entity_type, search, searches_values, after, limit);
    }
    let resources = diesel::sql_query(format!(
        "select {COLUMNS} from {resources} r
          where entity_type_id = {entity_type} and ($1 is null or key > $1) order by key limit $2"
    ))
    .bind::<Nullable<Text>, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn)?;
    Ok(Page { resources, amount: everything, searches_values })
}

const COLUMNS: &str = "r.id, r.person_id, r.entity_type_id, r.run_id, r.line, r.key, r.attributes";

fn found(
    conn: &mut PgConnection,
    at: &AsOf,
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
    // Few enough to be read through; else by the indexes of key and person. The persons are those that the search finds
    // as they are called now.
    let (condition, persons) = match searches_values {
        true => ("(r.key ilike $2 or r.attributes::text ilike $2)", vec![]),
        false => ("(r.key = $2 or r.person_id = any($3))", person::ids_matching(conn, search, person::MOST_FOUND + 1)?),
    };
    let looked_for = if searches_values { format!("%{}%", escape_like(search)) } else { search.to_owned() };
    let hits: Vec<Hit> = diesel::sql_query(format!(
        "with found as materialized (
           select r.id, r.key from {resources} r
            where r.entity_type_id = {entity_type} and {condition} and $3::bigint[] is not null limit {most}
         ), listed as (
           select id, key from found where $1 is null or key > $1 order by key limit $4
         )
         select {COLUMNS}, (select count(*) from found) as hits
           from listed join {resources} r on r.entity_type_id = {entity_type} and r.id = listed.id
          order by r.key",
        resources = at.resources(),
        most = person::MOST_FOUND + 1,
    ))
    .bind::<Nullable<Text>, _>(after)
    .bind::<Text, _>(looked_for)
    .bind::<Array<BigInt>, _>(persons)
    .bind::<BigInt, _>(limit)
    .load(conn)?;
    let amount = Amount::counted(hits.first().map_or(0, |hit| hit.hits), person::MOST_FOUND);
    Ok(Page { resources: hits.into_iter().map(|hit| hit.resource).collect(), amount, searches_values })
}

/// One resource.
pub fn find(conn: &mut PgConnection, at: &AsOf, entity_type: i32, id: i64) -> QueryResult<Option<Resource>> {
    diesel::sql_query(format!(
        "select {COLUMNS} from {} r where r.entity_type_id = {entity_type} and r.id = $1",
        at.resources()
    ))
    .bind::<BigInt, _>(id)
    .get_result(conn)
    .optional()
}

/// The resource of an entity type with that key.
pub fn by_key(conn: &mut PgConnection, at: &AsOf, entity_type: i32, key: &str) -> QueryResult<Option<Resource>> {
    diesel::sql_query(format!(
        "select {COLUMNS} from {} r where r.entity_type_id = {entity_type} and r.key = $1 limit 1",
        at.resources()
    ))
    .bind::<Text, _>(key)
    .get_result(conn)
    .optional()
}

/// The resources that feed a person, in the order in which their connectors were created: one look into the index by
/// person of each entity type that represents users.
pub fn of_person(conn: &mut PgConnection, at: &AsOf, person: i64) -> QueryResult<Vec<Resource>> {
    let users = representing(conn, "users")?;
    diesel::sql_query(format!(
        "select {COLUMNS} from {} r where r.person_id = $1 and r.entity_type_id = any($2)
          order by r.entity_type_id, r.key",
        at.resources()
    ))
    .bind::<BigInt, _>(person)
    .bind::<Array<Integer>, _>(users)
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
    /// The person it fed.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub person_id: Option<i64>,
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

/// Versions of a resource that were over by then, the latest first.
pub fn history(
    conn: &mut PgConnection,
    at: &AsOf,
    entity_type: i32,
    id: i64,
    limit: i64,
) -> QueryResult<Vec<PastVersion>> {
    diesel::sql_query(
        "select person_id, key, line, run_id, ended_by_run_id, valid_from, valid_to, attributes
           from resources_history
          where id = $1 and entity_type_id = $2 and ($3 is null or valid_to <= $3)
          order by valid_to desc
          limit $4",
    )
    .bind::<BigInt, _>(id)
    .bind::<Integer, _>(entity_type)
    .bind::<Nullable<Timestamptz>, _>(at.moment())
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// From when to when a resource was there.
pub fn life(conn: &mut PgConnection, entity_type: i32, id: i64) -> QueryResult<Option<Life>> {
    diesel::sql_query(
        "select began, ended from (
           select min(valid_from) as began, nullif(max(valid_to), 'infinity') as ended from (
             select w.applied_at as valid_from, 'infinity'::timestamptz as valid_to
               from resources r join runs w on w.id = r.run_id where r.entity_type_id = $1 and r.id = $2
             union all
             select valid_from, valid_to from resources_history where entity_type_id = $1 and id = $2) versions
         ) life where began is not null",
    )
    .bind::<Integer, _>(entity_type)
    .bind::<BigInt, _>(id)
    .get_result(conn)
    .optional()
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
