//! The kind `rest`: JSON directories: `GET /users`, `GET /users/{key}`. A table is a list of records; its columns are
//! paths (see `http::path`).
//!
//! A table counts as read only if its end was proven (see `list`).
//!
//! ```text
//! service ── http (limits, sign-in) ── list (pages, proof) ── detail (if asked for) ── path (columns) ── row
//! ```

mod detail;
mod list;
mod settings;

use super::http::json::Json;
use super::http::path::{Names, matches_all};
use super::http::row::RowShape;
use super::http::watermark::Watermark;
use super::http::{Client, block_on};
use super::{
    Changes, ChangesError, ColumnSchema, ConnectionError, ConnectionKind, ConnectionRequest, Cursors, Extraction,
    Finding, Setting, TableSchema,
};
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use list::List;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use settings::{ListTable, RestSettings};
use std::time::Instant;

/// JSON directories.
pub struct Rest;

const ACCEPT: &str = "application/json";

/// How many records of a table are looked at.
const SAMPLES: usize = 3;

impl ConnectionKind for Rest {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn settings(&self) -> &'static [Setting] {
        settings::CONNECTION
    }

    fn table_settings(&self) -> &'static [Setting] {
        settings::TABLE
    }

    fn check_settings(&self, connection: &ConnectionRequest) -> Result<(), ConnectionError> {
        RestSettings::new(connection).map(|_| ())
    }

    fn check(&self, connection: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
        let settings = RestSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?.impatient();
        block_on(async {
            let mut findings = Vec::new();
            for table in &settings.tables {
                let subject = format!("{}, table {}", client.service().origin(), table.name);
                findings.push(match samples(&client, table).await {
                    Ok(samples) => {
                        let message = format!("{}{}", samples.words(), client.service().caution());
                        Finding { subject, ok: true, message }
                    }
                    Err(error) => Finding { subject, ok: false, message: error.message },
                });
            }
            Ok(findings)
        })
    }

    fn tables(&self, connection: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
        let settings = RestSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?.impatient();
        block_on(async {
            let mut tables = Vec::new();
            for table in &settings.tables {
                tables.push(samples(&client, table).await?.schema(table)?);
            }
            Ok(tables)
        })
    }

    fn export(&self, connection: &ConnectionRequest, extraction: &mut dyn Extraction) -> Result<(), ConnectionError> {
        let settings = RestSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?;
        block_on(async {
            for table in &settings.tables {
                export(&client, table, None, extraction).await?;
            }
            Ok(())
        })
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
        let settings = RestSettings::new(connection)?;
        let client = Client::new(settings.service, ACCEPT)?;
        block_on(async {
            for (table, definition) in settings.tables.iter().zip(&connection.definition.tables) {
                let since = match settings::is_incremental(definition) {
                    true => Some(Position::parse(&client, table, since.get(&table.name))?),
                    false => None,
                };
                let from = since.as_ref().and_then(|since| Watermark::parse(&since.from));
                export(&client, table, since, extraction).await?;
                if from.is_some_and(|from| from.is_ahead_of(client.clock())) {
                    let why = "the service's clock is behind where the last applied run stood, so changes may be dated \
                               before that";
                    return Err(ChangesError::Expired(format!("{}: {why}", table.path)));
                }
            }
            Ok(())
        })
    }
}

/// The cursor of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// What was read: another address is another source.
    source: String,
    /// Where to read on from.
    from: String,
}

impl Position {
    fn parse(client: &Client, table: &ListTable, since: Option<&Value>) -> Result<Self, ChangesError> {
        let since = since.and_then(|since| serde_json::from_value::<Self>(since.clone()).ok());
        let expired = |why: &str| Err(ChangesError::Expired(format!("{}: {why}", table.path)));
        match since {
            None => expired(
                "no applied run has read it whole yet with its watermark column in each record (and, for moments, the \
                 service's own time in its answers, Date)",
            ),
            Some(since) if since.source != source(client, table) => {
                expired("its address or watermark is another than in the last applied run")
            }
            Some(since) => Ok(since),
        }
    }
}

fn source(client: &Client, table: &ListTable) -> String {
    let watermark = table.watermark.as_ref().map(|watermark| watermark.column.to_string()).unwrap_or_default();
    format!("{} {watermark}", client.service().below(&table.path))
}

/// Reads a table to its end; `since`: what changed since then.
async fn export(
    client: &Client,
    table: &ListTable,
    since: Option<Position>,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let began = Instant::now();
    let mut shape = table.shape()?;
    if since.is_some() {
        shape = shape.of_changes();
    }
    let header = shape.header();
    match &since {
        Some(_) => {
            let changes = Changes { columns: &header, command_column: "command" };
            extraction.begin_changes(&table.name, &table.source_file(), &changes)?;
        }
        None => extraction.begin(&table.name, &table.source_file(), &header)?,
    }
    let mut list = List::new(client, table, since.as_ref().map(|since| since.from.as_str()));
    let (mut newest, mut all_dated) = (None, true);
    while let Some(page) = list.page().await? {
        let (mut deleted, listed): (Vec<Json<'_>>, Vec<Json<'_>>) =
            page.all().partition(|record| is_deleted(table, *record));
        let details = details(client, table, &listed).await.map_err(|error| list.in_context(error))?;
        // What a list leaves out, be it that a record is deleted or when it changed, its details may tell.
        let bodies = details.iter().flatten().filter_map(|body| Json::parse(body).ok());
        let whole: Vec<Json<'_>> = if details.is_some() { bodies.collect() } else { listed.clone() };
        let mut dated = |one: &[Json<'_>]| {
            one.iter().try_fold(false, |dated, record| Ok(dated | note_changed(&mut newest, table, *record)?))
        };
        for record in &deleted {
            all_dated &= dated(&[*record]).map_err(|error| list.in_context(error))?;
        }
        for (record, whole) in listed.iter().zip(&whole) {
            all_dated &= dated(&[*record, *whole]).map_err(|error| list.in_context(error))?;
        }
        let (gone, kept): (Vec<Json<'_>>, Vec<Json<'_>>) =
            whole.into_iter().partition(|record| is_deleted(table, *record));
        deleted.extend(gone);
        if since.is_some() {
            let mut gone = |record| write(&mut shape, table, record, Some("delete"), extraction);
            deleted.into_iter().try_for_each(&mut gone).map_err(|error| list.in_context(error))?;
        }
        let command = since.as_ref().map(|_| "update");
        let mut write = |record: Json<'_>| write(&mut shape, table, record, command, extraction);
        kept.into_iter().try_for_each(&mut write).map_err(|error| list.in_context(error))?;
    }
    let newest: Option<Watermark> = newest.filter(|_| all_dated);
    let newest = newest.and_then(|newest| newest.by_clock(client.clock()));
    if let Some(position) = position(client, table, since, newest, began) {
        extraction.cursor(position);
    }
    extraction.end(list.end())
}

fn write(
    shape: &mut RowShape,
    table: &ListTable,
    record: Json<'_>,
    command: Option<&str>,
    extraction: &mut dyn Extraction,
) -> Result<(), ConnectionError> {
    let row = shape.row(record).map_err(|why| ConnectionError::permanent(format!("table `{}`", table.name), why))?;
    shape.write(row, command, extraction)
}

fn is_deleted(table: &ListTable, record: Json<'_>) -> bool {
    !table.deleted.is_empty() && matches_all(&table.deleted, record, Names::Exact)
}

/// Notes when a record changed; whether it says so.
fn note_changed(newest: &mut Option<Watermark>, table: &ListTable, record: Json<'_>) -> Result<bool, ConnectionError> {
    let Some(watermark) = &table.watermark else { return Ok(false) };
    let refuse =
        |why: String| Err(ConnectionError::permanent(format!("table `{}`, `{}`", table.name, watermark.column), why));
    match watermark.column.values(record) {
        Err(what) => refuse(format!("holds {what}")),
        Ok(values) => match values.first().filter(|value| !value.is_empty()) {
            None => Ok(false),
            Some(value) => match Watermark::parse(value) {
                Some(changed) => {
                    *newest = (*newest).max(Some(changed));
                    Ok(true)
                }
                None => {
                    let shown: String = value.chars().take(40).collect();
                    refuse(format!("{shown:?} is neither a moment (2026-11-29T18:00:00Z) nor a whole number"))
                }
            },
        },
    }
}

/// Where to read on from next time: earlier than the newest change that was seen by as long as the reading took, since
/// what was read first may have changed meanwhile, and by the overlap.
fn position(
    client: &Client,
    table: &ListTable,
    since: Option<Position>,
    newest: Option<Watermark>,
    began: Instant,
) -> Option<Value> {
    let watermark = table.watermark.as_ref()?;
    let took = u32::try_from(began.elapsed().as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    let position = match (newest, since) {
        (None, None) => return None,
        (None, Some(since)) => since,
        (Some(newest), since) => {
            let from = match newest {
                Watermark::Time(_) => newest.minus(watermark.overlap.saturating_add(took)),
                Watermark::Number(_) => newest.minus(watermark.overlap),
            };
            let before = since.and_then(|since| Watermark::parse(&since.from));
            // What the overlap alone gave does not lead back.
            let from = before.map_or(from, |before| before.max(from));
            Position { source: source(client, table), from: from.to_string() }
        }
    };
    serde_json::to_value(position).ok()
}

/// The records one by one, if the table wants that.
async fn details(
    client: &Client,
    table: &ListTable,
    records: &[Json<'_>],
) -> Result<Option<Vec<Vec<u8>>>, ConnectionError> {
    let Some(detail) = &table.detail else { return Ok(None) };
    let refuse = |message: String| Err(ConnectionError::permanent(format!("table `{}`", table.name), message));
    let mut keys = Vec::new();
    for record in records {
        let values = match table.key.values(*record) {
            Ok(values) => values,
            Err(what) => return refuse(format!("a key holds {what}")),
        };
        match values.first().filter(|key| !key.is_empty()) {
            Some(key) => keys.push(key.to_string()),
            None => return refuse("a record has no key (`key`), so it can't be asked for".to_owned()),
        }
    }
    detail::fetch(client, table, detail, keys).await.map(Some)
}

/// A table's first records.
struct Samples {
    rows: Vec<Vec<String>>,
    /// By column: whether a row has several values.
    several: Vec<bool>,
    total: Option<u64>,
}

impl Samples {
    fn words(&self) -> String {
        let total = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        match self.rows.len() {
            0 => "no record found: if there should be some, check path and this account's rights".to_owned(),
            1 => format!("one record{total} read to try"),
            count => format!("{count} records{total} read to try"),
        }
    }

    fn schema(self, table: &ListTable) -> Result<TableSchema, ConnectionError> {
        let shape = table.shape()?;
        let columns = shape.columns().zip(self.several).map(|((name, _), multivalued)| ColumnSchema {
            name: name.to_owned(),
            native_type: None,
            multivalued,
        });
        Ok(TableSchema { table: table.name.clone(), columns: columns.collect(), samples: self.rows })
    }
}

/// Reads the first page, and the first records' details. Whether the list goes on is looked at as well.
async fn samples(client: &Client, table: &ListTable) -> Result<Samples, ConnectionError> {
    let mut shape = table.shape()?;
    let mut list = List::new(client, table, None);
    let page = list.page().await?;
    let records: Vec<Json<'_>> = page.iter().flat_map(|page| page.all()).take(SAMPLES).collect();
    let details = details(client, table, &records).await.map_err(|error| list.in_context(error))?;
    let whole: Vec<Json<'_>> = match &details {
        None => records,
        Some(bodies) => bodies.iter().filter_map(|body| Json::parse(body).ok()).collect(),
    };
    let (mut rows, mut several) = (Vec::new(), vec![false; shape.columns().count()]);
    for record in whole {
        let row =
            shape.row(record).map_err(|why| ConnectionError::permanent(format!("table `{}`", table.name), why))?;
        several.iter_mut().enumerate().for_each(|(column, several)| *several |= row.has_several(column));
        rows.push(shape.cells(row));
    }
    Ok(Samples { rows, several, total: list.reading().total() })
}
