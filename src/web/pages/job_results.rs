//! Job results: the runs of one connector, and how much each of them changed.

use super::connector::find;
use super::run_table::{RunLine, run_lines};
use crate::document;
use crate::model::configuration;
use crate::model::connector::Connector;
use crate::model::guard::{Operation, Subject};
use crate::model::overview::{self, RunFilter};
use crate::model::run::RunId;
use crate::web::charts::ChangesChart;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;

/// Runs that the chart shows.
const CHARTED: usize = 40;

#[derive(Template)]
#[template(path = "pages/job_results.html")]
struct JobResultsPage {
    layout: Layout,
    chart: Option<ChangesChart>,
    runs: Vec<RunLine>,
    next: Option<String>,
    compare: String,
}

/// Which page.
#[derive(Deserialize)]
pub struct ResultsQuery {
    before: Option<i32>,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    query: Query<ResultsQuery>,
) -> Result<HttpResponse, WebError> {
    let before = query.before.map(RunId);
    context
        .page(visitor, move |conn, layout| {
            let connector = find(conn, &name)?;
            let filter = RunFilter { connector: Some(connector.id), before, ..RunFilter::default() };
            let mut runs = overview::runs(conn, &filter, PAGE as i64 + 1)?;
            let more = runs.len() > PAGE;
            runs.truncate(PAGE);
            let path = links::of_connector(&connector.name, "results");
            let next =
                runs.last().filter(|_| more).map(|last| links::with_query(&path, &[("before", &last.id.to_string())]));
            let mut charted: Vec<_> =
                runs.iter().filter(|run| !run.counters.entity_types.is_empty()).take(CHARTED).cloned().collect();
            charted.reverse();
            let guards = guards(conn, &connector)?;
            let chart = (!charted.is_empty()).then(|| ChangesChart::new(&charted, guards));
            let layout = layout
                .titled(Section::Connectors, "Job results")
                .under(links::CONNECTORS, "Connectors")
                .under(links::connector(&connector.name), connector.display_name.clone());
            let compare = links::of_connector(&connector.name, "compare");
            Ok(JobResultsPage { compare, chart, runs: run_lines(&runs, layout.now), next, layout })
        })
        .await
}

/// Most updates, and most deletes, that pass today: the stricter of count and share. Inserts have their own guard, drawn
/// as one with updates where both are the same.
fn guards(conn: &mut PgConnection, connector: &Connector) -> Result<(Option<u64>, Option<u64>), WebError> {
    let document = configuration::current(conn, connector)?.document;
    let settings = document::settings_in_force(conn)?;
    let Ok(definition) = document::connector_under(&document, &settings) else { return Ok((None, None)) };
    let applied = overview::last_applied(conn)?.into_iter().find(|applied| applied.connector_id == connector.id);
    let stored = applied.map(|applied| {
        let sum = |sum: u64, one: &crate::model::counters::EntityTypeCounters| {
            sum + (one.stored + one.inserted).saturating_sub(one.deleted + one.deleted_by_command)
        };
        applied.counters.entity_types.iter().fold(0, sum)
    });
    let limit = |operation| {
        let [(_, count, _), (_, share, _)] = definition.thresholds.of(Subject::Resources, operation);
        let of_share = stored.filter(|_| share > 0.0).map(|stored| (share * stored as f64 / 100.0) as u64);
        let of_count = (count > 0.0).then_some(count as u64);
        [of_count, of_share].into_iter().flatten().min()
    };
    Ok((limit(Operation::Update), limit(Operation::Delete)))
}
