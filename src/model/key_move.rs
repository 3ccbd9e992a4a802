//! A move: a user that comes under a new key where its old one is gone. Prepare proposes it; people accept or refuse.

use super::run::RunId;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;

/// A move that a run has made, or would make.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct KeyMove {
    /// The user's entity type.
    #[diesel(sql_type = Integer)]
    pub entity_type_id: i32,
    /// The entity type's name.
    #[diesel(sql_type = Text)]
    pub entity_type: String,
    /// What pages call the entity type.
    #[diesel(sql_type = Text)]
    pub entity_type_title: String,
    /// The key that is gone.
    #[diesel(sql_type = Text)]
    pub old_key: String,
    /// The key that came.
    #[diesel(sql_type = Text)]
    pub new_key: String,
    /// The person that both are.
    #[diesel(sql_type = BigInt)]
    pub person_id: i64,
    /// What the person's profile says.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub person: Option<Value>,
    /// The profile field that tells; none: decided by hand.
    #[diesel(sql_type = Nullable<Text>)]
    pub field: Option<String>,
    /// What was decided about the new key, if anything was: a word of `correlation::Verdict`.
    #[diesel(sql_type = Nullable<Text>)]
    pub decision: Option<String>,
    /// By whom.
    #[diesel(sql_type = Nullable<Text>)]
    pub decided_by: Option<String>,
    /// Whether the new key waits for a decision, and the old one stays until then.
    #[diesel(sql_type = Bool)]
    pub waits: bool,
}

/// Up to `limit` moves of a run by new key, after that one.
pub fn of_run(
    conn: &mut PgConnection,
    run: RunId,
    after: Option<(i32, &str)>,
    limit: i64,
) -> QueryResult<Vec<KeyMove>> {
    diesel::sql_query(
        "select m.entity_type_id, e.name as entity_type, e.display_name as entity_type_title, m.old_key, m.new_key,
                m.person_id, p.fields as person, m.field, d.decision, d.decided_by,
                exists (select from problems x where x.run_id = m.run_id and x.code = 'possible_move'
                           and x.scope = e.name and x.key = m.new_key) as waits
           from moves m
           join entity_types e on e.id = m.entity_type_id
           left join persons p on p.id = m.person_id
           left join correlation_decisions d
             on d.entity_type_id = m.entity_type_id and d.key = m.new_key and d.undone_at is null
          where m.run_id = $1 and ($2 is null or (m.entity_type_id, m.new_key) > ($2, $3))
          order by m.entity_type_id, m.new_key limit $4",
    )
    .bind::<Integer, _>(run)
    .bind::<Nullable<Integer>, _>(after.map(|(entity_type, _)| entity_type))
    .bind::<Nullable<Text>, _>(after.map(|(_, key)| key))
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// How many moves a run has made, or would make.
pub fn count(conn: &mut PgConnection, run: RunId) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query("select count(*) as count from moves where run_id = $1")
        .bind::<Integer, _>(run)
        .get_result(conn)?;
    Ok(count.count.unsigned_abs())
}

/// The other key of a record that has moved, and the run that has applied it.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct OtherKey {
    /// The key.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Whether it is the one before.
    #[diesel(sql_type = Bool)]
    pub is_before: bool,
    /// The id of the record under that key: as it is, or as it was last.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub resource_id: Option<i64>,
    /// The run.
    #[diesel(sql_type = Integer)]
    pub run_id: i32,
}

/// The keys that the record with this key had before, or has had since; moves that were applied only.
pub fn other_keys(conn: &mut PgConnection, entity_type: i32, key: &str) -> QueryResult<Vec<OtherKey>> {
    diesel::sql_query(
        "select other.key, other.is_before, other.run_id, coalesce(
                  (select r.id from resources r where r.entity_type_id = $1 and r.key = other.key),
                  (select h.id from resources_history h where h.entity_type_id = $1 and h.key = other.key
                    order by h.valid_to desc limit 1)) as resource_id
           from (select old_key as key, true as is_before, run_id from moves where entity_type_id = $1 and new_key = $2
                 union all
                 select new_key, false, run_id from moves where entity_type_id = $1 and old_key = $2) other
           join runs w on w.id = other.run_id and w.applied_at is not null
          where not exists (select from problems x join entity_types e on e.id = $1 and e.name = x.scope
                             where x.run_id = other.run_id and x.code = 'possible_move'
                               and x.key = case when other.is_before then $2 else other.key end)
          order by other.run_id desc, other.key",
    )
    .bind::<Integer, _>(entity_type)
    .bind::<Text, _>(key)
    .load(conn)
}
