//! Synchronize: applies the frozen change set, decides nothing, and ends the run, all in one transaction.

mod apply;
mod correlations;

use super::local_groups::rules;
use super::people::{self, PeopleWorld};
use super::progress::Progress;
use super::revert::applying as revert;
use super::{Context, TaskError, groups};
use crate::db;
use crate::document;
use crate::model::claim::{Claim, Ending, finish};
use crate::model::connector::{self, Connector, ConnectorDefinition};
use crate::model::entity_type::Represents;
use crate::model::extraction::{self, ExtractionId};
use crate::model::partition;
use crate::model::person;
use crate::model::run::{self, Mode, Run};
use crate::model::{applying, association, configuration, correlation, cursor, doubt, entity_type};
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use std::collections::BTreeMap;

/// Applies the claimed run.
pub fn run(context: &Context, claim: &Claim, progress: &Progress) -> Result<(), TaskError> {
    let mut connection = db::connect(&context.database_url, &claim.application_name())?;
    let now = db::now(&mut connection)?;
    partition::ensure_months(&mut connection, now.date_naive(), 2)?;
    connection.batch_execute(&format!("{SORTING} {}", person::partition::SORT_IN_LATER))?;
    let (applied, schema) = connection.transaction(|connection| {
        let worked = work(connection, claim, progress)?;
        progress.go_on()?;
        let (ending, schema) = worked.unwrap_or((Ending::Busy, None));
        let applied = matches!(ending, Ending::Applied { .. });
        finish(connection, claim, ending, &context.enqueue)?;
        Ok::<_, TaskError>((applied, schema))
    })?;
    if applied && let Err(error) = tidy(context, claim, schema.as_deref()) {
        tracing::debug!(run.id = claim.run.0, %error, "what an applied run leaves is left to the clean-up");
    }
    Ok(())
}

/// Memory for indexes: those of new tables, and what is sorted into that of the search.
const SORTING: &str = "set maintenance_work_mem = '256MB';";

/// Removes what the change set was applied from, emptied by now, and sorts into the search's index what was written. The run
/// is over meanwhile; only a command that works on it by itself goes on until this is done.
fn tidy(context: &Context, claim: &Claim, schema: Option<&str>) -> Result<(), TaskError> {
    let mut connection = db::connect(&context.database_url, &claim.afterwards_name())?;
    connection.batch_execute(SORTING)?;
    if let Some(schema) = schema {
        connection.batch_execute(&format!("drop schema if exists {schema} cascade"))?;
    }
    person::partition::sort_in(&mut connection)?;
    Ok(())
}

/// Does the work; `None` if another connector synchronizes right now.
fn work(
    connection: &mut PgConnection,
    claim: &Claim,
    progress: &Progress,
) -> Result<Option<(Ending, Option<String>)>, TaskError> {
    if !applying::try_alone(connection)? {
        return Ok(None);
    }
    let place = format!("run {}", claim.run);
    let missing = |what: &str| TaskError::failed(&place, format!("{what} is gone; start a new run"));
    let run = run::by_id(connection, claim.run)?.ok_or_else(|| missing("the run"))?;
    let connector = connector::by_id(connection, run.connector_id)?.ok_or_else(|| missing("the connector"))?;
    let document = configuration::version(connection, connector.id, run.configuration_version)?.document;
    let definition = document::connector(&document)
        .map_err(|error| TaskError::failed(format!("connector {}", connector.name), error.to_string()))?;
    if run.state_version != Some(connector.state_version)
        || !correlations::hold(connection, &run, &connector, &definition)?
    {
        return Ok(Some((Ending::PrepareAgain, None)));
    }
    let counters = apply(connection, &run, &connector, &definition, progress)?;
    Ok(Some((Ending::Applied { counters }, run.pending_schema)))
}

fn apply(
    connection: &mut PgConnection,
    run: &Run,
    connector: &Connector,
    definition: &ConnectorDefinition,
    progress: &Progress,
) -> Result<crate::model::counters::Counters, TaskError> {
    let now = db::now(connection)?;
    progress.begin("Writing records and links", 0);
    apply::gather(connection, run)?;
    let attached = match &run.pending_schema {
        Some(schema) => apply::attach(connection, schema, run.id.0)?,
        None => apply::Attached::default(),
    };
    progress.go_on()?;
    let entity_types: BTreeMap<String, i32> =
        entity_type::ids(connection, connector.id)?.into_iter().map(|(name, id)| (name, id.0)).collect();
    let mut touched = apply::resources(connection, run.id.0)?;
    if let (Mode::Revert, Some(schema)) = (run.mode, &run.pending_schema) {
        apply::uncorrelate(connection, schema)?;
    }
    touched.extend(&attached.entity_types);
    progress.go_on()?;
    let mut relinked = apply::links(connection, run.id.0)?;
    relinked.extend(&attached.associations);
    if let Some(schema) = &run.pending_schema {
        apply::marks(connection, schema)?;
    }
    move_cursors(connection, run, connector)?;
    progress.go_on()?;

    let mut counters = run.counters.0.clone();
    if definition.entity_types.iter().any(|entity_type| entity_type.represents == Represents::Users) {
        let authority = people::authority(connection, connector, definition)?;
        let users: Vec<String> = definition
            .entity_types
            .iter()
            .filter(|entity_type| entity_type.represents == Represents::Users)
            .filter_map(|entity_type| entity_types.get(&entity_type.name))
            .filter(|id| attached.entity_types.contains(id))
            .map(|id| format!("resources_{id}"))
            .collect();
        let stored = counters.persons.stored;
        let id = connector.id.0;
        counters.persons = if run.mode == Mode::Revert {
            revert::persons(connection, run, &authority, id, now, progress)?
        } else {
            let (created, made) = match &run.pending_schema {
                Some(schema) => people::newcomers::attach(connection, schema, id, now)?,
                None => (0, Vec::new()),
            };
            let world = PeopleWorld { changes: "changes_now", added: &users, applied: true, made: &made };
            let mut persons = people::apply(connection, &authority, &world, id, run.id.0, now, progress)?;
            persons.created += created;
            persons
        };
        counters.persons.stored = stored;
        doubt::keep(connection, connector.id, run.id)?;
        correlation::settle(connection, connector.id)?;
        rules::follow_run(connection, run.id.0, now)?;
    }
    let memberships: Vec<i32> = association::of_connector(connection, connector.id)?
        .into_iter()
        .filter(|association| association.membership)
        .map(|association| association.id.0)
        .collect();
    let members_changed = memberships.iter().any(|id| relinked.contains(id));
    apply::announce_departures(connection, run.id.0)?;
    if run.mode == Mode::Revert {
        revert::restore_groups(connection, run)?;
        revert::afterwards(connection, run, connector)?;
    }
    groups::apply(connection, definition, &entity_types, &touched, members_changed, run.id.0)?;
    apply::announce(connection, run.id.0, &attached)?;
    Ok(counters)
}

/// From here on, changes are changes since what this run has read. A replay leaves what is stored at a moment that the
/// source may no longer know of: the next incremental run reads it whole. So it does after a revert, unless that led back
/// to what an earlier run had read. Computed expressions read nothing.
fn move_cursors(connection: &mut PgConnection, run: &Run, connector: &Connector) -> QueryResult<()> {
    if run.mode == Mode::Revert {
        cursor::forget(connection, connector.id)?;
        let Ok(read_by) = extraction::stored_after(connection, run)?.read_by else { return Ok(()) };
        return extraction::of_runs(connection, &read_by)?.iter().try_for_each(|(by, extraction)| {
            cursor::move_to(connection, connector.id, *by, extraction.id, extraction.complete)
        });
    }
    let Some(id) = run.extraction_id.map(ExtractionId) else { return Ok(()) };
    let Some(extraction) = extraction::find(connection, id)? else { return Ok(()) };
    match run.mode {
        Mode::Complete | Mode::Incremental => {
            cursor::move_to(connection, connector.id, run.id, id, extraction.complete)
        }
        Mode::Replay => cursor::forget(connection, connector.id),
        Mode::UpdateExpressions | Mode::Revert | Mode::Correlate => Ok(()),
    }
}
