//! A doubt: a stored record of which it is not clear who it is. Runs write them; people decide (`model/correlation`).

use super::connector::ConnectorId;
use super::problem::ProblemCode;
use super::run::RunId;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

/// The reasons for a doubt.
pub const CODES: [ProblemCode; 4] =
    [ProblemCode::AmbiguousMatch, ProblemCode::LocalPerson, ProblemCode::NoMatch, ProblemCode::PossibleMove];

/// A doubt with its record.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Doubt {
    /// The record's entity type.
    #[diesel(sql_type = Integer)]
    pub entity_type_id: i32,
    /// The connector's id.
    #[diesel(sql_type = Integer)]
    pub connector_id: i32,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// What pages call the connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
    /// The entity type's name.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// What pages call the entity type.
    #[diesel(sql_type = Text)]
    pub entity_type_title: String,
    /// The record's key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// The record's id.
    #[diesel(sql_type = BigInt)]
    pub resource_id: i64,
    /// Its properties.
    #[diesel(sql_type = Jsonb)]
    pub attributes: Value,
    /// The run that found the doubt.
    #[diesel(sql_type = Integer)]
    pub run_id: RunId,
    /// The word of one of [`CODES`].
    #[diesel(sql_type = Text)]
    pub code: String,
    /// The source's file.
    #[diesel(sql_type = Text)]
    pub file: String,
    /// The line in it, header = 1.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub line: Option<i64>,
    /// In words, with what to do.
    #[diesel(sql_type = Text)]
    pub message: String,
}

/// Which doubts a list shows.
#[derive(Debug, Clone, Default)]
pub struct DoubtFilter {
    /// Only of this connector.
    pub connector: Option<ConnectorId>,
    /// Only for this reason.
    pub code: Option<ProblemCode>,
    /// Only of keys that begin so.
    pub key: Option<String>,
}

/// What is open: of doubts `d`, entity types `e` and decisions that stand `s`.
const OPEN: &str = "s.id is null and ($1 is null or e.connector_id = $1) and ($2 is null or d.code = $2)
    and ($3 is null or starts_with(d.key, $3))";

const DECISIONS: &str = "left join correlation_decisions s
    on s.entity_type_id = d.entity_type_id and s.key = d.key and s.undone_at is null";

/// Up to `limit` doubts that nobody has decided, by entity type and key, after that one: a walk along the primary key.
pub fn page(
    conn: &mut PgConnection,
    filter: &DoubtFilter,
    after: Option<(i32, &str)>,
    limit: i64,
) -> QueryResult<Vec<Doubt>> {
    diesel::sql_query(format!(
        "select d.entity_type_id, c.id as connector_id, c.name as connector, c.display_name as connector_title,
                e.name as entity_type, e.display_name as entity_type_title, d.key, r.id as resource_id, r.attributes,
                d.run_id, d.code, d.file, d.line, d.message
           from doubts d
           join entity_types e on e.id = d.entity_type_id
           join connectors c on c.id = e.connector_id
           {DECISIONS}
           cross join lateral (
             select r.id, r.attributes from resources r
              where r.entity_type_id = d.entity_type_id and r.key = d.key and r.person_id is null) r
          where {OPEN} and ($4 is null or (d.entity_type_id, d.key) > ($4, $5))
          order by d.entity_type_id, d.key limit $6"
    ))
    .bind::<Nullable<Integer>, _>(filter.connector)
    .bind::<Nullable<Text>, _>(filter.code.map(ProblemCode::as_str))
    .bind::<Nullable<Text>, _>(filter.key.as_deref())
    .bind::<Nullable<Integer>, _>(after.map(|(entity_type, _)| entity_type))
    .bind::<Nullable<Text>, _>(after.map(|(_, key)| key))
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// Doubts are counted up to here: a list of more is none that anybody reads.
pub const MOST_COUNTED: u64 = 10_000;

/// How many doubts nobody has decided; one more than [`MOST_COUNTED`] where there are more.
pub fn count(conn: &mut PgConnection, filter: &DoubtFilter) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query(format!(
        "select count(*) as count from (
           select from doubts d join entity_types e on e.id = d.entity_type_id {DECISIONS} where {OPEN} limit {}) open",
        MOST_COUNTED + 1
    ))
    .bind::<Nullable<Integer>, _>(filter.connector)
    .bind::<Nullable<Text>, _>(filter.code.map(ProblemCode::as_str))
    .bind::<Nullable<Text>, _>(filter.key.as_deref())
    .get_result(conn)?;
    Ok(count.count.unsigned_abs())
}

/// Brings a connector's doubts in step with a run that is being applied: those it has found, less those whose record is
/// gone or has a person.
pub fn keep(conn: &mut PgConnection, connector: ConnectorId, run: RunId) -> QueryResult<()> {
    let codes: Vec<&str> = CODES.iter().map(|code| code.as_str()).collect();
    diesel::sql_query(
        "insert into doubts (entity_type_id, key, run_id, code, file, line, message)
         select distinct on (e.id, p.key) e.id, p.key, p.run_id, p.code, p.file, p.line, p.message
           from problems p join entity_types e on e.connector_id = $1 and e.name = p.scope
          where p.run_id = $2 and p.code = any($3) and p.key is not null
          order by e.id, p.key, p.seq
         on conflict (entity_type_id, key) do update
           set run_id = excluded.run_id, code = excluded.code, file = excluded.file, line = excluded.line,
               message = excluded.message",
    )
    .bind::<Integer, _>(connector)
    .bind::<Integer, _>(run)
    .bind::<Array<Text>, _>(codes)
    .execute(conn)?;
    diesel::sql_query(
        "delete from doubts d using entity_types e
          where e.connector_id = $1 and d.entity_type_id = e.id
            and not exists (select from resources r
                             where r.entity_type_id = d.entity_type_id and r.key = d.key and r.person_id is null)",
    )
    .bind::<Integer, _>(connector)
    .execute(conn)
    .map(drop)
}
