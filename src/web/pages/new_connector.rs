//! A new connector: from an address, a folder or a file to a document that reads it, guessed from what it holds.

use crate::connectors::{self, ConnectionError, UploadedFile};
use crate::document::{self, Document, DocumentErrors};
use crate::model::configuration;
use crate::model::connection::{ConnectionDefinition, TableDefinition};
use crate::model::connector::{self, ConnectorDefinition};
use crate::model::session::{self, Flash};
use crate::pipeline::export;
use crate::pipeline::proposal::{self, Guess, Proposal, Sketch};
use crate::store;
use crate::web::editor::{self, Finding};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::settings_form::{self, Field, Input, Sent};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;
use serde_json::{Map, json};
use std::path::{Path, PathBuf};

/// The way in that needs no address: a file that is dropped here.
const DROPPED: &str = "file";

#[derive(Template)]
#[template(path = "pages/new_connector.html")]
struct NewConnectorPage {
    layout: Layout,
    ways: Vec<Way>,
    /// The chosen one.
    way: String,
    sent: Sent,
    connection: Vec<Field>,
    table: Vec<Field>,
    refusals: Vec<String>,
    guesses: Vec<Guess>,
    document: Option<String>,
    findings: Vec<Finding>,
    is_fine: bool,
}

/// A way to say where the data is.
struct Way {
    href: String,
    words: String,
    is_chosen: bool,
}

impl NewConnectorPage {
    fn sent(&self, name: &str) -> &str {
        self.sent.get(name).map(String::as_str).unwrap_or_default()
    }

    fn is_sent(&self, name: &str, value: &str) -> bool {
        self.sent(name) == value
    }
}

/// Which way.
#[derive(Deserialize)]
pub struct WayQuery {
    kind: Option<String>,
}

/// The page, with an empty form.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<WayQuery>,
) -> Result<HttpResponse, WebError> {
    let way = query.into_inner().kind.unwrap_or_else(|| DROPPED.to_owned());
    context.page(visitor, move |_, layout| Ok(page(layout, way, Sent::new()))).await
}

/// Looks at the source and proposes a document; checks the document; or makes a connector of it.
pub async fn submit(context: Data<WebContext>, visitor: Visitor, form: Form<Sent>) -> Result<HttpResponse, WebError> {
    let sent = form.into_inner();
    let way = sent.get("kind").cloned().unwrap_or_else(|| DROPPED.to_owned());
    if sent.get("act").is_some_and(|act| act == "look") {
        let (program, data_dir) = (context.work.program.clone(), context.work.data_dir.clone());
        let asked = sent.clone();
        let looked =
            actix_web::web::block(move || look(&program, &data_dir, &asked)).await.map_err(|_| WebError::Stopped)?;
        return context
            .page(visitor, move |_, layout| {
                let mut page = page(layout, way, sent);
                match looked {
                    Ok(proposal) => (page.document, page.guesses) = (Some(proposal.document), proposal.guesses),
                    Err(refusals) => page.refusals = refusals,
                }
                Ok(page)
            })
            .await;
    }
    let text = editor::plain(sent.get("document").map(String::as_str).unwrap_or_default());
    let is_only_checked = sent.get("act").is_some_and(|act| act == "check");
    let (by, digest, checked_text) = (visitor.account().name.clone(), visitor.session.digest.clone(), text.clone());
    let made = context
        .db(move |conn| {
            let (text, definition) = match check(conn, &checked_text)? {
                Ok(checked) => checked,
                Err(errors) => return Ok(Err(editor::findings(&checked_text, errors))),
            };
            if is_only_checked {
                return Ok(Err(Vec::new()));
            }
            let applied = configuration::apply(conn, &text, &definition, &by)?;
            let made = format!("{} is there. Jobs → All tasks starts its first run.", definition.title());
            let flash: Vec<Flash> = std::iter::once(made).chain(applied.messages).map(Flash::done).collect();
            session::leave_flash(conn, &digest, &flash)?;
            Ok(Ok(links::connector(&definition.name)))
        })
        .await?;
    match made {
        Ok(to) => Ok(crate::web::visitor::see_other(&to)),
        Err(findings) => {
            context
                .page(visitor, move |_, layout| {
                    let is_fine = findings.is_empty();
                    Ok(NewConnectorPage { document: Some(text), findings, is_fine, ..page(layout, way, sent) })
                })
                .await
        }
    }
}

/// Checks the document of a connector that is not there yet; gives the text to store.
fn check(
    conn: &mut PgConnection,
    text: &str,
) -> Result<Result<(String, ConnectorDefinition), DocumentErrors>, WebError> {
    let settings = document::settings_in_force(conn)?;
    Ok(match document::parse(text, None) {
        Err(errors) => Err(errors),
        Ok(Document::Settings { .. }) => Err(editor::error_at(text, "", "these are settings, not a connector")),
        Ok(Document::Connector { definition, .. }) if connector::by_name(conn, &definition.name)?.is_some() => {
            let message = format!("there is a connector {:?} already; choose another name", definition.name);
            Err(editor::error_at(text, "name", message))
        }
        Ok(Document::Connector { text, .. }) => {
            document::connector_under(&text, &settings).map(|definition| (text, definition))
        }
    })
}

/// Asks the source, in a child process, and guesses; or what stands in the way, each in a sentence.
fn look(program: &Path, data_dir: &Path, sent: &Sent) -> Result<Proposal, Vec<String>> {
    let text = |name: &str| sent.get(name).map(|text| text.trim()).unwrap_or_default();
    let mut refusals = Vec::new();
    let name = text("name");
    if name.is_empty() {
        refusals.push("The connector needs a name.".to_owned());
    }
    let display_name = Some(text("display_name")).filter(|title| !title.is_empty());
    let told = |error: ConnectionError| vec![error.to_string()];
    let (connection, observed) = if text("kind") == DROPPED {
        let content = sent.get("content").map(String::as_str).unwrap_or_default();
        if content.trim().is_empty() {
            refusals.push("There is no content: choose a file, or paste what it holds.".to_owned());
        }
        if text("file_name").is_empty() {
            refusals.push("The file needs a name: its ending tells the format.".to_owned());
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let received = Received::take_in(data_dir, content).map_err(|error| vec![error.to_string()])?;
        let file = UploadedFile { path: received.0.clone(), name: text("file_name").to_owned() };
        let mut surveyed = export::survey(program, dropped(), vec![file]).map_err(told)?;
        // It came as text, whatever it was written in.
        if !["", "utf-8"].contains(&text("encoding")) {
            for table in &mut surveyed.0.tables {
                table.settings.insert("encoding".into(), json!(text("encoding")));
            }
        }
        surveyed
    } else {
        let connection = described(sent, &mut refusals);
        match connection {
            Some(connection) if refusals.is_empty() => export::survey(program, connection, Vec::new()).map_err(told)?,
            _ => return Err(refusals),
        }
    };
    Ok(proposal::propose(&Sketch { name, display_name, connection: &connection }, &observed))
}

fn dropped() -> ConnectionDefinition {
    let mut settings = Map::new();
    settings.insert("upload".into(), json!(true));
    ConnectionDefinition { name: "feed".into(), kind: "files".into(), tables: Vec::new(), settings }
}

fn described(sent: &Sent, refusals: &mut Vec<String>) -> Option<ConnectionDefinition> {
    let kind = sent.get("kind").and_then(|kind| connectors::kind(kind));
    let Some(kind) = kind else {
        refusals.push("There is no such kind of connection.".to_owned());
        return None;
    };
    let settings = settings_form::read("c.", kind.settings(), sent, refusals);
    let mut tables = Vec::new();
    let table = sent.get("table").map(|name| name.trim()).unwrap_or_default();
    if !table.is_empty() {
        let settings = settings_form::read("t.", kind.table_settings(), sent, refusals);
        tables.push(TableDefinition { name: table.to_owned(), settings });
    }
    Some(ConnectionDefinition { name: "source".into(), kind: kind.name().to_owned(), tables, settings })
}

/// What was pasted, as a file that is gone when it was looked at.
struct Received(PathBuf);

impl Received {
    fn take_in(data_dir: &Path, content: &str) -> std::io::Result<Self> {
        let plain = editor::plain(content);
        let (path, _) = store::take_in(data_dir, "uploads/proposals", &mut plain.as_bytes())?;
        Ok(Self(data_dir.join(path)))
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn page(layout: Layout, way: String, sent: Sent) -> NewConnectorPage {
    let own = |kind: &str, words: String| Way {
        href: links::with_query(links::NEW_CONNECTOR, &[("kind", kind)]),
        words,
        is_chosen: kind == way,
    };
    let mut ways = vec![own(DROPPED, "A file from here".to_owned())];
    ways.extend(connectors::KINDS.iter().map(|kind| own(kind.name(), format!("{} …", kind.name()))));
    let kind = connectors::kind(&way);
    NewConnectorPage {
        connection: kind.map(|kind| settings_form::fields("c.", kind.settings(), &sent)).unwrap_or_default(),
        table: kind.map(|kind| settings_form::fields("t.", kind.table_settings(), &sent)).unwrap_or_default(),
        layout: layout.titled(Section::Connectors, "New connector").under(links::CONNECTORS, "Connectors"),
        ways,
        way,
        sent,
        refusals: Vec::new(),
        guesses: Vec::new(),
        document: None,
        findings: Vec::new(),
        is_fine: false,
    }
}
