//! The fenced end of a preparation: what it built becomes what everybody reads.

use crate::model::claim::Claim;
use crate::pipeline::TaskError;
use crate::pipeline::pending::Pending;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use std::collections::BTreeMap;

/// Makes `keyed_changes`: the changes, those of links with the keys at both ends, for the pages. The keys are looked up in
/// what is stored, what is new, and what stands in pending tables; each end first where its association leads to, so that
/// one index is asked for it. What is not found there was linked under an earlier configuration: it is looked for anywhere.
pub fn look_up_keys(
    connection: &mut PgConnection,
    pending: &Pending,
    entity_types: &BTreeMap<String, i32>,
) -> Result<(), TaskError> {
    let schema = &pending.schema;
    let ids: Vec<String> = entity_types.values().map(ToString::to_string).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let tables = pending.tables(connection, "resources")?;
    let added: String = tables
        .iter()
        .map(|table| format!("union all select r.id, r.key from ends join {schema}.{table} r using (id) "))
        .collect();
    let stored: String = ids
        .iter()
        .map(|id| {
            format!(
                "insert into end_keys select r.id, r.key
                   from ends join public.resources r on r.entity_type_id = {id} and r.id = ends.id
                  where ends.entity_type_id = {id} on conflict do nothing;"
            )
        })
        .collect();
    connection.batch_execute(&format!(
        "create unlogged table {schema}.ends as
           select distinct e.entity_type_id, e.id
             from {schema}.changes c
             join associations a on a.id = c.association_id
            cross join lateral (
              select a.from_entity_type_id as entity_type_id, c.from_id as id
              union all
              select one, c.to_id from unnest(a.to_entity_type_ids) one
              union all
              select one, c.before_to_id from unnest(a.to_entity_type_ids) one) e
            where e.id is not null;
         analyze {schema}.ends;
         set search_path = {schema}, public;
         create unlogged table {schema}.end_keys (id bigint primary key, key text not null);
         {stored}
         insert into end_keys
           select c.resource_id, c.key from {schema}.changes c
            where c.operation = 'insert' and c.resource_id in (select id from ends)
           {added}
           on conflict do nothing;
         insert into end_keys
           select r.id, r.key
             from ends join public.resources r on r.id = ends.id and r.entity_type_id in ({ids})
            where not exists (select from end_keys k where k.id = ends.id)
           on conflict do nothing;
         analyze {schema}.end_keys;
         set search_path = public;
         create view {schema}.keyed_changes as
           select c.run_id, c.seq, c.created_on, c.entity_type_id, c.association_id, c.operation, c.resource_id,
                  c.from_id, c.to_id, c.before_to_id, c.person_id, c.new_person, c.line, c.digest, c.links_digest,
                  coalesce(f.key, c.key) as key, coalesce(t.key, c.to_key) as to_key,
                  coalesce(b.key, c.before_to_key) as before_to_key, c.before, c.after
             from {schema}.changes c
             left join {schema}.end_keys f on c.association_id is not null and f.id = c.from_id
             left join {schema}.end_keys t on c.association_id is not null and t.id = c.to_id
             left join {schema}.end_keys b on c.association_id is not null and b.id = c.before_to_id",
        ids = ids.join(", ")
    ))?;
    Ok(())
}

/// Moves changes, with the keys that were gathered, and problems to the tables that everybody reads. A run that is
/// prepared anew replaces what an earlier claim had published.
pub fn publish(connection: &mut PgConnection, pending: &Pending, claim: &Claim) -> Result<(), TaskError> {
    let (schema, run) = (&pending.schema, claim.run);
    connection.batch_execute(&format!(
        "delete from changes where run_id = {run};
         delete from problems where run_id = {run};
         delete from run_holds where run_id = {run};
         insert into changes select * from {schema}.keyed_changes order by seq;
         insert into problems select * from {schema}.problems order by seq;
         insert into run_holds select * from {schema}.run_holds;
         drop view {schema}.keyed_changes;
         drop table {schema}.run_holds, {schema}.changes, {schema}.problems, {schema}.ends, {schema}.end_keys"
    ))?;
    Ok(())
}
