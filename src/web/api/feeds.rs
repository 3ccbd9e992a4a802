//! Feeds: what a connector expects and what has come, the start, and those that are kept.

use super::gate::Client;
use super::problem::Problem;
use super::runs::{accepted, report};
use super::{Listed, Paging};
use crate::document;
use crate::model::configuration;
use crate::model::connector::{Connector, ConnectorDefinition};
use crate::model::extraction::ExtractionId;
use crate::model::feed::{self, Feed};
use crate::model::run::Trigger;
use crate::model::upload;
use crate::pipeline::upload as feeds;
use crate::store::Sealed;
use crate::web::{WebContext, download};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use diesel::pg::PgConnection;
use serde_json::json;

/// The files that are expected, those that are there, and those that are missing.
pub async fn waiting(context: Data<WebContext>, client: Client, name: Path<String>) -> Result<HttpResponse, Problem> {
    let feed = context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            let definition = definition(conn, &connector)?;
            let files = upload::waiting(conn, connector.id)?.into_iter().map(|file| {
                json!({ "table": file.source_table, "file": file.file_name, "bytes": file.bytes,
                        "sha256": file.sha256, "received_at": file.uploaded_at, "received_from": file.uploaded_by })
            });
            let files: Vec<_> = files.collect();
            Ok(json!({
                "expected": upload::expected(&definition), "files": files,
                "missing": feeds::missing(conn, connector.id, &definition)?,
                "auto_apply": feeds::auto_applies(&definition),
            }))
        })
        .await?;
    Ok(HttpResponse::Ok().json(feed))
}

/// Starts the feed, if it is complete.
pub async fn start(context: Data<WebContext>, client: Client, name: Path<String>) -> Result<HttpResponse, Problem> {
    let enqueue = context.work.enqueue.clone();
    let report = context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            let definition = definition(conn, &connector)?;
            if upload::expected(&definition).is_empty() {
                return Err(feeds::UploadError::TakesNone(connector.name).into());
            }
            let run = feeds::start(conn, connector.id, &definition, Trigger::Api, &client.who(), &enqueue)?;
            report(conn, run)
        })
        .await?;
    Ok(accepted(&report))
}

/// Those that are kept, the newest first.
pub async fn list(
    context: Data<WebContext>,
    client: Client,
    name: Path<String>,
    paging: Query<Paging>,
) -> Result<HttpResponse, Problem> {
    let before = paging.after_number()?.map(ExtractionId);
    let listed = context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            let kept = feed::kept(conn, connector.id, before, paging.rows())?;
            Ok(Listed::new(kept, &paging, |feed: &Feed| feed.id.to_string(), |feed| feed))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// A table of a feed, byte for byte as it was sealed.
pub async fn table(
    context: Data<WebContext>,
    client: Client,
    path: Path<(String, i64, String)>,
) -> Result<HttpResponse, Problem> {
    let (name, id, table) = path.into_inner();
    let store = context.work.store.clone();
    let (file, reader) = context
        .ask(move |conn| {
            let connector = client.connector(conn, &name)?;
            let found = feed::find(conn, connector.id, ExtractionId(id))?;
            let feed = found.ok_or_else(|| Problem::missing("feed", id))?;
            let file = feed.files.into_iter().find(|file| file.table == table);
            let file = file.ok_or_else(|| Problem::missing("table", &table))?;
            let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes.unsigned_abs() };
            let reader = store
                .verified(&file.path, &sealed)
                .map_err(|error| Problem::from(crate::web::error::WebError::Internal(error.to_string())))?;
            Ok((file, reader))
        })
        .await?;
    let mut answer = download::attachment(&format!("{}.csv", file.table), "text/csv; charset=utf-8");
    Ok(answer.streaming(download::stream(reader)))
}

/// What the connector's document says now.
pub(super) fn definition(conn: &mut PgConnection, connector: &Connector) -> Result<ConnectorDefinition, Problem> {
    Ok(document::connector(&configuration::current(conn, connector)?.document)?)
}
