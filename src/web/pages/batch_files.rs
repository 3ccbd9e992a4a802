//! Batch files: the connectors that read files, what waits for their next feed, and their last one.

use crate::document;
use crate::model::configuration;
use crate::model::connector::{self, ConnectorDefinition};
use crate::model::feed::{self, Feed};
use crate::model::upload;
use crate::pipeline::upload as feeds;
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::{DateTime, Utc};

#[derive(Template)]
#[template(path = "pages/batch_files.html")]
struct BatchFilesPage {
    layout: Layout,
    connectors: Vec<ConnectorFeeds>,
}

struct ConnectorFeeds {
    name: String,
    title: String,
    href: String,
    /// How many files a feed has, and how many of them are there; none: the files come from a folder.
    expected: Option<(usize, usize)>,
    last: Option<(When, String, Badge)>,
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, |conn, layout| {
            let mut connectors = Vec::new();
            for connector in connector::list(conn)? {
                let text = configuration::current(conn, &connector)?.document;
                let Some(definition) = document::connector(&text).ok().filter(reads_files) else { continue };
                let expected = upload::expected(&definition).len();
                let missing = feeds::missing(conn, connector.id, &definition)?.len();
                let last = feed::kept(conn, connector.id, None, 1)?.pop();
                connectors.push(ConnectorFeeds {
                    href: links::of_connector(&connector.name, "feeds"),
                    expected: (expected > 0).then_some((expected, expected - missing)),
                    last: last.map(|feed| line(&feed, layout.now)),
                    name: connector.name,
                    title: connector.display_name,
                });
            }
            Ok(BatchFilesPage { layout: layout.titled(Section::Feeds, "Batch files"), connectors })
        })
        .await
}

fn reads_files(definition: &ConnectorDefinition) -> bool {
    definition.connections.iter().any(|connection| connection.kind == "files")
}

fn line(feed: &Feed, now: DateTime<Utc>) -> (When, String, Badge) {
    (When::new(feed.received_at, now), links::run(feed.run), feed.run_state.into())
}
