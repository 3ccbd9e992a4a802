//! Home: what needs somebody, the last runs, the population over time.

use super::run_table::{RunLine, run_lines};
use crate::model::overview::{self, RunFilter};
use crate::model::run::RunState;
use crate::web::charts::PopulationChart;
use crate::web::error::WebError;
use crate::web::health::{self, ConnectorLine, Health};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, words};
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

#[derive(Template)]
#[template(path = "pages/home.html")]
struct HomePage {
    layout: Layout,
    needs: Vec<ConnectorLine>,
    connectors: usize,
    running: usize,
    on_time: usize,
    population: Option<PopulationChart>,
    runs: Vec<RunLine>,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, |conn, layout| {
            let lines = health::lines(conn, layout.now)?;
            let connectors = lines.len();
            let on_time = lines.iter().filter(|line| line.health == Health::OnTime).count();
            let needs = lines
                .into_iter()
                .filter(|line| matches!(line.health, Health::ActionRequired | Health::Delayed))
                .collect();
            let runs = overview::runs(conn, &RunFilter::default(), 12)?;
            let running = runs.iter().filter(|run| is_at_work(run.state)).count();
            Ok(HomePage {
                needs,
                connectors,
                running,
                on_time,
                population: PopulationChart::new(&overview::population(conn)?, layout.now),
                runs: run_lines(&runs, layout.now),
                layout: layout.titled(Section::Home, "Home"),
            })
        })
        .await
}

fn is_at_work(state: RunState) -> bool {
    use RunState::{Exporting, Preparing, Queued, Synchronizing};
    matches!(state, Queued | Exporting | Preparing | Synchronizing)
}
