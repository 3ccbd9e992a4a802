//! All problems of a run: filtered, page by page, and as CSV.

use super::run::find;
use crate::model::problem::{self, ProblemCode, StoredProblem};
use crate::model::run::RunId;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, csv, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;

/// Rows of a download; who needs more filters.
const DOWNLOADED: i64 = 200_000;

#[derive(Template)]
#[template(path = "pages/problems.html")]
struct ProblemsPage {
    layout: Layout,
    query: ProblemsQuery,
    codes: Vec<(&'static str, &'static str)>,
    problems: Vec<StoredProblem>,
    action: String,
    next: Option<String>,
    download: String,
    is_filtered: bool,
}

/// Which problems.
#[derive(Deserialize, Clone, Default)]
#[serde(default)]
pub struct ProblemsQuery {
    code: String,
    after: Option<i32>,
}

impl ProblemsQuery {
    fn code(&self) -> Option<ProblemCode> {
        ProblemCode::ALL.into_iter().find(|code| code.as_str() == self.code)
    }

    fn address(&self, path: &str, after: &str) -> String {
        links::with_query(path, &[("code", &self.code), ("after", after)])
    }
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    query: Query<ProblemsQuery>,
) -> Result<HttpResponse, WebError> {
    let (id, query) = (RunId(*id), query.into_inner());
    context
        .page(visitor, move |conn, layout| {
            find(conn, id)?;
            let mut problems = problem::of_run(conn, id, query.code(), query.after.unwrap_or(0), PAGE as i64 + 1)?;
            let more = problems.len() > PAGE;
            problems.truncate(PAGE);
            let action = links::of_run(id, "problems");
            let next = problems.last().filter(|_| more).map(|last| query.address(&action, &last.seq.to_string()));
            let layout = layout
                .titled(Section::Runs, format!("Problems of run {id}"))
                .under(links::run(id), format!("Run {id}"));
            Ok(ProblemsPage {
                layout,
                codes: ProblemCode::ALL.iter().map(|code| (code.as_str(), words::problem(code.as_str()).0)).collect(),
                problems,
                next,
                download: query.address(&links::of_run(id, "problems.csv"), ""),
                is_filtered: query.code().is_some(),
                action,
                query,
            })
        })
        .await
}

/// The same filter as CSV.
pub async fn download(
    context: Data<WebContext>,
    _: Visitor,
    id: Path<i32>,
    query: Query<ProblemsQuery>,
) -> Result<HttpResponse, WebError> {
    let (id, query) = (RunId(*id), query.into_inner());
    let problems = context
        .db(move |conn| {
            find(conn, id)?;
            Ok(problem::of_run(conn, id, query.code(), 0, DOWNLOADED)?)
        })
        .await?;
    let header = ["entity_type_or_association", "file", "line", "column", "key", "value", "code", "message"];
    let rows = problems.into_iter().map(|line| {
        vec![
            line.scope,
            line.file,
            line.line.map(|line| line.to_string()).unwrap_or_default(),
            line.column.unwrap_or_default(),
            line.key.unwrap_or_default(),
            line.value.unwrap_or_default(),
            line.code,
            line.message,
        ]
    });
    let rows = std::iter::once(header.map(str::to_owned).to_vec()).chain(rows);
    Ok(csv::download(&format!("run-{id}-problems.csv"), rows))
}
