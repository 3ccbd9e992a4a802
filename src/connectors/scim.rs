//! The kind `scim`: services of SCIM 2.0 (RFC 7643, RFC 7644). A table is a resource type: `Users`, `Groups`; its columns
//! are paths (see `http::path`).
//!
//! A table counts as read only if its end was proven (see `list`): as many resources as `totalResults` says, each once.
//!
//! ```text
//! service ── http (limits, sign-in) ── list (pages, proof) ── path (columns) ── row
//! ```

mod changes;
mod inspect;
mod list;
mod service;
mod settings;
mod single;
mod versions;

use super::http::json::Json;
use super::http::watermark::Watermark;
use super::http::{Client, block_on};
use super::{
    ChangesError, ConnectionError, ConnectionKind, ConnectionRequest, Cursors, Extraction, Finding, Setting,
    TableSchema,
};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use changes::Position;
use list::{List, Question};
use service::{Abilities, Schemas};
use settings::{ResourceTable, ScimSettings};
use std::time::Instant;

/// SCIM services.
pub struct Scim;

/// What is asked for (RFC 7644 3.1).
const ACCEPT: &str = "application/scim+json, application/json";

impl ConnectionKind for Scim {
    fn name(&self) -> &'static str {
        "scim"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::CONNECTION
    }

    fn table_settings(&self) -> &'static [Setting] {
        settings::TABLE
    }

    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError> {
        ScimSettings::new(connection).map(|_| ())
    }

    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
        block_on(inspect::check(ScimSettings::new(connection)?))
    }

    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
        block_on(inspect::tables(ScimSettings::new(connection)?))
    }

    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let settings = ScimSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?;
        block_on(async {
            let abilities = Abilities::read(&client).await?;
            for table in &settings.tables {
                export(&client, &abilities, table, settings.page_size, extraction).await?;
            }
            Ok(())
        })
    }

    fn compares_with_known(&self) -> bool {
        true
    }

    fn tells_changes(&self, _: &ConnectionDefinition, table: &TableDefinition) -> bool {
        settings::is_incremental(table)
    }

    fn changes(
        &self,
        connection: &ConnectionRequest,
        since: &Cursors,
        extraction: &mut dyn Extraction,
    ) -> Result<(), ChangesError> {
        let settings = ScimSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?;
        block_on(async {
            let abilities = Abilities::read(&client).await?;
            for (table, definition) in settings.tables.iter().zip(&connection.definition.tables) {
                match settings::is_incremental(definition) {
                    true => {
                        let since = since.get(&table.name);
                        let work =
                            Work { client: &client, abilities: &abilities, table, page_size: settings.page_size };
                        match &table.versions {
                            Some(columns) => versions::export(&work, columns, since, extraction).await?,
                            None => changes::export(&work, since, extraction).await?,
                        }
                    }
                    false => export(&client, &abilities, table, settings.page_size, extraction).await?,
                }
            }
            Ok(())
        })
    }
}

/// What it takes to read a table.
struct Work<'a> {
    client: &'a Client,
    abilities: &'a Abilities,
    table: &'a ResourceTable,
    page_size: u64,
}

/// What is asked of a table that is read whole.
fn ask(abilities: &Abilities, table: &ResourceTable, page_size: u64) -> Question {
    let count = abilities.most.map_or(page_size, |most| most.min(page_size));
    let mut attributes = Vec::new();
    if table.request_attributes {
        attributes = ["id", "meta"].map(str::to_owned).to_vec();
        // A column that is no path is refused when its shape is made.
        let paths = table.shape().map(|shape| shape.columns().map(|(_, path)| path.attribute()).collect::<Vec<_>>());
        for attribute in paths.unwrap_or_default() {
            if !attributes.iter().any(|known| known.eq_ignore_ascii_case(&attribute)) {
                attributes.push(attribute);
            }
        }
    }
    Question {
        filter: table.filter.clone(),
        attributes,
        known_by: changes::key_paths(&changes::keys(table)),
        count,
        by_cursor: table.by_cursor.unwrap_or(abilities.cursor),
    }
}

async fn export(
    client: &Client,
    abilities: &Abilities,
    table: &ResourceTable,
    page_size: u64,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let began = Instant::now();
    let mut shape = table.shape()?;
    extraction.begin(&table.name, &table.source_file(), &shape.header())?;
    let mut list = List::new(client, table, ask(abilities, table, page_size));
    let (mut newest, mut all_dated, mut all_versioned) = (None, true, true);
    list.all(&mut |resource| {
        all_dated &= note_modified(&mut newest, resource);
        all_versioned &= versions::version(resource).is_some();
        let row = shape.row(resource).map_err(|why| ConnectionError::permanent(&table.name, why))?;
        shape.write(row, None, extraction)
    })
    .await?;
    if list.reading().records() > 0 && shape.never_filled().next().is_some() {
        let schemas = Schemas::read(client).await.map_err(|error| list.in_context(error))?;
        if let Some(message) = schemas.and_then(|schemas| unknown_column(&shape, &schemas)) {
            return Err(list.in_context(ConnectionError::permanent(client.service().origin(), message)));
        }
    }
    // Only then can be told later what changed since.
    let position = match table.versions {
        Some(_) => versions::position(client, table).filter(|_| all_versioned),
        None => Position::of(client, table, &list, newest, began).filter(|_| abilities.filter && all_dated),
    };
    if let Some(position) = position {
        extraction.cursor(position);
    }
    extraction.end(list.end())
}

/// A column that no resource has a value in, because the service knows no such attribute: every value that came from it
/// would be taken away.
fn unknown_column(shape: &super::http::row::RowShape, schemas: &Schemas) -> Option<String> {
    let (name, path) = shape.never_filled().find(|(_, path)| schemas.describe(path).is_none())?;
    let alike = schemas.like(path);
    let alike = if alike.is_empty() { String::new() } else { format!("; there are {}", alike.join(", ")) };
    Some(format!("no resource has `{name}`, and the service's schemas do not know it{alike}"))
}

/// Notes when a resource was modified; whether it says so.
fn note_modified(newest: &mut Option<Watermark>, resource: Json<'_>) -> bool {
    let modified = resource.get("meta", true).and_then(|meta| meta.get("lastModified", true)?.as_text());
    match modified.and_then(|modified| Watermark::parse(&modified)) {
        Some(modified @ Watermark::Time(_)) => {
            *newest = (*newest).max(Some(modified));
            true
        }
        _ => false,
    }
}
