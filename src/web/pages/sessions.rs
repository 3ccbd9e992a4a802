//! Whoever is signed in, and the way to end that.

use crate::model::audit;
use crate::model::session::{self, Flash};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::session_list::{self, SessionLine};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "pages/sessions.html")]
struct SessionsPage {
    layout: Layout,
    count: String,
    sessions: Vec<SessionLine>,
}

/// Which session ends.
#[derive(Deserialize)]
pub struct EndForm {
    session: i64,
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let own = visitor.session.digest.clone();
    context
        .page(visitor, move |conn, layout| {
            let standing = session::standing(conn, None, layout.now)?;
            Ok(SessionsPage {
                count: words::counted(standing.len() as u64, "session", "sessions"),
                sessions: session_list::lines(standing, &own, layout.now),
                layout: layout.titled(Section::Sessions, "Sessions"),
            })
        })
        .await
}

/// Ends one.
pub async fn end(context: Data<WebContext>, visitor: Visitor, form: Form<EndForm>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let flash = match session::end_by_id(conn, form.session, None)? {
                None => Flash::refused("That session had ended already."),
                Some(whose) => {
                    let (by, subject) = (&visitor.account().name, format!("account {whose}"));
                    audit::record(conn, by, "end-sessions", &subject, json!({ "ended": 1 }))?;
                    Flash::done(format!("A session of {whose} has ended."))
                }
            };
            visitor.lead(conn, links::SESSIONS, flash)
        })
        .await
}
