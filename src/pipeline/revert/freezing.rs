//! Freezes the inverse: streams it into the change set, its conflicts into the problems, in constant memory.

use super::Scopes;
use crate::model::guard::Operation;
use crate::model::problem::{Problem, ProblemCode};
use crate::model::run::Run;
use crate::pipeline::TaskError;
use crate::pipeline::difference::change_set::{ChangeSet, Frozen, LinkChange, ResourceChange};
use crate::pipeline::difference::records::identity;
use crate::pipeline::pending::Pending;
use crate::pipeline::progress::Progress;
use diesel::connection::SimpleConnection;
use diesel::pg::{PgConnection, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Text};
use serde_json::Value;
use std::collections::HashSet;

/// How often it looks whether it should stop, in rows.
const LOOK_EVERY: u64 = 4096;

/// Writes changes, conflicts, and what is particular of a revert: `uncorrelated`, the records that lose their person
/// again; and marks that clear the digests of the owners of links, so that the next run looks at them.
pub(super) fn freeze(
    connection: &mut PgConnection,
    pending: &Pending,
    run: &Run,
    reverted: &Run,
    scopes: &Scopes,
    progress: &Progress,
) -> Result<Frozen, TaskError> {
    let schema = &pending.schema;
    connection.batch_execute(&format!(
        "create table {schema}.uncorrelated as
           select resource_id, entity_type_id, leaves as person_id from {schema}.inverse
            where problem is null and leaves is not null;
         insert into {schema}.marks
         select distinct i.from_id, a.from_entity_type_id, null::uuid, null::uuid
           from {schema}.inverse i join associations a on a.id = i.association_id
          where i.problem is null"
    ))?;
    let mut changes = ChangeSet::new(run.id.0, run.created_at.date_naive(), pending, HashSet::new());
    stream_changes(connection, schema, &mut changes, progress)?;
    stream_conflicts(connection, schema, &mut changes, reverted, scopes)?;
    changes.finish()
}

fn stream_changes(
    connection: &mut PgConnection,
    schema: &str,
    changes: &mut ChangeSet<'_>,
    progress: &Progress,
) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Nullable<Integer>)]
        entity_type_id: Option<i32>,
        #[diesel(sql_type = Nullable<Integer>)]
        association_id: Option<i32>,
        #[diesel(sql_type = Text)]
        operation: String,
        #[diesel(sql_type = Nullable<BigInt>)]
        resource_id: Option<i64>,
        #[diesel(sql_type = Nullable<BigInt>)]
        from_id: Option<i64>,
        #[diesel(sql_type = Nullable<BigInt>)]
        to_id: Option<i64>,
        #[diesel(sql_type = Nullable<BigInt>)]
        before_to_id: Option<i64>,
        #[diesel(sql_type = Nullable<BigInt>)]
        person_id: Option<i64>,
        #[diesel(sql_type = Bool)]
        leaves: bool,
        #[diesel(sql_type = Integer)]
        line: i32,
        #[diesel(sql_type = Nullable<Text>)]
        key: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        before: Option<String>,
        #[diesel(sql_type = Nullable<Text>)]
        after: Option<String>,
    }
    let rows = diesel::sql_query(format!(
        "select entity_type_id, association_id, operation, resource_id, from_id, to_id, before_to_id, person_id,
                leaves is not null as leaves, line, key, before::text, after::text
           from {schema}.inverse where problem is null order by n"
    ));
    let mut seen = 0_u64;
    progress.begin("Freezing the inverse", 0);
    for row in rows.load_iter::<Row, PgRowByRowLoadingMode>(connection)? {
        let row = row?;
        seen += 1;
        if seen.is_multiple_of(LOOK_EVERY) {
            progress.at(seen)?;
        }
        let operation = Operation::ALL.into_iter().find(|one| one.as_str() == row.operation);
        if let (Some(entity_type), Some(id)) = (row.entity_type_id, row.resource_id) {
            changes.resource(&ResourceChange {
                entity_type,
                operation,
                id,
                key: row.key.as_deref().unwrap_or_default(),
                line: row.line,
                person: row.person_id,
                before: row.before.as_deref().map(str::as_bytes),
                after: row.after.as_deref().map(str::as_bytes),
                ..ResourceChange::default()
            })?;
            if row.leaves {
                changes.note(&[b"uncorrelated", &id.to_be_bytes()]);
            }
        } else if let (Some(association), Some(from), Some(to)) = (row.association_id, row.from_id, row.to_id) {
            changes.link(&LinkChange { association, operation, from, to, before_to: row.before_to_id }, "")?;
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Conflict {
    #[diesel(sql_type = Nullable<Integer>)]
    entity_type_id: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    association_id: Option<i32>,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Nullable<Text>)]
    to_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    property: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    did: Option<Value>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    found: Option<Value>,
    #[diesel(sql_type = Text)]
    problem: String,
    #[diesel(sql_type = Nullable<Integer>)]
    by_run: Option<i32>,
}

fn stream_conflicts(
    connection: &mut PgConnection,
    schema: &str,
    changes: &mut ChangeSet<'_>,
    reverted: &Run,
    scopes: &Scopes,
) -> Result<(), TaskError> {
    let key_of = |id: &str| {
        format!(
            "coalesce((select key from resources r where r.id = {id} and r.entity_type_id in ({ids})),
                      (select key from resources_history h where h.id = {id} limit 1))",
            ids = scopes.entity_type_ids()
        )
    };
    let conflicts = diesel::sql_query(format!(
        "select * from (
           select entity_type_id, null::integer as association_id, key, null as to_key, property, did, found, problem,
                  by_run
             from {schema}.conflicts
           union all
           select entity_type_id, association_id, coalesce(i.key, {from}, ''), {to}, null, null, null, problem, by_run
             from {schema}.inverse i where problem not in ('nothing', 'excluded')
         ) conflict order by entity_type_id, association_id, key, property",
        from = key_of("i.from_id"),
        to = key_of("coalesce(i.before_to_id, i.to_id)"),
    ));
    for conflict in conflicts.load_iter::<Conflict, PgRowByRowLoadingMode>(connection)? {
        let conflict = conflict?;
        let scope = match (conflict.entity_type_id, conflict.association_id) {
            (Some(id), _) => scopes.entity_types.iter().find(|scope| scope.id == id).map(|scope| &scope.name),
            (_, Some(id)) => scopes.associations.iter().find(|scope| scope.id == id).map(|scope| &scope.name),
            _ => None,
        };
        let scope = scope.cloned().unwrap_or_default();
        let found = conflict.found.as_ref().map(in_words);
        let problem = Problem {
            file: format!("run {}", reverted.id),
            line: None,
            column: conflict.property.clone(),
            value: found.or_else(|| conflict.to_key.clone()).map(|text| text.chars().take(200).collect()),
            code: ProblemCode::Conflict,
            message: message(&conflict, reverted),
            key: Some(conflict.key.clone()),
            scope: scope.clone(),
        };
        let whose = [conflict.key.as_str(), conflict.property.as_deref().unwrap_or_default()].join("\0");
        changes.problem(&problem, identity(&scope, whose.as_bytes()))?;
    }
    Ok(())
}

fn message(conflict: &Conflict, reverted: &Run) -> String {
    let run = reverted.id;
    let by = match conflict.by_run {
        Some(by) if by == run.0 => format!("run {by} itself"),
        Some(by) => format!("run {by}"),
        None => "a person".to_owned(),
    };
    let to = conflict.to_key.as_deref().unwrap_or_default();
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "empty".to_owned(), in_words);
    let why = match (conflict.problem.as_str(), &conflict.property) {
        ("changed", Some(property)) => {
            format!("run {run} had made {property} {}, {by} made it {}", value(&conflict.did), value(&conflict.found))
        }
        ("value_taken", Some(property)) => {
            format!("what {property} was before is held by another record since {by}, and it is unique")
        }
        ("value_taken", None) => format!("a unique value that it had is held by another record since {by}"),
        ("changed", None) => format!("{by} has changed the record that run {run} had inserted"),
        ("gone", None) if conflict.association_id.is_none() => {
            format!("the record that run {run} had updated was deleted by {by}")
        }
        ("key_back", _) => format!("{by} has inserted a record with this key since"),
        ("linked", _) => format!("something is linked with it since {by}"),
        ("local_members", _) => "members were added to the group by hand since".to_owned(),
        ("person_gone", _) => "its person was removed since".to_owned(),
        ("person_taken", _) => format!("its person has another such record since {by}"),
        ("made_again", _) => format!("{by} has made the link with {to} again"),
        ("moved", _) => format!("{by} has made the link lead elsewhere"),
        ("end_gone", _) => "one of its ends is not there any more".to_owned(),
        _ => format!("the link with {to} is not there any more"),
    };
    format!("{why}; it is left as it is")
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "empty".to_owned(),
        other => other.to_string(),
    }
}
