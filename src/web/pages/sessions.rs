//! Whoever is signed in, and the way to end that.

use crate::model::audit;
use crate::model::session::{self, Flash, Standing};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::session_list::{self, SessionLine};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "pages/sessions.html")]
struct SessionsPage {
    layout: Layout,
    count: String,
    sessions: Vec<SessionLine>,
    next: Option<String>,
}

/// After which session the page begins.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct SessionsQuery {
    after: String,
}

impl SessionsQuery {
    fn place(&self) -> Option<(DateTime<Utc>, i64)> {
        let cursor = Cursor::decode(&self.after)?;
        Some((cursor.key.parse().ok()?, cursor.id))
    }
}

/// Which session ends.
#[derive(Deserialize)]
pub struct EndForm {
    session: i64,
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<SessionsQuery>,
) -> Result<HttpResponse, WebError> {
    let own = visitor.session.digest.clone();
    context
        .page(visitor, move |conn, layout| {
            let standing = session::standing(conn, None, query.place(), PAGE as i64 + 1, layout.now)?;
            let cursor = |one: &Standing| Cursor { key: one.last_seen_at.to_rfc3339(), id: one.id };
            let Page { rows, next } = Page::new(standing, cursor);
            Ok(SessionsPage {
                count: words::amount(session::how_many(conn, layout.now)?, "session", "sessions"),
                sessions: session_list::lines(rows, &own, layout.now),
                next: next.map(|next| links::with_query(links::SESSIONS, &[("after", &next.encode())])),
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
