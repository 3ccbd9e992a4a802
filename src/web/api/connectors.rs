//! Connectors: how they are, and the documents that say what they do.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging, is_on};
use crate::document::{self, Document, DocumentError, DocumentErrors};
use crate::jobs::health::{self, Condition, Health};
use crate::model::configuration::{self, Applied, Outcome};
use crate::model::connection::ConnectionDefinition;
use crate::model::connector::{self, ConnectorDefinition};
use crate::model::run::RunId;
use crate::web::{WebContext, csv};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path, Query};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A connector in the list.
#[derive(Debug, Serialize)]
struct ConnectorItem {
    name: String,
    display_name: String,
    active: bool,
    /// In one word: `on_time`, `delayed`, `blocked`, `failed`, `paused`, `never_run`.
    health: &'static str,
    configuration_version: i32,
    /// Whether an edit waits for Reload.
    draft: bool,
    incremental: bool,
    last_run: Option<RunId>,
    applied_run: Option<i32>,
    next_run_at: Option<DateTime<Utc>>,
}

/// A connector with what it reads.
#[derive(Debug, Serialize)]
struct ConnectorDetail {
    #[serde(flatten)]
    item: ConnectorItem,
    connections: Vec<serde_json::Value>,
    entity_types: Vec<String>,
    associations: Vec<String>,
}

/// Whether to look only.
#[derive(Debug, Deserialize)]
pub struct PutQuery {
    dry_run: Option<String>,
}

/// All that the token may see, by name.
pub async fn list(context: Data<WebContext>, client: Client, paging: Query<Paging>) -> Result<HttpResponse, Problem> {
    let listed = context
        .ask(move |conn| {
            let now = Utc::now();
            let mut all = health::of_all(conn, now)?;
            all.retain(|one| client.reaches(&one.connector.name));
            all.sort_by(|a, b| a.connector.name.cmp(&b.connector.name));
            if let Some(after) = &paging.after {
                all.retain(|one| one.connector.name > *after);
            }
            let name = |one: &Condition| one.connector.name.clone();
            Ok(Listed::new(all, &paging, name, |one| item(&one, now)))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// One connector.
pub async fn show(context: Data<WebContext>, client: Client, name: Path<String>) -> Result<HttpResponse, Problem> {
    let detail = context
        .ask(move |conn| {
            let now = Utc::now();
            let connector = client.connector(conn, &name)?;
            let found = health::of_all(conn, now)?.into_iter().find(|one| one.connector.id == connector.id);
            let condition = found.ok_or_else(|| Problem::missing("connector", &name))?;
            let definition = condition.definition.as_ref();
            let connections = definition.iter().flat_map(|definition| &definition.connections).map(|one| {
                let tables: Vec<&str> = one.tables.iter().map(|table| table.name.as_str()).collect();
                json!({ "name": one.name, "kind": one.kind.as_str(), "tables": tables })
            });
            Ok(ConnectorDetail {
                item: item(&condition, now),
                connections: connections.collect(),
                entity_types: definition
                    .map(|one| one.entity_types.iter().map(|one| one.name.clone()).collect())
                    .unwrap_or_default(),
                associations: definition
                    .map(|one| one.associations.iter().map(|one| one.name.clone()).collect())
                    .unwrap_or_default(),
            })
        })
        .await?;
    Ok(HttpResponse::Ok().json(detail))
}

/// The document that runs use, as it was written.
pub async fn document(context: Data<WebContext>, client: Client, name: Path<String>) -> Result<HttpResponse, Problem> {
    let text = context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            Ok(configuration::current(conn, &connector)?.document)
        })
        .await?;
    Ok(csv::attachment("connector.toml", "application/toml").body(text))
}

/// Makes a document what runs use, or says what that would do.
pub async fn put(
    context: Data<WebContext>,
    client: Client,
    name: Path<String>,
    query: Query<PutQuery>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    // Whether there is such a connector is nothing that a token limited to another one learns.
    if !client.reaches(&name) {
        return Err(Problem::missing("connector", &name));
    }
    let (text, definition) = match read(&body).map_err(Problem::from)? {
        Document::Connector { text, definition } => (text, definition),
        Document::Settings { .. } => return Err(misplaced(&body, "this is the settings document; send a connector's")),
    };
    if definition.name != *name {
        let message = format!("{:?} is not the connector of the address, which is {:?}", definition.name, *name);
        return Err(misplaced(&body, &message));
    }
    let dry_run = is_on(query.dry_run.as_ref());
    let applied = context
        .ask(move |conn| {
            if client.limited_to().is_some() {
                keeps_its_systems(conn, &definition)?;
            }
            // Guards have defaults in the settings: whether each operation keeps one is seen only with both at hand.
            document::connector_under(&text, &document::settings_in_force(conn)?)?;
            match dry_run {
                true => would_apply(conn, &definition.name, &text),
                false => Ok(configuration::apply(conn, &text, &definition, &client.who())?),
            }
        })
        .await?;
    let created = applied.outcome == Outcome::Created && !dry_run;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(json!({
        "connector": *name, "outcome": applied.outcome, "version": applied.version, "dry_run": dry_run,
        "messages": applied.messages,
    })))
}

/// A token that is limited to a connector may say what is read and what it means, but not from where: with another
/// address, socket, folder or reference to a secret it would reach what is not the connector's. Files that it sends itself
/// are its own.
fn keeps_its_systems(conn: &mut PgConnection, definition: &ConnectorDefinition) -> Result<(), Problem> {
    let stored = match connector::by_name(conn, &definition.name)? {
        None => Vec::new(),
        Some(stored) => document::connector(&configuration::current(conn, &stored)?.document)?.connections,
    };
    let is_upload = |one: &ConnectionDefinition| {
        one.kind == "files" && one.settings.get("upload") == Some(&true.into()) && !one.settings.contains_key("folder")
    };
    let is_stored = |one: &ConnectionDefinition| {
        stored.iter().any(|old| old.name == one.name && old.kind == one.kind && old.settings == one.settings)
    };
    match definition.connections.iter().find(|one| !is_upload(one) && !is_stored(one)) {
        None => Ok(()),
        Some(other) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "connection",
            format_args!(
                "connection {:?} is new, or reaches its system in another way than it did: that takes a token that is not \
                 limited to a connector, or an administrator",
                other.name
            ),
        )),
    }
}

fn read(body: &web::Bytes) -> Result<Document, DocumentErrors> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let before = String::from_utf8_lossy(&body[..error.valid_up_to()]).into_owned();
        let line = before.lines().count().max(1);
        let column = before.lines().last().map_or(1, |last| last.chars().count() + 1);
        let message = "this is not UTF-8; save the document as UTF-8".to_owned();
        DocumentErrors(vec![DocumentError { line, column, message }])
    })?;
    document::parse(text, None)
}

/// What is wrong with the name of a document, at the place where it stands.
fn misplaced(body: &web::Bytes, message: &str) -> Problem {
    let text = String::from_utf8_lossy(body);
    let is_name =
        |line: &str| line.trim_start().strip_prefix("name").is_some_and(|rest| rest.trim_start().starts_with('='));
    let line = text.lines().position(is_name).map_or(1, |position| position + 1);
    DocumentErrors(vec![DocumentError { line, column: 1, message: message.to_owned() }]).into()
}

fn would_apply(conn: &mut PgConnection, name: &str, text: &str) -> Result<Applied, Problem> {
    let (outcome, version) = match connector::by_name(conn, name)? {
        None => (Outcome::Created, 1),
        Some(stored) if configuration::current(conn, &stored)?.document == text => {
            (Outcome::Unchanged, stored.configuration_version)
        }
        Some(stored) => (Outcome::Changed, stored.configuration_version + 1),
    };
    Ok(Applied { outcome, version, messages: Vec::new() })
}

fn item(condition: &Condition, now: DateTime<Utc>) -> ConnectorItem {
    let connector = &condition.connector;
    let next = condition.schedules.iter().filter(|_| connector.active).filter_map(|one| one.next(now)).min();
    ConnectorItem {
        name: connector.name.clone(),
        display_name: connector.display_name.clone(),
        active: connector.active,
        health: match condition.health {
            Health::OnTime => "on_time",
            Health::Delayed(_) => "delayed",
            Health::Blocked(_) => "blocked",
            Health::Failed(_) => "failed",
            Health::Paused => "paused",
            Health::NeverRun => "never_run",
        },
        configuration_version: connector.configuration_version,
        draft: connector.is_stale(),
        incremental: connector.incremental,
        last_run: condition.runs.last().map(|run| run.id),
        applied_run: connector.applied_run_id,
        next_run_at: next,
    }
}
