//! What the source of a connector holds: tables and columns as they were when somebody last asked, what changed then,
//! and, only in the answer to whoever asks, a few values.

use super::connector::{find, to_ask};
use crate::connectors::{ConnectionError, TableSchema};
use crate::document;
use crate::model::configuration;
use crate::model::connection::SourceTable;
use crate::model::connector::ConnectorDefinition;
use crate::model::source_schema::{self, SourceSchema};
use crate::pipeline::export;
use crate::pipeline::source_columns;
use crate::values::text::shorten;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use diesel::pg::PgConnection;

/// The most characters of a value that is shown.
const SHOWN: usize = 80;

#[derive(Template)]
#[template(path = "pages/schema.html")]
struct SchemaPage {
    layout: Layout,
    name: String,
    tables: Vec<TableView>,
    errors: Vec<String>,
    asked: bool,
}

struct TableView {
    source: String,
    refreshed: Option<When>,
    by: String,
    changed: Option<When>,
    columns: Vec<ColumnView>,
    /// How many of them are there.
    there: usize,
    samples: usize,
    note: Option<&'static str>,
}

struct ColumnView {
    name: String,
    native_type: String,
    several: bool,
    read_by: String,
    badge: Option<Badge>,
    samples: Vec<String>,
}

/// The page, without asking the source.
pub async fn show(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    context.page(visitor, move |conn, layout| page(conn, layout, &name, &[], Vec::new(), false)).await
}

/// Asks the source, in a child process, and shows what it answers.
pub async fn refresh(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (program, data_dir) = (context.work.program.clone(), context.work.data_dir.clone());
    let name = name.into_inner();
    let asked = name.clone();
    let (_, requests) = context.db(move |conn| to_ask(conn, &data_dir, &asked)).await?;
    // The connection to the database is given back while the system is asked, which may take a minute.
    let (found, errors) = actix_web::web::block(move || {
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        match requests {
            Err(error) => errors.push(error.to_string()),
            Ok(requests) => {
                for request in &requests {
                    match export::tables(&program, request) {
                        Ok(tables) => found.extend(tables.into_iter().map(|one| (request.source(&one.table), one))),
                        Err(error) => errors.push(ConnectionError::to_string(&error)),
                    }
                }
            }
        }
        (found, errors)
    })
    .await
    .map_err(|_| WebError::Stopped)?;
    let by = visitor.account().name.clone();
    context
        .page(visitor, move |conn, layout| {
            let connector = find(conn, &name)?;
            // A table whose file is awaited has no columns yet, which says nothing.
            let kept = found.iter().filter(|(_, table)| !table.columns.is_empty());
            let kept: Vec<_> = kept.map(|(source, table)| (source.clone(), table.columns.clone())).collect();
            source_schema::keep(conn, &connector, &kept, &by)?;
            page(conn, layout, &name, &found, errors, true)
        })
        .await
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    name: &str,
    found: &[(SourceTable, TableSchema)],
    errors: Vec<String>,
    asked: bool,
) -> Result<SchemaPage, WebError> {
    let connector = find(conn, name)?;
    let text = configuration::current(conn, &connector)?.document;
    let definition = document::connector(&text).map_err(|errors| WebError::Conflict(errors.to_string()))?;
    let known = source_schema::of_connector(conn, connector.id)?;
    let sources = definition
        .connections
        .iter()
        .flat_map(|connection| connection.tables.iter().map(|table| SourceTable::new(&connection.name, &table.name)));
    let tables = sources.map(|source| {
        let known = known.iter().find(|known| known.source == source);
        let found = found.iter().find(|(of, _)| *of == source).map(|(_, table)| table);
        view(&definition, &source, known, found, &layout)
    });
    let tables = tables.collect();
    Ok(SchemaPage {
        tables,
        errors,
        asked,
        layout: layout
            .titled(Section::Connectors, "Schema")
            .under(links::CONNECTORS, "Connectors")
            .under(links::connector(&connector.name), connector.display_name.clone()),
        name: connector.name,
    })
}

fn view(
    definition: &ConnectorDefinition,
    source: &SourceTable,
    known: Option<&SourceSchema>,
    found: Option<&TableSchema>,
    layout: &Layout,
) -> TableView {
    let Some(known) = known else {
        let note = match found {
            Some(_) => "No file has been received for this table yet.",
            None => "Nobody has asked for it yet.",
        };
        return TableView {
            source: source.0.clone(),
            refreshed: None,
            by: String::new(),
            changed: None,
            columns: Vec::new(),
            there: 0,
            samples: 0,
            note: Some(note),
        };
    };
    let readers = export::readers(definition, source);
    let read_by = |name: &str| {
        let found = readers.iter().find(|(column, _)| column == name);
        found.map(|(_, readers)| readers.join(", ")).unwrap_or_default()
    };
    let samples = found.map(|found| found.samples.as_slice()).unwrap_or_default();
    let there = known.columns.iter().enumerate().map(|(position, column)| ColumnView {
        name: column.name.clone(),
        native_type: column.native_type.clone().unwrap_or_default(),
        several: column.multivalued,
        read_by: read_by(&column.name),
        badge: known.is_new(&column.name).then(|| Badge::new("active", "i-plus", "new")),
        samples: samples
            .iter()
            .map(|row| {
                let value = row.get(position).map(String::as_str).unwrap_or_default();
                shorten(&value.replace(crate::model::property::VALUE_SEPARATOR, ", "), SHOWN)
            })
            .collect(),
    });
    let missing = |name: &str, badge: Badge| ColumnView {
        name: name.to_owned(),
        native_type: String::new(),
        several: false,
        read_by: read_by(name),
        badge: Some(badge),
        samples: samples.iter().map(|_| String::new()).collect(),
    };
    let vanished = source_columns::vanished(definition, std::slice::from_ref(known));
    let needed = vanished.iter().map(|one| missing(&one.column, Badge::new("bad", "i-alert", "mapped, and gone")));
    let gone = known.gone().into_iter().filter(|column| vanished.iter().all(|one| one.column != column.name));
    let gone = gone.map(|column| missing(&column.name, Badge::new("quiet", "i-minus", "gone")));
    TableView {
        source: source.0.clone(),
        refreshed: Some(When::new(known.refreshed_at, layout.now)),
        by: known.refreshed_by.clone(),
        changed: known.before.as_ref().map(|(_, at)| When::new(*at, layout.now)),
        columns: needed.chain(there).chain(gone).collect(),
        there: known.columns.len(),
        samples: samples.len(),
        note: None,
    }
}
