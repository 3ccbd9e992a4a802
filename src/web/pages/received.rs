//! What each connector last sent about a user, verbatim, with file and line.

use super::resource::run_href;
use super::user::find;
use crate::model::as_of::AsOf;
use crate::model::connection::SourceTable;
use crate::model::resource;
use crate::model::run::RunId;
use crate::pipeline::provenance::{Origins, place};
use crate::pipeline::received;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

/// Records that are looked for in their files.
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "pages/received.html")]
struct ReceivedPage {
    layout: Layout,
    records: Vec<RecordView>,
    is_cut: bool,
}

/// A record that feeds the user.
struct RecordView {
    href: String,
    key: String,
    whose: String,
    run: (String, String),
    place: String,
    at: Option<When>,
    /// Column, value; empty: it is not kept any more.
    values: Vec<(String, String)>,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    let store = context.work.store.clone();
    context
        .page(visitor, move |conn, layout| {
            let person = find(conn, &Moment::default(), &id)?;
            let resources = resource::of_person(conn, &AsOf::Now, person.id)?;
            let mut origins = Origins::load(conn)?;
            let connectors: Vec<i32> = resources
                .iter()
                .filter_map(|one| Some(origins.entity_type(one.entity_type_id)?.connector_id))
                .collect();
            origins.learn_connectors(conn, connectors)?;
            origins.learn_runs(conn, resources.iter().map(|one| one.run_id))?;
            let mut records = Vec::new();
            for one in resources.iter().take(SHOWN) {
                let Some(names) = origins.entity_type(one.entity_type_id) else { continue };
                let source: Option<SourceTable> =
                    origins.definition_of(one.entity_type_id).map(|definition| definition.source.clone());
                let received = match source {
                    Some(source) => received::of(&store, conn, &source, RunId(one.run_id), one.line)
                        .map_err(|error| WebError::Internal(error.to_string()))?,
                    None => None,
                };
                records.push(RecordView {
                    href: links::resource(&names.connector, &names.name, one.id),
                    key: one.key.clone(),
                    whose: format!("{}, {}", names.title, names.connector_title),
                    run: (run_href(one.run_id), format!("run {}", one.run_id)),
                    place: place(origins.file(one.entity_type_id, one.run_id), one.line),
                    at: received.as_ref().map(|received| When::new(received.at, layout.now)),
                    values: received.map(|received| received.values).unwrap_or_default(),
                });
            }
            Ok(ReceivedPage {
                records,
                is_cut: resources.len() > SHOWN,
                layout: layout
                    .titled(Section::Users, format!("Received about {}", person.name()))
                    .under(links::USERS, "Users")
                    .under(links::user(person.id), person.name()),
            })
        })
        .await
}
