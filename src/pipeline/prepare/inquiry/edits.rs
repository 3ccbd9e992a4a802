//! What is another since the last applied run: a file that is an older one, a document that was edited.

use crate::document;
use crate::model::association::AssociationDefinition;
use crate::model::connector::ConnectorDefinition;
use crate::model::extraction::ExtractionFile;
use crate::model::guard::Thresholds;
use crate::model::{configuration, run, settings};
use crate::pipeline::TaskError;
use crate::pipeline::causes::case::{Edit, OlderRun};
use crate::pipeline::prepare::plan::Plan;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text, Timestamptz};
use std::collections::{BTreeMap, BTreeSet};

/// Tables that an earlier applied run read exactly so, while the last one did not.
pub(super) fn older(connection: &mut PgConnection, plan: &Plan) -> QueryResult<BTreeMap<String, OlderRun>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        source_table: String,
        #[diesel(sql_type = Integer)]
        run: i32,
        #[diesel(sql_type = Timestamptz)]
        at: DateTime<Utc>,
    }
    let Some(applied) = plan.connector.applied_run_id else { return Ok(BTreeMap::new()) };
    let differs = |(before, now): (Option<&ExtractionFile>, &ExtractionFile)| {
        let differs = now.rows > 0 && before.is_none_or(|before| before.sha256 != now.sha256);
        differs.then(|| (now.source_table.clone(), now.sha256.clone()))
    };
    let (tables, digests): (Vec<String>, Vec<String>) = plan.tables().filter_map(differs).unzip();
    let rows: Vec<Row> = diesel::sql_query(
        "select distinct on (f.source_table) f.source_table, r.id as run, e.created_at as at
           from unnest($2::text[], $3::text[]) as now (source_table, sha256)
           join extraction_files f on f.source_table = now.source_table and f.sha256 = now.sha256
           join extractions e on e.id = f.extraction_id
           join runs r on r.extraction_id = e.id
          where r.connector_id = $1 and r.applied_at is not null and r.id < $4
          order by f.source_table, r.id desc",
    )
    .bind::<Integer, _>(plan.connector.id.0)
    .bind::<Array<Text>, _>(tables)
    .bind::<Array<Text>, _>(digests)
    .bind::<Integer, _>(applied)
    .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.source_table, OlderRun { run: row.run, at: row.at })).collect())
}

/// What was edited since the last applied run: the connector's document, and the fields of profiles.
pub(super) fn edits(connection: &mut PgConnection, plan: &Plan) -> Result<Vec<Edit>, TaskError> {
    let Some(applied) = plan.connector.applied_run_id else { return Ok(Vec::new()) };
    let Some(applied) = run::by_id(connection, run::RunId(applied))? else { return Ok(Vec::new()) };
    let mut edits = Vec::new();
    if applied.configuration_version != plan.run.configuration_version {
        let before = configuration::version(connection, plan.connector.id, applied.configuration_version)?;
        let now = configuration::version(connection, plan.connector.id, plan.run.configuration_version)?;
        let was = document::connector(&before.document).ok();
        let mut edit = Edit {
            what: "configuration",
            from: before.version,
            to: now.version,
            at: now.created_at,
            by: now.created_by,
            lines: new_lines(&before.document, &now.document),
            touches: Vec::new(),
            source: false,
            persons: false,
        };
        if let Some(was) = was {
            touched(&was, &plan.definition, &mut edit);
        }
        edits.push(edit);
    }
    let Some(now) = settings::current(connection)? else { return Ok(edits) };
    let before = settings::held_at(connection, applied.applied_at.unwrap_or(applied.created_at))?;
    if before.as_ref().is_some_and(|before| before.version != now.version) || before.is_none() {
        let fields = |text: &str| document::settings(text).map(|settings| settings.profile_fields).unwrap_or_default();
        let text = before.as_ref().map(|before| before.document.as_str()).unwrap_or_default();
        if fields(text) != fields(&now.document) {
            edits.push(Edit {
                what: "settings",
                from: before.as_ref().map_or(0, |before| before.version),
                to: now.version,
                at: now.created_at,
                by: now.created_by,
                lines: new_lines(text, &now.document),
                touches: Vec::new(),
                source: false,
                persons: true,
            });
        }
    }
    Ok(edits)
}

/// What two configurations read differently.
fn touched(was: &ConnectorDefinition, is: &ConnectorDefinition, edit: &mut Edit) {
    edit.source = was.connections != is.connections;
    for now in &is.entity_types {
        let users = was.entity_types.iter().find(|before| before.name == now.name).map(|before| &before.users);
        edit.persons |= users.is_some_and(|users| *users != now.users);
        let Some(before) = was.entity_types.iter().find(|before| before.name == now.name) else {
            edit.touches.push((now.name.clone(), None));
            continue;
        };
        if before.scope != now.scope || before.source != now.source || before.key() != now.key() {
            edit.touches.push((now.name.clone(), None));
        }
        for property in now.properties.iter().filter(|property| before.property(&property.name) != Some(property)) {
            edit.touches.push((now.name.clone(), Some(property.name.clone())));
        }
        for gone in before.properties.iter().filter(|property| now.property(&property.name).is_none()) {
            edit.touches.push((now.name.clone(), Some(gone.name.clone())));
        }
    }
    for now in &is.associations {
        let plain = |one: &AssociationDefinition| AssociationDefinition {
            thresholds: Thresholds::none(),
            display_name: None,
            ..one.clone()
        };
        if was.associations.iter().find(|before| before.name == now.name).map(plain) != Some(plain(now)) {
            edit.touches.push((now.name.clone(), None));
        }
    }
}

/// Lines that are not in the earlier text, with their numbers; at most five.
fn new_lines(before: &str, now: &str) -> Vec<String> {
    let known: BTreeSet<&str> = before.lines().map(str::trim).collect();
    let new = now.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !known.contains(line.trim()));
    new.take(5).map(|(number, line)| format!("{}: {}", number + 1, line.trim())).collect()
}
