//! Figures over the changes of records, each in one pass.

use super::likely::Candidate;
use super::{SAMPLES, signed};
use crate::model::guard::Operation;
use crate::pipeline::causes::case::{Dominance, Match, Rejects, Sample};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, Text};
use serde_json::{Map, Value};

/// Values that are compared when keys have changed.
const ENTRIES: u64 = 500_000;
/// Stored resources that tell how frequent a value is.
const STORED: u64 = 100_000;

/// Changes, spread evenly.
pub(super) fn sample(connection: &mut PgConnection, schema: &str, id: i32, every: u64) -> QueryResult<Vec<Sample>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        operation: String,
        #[diesel(sql_type = Text)]
        key: String,
        #[diesel(sql_type = Nullable<Jsonb>)]
        before: Option<Value>,
        #[diesel(sql_type = Nullable<Jsonb>)]
        after: Option<Value>,
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "select operation, key, before, after from {schema}.changes
          where entity_type_id = $1 and seq % $2 = 0 order by seq limit $3"
    ))
    .bind::<Integer, _>(id)
    .bind::<BigInt, _>(signed(every))
    .bind::<BigInt, _>(signed(2 * SAMPLES))
    .load(connection)?;
    let object = |value: Option<Value>| match value {
        Some(Value::Object(values)) => values,
        _ => Map::new(),
    };
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let operation = Operation::ALL.into_iter().find(|one| one.as_str() == row.operation)?;
            Some(Sample { operation, key: row.key, before: object(row.before), after: object(row.after) })
        })
        .collect())
}

/// How many changes have each candidate, and what is stored with it: one pass over the changes, one over (a part of) the
/// stored resources.
pub(super) fn count(
    connection: &mut PgConnection,
    schema: &str,
    id: i32,
    candidates: &[Candidate],
    stored: u64,
    [inserted, updated, deleted]: [u64; 3],
) -> QueryResult<Vec<Dominance>> {
    #[derive(QueryableByName)]
    struct Counted {
        #[diesel(sql_type = BigInt)]
        candidate: i64,
        #[diesel(sql_type = BigInt)]
        count: i64,
        #[diesel(sql_type = Double)]
        base: f64,
    }
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let part = if stored > STORED {
        format!("tablesample system ({})", 100.0 * STORED as f64 / stored as f64)
    } else {
        String::new()
    };
    let counted: Vec<Counted> = diesel::sql_query(format!(
        "with candidates as (
           select * from unnest($2::text[], $3::text[], $4::boolean[], $5::jsonb[])
                with ordinality as c (operation, property, before, value, candidate)
         ), stored as (select attributes from resources_{id} {part}),
         bases as (
           select candidate, coalesce(avg((coalesce(attributes -> property, 'null') = value)::integer), 0)::float8 as base
             from stored cross join candidates group by candidate
         ), counts as (
           select candidate, count(*) as count
             from {schema}.changes ch join candidates c on ch.operation = c.operation
              and (case when c.before then ch.before else ch.after end) -> c.property = c.value
            where ch.entity_type_id = $1 group by candidate
         )
         select candidate, count, coalesce(base, 0) as base from counts left join bases using (candidate)"
    ))
    .bind::<Integer, _>(id)
    .bind::<Array<Text>, _>(candidates.iter().map(|one| one.operation.as_str()).collect::<Vec<_>>())
    .bind::<Array<Text>, _>(candidates.iter().map(|one| one.property.as_str()).collect::<Vec<_>>())
    .bind::<Array<Bool>, _>(candidates.iter().map(|one| one.before).collect::<Vec<_>>())
    .bind::<Array<Jsonb>, _>(candidates.iter().map(|one| one.value.clone()).collect::<Vec<_>>())
    .load(connection)?;
    let dominance = |one: Counted| {
        let candidate = &candidates[usize::try_from(one.candidate - 1).ok()?];
        Some(Dominance {
            operation: candidate.operation,
            field: candidate.property.clone(),
            before: candidate.before,
            value: match &candidate.value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            count: one.count.unsigned_abs(),
            of: match candidate.operation {
                Operation::Insert => inserted,
                Operation::Update => updated,
                Operation::Delete => deleted,
            },
            base: one.base,
        })
    };
    Ok(counted.into_iter().filter_map(dominance).collect())
}

/// Values that go with one key and come with another. Both sides keep the same part of all values where there are too
/// many: those whose hash ends in zeros.
pub(super) fn matches(
    connection: &mut PgConnection,
    schema: &str,
    id: i32,
    properties: &[String],
    entries: u64,
) -> QueryResult<Vec<Match>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        property: String,
        #[diesel(sql_type = BigInt)]
        matched: i64,
        #[diesel(sql_type = BigInt)]
        gone: i64,
        #[diesel(sql_type = BigInt)]
        come: i64,
        #[diesel(sql_type = BigInt)]
        different: i64,
        #[diesel(sql_type = Nullable<Array<Text>>)]
        before: Option<Vec<String>>,
        #[diesel(sql_type = Nullable<Array<Text>>)]
        now: Option<Vec<String>>,
    }
    let mask = (entries / ENTRIES).next_power_of_two().max(1) - 1;
    let rows: Vec<Row> = diesel::sql_query(format!(
        "with entries as (
           select property, operation, key, coalesce(before, after) -> property as value
             from {schema}.changes, unnest($2::text[]) as property
            where entity_type_id = $1 and operation in ('insert', 'delete')
              and (hashtext((coalesce(before, after) -> property)::text) & $3) = 0
         ), sides as (
           select property, value, count(*) filter (where operation = 'delete') as gone,
                  count(*) filter (where operation = 'insert') as come,
                  min(key) filter (where operation = 'delete') as before, min(key) filter (where operation = 'insert') as now
             from entries where value <> 'null' group by 1, 2
         )
         select property, sum(least(gone, come))::bigint as matched, sum(gone)::bigint as gone, sum(come)::bigint as come,
                count(*) filter (where gone > 0) as different,
                (array_agg(before order by before) filter (where gone = 1 and come = 1))[1:5] as before,
                (array_agg(now order by before) filter (where gone = 1 and come = 1))[1:5] as now
           from sides group by 1"
    ))
    .bind::<Integer, _>(id)
    .bind::<Array<Text>, _>(properties)
    .bind::<Integer, _>(i32::try_from(mask).unwrap_or(i32::MAX))
    .load(connection)?;
    let found = rows.into_iter().filter(|row| row.different * 2 >= row.gone).map(|row| Match {
        property: row.property,
        matched: row.matched.unsigned_abs(),
        of: row.gone.min(row.come).unsigned_abs(),
        keys: row.before.unwrap_or_default().into_iter().zip(row.now.unwrap_or_default()).collect(),
    });
    Ok(found.collect())
}

/// How many of the deleted stood in the last part of the table, a part as large as they are many.
pub(super) fn tail(connection: &mut PgConnection, schema: &str, id: i32, share: f64) -> QueryResult<f64> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Double)]
        tail: f64,
    }
    let row: Row = diesel::sql_query(format!(
        "with bound as (select percentile_disc($2) within group (order by line) as line from resources_{id})
         select coalesce(avg((c.line > bound.line)::integer), 0)::float8 as tail
           from {schema}.changes c, bound where c.entity_type_id = $1 and c.operation = 'delete'"
    ))
    .bind::<Integer, _>(id)
    .bind::<Double, _>((1.0 - share).clamp(0.0, 1.0))
    .get_result(connection)?;
    Ok(row.tail)
}

/// Of the sampled changes, how many go back to what history has: updates to an earlier value, inserts of what was
/// deleted, deletes of what a later run brought.
pub(super) fn returned(connection: &mut PgConnection, schema: &str, id: i32, every: u64) -> QueryResult<(u64, u64)> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        returned: i64,
        #[diesel(sql_type = BigInt)]
        looked_at: i64,
    }
    let row: Row = diesel::sql_query(format!(
        "with looked_at as (
           select operation, resource_id, key, after, jsonb_strip_nulls(coalesce(after, '{{}}')) as filled
             from {schema}.changes where entity_type_id = $1 and seq % $2 = 0 order by seq limit $3
         ), first as (select min(id) as run from runs where applied_at is not null and connector_id = (
                        select connector_id from entity_types where id = $1))
         select count(*) filter (where case operation
                  when 'update' then exists (
                    select from resources_history h where h.id = l.resource_id and h.entity_type_id = $1
                       and h.attributes @> filled and (filled <> '{{}}' or not h.attributes ?| array(select jsonb_object_keys(after))))
                  when 'insert' then exists (
                    select from resources_history h where h.entity_type_id = $1 and h.key = l.key and h.attributes @> filled)
                  else exists (select from resources r where r.id = l.resource_id and r.entity_type_id = $1 and r.run_id > first.run)
                       and not exists (select from resources_history h where h.id = l.resource_id and h.entity_type_id = $1)
                end) as returned, count(*) as looked_at
           from looked_at l, first"
    ))
    .bind::<Integer, _>(id)
    .bind::<BigInt, _>(signed(every))
    .bind::<BigInt, _>(signed(SAMPLES))
    .get_result(connection)?;
    Ok((row.returned.unsigned_abs(), row.looked_at.unsigned_abs()))
}

/// Rejected values by scope and column, with some of them.
pub(super) fn rejects(connection: &mut PgConnection, schema: &str) -> QueryResult<Vec<(String, Rejects)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        scope: String,
        #[diesel(sql_type = Text)]
        column_name: String,
        #[diesel(sql_type = Text)]
        code: String,
        #[diesel(sql_type = BigInt)]
        count: i64,
        #[diesel(sql_type = Nullable<Text>)]
        least: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        greatest: Option<String>,
    }
    let rows: Vec<Row> = diesel::sql_query(format!(
        "select scope, column_name, code, count(*) as count, min(value) as least, max(value) as greatest
           from {schema}.problems where rejects and column_name is not null group by 1, 2, 3 order by 4 desc"
    ))
    .load(connection)?;
    let made = |row: Row| {
        let mut values: Vec<String> = [row.least, row.greatest].into_iter().flatten().collect();
        values.dedup();
        let rejects = Rejects { column: row.column_name, code: row.code, count: row.count.unsigned_abs(), values };
        (row.scope, rejects)
    };
    Ok(rows.into_iter().map(made).collect())
}
