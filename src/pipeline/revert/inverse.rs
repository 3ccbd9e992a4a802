//! The inverse of a run's changes, worked out set-wise from its change set, from the scopes that it added whole, and
//! from the versions that it ended: into tables of the claim's own schema.
//!
//! - `original`: what the reverted run changed, one row each;
//! - `inverse`: what takes it back. A row with a `problem` is a conflict: what it would change was changed since;
//! - `conflicts`: properties that were changed since, in rows of which others can be taken back.

use super::Scopes;
use crate::model::run::Run;
use crate::pipeline::TaskError;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

/// Makes the tables.
pub fn work_out(connection: &mut PgConnection, schema: &str, reverted: &Run, scopes: &Scopes) -> Result<(), TaskError> {
    list(connection, schema, reverted, scopes)?;
    connection.batch_execute(&format!(
        "create unlogged table {schema}.inverse (
           n bigint generated always as identity, entity_type_id integer, association_id integer, operation text not null,
           resource_id bigint, from_id bigint, to_id bigint, before_to_id bigint, person_id bigint, leaves bigint,
           joins boolean not null default false, line integer not null default 0, key text, before jsonb, after jsonb,
           problem text, by_run integer);
         create unlogged table {schema}.conflicts (
           entity_type_id integer not null, resource_id bigint not null, key text not null, property text,
           did jsonb, found jsonb, problem text not null, by_run integer)"
    ))?;
    let run = reverted.id.0;
    for scope in &scopes.entity_types {
        connection.batch_execute(&of_resources(schema, run, scope.id))?;
    }
    for scope in &scopes.associations {
        connection.batch_execute(&of_links(schema, run, scope.id, scope.single))?;
    }
    connection.batch_execute(&format!(
        "create index on {schema}.inverse (resource_id); create index on {schema}.inverse (from_id, to_id);
         analyze {schema}.inverse"
    ))?;
    Ok(())
}

/// What the run changed: its change rows, and every row of the scopes that it added whole, the versions that were ended
/// since included.
fn list(connection: &mut PgConnection, schema: &str, reverted: &Run, scopes: &Scopes) -> Result<(), TaskError> {
    let (run, day) = (reverted.id.0, reverted.created_at.date_naive());
    let mut sql = format!(
        "create unlogged table {schema}.original as
           select entity_type_id, association_id, operation, resource_id, from_id, to_id, before_to_id, person_id, key,
                  before, after
             from changes c where run_id = {run} and created_on = '{day}'
              and not exists (select from erasures e where e.run_id = c.run_id and e.seq = c.seq);"
    );
    for scope in scopes.entity_types.iter().filter(|scope| scope.whole) {
        let id = scope.id;
        sql += &format!(
            "insert into {schema}.original (entity_type_id, operation, resource_id, key)
             select {id}, 'insert', id, key from resources where entity_type_id = {id} and run_id = {run}
             union all
             select {id}, 'insert', id, key from resources_history where entity_type_id = {id} and run_id = {run};"
        );
    }
    for scope in scopes.associations.iter().filter(|scope| scope.whole) {
        let id = scope.id;
        sql += &format!(
            "insert into {schema}.original (association_id, operation, from_id, to_id)
             select {id}, 'insert', from_id, to_id from links where association_id = {id} and run_id = {run}
             union all
             select {id}, 'insert', from_id, to_id from links_history where association_id = {id} and run_id = {run};"
        );
    }
    connection.batch_execute(&format!("{sql} analyze {schema}.original"))?;
    Ok(())
}

/// Records: what was inserted goes, what was deleted comes back as the same record, of what was updated exactly those
/// properties go back that are as the run left them.
fn of_resources(schema: &str, run: i32, id: i32) -> String {
    // The version that the run ended: its person and its line.
    let ended = format!(
        "left join resources_history h
                on h.ended_by_run_id = {run} and h.entity_type_id = {id} and h.id = o.resource_id"
    );
    let value = |of: &str| format!("nullif({of} -> name, 'null')");
    let (did, was, found) = (value("o.after"), value("o.before"), value("r.attributes"));
    format!(
        "insert into {schema}.inverse
           (entity_type_id, operation, resource_id, person_id, line, key, before, problem, by_run)
         select {id}, 'delete', r.id, r.person_id, r.line, r.key, r.attributes,
                case when r.run_id <> {run} then 'changed' end, nullif(r.run_id, {run})
           from {schema}.original o join resources r on r.entity_type_id = {id} and r.id = o.resource_id
          where o.entity_type_id = {id} and o.operation = 'insert';

         insert into {schema}.inverse
           (entity_type_id, operation, resource_id, person_id, line, key, after, problem, by_run)
         select {id}, 'insert', o.resource_id, coalesce(h.person_id, o.person_id), coalesce(h.line, 0), o.key, o.before,
                case when came.id is not null then 'key_back' end, came.run_id
           from {schema}.original o
           {ended}
           left join resources came on came.entity_type_id = {id} and came.key = o.key
          where o.entity_type_id = {id} and o.operation = 'delete'
            and not exists (select from resources r where r.entity_type_id = {id} and r.id = o.resource_id);

         insert into {schema}.inverse
           (entity_type_id, operation, resource_id, person_id, leaves, joins, line, key, before, after)
         select {id}, 'update', r.id,
                case when who.joins then h.person_id when not who.leaves then r.person_id end,
                case when who.leaves then r.person_id end, who.joins,
                case when r.run_id = {run} then coalesce(h.line, r.line) else r.line end, r.key, what.before, what.after
           from {schema}.original o
           join resources r on r.entity_type_id = {id} and r.id = o.resource_id
           {ended}
          cross join lateral (
            select coalesce(h.id is not null and h.person_id is null and r.person_id = o.person_id, false) as leaves,
                   h.person_id is not null and o.person_id is null and r.person_id is null as joins
          ) who
          cross join lateral (
            select coalesce(jsonb_object_agg(name, coalesce(r.attributes -> name, 'null')), '{{}}') as before,
                   coalesce(jsonb_object_agg(name, coalesce(o.before -> name, 'null')), '{{}}') as after
              from jsonb_object_keys(o.after) name
             where {found} is not distinct from {did}
          ) what
          where o.entity_type_id = {id} and o.operation = 'update'
            and (what.after <> '{{}}' or who.leaves or who.joins);

         insert into {schema}.conflicts
         select {id}, r.id, r.key, name, {did}, {found}, 'changed', since.run_id
           from {schema}.original o
           join resources r on r.entity_type_id = {id} and r.id = o.resource_id
          cross join jsonb_object_keys(o.after) name
           left join lateral (
             select run_id from (
               select h.run_id, h.attributes, h.valid_from from resources_history h where h.id = r.id
               union all
               select r.run_id, r.attributes, w.applied_at from runs w where w.id = r.run_id
             ) version
              where version.valid_from > (select applied_at from runs where id = {run})
                and nullif(version.attributes -> name, 'null') is distinct from {did}
              order by valid_from limit 1
           ) since on true
          where o.entity_type_id = {id} and o.operation = 'update'
            and {found} is distinct from {did} and {found} is distinct from {was};

         insert into {schema}.conflicts
         select {id}, o.resource_id, o.key, null, null, null, 'gone',
                (select h.ended_by_run_id from resources_history h where h.id = o.resource_id
                  order by h.valid_to desc limit 1)
           from {schema}.original o
          where o.entity_type_id = {id} and o.operation = 'update'
            and not exists (select from resources r where r.entity_type_id = {id} and r.id = o.resource_id)"
    )
}

/// Links, likewise. A single-valued one that leads elsewhere by now was changed since.
fn of_links(schema: &str, run: i32, id: i32, single: bool) -> String {
    let there = |to: &str| {
        format!(
            "exists (select from links l
                      where l.association_id = {id} and l.from_id = o.from_id and l.to_id = {to})"
        )
    };
    let elsewhere = format!(
        "left join lateral (
           select l.run_id from links l where {single} and l.association_id = {id} and l.from_id = o.from_id limit 1
         ) elsewhere on true"
    );
    let (to, before) = (there("o.to_id"), there("o.before_to_id"));
    format!(
        "insert into {schema}.inverse (association_id, operation, from_id, to_id, before_to_id, problem, by_run)
         select {id}, case o.operation when 'insert' then 'delete' else 'update' end, l.from_id,
                case o.operation when 'insert' then l.to_id else o.before_to_id end,
                case o.operation when 'update' then l.to_id end,
                case when l.run_id <> {run} then 'made_again' end, nullif(l.run_id, {run})
           from {schema}.original o
           join links l on l.association_id = {id} and l.from_id = o.from_id and l.to_id = o.to_id
          where o.association_id = {id} and o.operation in ('insert', 'update');

         insert into {schema}.inverse (association_id, operation, from_id, to_id, problem, by_run)
         select {id}, 'delete', o.from_id, o.to_id, 'moved', elsewhere.run_id
           from {schema}.original o {elsewhere}
          where o.association_id = {id} and o.operation = 'insert' and elsewhere.run_id is not null and not {to};

         insert into {schema}.inverse (association_id, operation, from_id, to_id, problem, by_run)
         select {id}, 'insert', o.from_id, o.to_id,
                case when elsewhere.run_id is not null then 'moved' end, elsewhere.run_id
           from {schema}.original o {elsewhere}
          where o.association_id = {id} and o.operation = 'delete' and not {to};

         insert into {schema}.inverse (association_id, operation, from_id, to_id, before_to_id, problem, by_run)
         select {id}, 'update', o.from_id, o.before_to_id, o.to_id,
                case when elsewhere.run_id is null then 'gone' else 'moved' end, elsewhere.run_id
           from {schema}.original o {elsewhere}
          where o.association_id = {id} and o.operation = 'update' and not {to} and not {before}"
    )
}
