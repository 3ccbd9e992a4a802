//! Conflicts that follow from others: a value that somebody else holds by now, a link whose end does not come back, a
//! record that something else hangs on. Each round looks at what is still to be done, until a round finds nothing; every
//! round only ever takes away, so it ends.

use super::Scopes;
use crate::pipeline::TaskError;
use diesel::pg::PgConnection;
use diesel::prelude::*;

/// Marks them in `inverse`, and lists single properties in `conflicts`.
pub fn find(connection: &mut PgConnection, schema: &str, run: i32, scopes: &Scopes) -> Result<(), TaskError> {
    for statement in [gone_persons(schema, run), local_members(schema, run)] {
        diesel::sql_query(statement).execute(connection)?;
    }
    let rules = rules(schema, run, scopes);
    loop {
        let mut found = 0;
        for rule in &rules {
            found += diesel::sql_query(rule).execute(connection)?;
        }
        if found == 0 {
            return Ok(());
        }
    }
}

/// Leaves out what a person has excluded from this run.
pub fn exclude(connection: &mut PgConnection, schema: &str, run: i32, scopes: &Scopes) -> Result<(), TaskError> {
    let entity_types = scopes.entity_type_ids();
    let key_of = |end: &str| {
        format!(
            "coalesce((select r.key from resources r where r.id = i.{end} and r.entity_type_id in ({entity_types})),
                      (select n.key from {schema}.inverse n where n.resource_id = i.{end} limit 1))"
        )
    };
    diesel::sql_query(format!(
        "update {schema}.inverse i set problem = 'excluded'
           from exclusions x
          where x.run_id = {run} and x.operation = i.operation and i.problem is null
            and (x.entity_type_id = i.entity_type_id and x.key = i.key
                 or x.association_id = i.association_id and x.key = {from} and x.to_key = {to})",
        from = key_of("from_id"),
        to = key_of("to_id"),
    ))
    .execute(connection)?;
    Ok(())
}

fn rules(schema: &str, run: i32, scopes: &Scopes) -> Vec<String> {
    let mut rules = Vec::new();
    for scope in &scopes.entity_types {
        for property in &scope.unique {
            rules.push(taken_by_insert(schema, scope.id, property));
            rules.push(taken_by_update(schema, scope.id, property));
        }
        if scope.creates_persons {
            rules.push(taken_person(schema, run, scope.id));
        }
    }
    rules.push(emptied(schema));
    rules.push(missing_ends(schema, &scopes.entity_type_ids()));
    let associations = scopes.association_ids();
    rules.extend(["from_id", "to_id"].map(|end| linked(schema, &associations, end)));
    rules
}

/// A person that a later run, or somebody, has removed: whom the reverted run itself removed comes back.
fn gone_persons(schema: &str, run: i32) -> String {
    format!(
        "update {schema}.inverse i set problem = 'person_gone'
          where i.problem is null and i.person_id is not null and (i.operation = 'insert' or i.joins)
            and not exists (select from persons p where p.id = i.person_id)
            and not exists (
              select from persons_history h
               where h.id = i.person_id and h.operation = 'delete' and h.ended_by_run_id = {run})"
    )
}

/// A group to which somebody added members by hand since.
fn local_members(schema: &str, run: i32) -> String {
    format!(
        "update {schema}.inverse i set problem = 'local_members'
           from groups g
          where i.problem is null and i.operation = 'delete' and g.resource_id = i.resource_id
            and exists (
              select from local_memberships m
               where m.group_id = g.id and m.added_at > (select applied_at from runs where id = {run}))"
    )
}

/// That another record keeps this value of a unique property after the revert.
fn keeps(schema: &str, id: i32, property: &str) -> String {
    let property = property.replace('\'', "''");
    format!(
        "r.entity_type_id = {id} and r.id <> i.resource_id
            and md5(r.attributes ->> '{property}') = md5(i.after ->> '{property}')
            and r.attributes ->> '{property}' = i.after ->> '{property}'
            and not exists (
              select from {schema}.inverse x
               where x.resource_id = r.id and x.problem is null
                 and (x.operation = 'delete'
                      or x.after ? '{property}' and x.after ->> '{property}' is distinct from i.after ->> '{property}'))"
    )
}

fn taken_by_insert(schema: &str, id: i32, property: &str) -> String {
    format!(
        "update {schema}.inverse i set problem = 'value_taken', by_run = r.run_id
           from resources r
          where i.problem is null and i.entity_type_id = {id} and i.operation = 'insert' and {}",
        keeps(schema, id, property)
    )
}

/// Of an updated record only this property stays; the others go back.
fn taken_by_update(schema: &str, id: i32, property: &str) -> String {
    let name = property.replace('\'', "''");
    format!(
        "with taken as (
           select distinct on (i.n) i.n, i.resource_id, i.key, i.before -> '{name}' as found, r.run_id
             from {schema}.inverse i join resources r on {}
            where i.problem is null and i.entity_type_id = {id} and i.operation = 'update' and i.after ? '{name}'
         ), listed as (
           insert into {schema}.conflicts
           select {id}, resource_id, key, '{name}', found, found, 'value_taken', run_id from taken
         )
         update {schema}.inverse i set before = i.before - '{name}', after = i.after - '{name}'
           from taken where taken.n = i.n",
        keeps(schema, id, property)
    )
}

/// A person that another record of the same entity type was correlated with since.
fn taken_person(schema: &str, run: i32, id: i32) -> String {
    format!(
        "update {schema}.inverse i set problem = 'person_taken', by_run = r.run_id
           from resources r join runs w on w.id = r.run_id
          where i.problem is null and i.entity_type_id = {id} and (i.operation = 'insert' or i.joins)
            and r.entity_type_id = {id} and r.person_id = i.person_id and r.id <> i.resource_id
            and w.applied_at >= (select applied_at from runs where id = {run})
            and not exists (
              select from {schema}.inverse x
               where x.resource_id = r.id and x.problem is null and (x.operation = 'delete' or x.leaves is not null))"
    )
}

/// An update of which nothing is left; its conflicts are listed already.
fn emptied(schema: &str) -> String {
    format!(
        "update {schema}.inverse set problem = 'nothing'
          where problem is null and operation = 'update' and entity_type_id is not null and after = '{{}}'
            and leaves is null and not joins"
    )
}

/// Links with an end that will not be there.
fn missing_ends(schema: &str, entity_types: &str) -> String {
    format!(
        "update {schema}.inverse i set problem = 'end_gone'
          where i.problem is null and i.association_id is not null and i.operation in ('insert', 'update')
            and exists (
              select from unnest(array[i.from_id, i.to_id]) as e (id)
               where not exists (
                       select from resources r where r.id = e.id and r.entity_type_id in ({entity_types})
                          and not exists (
                            select from {schema}.inverse x
                             where x.resource_id = r.id and x.operation = 'delete' and x.problem is null))
                 and not exists (
                       select from {schema}.inverse x
                        where x.resource_id = e.id and x.operation = 'insert' and x.problem is null))"
    )
}

/// Records that would go, but something else was linked with them since.
fn linked(schema: &str, associations: &str, end: &str) -> String {
    format!(
        "update {schema}.inverse i set problem = 'linked', by_run = l.run_id
           from links l
          where i.problem is null and i.operation = 'delete' and i.entity_type_id is not null
            and l.association_id in ({associations}) and l.{end} = i.resource_id
            and not exists (
              select from {schema}.inverse x
               where x.association_id = l.association_id and x.problem is null and x.from_id = l.from_id
                 and l.to_id = case x.operation when 'delete' then x.to_id when 'update' then x.before_to_id end)"
    )
}
