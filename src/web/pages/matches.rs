//! Records of which it is not clear who they are, over all connectors, with whom they may be and why. Decided here, one by
//! one or all that match; decisions are listed, and taken back.

mod deciding;
mod lines;

pub(super) use deciding::named;
pub use deciding::{decide, undo};

use super::connector::find;
use crate::model::connector;
use crate::model::correlation::{self, DecidedFilter};
use crate::model::doubt::{self, DoubtFilter};
use crate::model::problem::ProblemCode;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use diesel::pg::PgConnection;
use lines::{DecidedLine, DoubtLine};
use serde::Deserialize;

/// Doubts on a page: each is a small form.
const DOUBTS: usize = 25;

#[derive(Template)]
#[template(path = "pages/matches.html")]
struct MatchesPage {
    layout: Layout,
    query: MatchesQuery,
    connectors: Vec<(String, String)>,
    codes: Vec<(&'static str, &'static str)>,
    doubts: Vec<DoubtLine>,
    decided: Vec<DecidedLine>,
    count: u64,
    how_many: String,
    is_filtered: bool,
    switch: String,
    next: Option<String>,
}

/// Which of them.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub struct MatchesQuery {
    connector: String,
    code: String,
    key: String,
    decided: String,
    after: String,
}

impl MatchesQuery {
    fn code(&self) -> Option<ProblemCode> {
        doubt::CODES.into_iter().find(|code| code.as_str() == self.code)
    }

    fn key(&self) -> Option<String> {
        Some(self.key.trim().to_owned()).filter(|key| !key.is_empty())
    }

    fn doubts(&self, conn: &mut PgConnection) -> Result<DoubtFilter, WebError> {
        let connector = if self.connector.is_empty() { None } else { Some(find(conn, &self.connector)?.id) };
        Ok(DoubtFilter { connector, code: self.code(), key: self.key() })
    }

    fn address(&self, decided: &str, after: &str) -> String {
        let query = [
            ("connector", self.connector.as_str()),
            ("code", self.code.as_str()),
            ("key", self.key.trim()),
            ("decided", decided),
            ("after", after),
        ];
        links::with_query(links::MATCHES, &query)
    }
}

/// So many records in doubt, in words.
pub(super) fn how_many(count: u64) -> String {
    match count {
        count if count > doubt::MOST_COUNTED => format!("more than {} records", words::count(doubt::MOST_COUNTED)),
        count => words::counted(count, "record", "records"),
    }
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<MatchesQuery>,
) -> Result<HttpResponse, WebError> {
    let query = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let filter = query.doubts(conn)?;
            let is_filtered = filter.connector.is_some() || filter.code.is_some() || filter.key.is_some();
            let (mut doubts, mut decided, mut next) = (Vec::new(), Vec::new(), None);
            if query.decided.is_empty() {
                let after = Cursor::decode(&query.after);
                let after = after.as_ref().and_then(|one| Some((i32::try_from(one.id).ok()?, one.key.as_str())));
                let mut page = doubt::page(conn, &filter, after, DOUBTS as i64 + 1)?;
                if page.len() > DOUBTS {
                    page.truncate(DOUBTS);
                    next = page.last().map(|last| {
                        let cursor = Cursor { key: last.key.clone(), id: last.entity_type_id.into() };
                        query.address("", &cursor.encode())
                    });
                }
                doubts = lines::doubts(conn, page)?;
            } else {
                let before = query.after.parse().ok();
                let filter = DecidedFilter { connector: filter.connector, key: filter.key.clone(), before };
                let mut page = correlation::standing(conn, &filter, PAGE as i64 + 1)?;
                if page.len() > PAGE {
                    page.truncate(PAGE);
                    next = page.last().map(|last| query.address("yes", &last.id.to_string()));
                }
                decided = lines::decided(conn, page, layout.now)?;
            }
            let connectors = connector::list(conn)?.into_iter().map(|one| (one.name, one.display_name)).collect();
            let count = doubt::count(conn, &filter)?;
            Ok(MatchesPage {
                count,
                how_many: how_many(count),
                connectors,
                codes: doubt::CODES.iter().map(|code| (code.as_str(), words::problem(code.as_str()).0)).collect(),
                doubts,
                decided,
                is_filtered,
                switch: query.address(if query.decided.is_empty() { "yes" } else { "" }, ""),
                next,
                query,
                layout: layout.titled(Section::Users, "Matches").under(links::USERS, "Users"),
            })
        })
        .await
}
