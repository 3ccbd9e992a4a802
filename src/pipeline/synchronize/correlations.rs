//! Whether the correlations that prepare has frozen still hold: another connector may have changed persons since.

use crate::model::connector::{Connector, ConnectorDefinition};
use crate::model::entity_type::{self, UsersDefinition};
use crate::model::run::Run;
use crate::pipeline::{TaskError, pending};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Integer, Nullable, Text, Timestamptz};

/// What has happened to persons since prepare began to look at them. Usually nothing.
struct Since {
    /// Runs that were applied. When they ended counts, not from when on their rows are valid: such a run may have begun
    /// long before prepare and ended after it.
    runs: Vec<i32>,
    /// When prepare began; persons may have been changed by hand since.
    began: chrono::DateTime<chrono::Utc>,
}

/// Whether the persons that prepare matched are still there, and nobody who would match now has come since for a user
/// that was to become a new person.
pub fn hold(
    connection: &mut PgConnection,
    run: &Run,
    connector: &Connector,
    definition: &ConnectorDefinition,
) -> Result<bool, TaskError> {
    let Some(since) = since(connection, run)? else { return Ok(true) };
    let entity_types = entity_type::ids(connection, connector.id)?;
    for entity_type in &definition.entity_types {
        let (Some(users), Some(id)) = (&entity_type.users, entity_types.get(&entity_type.name)) else { continue };
        let pending = match &run.pending_schema {
            Some(schema) => {
                let table = format!("resources_{id}");
                let there = pending::tables(connection, schema, "resources")?.contains(&table);
                there.then(|| format!("{schema}.{table}"))
            }
            None => None,
        };
        let makes_persons = run.counters.persons.created > 0;
        if somebody_went(connection, run, &since, id.0, pending.as_deref())?
            || makes_persons && somebody_came(connection, run, &since, id.0, users, pending.as_deref())?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// None, if nobody has touched persons since.
fn since(connection: &mut PgConnection, run: &Run) -> Result<Option<Since>, TaskError> {
    #[derive(QueryableByName)]
    struct Began {
        #[diesel(sql_type = Timestamptz)]
        began: chrono::DateTime<chrono::Utc>,
    }
    #[derive(QueryableByName)]
    struct Applied {
        #[diesel(sql_type = Integer)]
        run_id: i32,
    }
    let Began { began } = diesel::sql_query(
        "select coalesce(started_at, 'epoch') as began from tasks where run_id = $1 and stage = 'prepare'",
    )
    .bind::<Integer, _>(run.id.0)
    .get_result(connection)?;
    let applied: Vec<Applied> = diesel::sql_query(
        "select run_id from tasks where stage = 'synchronize' and state = 'completed' and finished_at >= $1",
    )
    .bind::<Timestamptz, _>(began)
    .load(connection)?;
    // By hand: along the indexes by run, where none stands.
    let by_hand: Answer = diesel::sql_query(
        "select exists (select from persons where run_id is null and valid_from >= $1)
             or exists (select from persons_history where ended_by_run_id is null and valid_to >= $1) as yes",
    )
    .bind::<Timestamptz, _>(began)
    .get_result(connection)?;
    let runs: Vec<i32> = applied.into_iter().map(|row| row.run_id).collect();
    Ok((by_hand.yes || !runs.is_empty()).then_some(Since { runs, began }))
}

/// Whether a person that prepare matched a user with was deleted since.
fn somebody_went(
    connection: &mut PgConnection,
    run: &Run,
    since: &Since,
    entity_type: i32,
    pending: Option<&str>,
) -> Result<bool, TaskError> {
    let added = match pending {
        Some(table) => format!("or h.id in (select t.person_id from {table} t)"),
        None => String::new(),
    };
    // From the persons that were deleted since, usually none, to the users.
    let went: Answer = diesel::sql_query(format!(
        "select exists (
           select from persons_history h
            where h.operation = 'delete'
              and (h.ended_by_run_id = any($3) or (h.ended_by_run_id is null and h.valid_to >= $4))
              and (h.id in (select c.person_id from changes c
                             where c.run_id = $1 and c.entity_type_id = $2 and c.operation <> 'delete')
                   {added})
         ) as yes"
    ))
    .bind::<Integer, _>(run.id.0)
    .bind::<Integer, _>(entity_type)
    .bind::<Array<Integer>, _>(&since.runs)
    .bind::<Timestamptz, _>(since.began)
    .get_result(connection)?;
    Ok(went.yes)
}

/// Whether a person has come since prepare whom a rule would match with a user that is to become a new person.
fn somebody_came(
    connection: &mut PgConnection,
    run: &Run,
    since: &Since,
    entity_type: i32,
    users: &UsersDefinition,
    pending: Option<&str>,
) -> Result<bool, TaskError> {
    for rule in &users.correlate {
        let field = rule.field.replace('\'', "''");
        let added = match pending {
            Some(table) => format!("union all select t.attributes ->> $3 from {table} t"),
            None => String::new(),
        };
        // From the persons that came since, usually none, to the new users.
        let came: Answer = diesel::sql_query(format!(
            "select exists (
               select from (
                 select lower(p.fields ->> '{field}') as value from persons p where p.run_id = any($4)
                 union all
                 select lower(p.fields ->> '{field}') from persons p where p.run_id is null and p.valid_from >= $5
               ) came where came.value in (
                 select lower(value) from (
                   select c.after ->> $3 as value from changes c
                    where c.run_id = $1 and c.entity_type_id = $2 and c.new_person
                   {added}
                 ) new where value is not null
               )
             ) as yes"
        ))
        .bind::<Integer, _>(run.id.0)
        .bind::<Integer, _>(entity_type)
        .bind::<Nullable<Text>, _>(Some(&rule.property))
        .bind::<Array<Integer>, _>(&since.runs)
        .bind::<Timestamptz, _>(since.began)
        .get_result(connection)?;
        if came.yes {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}
