//! All changes of a run: filtered, page by page, and as CSV.

use super::run::{total, with_changes};
use crate::model::amount::{Amount, COUNTED};
use crate::model::change::{self, Change, ChangeFilter};
use crate::model::guard::Operation;
use crate::model::run::{Run, RunId, RunState};
use crate::web::decision_view::decision_view;
use crate::web::diff::{ChangeLine, Scopes};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, csv, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Rows of a download; who needs more filters.
const DOWNLOADED: i64 = 200_000;

#[derive(Template)]
#[template(path = "pages/changes.html")]
struct ChangesPage {
    layout: Layout,
    query: ChangesQuery,
    scopes: Vec<(String, String)>,
    changes: Vec<ChangeLine>,
    total: u64,
    is_filtered: bool,
    action: String,
    next: Option<String>,
    download: String,
    /// How many match, where some can be left out.
    matching: Option<String>,
    without: String,
    without_all: String,
}

/// Which changes.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub struct ChangesQuery {
    scope: String,
    operation: String,
    property: String,
    key: String,
    after: String,
}

impl ChangesQuery {
    fn filter(&self, after: &str) -> ChangeFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        ChangeFilter {
            scope: given(&self.scope),
            operation: Operation::ALL.into_iter().find(|operation| operation.as_str() == self.operation),
            property: given(&self.property),
            key: given(&self.key),
            after: given(after),
            ..ChangeFilter::default()
        }
    }

    fn address(&self, path: &str, after: &str) -> String {
        let query = [
            ("scope", self.scope.as_str()),
            ("operation", self.operation.as_str()),
            ("property", self.property.trim()),
            ("key", self.key.trim()),
            ("after", after),
        ];
        links::with_query(path, &query)
    }

    fn is_filtered(&self) -> bool {
        [&self.scope, &self.operation, &self.property, &self.key].iter().any(|filter| !filter.trim().is_empty())
    }
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    query: Query<ChangesQuery>,
) -> Result<HttpResponse, WebError> {
    let (id, query) = (RunId(*id), query.into_inner());
    context
        .page(visitor, move |conn, layout| {
            let (run, mut changes) = with_changes(conn, id, &query.filter(&query.after), PAGE as i64 + 1)?;
            let scopes = Scopes::load(conn, &run)?;
            let more = changes.len() > PAGE;
            changes.truncate(PAGE);
            let path = links::of_run(id, "changes");
            let next = changes.last().filter(|_| more).map(|last| query.address(&path, &last.cursor));
            let changes = lines(&run, &scopes, &changes);
            let matching = match decision_view(&run).is_some() && layout.may_administer() {
                true => Some(words::amount_alone(matching(conn, &run, &query.filter(""))?)),
                false => None,
            };
            let without = links::of_run(id, "without");
            let all = [
                ("all", "yes"),
                ("scope", query.scope.as_str()),
                ("operation", query.operation.as_str()),
                ("property", query.property.trim()),
                ("key", query.key.trim()),
            ];
            let layout =
                layout.titled(Section::Runs, format!("Changes of run {id}")).under(links::run(id), format!("Run {id}"));
            Ok(ChangesPage {
                layout,
                scopes: scopes.all(),
                changes,
                total: total(&run),
                is_filtered: query.is_filtered(),
                next,
                matching,
                without_all: links::with_query(&without, &all),
                without,
                download: query.address(&links::of_run(id, "changes.csv"), ""),
                action: path,
                query,
            })
        })
        .await
}

/// How many changes match: by the run's figures as far as they tell, else counted as far as a page may take.
fn matching(conn: &mut PgConnection, run: &Run, filter: &ChangeFilter) -> QueryResult<Amount> {
    let count = i64::try_from(change::count(conn, run, filter, COUNTED.unsigned_abs())?).unwrap_or(i64::MAX);
    let is_counted = filter.property.is_some() || filter.key.is_some();
    Ok(if is_counted { Amount::counted(count, COUNTED) } else { Amount::Exactly(count) })
}

/// The same filter as CSV: one row for each property that differs.
pub async fn download(
    context: Data<WebContext>,
    _: Visitor,
    id: Path<i32>,
    query: Query<ChangesQuery>,
) -> Result<HttpResponse, WebError> {
    let (id, query) = (RunId(*id), query.into_inner());
    let rows = context
        .db(move |conn| {
            let (run, changes) = with_changes(conn, id, &query.filter(""), DOWNLOADED)?;
            if run.state == RunState::Synchronizing {
                return Err(WebError::Conflict(
                    "The changes are being applied right now. Try again when that is done.".into(),
                ));
            }
            let scopes = Scopes::load(conn, &run)?;
            let lines = lines(&run, &scopes, &changes);
            Ok(csv_rows(&changes, &lines))
        })
        .await?;
    Ok(csv::download(&format!("run-{id}-changes.csv"), rows))
}

fn lines(run: &Run, scopes: &Scopes, changes: &[Change]) -> Vec<ChangeLine> {
    changes.iter().map(|change| scopes.line(change, run.applied_at.is_some())).collect()
}

fn csv_rows(changes: &[Change], lines: &[ChangeLine]) -> Vec<Vec<String>> {
    let header = ["entity_type_or_association", "operation", "key", "line", "property", "before", "after"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (change, line) in changes.iter().zip(lines) {
        let scope = change.entity_type.as_ref().or(change.association.as_ref());
        for difference in line.target.iter().chain(&line.properties) {
            rows.push(vec![
                scope.cloned().unwrap_or_default(),
                change.operation.clone(),
                line.key.clone(),
                line.line.map(|line| line.to_string()).unwrap_or_default(),
                difference.name.clone(),
                difference.before.clone().unwrap_or_default(),
                difference.after.clone().unwrap_or_default(),
            ]);
        }
    }
    rows
}
