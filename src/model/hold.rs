//! A hold: a change that is left out of later runs until another one is proposed, somebody releases it, or its day has
//! come (SPEC 4.3). A run's own exclusions are its sisters for once.

use super::audit;
use super::change::Change;
use super::connector::ConnectorId;
use super::guard::Operation;
use super::run::RunId;
use crate::schema::holds;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde::Serialize;
use serde_json::{Value, json};

/// A hold, as pages and the command line list it.
#[derive(Debug, Clone, PartialEq, Serialize, QueryableByName)]
pub struct Hold {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// The entity type, for a change of a resource.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// The association, for a change of a link.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<String>,
    /// `insert`, `update` or `delete`.
    #[diesel(sql_type = Text)]
    pub operation: String,
    /// Key of the resource, or of the link's `from` end.
    #[diesel(sql_type = Text)]
    pub key: String,
    /// Key of the link's `to` end after the change.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_key: Option<String>,
    /// Key of the link's `to` end before an update.
    #[diesel(sql_type = Nullable<Text>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_to_key: Option<String>,
    /// The properties that would change, as they were.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub before: Option<Value>,
    /// The properties that would change, as they would be.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub after: Option<Value>,
    /// The run that proposed it.
    #[diesel(sql_type = Integer)]
    pub run: i32,
    /// Why, in the words of who decided.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// Who decided: its owner.
    #[diesel(sql_type = Text)]
    pub held_by: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub held_at: DateTime<Utc>,
    /// When it ends by itself.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub due_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ended it: an account, or a run.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended_by: Option<String>,
    /// `released`, `differs` or `due`.
    #[diesel(sql_type = Nullable<Text>)]
    pub ended_why: Option<String>,
}

/// Which holds are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HoldFilter {
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// An entity type's or association's name.
    pub scope: Option<String>,
    /// What the change does.
    pub operation: Option<Operation>,
    /// The beginning of the key.
    pub key: Option<String>,
    /// Those that are over, instead of those that stand.
    pub ended: bool,
    /// Older than this one.
    pub before: Option<i64>,
}

const FROM: &str = "
  from holds h join connectors o on o.id = h.connector_id
  left join entity_types e on e.id = h.entity_type_id
  left join associations a on a.id = h.association_id
 where ($1 is null or h.connector_id = $1) and ($2 is null or e.name = $2 or a.name = $2)
   and ($3 is null or h.operation = $3) and ($4 is null or h.key like $4) and (h.ended_at is not null) = $5
   and ($6 is null or h.id < $6)";

/// A page of holds, the newest first.
pub fn page(conn: &mut PgConnection, filter: &HoldFilter, limit: i64) -> QueryResult<Vec<Hold>> {
    let question = diesel::sql_query(format!(
        "select h.id, o.name as connector, e.name as entity_type, a.name as association, h.operation, h.key, h.to_key,
                h.before_to_key, h.before, h.after, h.run_id as run, h.reason, h.held_by, h.held_at, h.due_at,
                h.ended_at, h.ended_by, h.ended_why {FROM} order by h.id desc limit $7"
    ));
    let (scope, operation, key) = texts(filter);
    question
        .bind::<Nullable<Integer>, _>(filter.connector.map(|id| id.0))
        .bind::<Nullable<Text>, _>(scope)
        .bind::<Nullable<Text>, _>(operation)
        .bind::<Nullable<Text>, _>(key)
        .bind::<Bool, _>(filter.ended)
        .bind::<Nullable<BigInt>, _>(filter.before)
        .bind::<BigInt, _>(limit)
        .load(conn)
}

/// How many holds match.
pub fn count(conn: &mut PgConnection, filter: &HoldFilter) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let (scope, operation, key) = texts(filter);
    let count: Count = diesel::sql_query(format!("select count(*) as count {FROM}"))
        .bind::<Nullable<Integer>, _>(filter.connector.map(|id| id.0))
        .bind::<Nullable<Text>, _>(scope)
        .bind::<Nullable<Text>, _>(operation)
        .bind::<Nullable<Text>, _>(key)
        .bind::<Bool, _>(filter.ended)
        .bind::<Nullable<BigInt>, _>(filter.before)
        .get_result(conn)?;
    Ok(count.count.unsigned_abs())
}

fn texts(filter: &HoldFilter) -> (Option<&str>, Option<&'static str>, Option<String>) {
    let key = filter.key.as_deref().map(|key| format!("{}%", super::change::like(key)));
    (filter.scope.as_deref(), filter.operation.map(Operation::as_str), key)
}

/// How many holds stand, by connector's name.
pub fn standing(conn: &mut PgConnection) -> QueryResult<Vec<(String, i64)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select c.name, count(*) as count from holds h join connectors c on c.id = h.connector_id
          where h.ended_at is null group by c.name order by c.name",
    )
    .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.name, row.count)).collect())
}

/// What became of the holds that stood when a run was prepared: how many left something out, and how many are over.
pub fn of_run(conn: &mut PgConnection, run: RunId) -> QueryResult<(i64, i64)> {
    #[derive(QueryableByName)]
    struct Outcomes {
        #[diesel(sql_type = BigInt)]
        withheld: i64,
        #[diesel(sql_type = BigInt)]
        over: i64,
    }
    let outcomes: Outcomes = diesel::sql_query(
        "select count(*) filter (where outcome = 'withheld') as withheld, count(*) filter (where outcome = 'over') as over
           from run_holds where run_id = $1",
    )
    .bind::<Integer, _>(run.0)
    .get_result(conn)?;
    Ok((outcomes.withheld, outcomes.over))
}

/// Remembers that these changes are to be left out. Set-wise.
pub fn hold(
    conn: &mut PgConnection,
    connector: ConnectorId,
    run: RunId,
    changes: &[Change],
    by: &str,
    reason: Option<&str>,
    due_at: Option<DateTime<Utc>>,
) -> QueryResult<usize> {
    let mut held = 0;
    for batch in changes.chunks(5000) {
        held += diesel::sql_query(
            "insert into holds (connector_id, entity_type_id, association_id, operation, key, to_key, before_to_key,
                                before, after, run_id, reason, held_by, due_at)
             select $1, e.id, a.id, c.operation, c.key, c.to_key, c.before_to_key, c.before, c.after, $2, $3, $4, $5
               from unnest($6, $7, $8, $9, $10, $11, $12, $13)
                    as c (entity_type, association, operation, key, to_key, before_to_key, before, after)
               left join entity_types e on e.connector_id = $1 and e.name = c.entity_type
               left join associations a on a.connector_id = $1 and a.name = c.association",
        )
        .bind::<Integer, _>(connector.0)
        .bind::<Integer, _>(run.0)
        .bind::<Nullable<Text>, _>(reason)
        .bind::<Text, _>(by)
        .bind::<Nullable<Timestamptz>, _>(due_at)
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.entity_type.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.association.as_deref()))
        .bind::<Array<Text>, _>(column(batch, |one| one.operation.as_str()))
        .bind::<Array<Text>, _>(column(batch, |one| one.key.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.to_key.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.before_to_key.as_deref()))
        .bind::<Array<Nullable<Jsonb>>, _>(column(batch, |one| one.before.as_ref()))
        .bind::<Array<Nullable<Jsonb>>, _>(column(batch, |one| one.after.as_ref()))
        .execute(conn)?;
    }
    Ok(held)
}

/// Leaves these changes out of one run, in addition to those that it leaves out already. Set-wise.
pub fn exclude(conn: &mut PgConnection, connector: ConnectorId, run: RunId, changes: &[Change]) -> QueryResult<usize> {
    let mut excluded = 0;
    for batch in changes.chunks(5000) {
        excluded += diesel::sql_query(
            "insert into exclusions (run_id, entity_type_id, association_id, operation, key, to_key)
             select $2, e.id, a.id, c.operation, c.key, c.to_key
               from unnest($3, $4, $5, $6, $7) as c (entity_type, association, operation, key, to_key)
               left join entity_types e on e.connector_id = $1 and e.name = c.entity_type
               left join associations a on a.connector_id = $1 and a.name = c.association",
        )
        .bind::<Integer, _>(connector.0)
        .bind::<Integer, _>(run.0)
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.entity_type.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.association.as_deref()))
        .bind::<Array<Text>, _>(column(batch, |one| one.operation.as_str()))
        .bind::<Array<Text>, _>(column(batch, |one| one.key.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(batch, |one| one.to_key.as_deref()))
        .execute(conn)?;
    }
    Ok(excluded)
}

fn column<'c, T>(changes: &'c [Change], of: impl Fn(&'c Change) -> T) -> Vec<T> {
    changes.iter().map(of).collect()
}

/// How many changes a run leaves out for once.
pub fn excluded(conn: &mut PgConnection, run: RunId) -> QueryResult<i64> {
    use crate::schema::exclusions;
    exclusions::table.filter(exclusions::run_id.eq(run.0)).count().get_result(conn)
}

/// Releases the holds that stand and match; the next run proposes their changes again. Returns how many there were.
pub fn release(conn: &mut PgConnection, filter: &HoldFilter, by: &str) -> QueryResult<u64> {
    let (scope, operation, key) = texts(filter);
    conn.transaction(|conn| {
        let ended = diesel::sql_query(format!(
            "update holds set ended_at = now(), ended_by = $7, ended_why = 'released'
              where id in (select h.id {FROM})"
        ))
        .bind::<Nullable<Integer>, _>(filter.connector.map(|id| id.0))
        .bind::<Nullable<Text>, _>(scope)
        .bind::<Nullable<Text>, _>(operation)
        .bind::<Nullable<Text>, _>(key)
        .bind::<Bool, _>(false)
        .bind::<Nullable<BigInt>, _>(filter.before)
        .bind::<Text, _>(by)
        .execute(conn)?;
        let detail = json!({ "holds": ended, "scope": filter.scope, "key": filter.key,
                             "operation": filter.operation.map(Operation::as_str) });
        let subject = filter.connector.map_or_else(|| "holds".to_owned(), |id| format!("holds of connector {id}"));
        audit::record(conn, by, "release", &subject, detail)?;
        Ok(ended as u64)
    })
}

/// Releases these holds, as far as they stand. Returns how many did.
pub fn release_these(conn: &mut PgConnection, ids: &[i64], by: &str) -> QueryResult<u64> {
    conn.transaction(|conn| {
        let ended = diesel::update(holds::table.filter(holds::id.eq_any(ids)).filter(holds::ended_at.is_null()))
            .set((
                holds::ended_at.eq(diesel::dsl::sql::<Nullable<Timestamptz>>("now()")),
                holds::ended_by.eq(by),
                holds::ended_why.eq("released"),
            ))
            .execute(conn)?;
        if ended > 0 {
            audit::record(conn, by, "release", "holds", json!({ "holds": ids }))?;
        }
        Ok(ended as u64)
    })
}

/// Ends the holds whose day has come by `now`; returns how many.
pub fn end_due(conn: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    diesel::update(holds::table.filter(holds::ended_at.is_null()).filter(holds::due_at.le(now)))
        .set((holds::ended_at.eq(now), holds::ended_why.eq("due")))
        .execute(conn)
}

/// Ends the holds that prepare found to be over, in the transaction that applies the run.
pub fn end_over(conn: &mut PgConnection, run: RunId) -> QueryResult<usize> {
    diesel::sql_query(
        "update holds set ended_at = now(), ended_by = 'run ' || $1, ended_why = 'differs'
           from run_holds r where r.run_id = $1 and r.outcome = 'over' and r.hold_id = holds.id and ended_at is null",
    )
    .bind::<Integer, _>(run.0)
    .execute(conn)
}
