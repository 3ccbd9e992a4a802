//! The holds of a connector: what later runs leave out, who decided so, why, and until when. Released here.

use super::connector::find;
use crate::model::guard::Operation;
use crate::model::hold::{self, Hold, HoldFilter};
use crate::model::session::Flash;
use crate::model::{association, entity_type};
use crate::web::diff::{Difference, differences};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/holds.html")]
struct HoldsPage {
    layout: Layout,
    query: HoldsQuery,
    scopes: Vec<(String, String)>,
    holds: Vec<HoldLine>,
    count: u64,
    is_filtered: bool,
    action: String,
    switch: String,
    next: Option<String>,
}

/// A hold as a row.
pub struct HoldLine {
    id: i64,
    badge: Badge,
    key: String,
    scope: String,
    target: Option<Difference>,
    properties: Vec<Difference>,
    by: String,
    since: When,
    run: (String, i32),
    reason: Option<String>,
    until: Option<When>,
    ended: Option<(String, When)>,
}

/// Which holds.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub struct HoldsQuery {
    scope: String,
    operation: String,
    key: String,
    ended: String,
    before: Option<i64>,
}

impl HoldsQuery {
    fn filter(&self) -> HoldFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        HoldFilter {
            connector: None,
            scope: given(&self.scope),
            operation: Operation::ALL.into_iter().find(|operation| operation.as_str() == self.operation),
            key: given(&self.key),
            ended: !self.ended.is_empty(),
            before: self.before,
        }
    }

    fn address(&self, path: &str, ended: &str, before: &str) -> String {
        let query = [
            ("scope", self.scope.as_str()),
            ("operation", self.operation.as_str()),
            ("key", self.key.trim()),
            ("ended", ended),
            ("before", before),
        ];
        links::with_query(path, &query)
    }
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<HoldsQuery>,
) -> Result<HttpResponse, WebError> {
    let query = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let connector = find(conn, &name)?;
            let filter = HoldFilter { connector: Some(connector.id), ..query.filter() };
            let count = hold::count(conn, &HoldFilter { before: None, ..filter.clone() })?;
            let mut holds = hold::page(conn, &filter, PAGE as i64 + 1)?;
            let more = holds.len() > PAGE;
            holds.truncate(PAGE);
            let entity_types = entity_type::of_connector(conn, connector.id)?;
            let associations = association::of_connector(conn, connector.id)?;
            let scopes: Vec<(String, String)> = entity_types
                .into_iter()
                .map(|one| (one.name, one.display_name))
                .chain(associations.into_iter().map(|one| (one.name, one.display_name)))
                .collect();
            let path = links::of_connector(&connector.name, "holds");
            let last = holds.last().filter(|_| more).map(|hold| hold.id.to_string());
            let now = layout.now;
            Ok(HoldsPage {
                holds: holds.into_iter().map(|hold| line(hold, &scopes, now)).collect(),
                is_filtered: [&query.scope, &query.operation, &query.key].iter().any(|text| !text.trim().is_empty()),
                next: last.map(|last| query.address(&path, &query.ended, &last)),
                switch: query.address(&path, if filter.ended { "" } else { "yes" }, ""),
                scopes,
                count,
                query,
                layout: layout
                    .titled(Section::Connectors, format!("Holds of {}", connector.display_name))
                    .under(links::CONNECTORS, "Connectors")
                    .under(links::connector(&connector.name), connector.display_name.clone()),
                action: path,
            })
        })
        .await
}

/// Releases what was ticked, or all that match, provided that they are as many as were shown.
pub async fn release(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let form = form.into_inner();
    context
        .act(move |conn| {
            let connector = find(conn, &name)?;
            let given =
                |name: &str| form.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
            let by = &visitor.account().name;
            let flash = match given("all").parse::<u64>() {
                Ok(shown) => {
                    let query = HoldsQuery {
                        scope: given("scope").to_owned(),
                        operation: given("operation").to_owned(),
                        key: given("key").to_owned(),
                        ..HoldsQuery::default()
                    };
                    let filter = HoldFilter { connector: Some(connector.id), ..query.filter() };
                    match hold::count(conn, &filter)? {
                        there if there == shown => done(hold::release(conn, &filter, by)?),
                        there => Flash::refused(format!(
                            "{} match now, not {}; look again, then release them.",
                            words::counted(there, "hold", "holds"),
                            words::count(shown)
                        )),
                    }
                }
                Err(_) => {
                    let ticked = form.iter().filter(|(name, _)| name == "hold");
                    let ids: Vec<i64> = ticked.filter_map(|(_, id)| id.parse().ok()).collect();
                    match hold::release_these(conn, &ids, by)? {
                        0 => Flash::refused("No hold was ticked that still stands."),
                        released => done(released),
                    }
                }
            };
            visitor.lead(conn, &links::of_connector(&connector.name, "holds"), flash)
        })
        .await
}

fn done(released: u64) -> Flash {
    Flash::done(format!(
        "{} released. The next run proposes what they held.",
        words::counted(released, "hold", "holds")
    ))
}

fn line(hold: Hold, scopes: &[(String, String)], now: DateTime<Utc>) -> HoldLine {
    let operation = Operation::ALL.into_iter().find(|one| one.as_str() == hold.operation).unwrap_or(Operation::Update);
    let name = hold.entity_type.or(hold.association).unwrap_or_default();
    let scope = scopes.iter().find(|(known, _)| *known == name).map_or(name, |(_, title)| title.clone());
    let target = hold.to_key.map(|to| {
        let (before, after) = match operation {
            Operation::Insert => (None, Some(to)),
            Operation::Update => (hold.before_to_key, Some(to)),
            Operation::Delete => (Some(to), None),
        };
        Difference { name: "leads to".into(), before, after }
    });
    let ended = hold.ended_at.map(|at| {
        let why = match (hold.ended_why.as_deref(), hold.ended_by) {
            (Some("released"), Some(by)) => format!("released by {by}"),
            (Some("differs"), Some(by)) => format!("another change was proposed, or none any more ({by})"),
            (Some("due"), _) => "its day had come".to_owned(),
            _ => "ended".to_owned(),
        };
        (why, When::new(at, now))
    });
    HoldLine {
        id: hold.id,
        badge: operation.into(),
        key: hold.key,
        scope,
        target,
        properties: differences(hold.before.as_ref(), hold.after.as_ref()),
        by: hold.held_by,
        since: When::new(hold.held_at, now),
        run: (links::run(crate::model::run::RunId(hold.run)), hold.run),
        reason: hold.reason,
        until: hold.due_at.map(|due| When::new(due, now)),
        ended,
    }
}
