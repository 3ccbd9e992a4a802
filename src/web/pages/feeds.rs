//! The feeds of one connector: what its next one expects and what is there, the form that sends files, and those that
//! are kept, to be saved, compared and replayed.

use super::connector::find;
use super::decision::sentence;
use crate::document;
use crate::model::configuration;
use crate::model::connector::{Connector, ConnectorDefinition};
use crate::model::extraction::ExtractionId;
use crate::model::feed::{self, Feed};
use crate::model::run::{StartError, Trigger};
use crate::model::session::{self, Flash};
use crate::model::upload::{self, Upload};
use crate::pipeline::upload::{self as feeds, FeedError, Received, Sending};
use crate::store::Sealed;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::file_form::{FileForm, FilePart};
use crate::web::page::{Layout, Section};
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, csv, download, incoming, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Feeds on a page.
const PAGE: i64 = 25;

#[derive(Template)]
#[template(path = "pages/feeds.html")]
struct FeedsPage {
    layout: Layout,
    href: String,
    start: String,
    compare: String,
    runs: String,
    /// The files of the next feed; none: they come from a folder.
    expected: Vec<ExpectedFile>,
    missing: usize,
    auto_apply: bool,
    kept: Vec<KeptFeed>,
    next: Option<String>,
}

struct ExpectedFile {
    table: String,
    there: Option<ThereFile>,
}

struct ThereFile {
    href: String,
    file: Upload,
    when: When,
}

struct KeptFeed {
    feed: Feed,
    when: When,
    run: String,
    badge: Badge,
    /// By file: where it is saved from.
    tables: Vec<String>,
}

/// Which page.
#[derive(Deserialize)]
pub struct FeedsQuery {
    before: Option<i64>,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<FeedsQuery>,
) -> Result<HttpResponse, WebError> {
    let before = query.before.map(ExtractionId);
    context
        .page(visitor, move |conn, layout| {
            let (connector, definition) = defined(conn, &name)?;
            let now = layout.now;
            let waiting = upload::waiting(conn, connector.id)?;
            let expected = definition.as_ref().map(upload::expected).unwrap_or_default().into_iter().map(|table| {
                let there = waiting.iter().find(|file| file.source_table == table).map(|file| ThereFile {
                    href: links::received(&connector.name, &table.0),
                    file: file.clone(),
                    when: When::new(file.uploaded_at, now),
                });
                ExpectedFile { table: table.0, there }
            });
            let expected: Vec<ExpectedFile> = expected.collect();
            let mut kept = feed::kept(conn, connector.id, before, PAGE + 1)?;
            let more = kept.len() as i64 > PAGE;
            kept.truncate(PAGE as usize);
            let href = links::of_connector(&connector.name, "feeds");
            let next =
                kept.last().filter(|_| more).map(|last| links::with_query(&href, &[("before", &last.id.to_string())]));
            Ok(FeedsPage {
                start: links::of_connector(&connector.name, "feeds/start"),
                compare: links::of_connector(&connector.name, "feeds/compare"),
                runs: links::of_connector(&connector.name, "runs"),
                missing: expected.iter().filter(|file| file.there.is_none()).count(),
                auto_apply: definition.as_ref().is_some_and(feeds::auto_applies),
                kept: kept.into_iter().map(|feed| line(&connector, feed, now)).collect(),
                expected,
                next,
                href,
                layout: layout
                    .titled(Section::Feeds, "Feeds")
                    .under(links::FEEDS, "Batch files")
                    .under(links::connector(&connector.name), connector.display_name.clone()),
            })
        })
        .await
}

fn line(connector: &Connector, feed: Feed, now: DateTime<Utc>) -> KeptFeed {
    KeptFeed {
        when: When::new(feed.received_at, now),
        run: links::run(feed.run),
        badge: feed.run_state.into(),
        tables: feed.files.iter().map(|file| links::feed_table(&connector.name, &feed.id, &file.table)).collect(),
        feed,
    }
}

/// The connector with what its document says, if that can be read.
pub(super) fn defined(
    conn: &mut PgConnection,
    name: &str,
) -> Result<(Connector, Option<ConnectorDefinition>), WebError> {
    let connector = find(conn, name)?;
    let document = configuration::current(conn, &connector)?.document;
    Ok((connector, document::connector(&document).ok()))
}

/// Takes the files of a form in, one after the other, and says of each what became of it.
pub async fn send(context: Data<WebContext>, name: Path<String>, mut form: FileForm) -> Result<HttpResponse, WebError> {
    let Some(_door) = incoming::door() else {
        return Err(WebError::Conflict("Too many files are being received. Try again in a moment.".into()));
    };
    let mut said = Vec::new();
    while let Some(part) = form.next().await? {
        said.push(receive(&context, &name, &form.visitor, part).await?);
    }
    if said.is_empty() {
        said.push(Flash::refused("No file was chosen."));
    }
    let (visitor, back) = (form.visitor, links::of_connector(&name, "feeds"));
    context
        .act(move |conn| {
            session::leave_flash(conn, &visitor.session.digest, &said)?;
            Ok(Lead::to(&back))
        })
        .await
}

async fn receive(context: &WebContext, name: &str, visitor: &Visitor, part: FilePart) -> Result<Flash, WebError> {
    let FilePart { field, file_name, content } = part;
    let named = name.to_owned();
    let (connector, definition) = context.db(move |conn| defined(conn, &named)).await?;
    let Some(definition) = definition else {
        return Ok(Flash::refused("The connector's document can't be read, so nothing was taken in."));
    };
    let table = match feeds::table_of(&definition, &field) {
        Ok(table) => table,
        Err(refusal) => return Ok(Flash::refused(sentence(&refusal))),
    };
    let (data_dir, id) = (context.work.data_dir.clone(), connector.id);
    let taken = incoming::pass(content, move |source| feeds::take_in(&data_dir, id, source, None)).await;
    let taken = match taken.ok_or(WebError::Stopped)? {
        Ok(taken) => taken,
        Err(error) => return Ok(Flash::refused(format!("{file_name}: {}", sentence(&error)))),
    };
    let (data_dir, enqueue) = (context.work.data_dir.clone(), context.work.enqueue.clone());
    let by = visitor.account().name.clone();
    context
        .db(move |conn| {
            let sending = Sending { table: &field, file_name: &file_name, by: &by, at: Utc::now() };
            let received = feeds::record(conn, &data_dir, connector.id, &definition, table, &sending, taken);
            let received = received.map_err(|error| WebError::Internal(error.to_string()))?;
            let flash = Flash::done(told(&received));
            Ok(match feeds::apply_by_itself(conn, &received, &by, &enqueue) {
                None => flash,
                Some(Ok(run)) => {
                    Flash::done(format!("{} The feed is complete: run {run} applies it.", told(&received)))
                        .with_link(links::run(run), format!("Run {run}"))
                }
                Some(Err(StartError::Database(error))) => return Err(error.into()),
                Some(Err(reason)) => Flash::done(format!("{} The feed waits: {}", told(&received), sentence(&reason))),
            })
        })
        .await
}

fn told(received: &Received) -> String {
    let Upload { source_table, file_name, bytes, .. } = &received.upload;
    format!("{source_table}: received {file_name}, {}.", words::bytes(bytes))
}

/// Starts the feed that waits, and leads to its run.
pub async fn start(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            let (connector, definition) = defined(conn, &name)?;
            let back = links::of_connector(&connector.name, "feeds");
            let Some(definition) = definition.filter(|definition| !upload::expected(definition).is_empty()) else {
                return visitor.lead(conn, &back, Flash::refused("This connector takes no files."));
            };
            let by = &visitor.account().name;
            match feeds::start(conn, connector.id, &definition, Trigger::Person, by, &enqueue) {
                Ok(run) => visitor.lead(conn, &links::run(run), Flash::done(format!("Run {run} applies the feed."))),
                Err(FeedError::Database(error) | FeedError::Start(StartError::Database(error))) => Err(error.into()),
                Err(refusal) => visitor.lead(conn, &back, Flash::refused(sentence(&refusal))),
            }
        })
        .await
}

/// A file that waits for its feed, as it was sent.
pub async fn received(
    context: Data<WebContext>,
    _: Visitor,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, table) = path.into_inner();
    let data_dir = context.work.data_dir.clone();
    let (name, file) = context
        .db(move |conn| {
            let connector = find(conn, &name)?;
            let waiting = upload::waiting(conn, connector.id)?;
            let missing = || WebError::missing("file that waits for", &table);
            let file = waiting.into_iter().find(|file| file.source_table.0 == table).ok_or_else(missing)?;
            // A feed may have taken it away between the two looks.
            let opened = std::fs::File::open(data_dir.join(&file.path)).map_err(|_| missing())?;
            Ok((file.file_name, opened))
        })
        .await?;
    Ok(download::attachment(&name, "application/octet-stream").streaming(download::stream(file)))
}

/// A table of a feed that is kept, as CSV that a spreadsheet takes for nothing but data.
pub async fn download(
    context: Data<WebContext>,
    _: Visitor,
    path: Path<(String, i64, String)>,
) -> Result<HttpResponse, WebError> {
    let (name, id, table) = path.into_inner();
    let store = context.work.store.clone();
    let (file, reader) = context
        .db(move |conn| {
            let connector = find(conn, &name)?;
            let feed = feed::find(conn, connector.id, ExtractionId(id))?;
            let feed = feed.ok_or_else(|| WebError::missing("feed", id))?;
            let file = feed.files.into_iter().find(|file| file.table == table);
            let file = file.ok_or_else(|| WebError::missing("table", &table))?;
            let sealed = Sealed { sha256: file.sha256.clone(), bytes: file.bytes.unsigned_abs() };
            let reader = store.verified(&file.path, &sealed);
            Ok((file, reader.map_err(|error| WebError::Internal(error.to_string()))?))
        })
        .await?;
    let mut answer = download::attachment(&format!("{}.csv", file.table), "text/csv; charset=utf-8");
    Ok(answer.streaming(download::stream(csv::Safe::new(reader))))
}
