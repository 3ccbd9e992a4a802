//! Keyboard and words.

use crate::web::WebContext;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

#[derive(Template)]
#[template(path = "pages/help.html")]
struct HelpPage {
    layout: Layout,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context.page(visitor, |_, layout| Ok(HelpPage { layout: layout.titled(Section::None, "Help") })).await
}
