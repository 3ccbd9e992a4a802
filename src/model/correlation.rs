//! Decisions by hand about who a record is. Prepare goes by the one that stands for a key, before any rule; what it has
//! gone by once stays, as every correlation does.

use super::audit;
use super::connector::ConnectorId;
use super::snapshot;
use crate::schema::{correlation_decisions, entity_types};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};
use serde_json::{Value, json};

/// Decisions that one line of the audit log names; more are counted.
const NAMED: usize = 200;

/// Who a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This person.
    Person(i64),
    /// A new person.
    New,
    /// Nobody: it is left out, and no problem, until the decision is undone.
    Ignore,
}

impl Verdict {
    /// The word in SQL and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::New => "new",
            Self::Ignore => "ignore",
        }
    }

    /// The person, if it is one that exists.
    pub fn person(self) -> Option<i64> {
        match self {
            Self::Person(person) => Some(person),
            Self::New | Self::Ignore => None,
        }
    }
}

/// A decision about one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDecision {
    /// The record's entity type.
    pub entity_type: i32,
    /// Its key.
    pub key: String,
    /// Who it is.
    pub verdict: Verdict,
}

/// A decision that stands.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Decided {
    /// Its id; rises with time.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
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
    /// The word of [`Verdict`].
    #[diesel(sql_type = Text)]
    pub decision: String,
    /// The person, as soon as there is one.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub person_id: Option<i64>,
    /// Whom the record feeds now.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub feeds: Option<i64>,
    /// The account.
    #[diesel(sql_type = Text)]
    pub decided_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub decided_at: DateTime<Utc>,
    /// The words that were given.
    #[diesel(sql_type = Nullable<Text>)]
    pub comment: Option<String>,
}

/// Who decided about a record, when and why.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ByHand {
    /// The account.
    #[diesel(sql_type = Text)]
    pub decided_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub decided_at: DateTime<Utc>,
    /// The words that were given.
    #[diesel(sql_type = Nullable<Text>)]
    pub comment: Option<String>,
}

/// Which decisions a list shows.
#[derive(Debug, Clone, Default)]
pub struct DecidedFilter {
    /// Only of this connector.
    pub connector: Option<ConnectorId>,
    /// Only of keys that begin so.
    pub key: Option<String>,
    /// Only older than this one (keyset).
    pub before: Option<i64>,
}

/// Writes decisions, each in the place of the one that stood, and has their records looked at again. What waits to be
/// applied is prepared anew. Returns how many.
pub fn decide(
    conn: &mut PgConnection,
    decisions: &[NewDecision],
    by: &str,
    comment: Option<&str>,
) -> QueryResult<usize> {
    if decisions.is_empty() {
        return Ok(0);
    }
    conn.transaction(|conn| {
        write(conn, decisions, by, comment)?;
        let entity_types: Vec<i32> = decisions.iter().map(|one| one.entity_type).collect();
        let keys: Vec<&str> = decisions.iter().map(|one| one.key.as_str()).collect();
        look_again(conn, &entity_types, &keys)?;
        let names = names(conn, &entity_types)?;
        let named: Vec<Value> = decisions
            .iter()
            .take(NAMED)
            .map(|one| {
                let entity_type = names.iter().find(|(id, _)| *id == one.entity_type).map(|(_, name)| name);
                let person = one.verdict.person();
                json!({ "entity_type": entity_type, "key": one.key, "is": one.verdict.as_str(), "person": person })
            })
            .collect();
        let subject = subject(conn, &entity_types)?;
        let detail = json!({ "count": decisions.len(), "decisions": named, "comment": comment });
        audit::record(conn, by, "correlate", &subject, detail)?;
        Ok(decisions.len())
    })
}

/// Writes decisions, each in the place of the one that stood, and nothing else.
pub fn write(conn: &mut PgConnection, decisions: &[NewDecision], by: &str, comment: Option<&str>) -> QueryResult<()> {
    let entity_types: Vec<i32> = decisions.iter().map(|one| one.entity_type).collect();
    let keys: Vec<&str> = decisions.iter().map(|one| one.key.as_str()).collect();
    diesel::sql_query(
        "update correlation_decisions d set undone_at = now(), undone_by = $3
           from unnest($1, $2) as these (entity_type_id, key)
          where d.entity_type_id = these.entity_type_id and d.key = these.key and d.undone_at is null",
    )
    .bind::<Array<Integer>, _>(&entity_types)
    .bind::<Array<Text>, _>(&keys)
    .bind::<Text, _>(by)
    .execute(conn)?;
    let rows: Vec<_> = decisions
        .iter()
        .map(|one| {
            (
                correlation_decisions::entity_type_id.eq(one.entity_type),
                correlation_decisions::key.eq(&one.key),
                correlation_decisions::decision.eq(one.verdict.as_str()),
                correlation_decisions::person_id.eq(one.verdict.person()),
                correlation_decisions::decided_by.eq(by),
                correlation_decisions::comment.eq(comment),
            )
        })
        .collect();
    for rows in rows.chunks(1000) {
        diesel::insert_into(correlation_decisions::table).values(rows.to_vec()).execute(conn)?;
    }
    Ok(())
}

/// Takes decisions back. Their records are looked at again where they feed nobody; a correlation that was made stays.
/// Returns how many stood.
pub fn undo(conn: &mut PgConnection, ids: &[i64], by: &str) -> QueryResult<usize> {
    #[derive(QueryableByName)]
    struct Undone {
        #[diesel(sql_type = Integer)]
        entity_type_id: i32,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Text)]
        decision: String,
    }
    conn.transaction(|conn| {
        let undone: Vec<Undone> = diesel::sql_query(
            "update correlation_decisions set undone_at = now(), undone_by = $2
              where id = any($1) and undone_at is null returning entity_type_id, key, decision",
        )
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Text, _>(by)
        .load(conn)?;
        if undone.is_empty() {
            return Ok(0);
        }
        let entity_types: Vec<i32> = undone.iter().map(|one| one.entity_type_id).collect();
        let keys: Vec<&str> = undone.iter().map(|one| one.key.as_str()).collect();
        look_again(conn, &entity_types, &keys)?;
        let named: Vec<Value> =
            undone.iter().take(NAMED).map(|one| json!({ "key": one.key, "was": one.decision })).collect();
        let subject = subject(conn, &entity_types)?;
        let detail = json!({ "count": undone.len(), "decisions": named });
        audit::record(conn, by, "undo_correlate", &subject, detail)?;
        Ok(undone.len())
    })
}

/// Up to `limit` decisions that stand, the newest first.
pub fn standing(conn: &mut PgConnection, filter: &DecidedFilter, limit: i64) -> QueryResult<Vec<Decided>> {
    diesel::sql_query(
        "select d.id, c.name as connector, c.display_name as connector_title, e.name as entity_type,
                e.display_name as entity_type_title, d.key, d.decision, coalesce(m.into_id, d.person_id) as person_id,
                r.person_id as feeds, d.decided_by, d.decided_at, d.comment
           from correlation_decisions d
           join entity_types e on e.id = d.entity_type_id
           join connectors c on c.id = e.connector_id
           left join merges m on m.person_id = d.person_id
           left join lateral (
             select r.person_id from resources r where r.entity_type_id = d.entity_type_id and r.key = d.key) r on true
          where d.undone_at is null and ($1 is null or c.id = $1) and ($2 is null or starts_with(d.key, $2))
            and ($3 is null or d.id < $3)
          order by d.id desc limit $4",
    )
    .bind::<Nullable<Integer>, _>(filter.connector)
    .bind::<Nullable<Text>, _>(filter.key.as_deref())
    .bind::<Nullable<BigInt>, _>(filter.before)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// What was decided about a record, if anything stands.
pub fn about(conn: &mut PgConnection, entity_type: i32, key: &str) -> QueryResult<Option<ByHand>> {
    diesel::sql_query(
        "select decided_by, decided_at, comment from correlation_decisions
          where entity_type_id = $1 and key = $2 and undone_at is null",
    )
    .bind::<Integer, _>(entity_type)
    .bind::<Text, _>(key)
    .get_result(conn)
    .optional()
}

/// Notes, once a run is applied, whom its records have become for which a new person was asked: the decision then names
/// the person, so that the key leads there for ever.
pub fn settle(conn: &mut PgConnection, connector: ConnectorId) -> QueryResult<()> {
    diesel::sql_query(
        "update correlation_decisions d set person_id = r.person_id
           from entity_types e, resources r
          where e.connector_id = $1 and d.entity_type_id = e.id and d.decision = 'new' and d.person_id is null
            and d.undone_at is null and r.entity_type_id = d.entity_type_id and r.key = d.key
            and r.person_id is not null",
    )
    .bind::<Integer, _>(connector)
    .execute(conn)
    .map(drop)
}

/// Has the next run look at these records again, where they feed nobody; and what waits to be applied be prepared anew.
fn look_again(conn: &mut PgConnection, entity_types: &[i32], keys: &[&str]) -> QueryResult<()> {
    diesel::sql_query(
        "with looked_at as (
           update resources r set digest = null
             from unnest($1, $2) as these (entity_type_id, key)
            where r.entity_type_id = these.entity_type_id and r.key = these.key and r.person_id is null
              and r.entity_type_id = any($1)
           returning r.entity_type_id, r.id
         )
         update newer_digests n set digest = null from looked_at
          where n.entity_type_id = looked_at.entity_type_id and n.resource_id = looked_at.id",
    )
    .bind::<Array<Integer>, _>(entity_types)
    .bind::<Array<Text>, _>(keys)
    .execute(conn)?;
    let connectors = connectors(conn, entity_types)?;
    move_state(conn, &connectors)
}

/// Says that something else than a run has changed what prepare goes by: its snapshots no longer hold, and what waits to
/// be applied is prepared anew.
pub fn move_state(conn: &mut PgConnection, connectors: &[ConnectorId]) -> QueryResult<()> {
    let ids: Vec<i32> = connectors.iter().map(|id| id.0).collect();
    diesel::sql_query("update connectors set state_version = state_version + 1 where id = any($1)")
        .bind::<Array<Integer>, _>(ids)
        .execute(conn)?;
    snapshot::touch(conn, connectors)
}

/// The connectors of entity types.
pub fn connectors(conn: &mut PgConnection, entity_types: &[i32]) -> QueryResult<Vec<ConnectorId>> {
    entity_types::table
        .filter(entity_types::id.eq_any(entity_types))
        .select(entity_types::connector_id)
        .distinct()
        .order(entity_types::connector_id)
        .load(conn)
}

fn names(conn: &mut PgConnection, entity_types: &[i32]) -> QueryResult<Vec<(i32, String)>> {
    entity_types::table
        .filter(entity_types::id.eq_any(entity_types))
        .select((entity_types::id, entity_types::name))
        .load(conn)
}

/// `connector hr`, or of several.
fn subject(conn: &mut PgConnection, entity_types: &[i32]) -> QueryResult<String> {
    use crate::schema::connectors;
    let ids = self::connectors(conn, entity_types)?;
    let names: Vec<String> = connectors::table
        .filter(connectors::id.eq_any(ids))
        .order(connectors::id)
        .select(connectors::name)
        .load(conn)?;
    Ok(format!("connector {}", names.join(", ")))
}
