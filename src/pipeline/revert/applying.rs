//! What synchronize does beside for a revert: persons, and what no change row holds because the removal of a person or
//! a managed group had taken it along.

use super::reverted;
use crate::model::connector::{self, Connector};
use crate::model::counters::PersonCounters;
use crate::model::run::{Afterwards, Run};
use crate::pipeline::TaskError;
use crate::pipeline::authority::Authority;
use crate::pipeline::people::{PeopleWorld, reverting};
use crate::pipeline::progress::Progress;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text};

/// The changes as they matter to persons: an update that takes a record away from its person is, for the person, a user
/// that goes. Returns the name of the relation: `changes` itself where there is none of these.
pub fn told(connection: &mut PgConnection, changes: &str, schema: &str, into: &str) -> Result<String, TaskError> {
    #[derive(QueryableByName)]
    struct Any {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    let any: Any = diesel::sql_query(format!("select exists (select from {schema}.uncorrelated) as there"))
        .get_result(connection)?;
    if any.there {
        connection.batch_execute(&format!(
            "create table {into} (like {changes});
             insert into {into} select * from {changes};
             update {into} t set operation = 'delete', person_id = u.person_id
               from {schema}.uncorrelated u where t.resource_id = u.resource_id and t.operation = 'update'"
        ))?;
    }
    let relation = if any.there { into } else { changes };
    connection.batch_execute(&format!(
        "create index on {relation} (person_id); create index on {relation} (resource_id); analyze {relation}"
    ))?;
    Ok(relation.to_owned())
}

/// Works out the persons. After resources and correlations are as they were.
pub fn persons(
    connection: &mut PgConnection,
    run: &Run,
    authority: &Authority,
    connector: i32,
    now: DateTime<Utc>,
    progress: &Progress,
) -> Result<PersonCounters, TaskError> {
    let changes = match &run.pending_schema {
        Some(schema) => told(connection, "changes_now", schema, "pg_temp.told_now")?,
        None => "changes_now".to_owned(),
    };
    let world = PeopleWorld { changes: &changes, added: &[], applied: true, made: &[] };
    reverting::apply(connection, authority, &world, connector, run.id.0, reverted(run)?, now, progress)
}

/// Gives groups that come back the identity they had, before they follow their resources.
pub fn restore_groups(connection: &mut PgConnection, run: &Run) -> Result<(), TaskError> {
    diesel::sql_query(
        "insert into groups (id, resource_id, entity_type_id, name, profile_type, past_profile_type, run_id)
         select distinct on (h.id) h.id, h.resource_id, h.entity_type_id, h.name, h.profile_type, h.past_profile_type, $2
           from groups_history h
           join changes_now c on c.entity_type_id = h.entity_type_id and c.resource_id = h.resource_id
                             and c.operation = 'insert'
          where h.ended_by_run_id = $1
          order by h.id, h.valid_to desc
         on conflict do nothing",
    )
    .bind::<Integer, _>(reverted(run)?)
    .bind::<Integer, _>(run.id)
    .execute(connection)?;
    Ok(())
}

/// Does what keeps the next run from bringing back what was reverted.
pub fn afterwards(connection: &mut PgConnection, run: &Run, connector: &Connector) -> Result<(), TaskError> {
    let by = run.started_by.as_deref().unwrap_or(run.trigger.as_str());
    match run.afterwards {
        Some(Afterwards::Deactivate) => {
            connector::set_active(connection, connector, false, by)?;
        }
        Some(Afterwards::Hold) => hold(connection, run, by)?,
        None => {}
    }
    // What a reverted revert had held goes with it.
    diesel::sql_query(
        "update holds set ended_at = now(), ended_by = 'run ' || $2, ended_why = 'released'
          where run_id = $1 and ended_at is null
            and exists (select from runs where id = $1 and mode = 'revert')",
    )
    .bind::<Integer, _>(reverted(run)?)
    .bind::<Integer, _>(run.id)
    .execute(connection)?;
    Ok(())
}

/// Holds what was taken back: exactly what a run over an unchanged source would propose, the inverse of the inverse.
fn hold(connection: &mut PgConnection, run: &Run, by: &str) -> Result<(), TaskError> {
    diesel::sql_query(
        "insert into holds (connector_id, entity_type_id, association_id, operation, key, to_key, before_to_key, before,
                            after, run_id, reason, held_by)
         select $1, entity_type_id, association_id,
                case operation when 'insert' then 'delete' when 'delete' then 'insert' else operation end, key,
                coalesce(before_to_key, to_key), case when before_to_key is not null then to_key end, after, before, $2,
                'reverted by run ' || $2, $3
           from changes_now order by seq",
    )
    .bind::<Integer, _>(run.connector_id)
    .bind::<Integer, _>(run.id)
    .bind::<Text, _>(by)
    .execute(connection)?;
    Ok(())
}
