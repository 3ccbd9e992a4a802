//! All groups, managed and local.

use super::job_execution::Chip;
use super::users::plain;
use crate::model::group::{self, Group, Kind};
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::paging::{Cursor, PAGE, Page};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/groups.html")]
struct GroupsPage {
    layout: Layout,
    search: String,
    kind: &'static str,
    chips: Vec<Chip>,
    groups: Vec<GroupLine>,
    is_filtered: bool,
    is_first: bool,
    all: String,
    first: String,
    next: Option<String>,
}

struct GroupLine {
    href: String,
    group: Group,
    members: String,
}

/// Which groups.
#[derive(Deserialize)]
pub struct GroupsQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    after: String,
}

const CHIPS: [(&str, Kind, &str); 3] =
    [("", Kind::All, "All"), ("managed", Kind::Managed, "Managed"), ("local", Kind::Local, "Local")];

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<GroupsQuery>,
) -> Result<HttpResponse, WebError> {
    let GroupsQuery { q, kind, after } = query.into_inner();
    context
        .page(visitor, move |conn, mut layout| {
            let moment = layout.look_back(conn)?;
            let search = plain(&q);
            let (word, kind, _) = *CHIPS.iter().find(|chip| chip.0 == kind).unwrap_or(&CHIPS[0]);
            let after = Cursor::decode(&after);
            let place = after.as_ref().map(|cursor| (cursor.key.as_str(), cursor.id));
            let found = group::page(conn, &moment.at, &search, kind, place, PAGE as i64 + 1)?;
            let page = Page::new(found, |one: &Group| Cursor { key: one.name.clone(), id: one.id });
            let at = |kind: &str, after: &str| {
                moment.keep(links::with_query(links::GROUPS, &[("q", &search), ("kind", kind), ("after", after)]))
            };
            let chips = CHIPS.iter().map(|(one, _, words)| Chip { href: at(one, ""), words, chosen: *one == word });
            Ok(GroupsPage {
                kind: word,
                chips: chips.collect(),
                is_filtered: !search.is_empty() || !word.is_empty(),
                is_first: after.is_none(),
                all: moment.keep(links::GROUPS),
                first: at(word, ""),
                next: page.next.as_ref().map(|cursor| at(word, &cursor.encode())),
                groups: page.rows.into_iter().map(|group| line(group, &moment)).collect(),
                layout: layout.titled(Section::Groups, "Groups"),
                search,
            })
        })
        .await
}

fn line(group: Group, moment: &Moment) -> GroupLine {
    GroupLine { href: moment.keep(links::group(group.id)), members: words::amount_alone(group.members()), group }
}
