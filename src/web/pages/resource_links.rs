//! All that a resource is linked to by one association, in pages.

use super::resource::{LinkLine, link_line, stored};
use super::resources::find;
use crate::model::resource;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/resource_links.html")]
struct ResourceLinksPage {
    layout: Layout,
    of: String,
    outgoing: bool,
    links: Vec<LinkLine>,
    is_first: bool,
    first: String,
    next: Option<String>,
}

/// Where the page begins.
#[derive(Deserialize)]
pub struct LinksQuery {
    #[serde(default)]
    after: String,
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    names: Path<(String, String, i64, String, String)>,
    query: Query<LinksQuery>,
) -> Result<HttpResponse, WebError> {
    let (connector, entity_type, id, way, association) = names.into_inner();
    context
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let (connector, entity_type) = find(conn, &connector, &entity_type)?;
            let outgoing = match way.as_str() {
                "to" => true,
                "from" => false,
                _ => return Err(WebError::missing("list of links", way)),
            };
            let stored = stored(conn, &moment, &connector, &entity_type, &id.to_string())?;
            let after = Cursor::decode(&query.after);
            let begin = after.as_ref().map_or(i64::MIN, |cursor| cursor.id);
            let (from, by) = ((entity_type.id.0, id), (association.as_str(), outgoing));
            let found = resource::linked(conn, &moment.at, from, by, begin, PAGE as i64 + 1)?;
            let page = Page::new(found, |one| Cursor { key: String::new(), id: one.id });
            let title = page.rows.first().map_or_else(|| association.clone(), |one| one.association_title.clone());
            let address = links::resource(&connector.name, &entity_type.name, id);
            let first = moment.keep(links::of_resource(&address, &association, outgoing));
            let next = page.next.map(|cursor| {
                let path = links::of_resource(&address, &association, outgoing);
                moment.keep(links::with_query(&path, &[("after", &cursor.encode())]))
            });
            Ok(ResourceLinksPage {
                of: stored.title().to_owned(),
                outgoing,
                links: page.rows.iter().map(|one| link_line(one, &moment)).collect(),
                is_first: after.is_none(),
                first,
                next,
                layout: layout
                    .titled(Section::Resources(entity_type.id.0), title)
                    .under(links::connector(&connector.name), &connector.display_name)
                    .under(moment.keep(links::resources(&connector.name, &entity_type.name)), &entity_type.display_name)
                    .under(moment.keep(address), stored.title()),
            })
        })
        .await
}
