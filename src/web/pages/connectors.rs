//! All connectors: how each one is.

use crate::web::error::WebError;
use crate::web::health::{self, ConnectorLine};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

#[derive(Template)]
#[template(path = "pages/connectors.html")]
struct ConnectorsPage {
    layout: Layout,
    connectors: Vec<ConnectorLine>,
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, |conn, layout| {
            let connectors = health::lines(conn, layout.now)?;
            Ok(ConnectorsPage { layout: layout.titled(Section::Connectors, "Connectors"), connectors })
        })
        .await
}
