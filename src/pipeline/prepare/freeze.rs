//! The fenced end of a preparation: what it built becomes what everybody reads.

use crate::model::change;
use crate::model::claim::Claim;
use crate::pipeline::TaskError;
use crate::pipeline::pending::Pending;
use crate::pipeline::people::moving;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer};
use std::collections::BTreeMap;

/// Makes `keyed_changes`: the changes, those of links with the keys at both ends, for the pages. Those that the difference
/// did not come across are looked up in what is stored, what is new, and what stands in pending tables; each end first
/// where its association leads to, so that one index is asked for it. What is not found there was linked under an earlier
/// configuration: it is looked for anywhere.
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
        .map(|table| format!("union select r.id, r.key from ends join {schema}.{table} r using (id) "))
        .collect();
    connection.batch_execute(&format!(
        "create unlogged table {schema}.ends as
           with leads_to as (
             select id as association_id, unnest(to_entity_type_ids) as entity_type_id from associations
           )
           select a.from_entity_type_id as entity_type_id, c.from_id as id
             from {schema}.changes c join associations a on a.id = c.association_id where c.key = ''
           union
           select t.entity_type_id, c.to_id from {schema}.changes c join leads_to t using (association_id)
           union
           select t.entity_type_id, c.before_to_id from {schema}.changes c join leads_to t using (association_id)
            where c.before_to_id is not null;
         analyze {schema}.ends;
         create unlogged table {schema}.end_keys (id bigint not null, key text not null)"
    ))?;
    for Ends { entity_type_id, few } in ends(connection, schema)? {
        // The planner would read through all resources, whose pages are many, for what few of them tell.
        let by_index = if few { "set enable_hashjoin = off; set enable_mergejoin = off;" } else { "" };
        connection.batch_execute(&format!(
            "{by_index}
             insert into {schema}.end_keys
               select r.id, r.key
                 from {schema}.ends join resources r on r.entity_type_id = {entity_type_id} and r.id = ends.id
                where ends.entity_type_id = {entity_type_id};
             reset enable_hashjoin; reset enable_mergejoin"
        ))?;
    }
    connection.batch_execute(&format!(
        "set search_path = {schema}, public;
         insert into end_keys
           select added.id, added.key
             from (select c.resource_id as id, c.key from {schema}.changes c
                    where c.operation = 'insert' and c.resource_id in (select id from ends)
                   {added}) added
            where not exists (select from end_keys k where k.id = added.id);
         analyze end_keys;
         insert into end_keys
           select distinct r.id, r.key
             from ends join public.resources r on r.id = ends.id and r.entity_type_id in ({ids})
            where not exists (select from end_keys k where k.id = ends.id);
         set search_path = public;
         create view {schema}.keyed_changes as
           select c.run_id, c.seq, c.created_on, c.entity_type_id, c.association_id, c.operation, c.resource_id,
                  c.from_id, c.to_id, c.before_to_id, c.person_id, c.new_person, c.line, c.digest, c.links_digest,
                  coalesce(nullif(c.key, ''), f.key, '') as key, coalesce(t.key, c.to_key) as to_key,
                  coalesce(b.key, c.before_to_key) as before_to_key, c.before, c.after, c.seal
             from {schema}.changes c
             left join {schema}.end_keys f on c.key = '' and f.id = c.from_id
             left join {schema}.end_keys t on c.association_id is not null and t.id = c.to_id
             left join {schema}.end_keys b on c.association_id is not null and b.id = c.before_to_id",
        ids = ids.join(", ")
    ))?;
    Ok(())
}

/// Resources of an entity type that links with changes lead to or from.
#[derive(QueryableByName)]
struct Ends {
    #[diesel(sql_type = Integer)]
    entity_type_id: i32,
    /// So few of those stored that each is better looked up.
    #[diesel(sql_type = Bool)]
    few: bool,
}

fn ends(connection: &mut PgConnection, schema: &str) -> QueryResult<Vec<Ends>> {
    diesel::sql_query(format!(
        "select e.entity_type_id, count(*) * 4 < coalesce(max(t.reltuples), 0) as few
           from {schema}.ends e left join pg_class t on t.oid = to_regclass('public.resources_' || e.entity_type_id)
          group by 1 order by 1"
    ))
    .load(connection)
}

/// Copies changes, with the keys that were gathered, and problems to the tables that everybody reads. A run that is
/// prepared anew replaces what an earlier claim had published.
pub fn publish(connection: &mut PgConnection, pending: &Pending, claim: &Claim, others: u128) -> Result<(), TaskError> {
    let (schema, run) = (&pending.schema, claim.run);
    moving::publish(connection, schema, run.0)?;
    change::keep_others(connection, run.0, others)?;
    connection.batch_execute(&format!(
        "delete from changes where run_id = {run};
         delete from problems where run_id = {run};
         delete from run_holds where run_id = {run};
         insert into changes select * from {schema}.keyed_changes;
         insert into problems select * from {schema}.problems order by seq"
    ))?;
    Ok(())
}

/// Publishes the holds that were met, and leaves nothing behind of what was published.
pub fn leave(connection: &mut PgConnection, pending: &Pending) -> Result<(), TaskError> {
    let schema = &pending.schema;
    connection.batch_execute(&format!(
        "insert into run_holds select * from {schema}.run_holds;
         drop view {schema}.keyed_changes;
         drop table {schema}.run_holds, {schema}.changes, {schema}.problems, {schema}.ends, {schema}.end_keys"
    ))?;
    Ok(())
}
