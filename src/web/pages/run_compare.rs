//! Two runs of one connector: figures, changes, problems, what they read, and by which configuration.

mod extractions;
mod figures;

use super::connector::find as find_connector;
use super::run::find;
use crate::model::configuration;
use crate::model::connector::Connector;
use crate::model::run::{self, Run, RunId};
use crate::model::run_comparison::{self, Divergence, OnlyProblem, Overlap};
use crate::values::lines;
use crate::web::diff::{self, Difference};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use diesel::pg::PgConnection;
use extractions::TableLine;
use figures::FigureLine;
use serde::Deserialize;

/// Changes shown.
const CHANGES: i64 = 50;
/// Problems of each code shown.
const PROBLEMS: i64 = 10;

#[derive(Template)]
#[template(path = "pages/run_compare.html")]
struct RunComparePage {
    layout: Layout,
    sides: [Side; 2],
    figures: Vec<FigureLine>,
    overlaps: Vec<Overlap>,
    divergences: Vec<DivergenceLine>,
    more: u64,
    is_bounded: bool,
    problems: Vec<ProblemGroup>,
    tables: Vec<TableLine>,
    versions: [i32; 2],
    configuration: String,
}

struct Side {
    href: String,
    words: String,
    badge: Badge,
    when: When,
}

/// A change that is not the same in both runs.
struct DivergenceLine {
    scope: String,
    key: String,
    what: [Option<&'static str>; 2],
    values: Vec<Difference>,
}

/// Problems of one code that only one of the runs has.
struct ProblemGroup {
    is_new: bool,
    title: &'static str,
    code: String,
    count: i64,
    lines: Vec<OnlyProblem>,
}

/// Which runs; without the one, the other is compared with the run applied before it.
#[derive(Deserialize)]
pub struct CompareQuery {
    one: Option<i32>,
    other: i32,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<CompareQuery>,
) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let connector = find_connector(conn, &name)?;
            let mut runs = both(conn, &connector, &query)?;
            runs.sort_by_key(|run| run.id);
            page(conn, layout, &connector, &runs)
        })
        .await
}

fn both(conn: &mut PgConnection, connector: &Connector, query: &CompareQuery) -> Result<[Run; 2], WebError> {
    let other = find(conn, RunId(query.other))?;
    let one = match query.one {
        Some(id) => find(conn, RunId(id))?,
        None => run::applied_before(conn, connector.id, other.id)?.ok_or_else(|| {
            WebError::NotFound(format!("No run of {} was applied before run {}.", connector.display_name, other.id))
        })?,
    };
    let both = [one, other];
    match both.iter().find(|run| run.connector_id != connector.id) {
        Some(foreign) => Err(WebError::missing(&format!("run of {}", connector.display_name), foreign.id)),
        None => Ok(both),
    }
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    connector: &Connector,
    runs: &[Run; 2],
) -> Result<RunComparePage, WebError> {
    let [one, other] = runs;
    let is_bounded = run_comparison::is_bounded(conn, one, other)?;
    let (overlaps, divergences) = match is_bounded {
        true => (run_comparison::overlaps(conn, one, other)?, run_comparison::divergences(conn, one, other, CHANGES)?),
        false => (Vec::new(), Vec::new()),
    };
    let diverging: i64 = overlaps.iter().map(|one| one.only_one + one.only_other + one.differing).sum();
    let versions = [one.configuration_version, other.configuration_version];
    let configuration = match versions[0] == versions[1] {
        true => String::new(),
        false => {
            let mut text = |version| configuration::version(conn, connector.id, version).map(|one| one.document);
            lines::difference(&text(versions[0])?, &text(versions[1])?)
        }
    };
    let name = &connector.name;
    Ok(RunComparePage {
        sides: [side(one, &layout), side(other, &layout)],
        figures: figures::lines(&one.counters, &other.counters),
        more: (diverging - divergences.len() as i64).max(0).unsigned_abs(),
        overlaps,
        divergences: divergences.into_iter().map(line).collect(),
        is_bounded,
        problems: groups(run_comparison::problems(conn, one, other, PROBLEMS)?),
        tables: extractions::lines(conn, one, other)?,
        versions,
        configuration,
        layout: layout
            .titled(Section::Connectors, format!("Run {} and run {}", one.id, other.id))
            .under(links::CONNECTORS, "Connectors")
            .under(links::connector(name), connector.display_name.clone())
            .under(links::of_connector(name, "results"), "Job results"),
    })
}

fn side(run: &Run, layout: &Layout) -> Side {
    Side {
        href: links::run(run.id),
        words: format!("Run {}", run.id),
        badge: run.state.into(),
        when: When::new(run.applied_at.or(run.started_at).unwrap_or(run.created_at), layout.now),
    }
}

fn line(one: Divergence) -> DivergenceLine {
    let what = |operation: Option<String>| match operation.as_deref() {
        Some("insert") => Some("inserts"),
        Some("update") => Some("updates"),
        Some("delete") => Some("deletes"),
        _ => None,
    };
    DivergenceLine {
        values: diff::differences(one.one_after.as_ref(), one.other_after.as_ref()),
        what: [what(one.one), what(one.other)],
        scope: one.scope,
        key: one.key,
    }
}

/// They come sorted by whether they are new, and code.
fn groups(problems: Vec<OnlyProblem>) -> Vec<ProblemGroup> {
    let mut groups: Vec<ProblemGroup> = Vec::new();
    for one in problems {
        match groups.last_mut() {
            Some(group) if group.is_new == one.is_new && group.code == one.code => group.lines.push(one),
            _ => groups.push(ProblemGroup {
                is_new: one.is_new,
                title: words::problem(&one.code).0,
                code: one.code.clone(),
                count: one.total,
                lines: vec![one],
            }),
        }
    }
    groups
}
