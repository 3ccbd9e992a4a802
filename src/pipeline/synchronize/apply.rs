//! The statements that apply a change set: set-wise, history first, one entity type or association at a time so that
//! only its partition is touched.

use crate::model::guard::Operation;
use crate::model::run::Run;
use crate::pipeline::TaskError;
use crate::pipeline::pending;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date, Integer};
use std::collections::BTreeSet;

/// The scopes whose pending tables became partitions.
#[derive(Debug, Default)]
pub struct Attached {
    /// Entity types.
    pub entity_types: BTreeSet<i32>,
    /// Associations.
    pub associations: BTreeSet<i32>,
}

/// Puts the changes of the run into `changes_now`, with statistics: the month's table holds those of all runs, and the
/// planner must know how few these are.
pub fn gather(connection: &mut PgConnection, run: &Run) -> Result<(), TaskError> {
    connection.batch_execute("create temp table changes_now (like changes) on commit drop")?;
    diesel::sql_query("insert into changes_now select * from changes where run_id = $1 and created_on = $2")
        .bind::<Integer, _>(run.id.0)
        .bind::<Date, _>(run.created_at.date_naive())
        .execute(connection)?;
    // Statistics of what statements join and select by; those of values and texts would take longer than they are worth.
    connection.batch_execute(
        "create index on changes_now (resource_id) where resource_id is not null;
         analyze changes_now (entity_type_id, association_id, operation, resource_id, from_id, to_id, before_to_id,
                              person_id, new_person)",
    )?;
    Ok(())
}

/// Makes the pending tables partitions. They carry their scope as a CHECK, so PostgreSQL need not read them.
pub fn attach(connection: &mut PgConnection, schema: &str, run: i32) -> Result<Attached, TaskError> {
    let mut attached = Attached::default();
    for kind in ["resources", "links"] {
        for table in pending::tables(connection, schema, kind)? {
            let Some(id) = table.rsplit('_').next().and_then(|id| id.parse::<i32>().ok()) else {
                return Err(TaskError::failed(
                    format!("run {run}"),
                    format!("{schema}.{table} is not a pending table"),
                ));
            };
            connection.batch_execute(&format!(
                "alter table {schema}.{table} set schema public;
                 alter table {kind} attach partition public.{table} for values in ({id})"
            ))?;
            match kind {
                "resources" => attached.entity_types.insert(id),
                _ => attached.associations.insert(id),
            };
        }
    }
    Ok(attached)
}

/// Writes updates, inserts and deletes of resources; returns the entity types that were touched.
pub fn resources(connection: &mut PgConnection, run: i32) -> Result<BTreeSet<i32>, TaskError> {
    let touched = scopes(connection, "entity_type_id")?;
    for &id in &touched {
        connection.batch_execute(&format!(
            "insert into resources_history (id, person_id, entity_type_id, run_id, line, ended_by_run_id, valid_from,
                                            valid_to, key, attributes)
             select r.id, r.person_id, r.entity_type_id, r.run_id, r.line, {run}, w.applied_at, now(), r.key, r.attributes
               from changes_now c join resources r on r.id = c.resource_id and r.entity_type_id = {id}
               join runs w on w.id = r.run_id
              where c.entity_type_id = {id} and c.operation in ('update', 'delete');

             update resources r
                set attributes = jsonb_strip_nulls(r.attributes || c.after), digest = c.digest,
                    links_digest = c.links_digest, person_id = coalesce(c.person_id, r.person_id), line = c.line,
                    run_id = {run}
               from changes_now c
              where c.entity_type_id = {id} and c.operation = 'update' and r.entity_type_id = {id}
                and r.id = c.resource_id;

             delete from resources r using changes_now c
              where c.entity_type_id = {id} and c.operation = 'delete' and r.entity_type_id = {id}
                and r.id = c.resource_id;

             delete from newer_digests n using changes_now c
              where c.entity_type_id = {id} and c.operation in ('update', 'delete') and n.entity_type_id = {id}
                and n.resource_id = c.resource_id;

             insert into resources (id, person_id, digest, links_digest, entity_type_id, run_id, line, key, attributes)
             select resource_id, person_id, digest, links_digest, entity_type_id, {run}, line, key, after
               from changes_now where entity_type_id = {id} and operation = 'insert' order by seq"
        ))?;
    }
    Ok(touched)
}

/// Takes correlations away again, for a revert. After the resources were written.
pub fn uncorrelate(connection: &mut PgConnection, schema: &str) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "update resources r set person_id = null from {schema}.uncorrelated u
          where r.entity_type_id = u.entity_type_id and r.id = u.resource_id"
    ))
}

/// Writes deletes, changed targets and inserts of links; returns the associations that were touched.
pub fn links(connection: &mut PgConnection, run: i32) -> Result<BTreeSet<i32>, TaskError> {
    let touched = scopes(connection, "association_id")?;
    for &id in &touched {
        // Changes stand in the order of their owners, so that the index which begins with owners is the one to ask: the
        // other one, by targets, would be asked all over the place. What is between is not looked for there.
        connection.batch_execute(&format!(
            "with gone as (
               delete from links l using changes_now c
                where c.association_id = {id} and c.operation in ('update', 'delete') and l.association_id = {id}
                  and l.from_id = c.from_id
                  and l.to_id between coalesce(c.before_to_id, c.to_id) and coalesce(c.before_to_id, c.to_id)
               returning l.from_id, l.to_id, l.run_id
             )
             insert into links_history (from_id, to_id, association_id, run_id, ended_by_run_id, valid_from, valid_to)
             select gone.from_id, gone.to_id, {id}, gone.run_id, {run}, w.applied_at, now()
               from gone join runs w on w.id = gone.run_id;

             insert into links (from_id, to_id, association_id, run_id)
             select from_id, to_id, association_id, {run}
               from changes_now where association_id = {id} and operation in ('insert', 'update') order by seq"
        ))?;
    }
    Ok(touched)
}

/// Writes the digests of records whose values stay: beside the records, whose table is wide, until there are many.
pub fn marks(connection: &mut PgConnection, schema: &str) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct Scope {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let scopes: Vec<Scope> =
        diesel::sql_query(format!("select distinct entity_type_id as id from {schema}.marks")).load(connection)?;
    for Scope { id } in scopes {
        connection.batch_execute(&format!(
            "insert into newer_digests (entity_type_id, resource_id, digest, links_digest)
             select entity_type_id, id, digest, links_digest from {schema}.marks where entity_type_id = {id} order by id
                 on conflict (entity_type_id, resource_id)
                 do update set digest = excluded.digest, links_digest = excluded.links_digest"
        ))?;
        fold(connection, id)?;
    }
    Ok(())
}

/// Once a quarter of an entity type's digests stands beside its records, they go to where the others are.
fn fold(connection: &mut PgConnection, entity_type: i32) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Share {
        #[diesel(sql_type = Bool)]
        large: bool,
    }
    let share: Share = diesel::sql_query(format!(
        "select count(*) * 4 > (select reltuples from pg_class where oid = 'public.resources_{entity_type}'::regclass)
                as large
           from newer_digests where entity_type_id = $1"
    ))
    .bind::<Integer, _>(entity_type)
    .get_result(connection)?;
    if !share.large {
        return Ok(());
    }
    connection.batch_execute(&format!(
        "update resources r set digest = n.digest, links_digest = n.links_digest
           from newer_digests n
          where n.entity_type_id = {entity_type} and r.entity_type_id = {entity_type} and r.id = n.resource_id;
         delete from newer_digests where entity_type_id = {entity_type}"
    ))
}

/// Tells outbound deliveries what is new. A scope that was attached whole is one row; its readers expand it.
pub fn announce(connection: &mut PgConnection, run: i32, attached: &Attached) -> Result<(), TaskError> {
    for &id in &attached.entity_types {
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, entity_type_id) values ($1, 'scope', 'insert', $2)",
        )
        .bind::<Integer, _>(run)
        .bind::<Integer, _>(id)
        .execute(connection)?;
    }
    for &id in &attached.associations {
        diesel::sql_query(
            "insert into outbox (run_id, kind, operation, association_id) values ($1, 'scope', 'insert', $2)",
        )
        .bind::<Integer, _>(run)
        .bind::<Integer, _>(id)
        .execute(connection)?;
    }
    // Persons made for single users; those of an attached scope are told of by its row.
    diesel::sql_query(
        "insert into outbox (run_id, kind, operation, person_id)
         select distinct $1, 'person', 'insert', person_id from changes_now where new_person",
    )
    .bind::<Integer, _>(run)
    .execute(connection)?;
    memberships(connection, run, Operation::Insert)
}

/// Tells of the memberships that go. Before the groups follow their resources: a group that goes as well must still be
/// there to be named.
pub fn announce_departures(connection: &mut PgConnection, run: i32) -> Result<(), TaskError> {
    members(connection)?;
    memberships(connection, run, Operation::Delete)
}

/// Gathers the persons of all members whose memberships come or go (`members_now`): whoever changes groups is in both.
fn members(connection: &mut PgConnection) -> Result<(), TaskError> {
    #[derive(QueryableByName)]
    struct End {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    // Where members may be: at either end, whatever the ends represent by now.
    let ends: Vec<End> = diesel::sql_query(
        "select distinct unnest(from_entity_type_id || to_entity_type_ids) as id from associations where membership",
    )
    .load(connection)?;
    connection.batch_execute(
        "create temp table members_now (id bigint not null, person_id bigint not null) on commit drop;
         -- In this order the lookups below go forward through the records.
         create temp table member_ids on commit drop as
           with moved as (
             select c.from_id, c.to_id, c.before_to_id, e.represents = 'groups' as group_first
               from changes_now c
               join associations a on a.id = c.association_id and a.membership
               join entity_types e on e.id = a.from_entity_type_id
           )
           select from_id as id from moved where not group_first
           union select to_id from moved where group_first
           union select before_to_id from moved where group_first and before_to_id is not null
           order by 1;
         analyze member_ids",
    )?;
    for End { id } in ends {
        // One at a time: a question to several partitions at once takes thrice as long.
        connection.batch_execute(&format!(
            "insert into members_now
               select r.id, r.person_id from member_ids m join resources r on r.entity_type_id = {id} and r.id = m.id
                where r.person_id is not null"
        ))?;
    }
    connection.batch_execute(
        "insert into members_now
           select resource_id, person_id from changes_now where person_id is not null and operation = 'delete';
         analyze members_now",
    )?;
    Ok(())
}

/// A link that changes its target takes one membership away and gives another.
fn memberships(connection: &mut PgConnection, run: i32, operation: Operation) -> Result<(), TaskError> {
    let (target, word) = match operation {
        Operation::Delete => ("coalesce(c.before_to_id, c.to_id)", "delete"),
        Operation::Insert | Operation::Update => ("c.to_id", "insert"),
    };
    // The group's end is the one that represents groups; the other leads to the person.
    diesel::sql_query(format!(
        "with moved as materialized (
           select c.association_id,
                  case when e.represents = 'groups' then c.from_id else {target} end as holder,
                  case when e.represents = 'groups' then {target} else c.from_id end as member
             from changes_now c
             join associations a on a.id = c.association_id and a.membership
             join entity_types e on e.id = a.from_entity_type_id
            where c.operation in ('{word}', 'update')
         )
         insert into outbox (run_id, kind, operation, person_id, group_id, association_id)
         select $1, 'membership', '{word}', p.person_id, g.id, m.association_id
           from moved m join groups g on g.resource_id = m.holder join members_now p on p.id = m.member"
    ))
    .bind::<Integer, _>(run)
    .execute(connection)?;
    Ok(())
}

fn scopes(connection: &mut PgConnection, column: &str) -> Result<BTreeSet<i32>, TaskError> {
    #[derive(QueryableByName)]
    struct Scope {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let scopes: Vec<Scope> = diesel::sql_query(format!(
        "select distinct {column}::bigint as id from changes_now where {column} is not null order by 1"
    ))
    .load(connection)?;
    Ok(scopes.into_iter().filter_map(|scope| i32::try_from(scope.id).ok()).collect())
}
