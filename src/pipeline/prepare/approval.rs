//! An approval given before the run was prepared without what is left out: it holds only if each change that came out
//! was among those that were looked at, and nobody fares worse than was forecast.

use super::plan::Plan;
use crate::model::approval::Approval;
use crate::model::counters::PersonCounters;
use crate::model::guard::{Breach, GuardName};
use crate::pipeline::TaskError;
use crate::pipeline::pending::{self, Pending};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

/// How many changes were not among those that were looked at. These stand in `changes` until this set is published, and in
/// the schema that the approval names.
pub fn unseen(
    connection: &mut PgConnection,
    plan: &Plan,
    pending: &Pending,
    approval: &Approval,
) -> Result<u64, TaskError> {
    if approval.look.is_some() {
        return Ok(0);
    }
    Ok(new_changes(connection, plan, pending)?
        + new_records(connection, pending, approval)?
        + new_links(connection, plan, pending, approval)?)
}

/// What stands against applying the change set without asking again, if anything does.
pub fn not_covered(plan: &Plan, approval: &Approval, unseen: u64, persons: &PersonCounters) -> Option<Breach> {
    let breach = |actual: Option<u64>, message: String| Breach {
        guard: GuardName::Approval,
        setting: None,
        scope: plan.definition.name.clone(),
        limit: None,
        actual: actual.map(|count| count as f64),
        base: 0,
        message,
    };
    if let Some(why) = &approval.look {
        return Some(breach(None, format!("Look again: {why}")));
    }
    if unseen > 0 {
        let message = format!("{unseen} of these changes were not among those that {} approved", approval.approved_by);
        return Some(breach(Some(unseen), message));
    }
    let worse = [
        ("created", persons.created, approval.persons.created),
        ("changed", persons.updated, approval.persons.updated),
        ("blocked", persons.blocked, approval.persons.blocked),
        ("unblocked", persons.unblocked, approval.persons.unblocked),
        ("removed", persons.deleted, approval.persons.deleted),
    ];
    let worse = worse.into_iter().find(|(_, now, seen)| now > seen);
    worse.map(|(what, now, seen)| {
        breach(Some(now), format!("{now} users would be {what}, {seen} when {} approved it", approval.approved_by))
    })
}

/// Changes listed one by one that were not listed when they were looked at. One anti-join by hash over operation and key.
fn new_changes(connection: &mut PgConnection, plan: &Plan, pending: &Pending) -> QueryResult<u64> {
    count(
        connection,
        &format!(
            "select count(*) as count from {schema}.keyed_changes n where not exists (
               select from public.changes o
                where o.run_id = {run} and o.operation = n.operation and o.key = n.key
                  and coalesce(o.to_key, '') = coalesce(n.to_key, '')
                  and coalesce(o.entity_type_id, 0) = coalesce(n.entity_type_id, 0)
                  and coalesce(o.association_id, 0) = coalesce(n.association_id, 0)
                  and o.before_to_key is not distinct from n.before_to_key
                  and o.before is not distinct from n.before and o.after is not distinct from n.after
                  and o.new_person = n.new_person and (n.new_person or o.person_id is not distinct from n.person_id))",
            schema = pending.schema,
            run = plan.run.id
        ),
    )
}

/// Records of scopes that are loaded whole, held against the tables that were looked at, by key.
fn new_records(connection: &mut PgConnection, pending: &Pending, approval: &Approval) -> QueryResult<u64> {
    let mut new = 0;
    for table in pending.tables(connection, "resources")? {
        let seen = seen_table(connection, approval, "resources", &table)?;
        let known = seen.map_or_else(String::new, |seen| {
            format!("where not exists (select from {seen} o where o.key = n.key and o.attributes = n.attributes)")
        });
        new += count(connection, &format!("select count(*) as count from {}.{table} n {known}", pending.schema))?;
    }
    Ok(new)
}

/// Links of scopes that are loaded whole, by the keys of their ends: records that are new have other ids each time.
fn new_links(
    connection: &mut PgConnection,
    plan: &Plan,
    pending: &Pending,
    approval: &Approval,
) -> Result<u64, TaskError> {
    let tables = pending.tables(connection, "links")?;
    if tables.is_empty() {
        return Ok(0);
    }
    keys(connection, plan, &pending.schema, &format!("{}.changes", pending.schema), "keys_now")?;
    if let Some(schema) = &approval.pending_schema {
        let listed = format!("(select * from public.changes where run_id = {})", plan.run.id);
        keys(connection, plan, schema, &listed, "keys_seen")?;
    }
    let mut new = 0;
    for table in tables {
        let seen = seen_table(connection, approval, "links", &table)?;
        let known = seen.map_or_else(String::new, |seen| {
            format!(
                "where not exists (select from {seen} o join keys_seen sf on sf.id = o.from_id
                                                        join keys_seen st on st.id = o.to_id
                                    where sf.entity_type_id = nf.entity_type_id and sf.key = nf.key
                                      and st.entity_type_id = nt.entity_type_id and st.key = nt.key)"
            )
        });
        new += count(
            connection,
            &format!(
                "select count(*) as count from {}.{table} n
                   join keys_now nf on nf.id = n.from_id join keys_now nt on nt.id = n.to_id {known}",
                pending.schema
            ),
        )?;
    }
    connection.batch_execute("drop table if exists keys_now; drop table if exists keys_seen")?;
    Ok(new)
}

/// The keys of all records of the connector as one preparation saw them, in a temporary table.
fn keys(connection: &mut PgConnection, plan: &Plan, schema: &str, changes: &str, name: &str) -> QueryResult<()> {
    let ids: Vec<String> = plan.entity_types.values().map(ToString::to_string).collect();
    let added: String = pending::tables(connection, schema, "resources")?
        .iter()
        .map(|table| format!(" union all select id, entity_type_id, key from {schema}.{table}"))
        .collect();
    connection.batch_execute(&format!(
        "create temp table {name} as
           select id, entity_type_id, key from public.resources where entity_type_id in ({})
           union all
           select resource_id, entity_type_id, key from {changes} c
            where operation = 'insert' and entity_type_id is not null
           {added};
         create index on {name} (id); analyze {name}",
        ids.join(", ")
    ))
}

/// The table of the same name among those that were looked at.
fn seen_table(
    connection: &mut PgConnection,
    approval: &Approval,
    kind: &str,
    table: &str,
) -> QueryResult<Option<String>> {
    let Some(schema) = &approval.pending_schema else { return Ok(None) };
    let there = pending::tables(connection, schema, kind)?.iter().any(|known| known == table);
    Ok(there.then(|| format!("{schema}.{table}")))
}

fn count(connection: &mut PgConnection, question: &str) -> QueryResult<u64> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let count: Count = diesel::sql_query(question).get_result(connection)?;
    Ok(count.count.unsigned_abs())
}
