//! Two runs of one connector, change by change and problem by problem.

use super::run::Run;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Date, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

/// Change sets with more rows than this are not compared: nobody waits for that.
pub const MOST: i64 = 200_000;

/// What two change sets have in common of an entity type or association.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Overlap {
    /// The entity type's or association's name.
    #[diesel(sql_type = Text)]
    pub scope: String,
    /// Changes that only the one run has.
    #[diesel(sql_type = BigInt)]
    pub only_one: i64,
    /// Changes that only the other run has.
    #[diesel(sql_type = BigInt)]
    pub only_other: i64,
    /// Changes of the same thing to other values.
    #[diesel(sql_type = BigInt)]
    pub differing: i64,
    /// Changes that are the same.
    #[diesel(sql_type = BigInt)]
    pub same: i64,
}

/// A change that is not the same in both runs.
#[derive(Debug, Clone, QueryableByName)]
pub struct Divergence {
    /// The entity type's or association's name.
    #[diesel(sql_type = Text)]
    pub scope: String,
    /// The key, of a link its `from` end's.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// What the one run does; `None`: nothing.
    #[diesel(sql_type = Nullable<Text>)]
    pub one: Option<String>,
    /// What the other run does; `None`: nothing.
    #[diesel(sql_type = Nullable<Text>)]
    pub other: Option<String>,
    /// The values that the one run brings; a link's `to` end as `leads to`.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub one_after: Option<Value>,
    /// The values that the other run brings.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub other_after: Option<Value>,
}

/// Both change sets joined: a change is told by its entity type and key, or by its association and ends (a single-valued
/// link that changes its target by the one it comes from). Scopes that were loaded whole are not rows of `changes`.
const JOINED: &str = "
  listed as (
    select run_id, coalesce(entity_type_id, 0) as entity_type, coalesce(association_id, 0) as association, key,
           case when operation = 'update' then '' else coalesce(to_key, '') end as target, operation,
           case when association_id is null then after else jsonb_build_object('leads to', to_key) end as after
      from changes where run_id in ($1, $2) and created_on in ($3, $4)
  ), joined as (
    select coalesce(o.entity_type, n.entity_type) as entity_type, coalesce(o.association, n.association) as association,
           coalesce(o.key, n.key) as key, coalesce(o.target, n.target) as target, o.operation as one,
           n.operation as other, o.after as one_after, n.after as other_after,
           o.operation is not distinct from n.operation and o.after is not distinct from n.after as same
      from (select * from listed where run_id = $1) o
      full join (select * from listed where run_id = $2) n
        on (n.entity_type, n.association, n.key, n.target) = (o.entity_type, o.association, o.key, o.target)
  ), named as (
    select coalesce(e.name, a.name, '') as scope, j.*
      from joined j left join entity_types e on e.id = j.entity_type left join associations a on a.id = j.association
  )";

/// Whether both change sets are small enough.
pub fn is_bounded(conn: &mut PgConnection, one: &Run, other: &Run) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    for run in [one, other] {
        let listed: Count = diesel::sql_query(
            "select count(*) as count from (select 1 from changes where run_id = $1 and created_on = $2 limit $3) rows",
        )
        .bind::<Integer, _>(run.id.0)
        .bind::<Date, _>(run.created_at.date_naive())
        .bind::<BigInt, _>(MOST + 1)
        .get_result(conn)?;
        if listed.count > MOST {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What the change sets have in common, by entity type and association.
pub fn overlaps(conn: &mut PgConnection, one: &Run, other: &Run) -> QueryResult<Vec<Overlap>> {
    diesel::sql_query(format!(
        "with {JOINED}
         select scope, count(*) filter (where other is null) as only_one, count(*) filter (where one is null) as only_other,
                count(*) filter (where one is not null and other is not null and not same) as differing,
                count(*) filter (where same) as same
           from named group by scope, entity_type, association order by entity_type = 0, entity_type, association"
    ))
    .bind::<Integer, _>(one.id.0)
    .bind::<Integer, _>(other.id.0)
    .bind::<Date, _>(one.created_at.date_naive())
    .bind::<Date, _>(other.created_at.date_naive())
    .load(conn)
}

/// Up to `limit` changes that are not the same, those of the same thing first.
pub fn divergences(conn: &mut PgConnection, one: &Run, other: &Run, limit: i64) -> QueryResult<Vec<Divergence>> {
    diesel::sql_query(format!(
        "with {JOINED}
         select scope, key, one, other, one_after, other_after
           from named where not same
          order by one is null or other is null, scope, key, target limit $5"
    ))
    .bind::<Integer, _>(one.id.0)
    .bind::<Integer, _>(other.id.0)
    .bind::<Date, _>(one.created_at.date_naive())
    .bind::<Date, _>(other.created_at.date_naive())
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// A problem that only one of two runs has.
#[derive(Debug, Clone, QueryableByName)]
pub struct OnlyProblem {
    /// Whether the other run has it: it is new. Else it is gone.
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub is_new: bool,
    /// The reason code.
    #[diesel(sql_type = Text)]
    pub code: String,
    /// The record's key.
    #[diesel(sql_type = Nullable<Text>)]
    pub key: Option<String>,
    /// The source's file.
    #[diesel(sql_type = Text)]
    pub file: String,
    /// In words.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// How many of its kind and code there are.
    #[diesel(sql_type = BigInt)]
    pub total: i64,
}

/// Problems that only one of the runs has, up to `each` of every code, new ones first. The same problem has the same
/// identity in every run.
pub fn problems(conn: &mut PgConnection, one: &Run, other: &Run, each: i64) -> QueryResult<Vec<OnlyProblem>> {
    diesel::sql_query(
        "with lone as (
           select run_id = $2 as is_new, code, key, file, message, seq
             from problems p
            where run_id in ($1, $2)
              and not exists (select from problems q
                               where q.run_id = case p.run_id when $1 then $2 else $1 end and q.identity = p.identity)
         ), ranked as (
           select *, count(*) over (partition by is_new, code) as total,
                  row_number() over (partition by is_new, code order by seq) as place
             from lone
         )
         select is_new, code, key, file, message, total from ranked
          where place <= $3 order by is_new desc, total desc, code, seq",
    )
    .bind::<Integer, _>(one.id.0)
    .bind::<Integer, _>(other.id.0)
    .bind::<BigInt, _>(each)
    .load(conn)
}
