//! What is asked when a guard has stopped a run: figures of the frozen change set, set-wise and bounded, and what has
//! changed since the last applied run. [`causes`](crate::pipeline::causes) draws the conclusions.
//!
//! A change set may have millions of rows. A few thousand changes, spread evenly, are looked at one by one; what must be
//! counted over all of them (a value that most have, keys under which the same values come back) is counted in one pass
//! each, for the few properties that the sample makes likely.

mod edits;
mod likely;
mod links;
mod records;

use super::plan::Plan;
use crate::model::connector::ConnectorDefinition;
use crate::model::counters::{Counters, EntityTypeCounters};
use crate::model::entity_type::EntityTypeDefinition;
use crate::model::guard::Breach;
use crate::model::property::PropertyDefinition;
use crate::pipeline::TaskError;
use crate::pipeline::causes::case::{Association, Case, Scope, Table};
use crate::values::expression::{Columns, Expression};
use diesel::pg::PgConnection;
use std::collections::{BTreeMap, BTreeSet};

/// Changes of an entity type that are looked at one by one.
const SAMPLES: u64 = 2000;
/// Values that are counted over all changes of a scope.
const CANDIDATES: usize = 8;

/// All that is known of a change set that stands in `schema`.
pub fn ask<'a>(
    connection: &mut PgConnection,
    plan: &'a Plan,
    schema: &str,
    counters: &Counters,
    breaches: &'a [Breach],
) -> Result<Case<'a>, TaskError> {
    let mut case = header(connection, plan)?;
    case.breaches = breaches;
    case.persons_updated = counters.persons.updated;
    if plan.connector.applied_run_id.is_none() {
        return Ok(case);
    }
    let rejects = records::rejects(connection, schema)?;
    for definition in &plan.definition.entity_types {
        let counts = counters.entity_types.iter().find(|counts| counts.name == definition.name);
        if let (Some(counts), Some(&id)) = (counts, plan.entity_types.get(&definition.name)) {
            let mut scope = scope(connection, schema, definition, counts, id)?;
            scope.rejects = rejects.iter().filter(|one| one.0 == definition.name).map(|one| one.1.clone()).collect();
            case.scopes.push(scope);
        }
    }
    for definition in &plan.definition.associations {
        let counts = counters.associations.iter().find(|counts| counts.name == definition.name);
        let (Some(counts), Some(&id)) = (counts, plan.associations.get(&definition.name)) else { continue };
        let from = plan.definition.entity_type(&definition.from);
        let table = match (&definition.source, from) {
            (Some(source), _) => source.0.clone(),
            (None, Some(from)) => from.source.0.clone(),
            (None, None) => continue,
        };
        let columns = [&definition.column, &definition.to_column, &definition.from_column];
        case.associations.push(Association {
            name: definition.name.clone(),
            table,
            columns: columns.into_iter().flatten().cloned().collect(),
            changes: counts.inserted + counts.updated + counts.deleted,
            touched: counts.inserted + counts.updated + counts.deleted + counts.rejected,
            stored: counts.stored,
            values: links::ends(connection, schema, id, counts.stored)?,
        });
    }
    Ok(case)
}

/// What is known before anything is compared: tables, headers, profiles, edits.
pub fn header<'a>(connection: &mut PgConnection, plan: &'a Plan) -> Result<Case<'a>, TaskError> {
    let used = columns_used(&plan.definition);
    let older = edits::older(connection, plan)?;
    let tables = plan.tables().map(|(before, now)| {
        let used = used.get(&now.source_table).cloned().unwrap_or_default();
        let missing = used.iter().filter(|name| !now.header.contains(name)).cloned().collect();
        Table { now, before, missing, used, older: older.get(&now.source_table).cloned() }
    });
    Ok(Case { tables: tables.collect(), edits: edits::edits(connection, plan)?, ..Case::default() })
}

/// The columns that are read of each table.
fn columns_used(definition: &ConnectorDefinition) -> BTreeMap<String, BTreeSet<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let expression = |source: &Option<String>| match Expression::compile(source.as_deref()?).ok()?.columns() {
        Columns::Named(names) => Some(names.clone()),
        Columns::All => None,
    };
    for one in &definition.entity_types {
        let columns = used.entry(one.source.0.clone()).or_default();
        for property in &one.properties {
            columns.extend(property.column.clone());
            columns.extend(expression(&property.expression).unwrap_or_default());
        }
        columns.extend(expression(&one.scope).unwrap_or_default());
    }
    for one in &definition.associations {
        if let (Some(from), Some(computed)) = (definition.entity_type(&one.from), expression(&one.expression)) {
            used.entry(from.source.0.clone()).or_default().extend(computed);
        }
        match (&one.source, definition.entity_type(&one.from)) {
            (Some(source), _) => {
                used.entry(source.0.clone())
                    .or_default()
                    .extend([&one.from_column, &one.to_column].into_iter().flatten().cloned());
            }
            (None, Some(from)) if one.cardinality.is_single_valued() => {
                used.entry(from.source.0.clone()).or_default().extend(one.column.clone());
            }
            // A column with several values leaves the export as a table of pairs: it is not in the file.
            _ => {}
        }
    }
    used
}

/// The column that a property is, where it is one as it stands.
fn column_of(property: &PropertyDefinition) -> Option<String> {
    let plain = |source: &String| Expression::compile(source).ok()?.plain_column().map(str::to_owned);
    property.column.clone().or_else(|| property.expression.as_ref().and_then(plain))
}

fn scope(
    connection: &mut PgConnection,
    schema: &str,
    definition: &EntityTypeDefinition,
    counts: &EntityTypeCounters,
    id: i32,
) -> Result<Scope, TaskError> {
    let deleted = counts.deleted + counts.deleted_by_command;
    let mut scope = Scope {
        name: definition.name.clone(),
        table: definition.source.0.clone(),
        key_column: definition.key().and_then(column_of),
        fields: definition
            .properties
            .iter()
            .filter_map(|property| Some((property.name.clone(), column_of(property)?)))
            .collect(),
        read: counts.read,
        inserted: counts.inserted,
        updated: counts.updated,
        deleted,
        rejected: counts.rejected,
        stored: counts.stored,
        ..Scope::default()
    };
    let changes = counts.inserted + counts.updated + deleted;
    // A scope that was empty is loaded whole: its inserts do not stand among the changes.
    if changes == 0 || counts.stored == 0 {
        return Ok(scope);
    }
    let every = (changes / SAMPLES).max(1);
    scope.sample = records::sample(connection, schema, id, every)?;
    let key = definition.key().map(|key| key.name.as_str()).unwrap_or_default();
    let candidates = likely::candidates(&scope.sample, key);
    scope.values =
        records::count(connection, schema, id, &candidates, counts.stored, [counts.inserted, counts.updated, deleted])?;
    if counts.inserted >= 3 && deleted >= 3 {
        let properties = likely::distinctive(&scope.sample, key);
        let entries = (counts.inserted + deleted) * properties.len() as u64;
        scope.matches = records::matches(connection, schema, id, &properties, entries)?;
    }
    if deleted > 0 && deleted < counts.stored {
        scope.tail = Some(records::tail(connection, schema, id, deleted as f64 / counts.stored as f64)?);
    }
    scope.returned = Some(records::returned(connection, schema, id, every)?);
    Ok(scope)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
