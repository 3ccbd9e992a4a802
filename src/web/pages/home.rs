//! Home: what needs somebody, the last runs, the population over time.

use super::run_table::{RunLine, run_lines};
use crate::model::doubt::{self, DoubtFilter};
use crate::model::hold;
use crate::model::overview::{self, RunFilter};
use crate::model::run::RunState;
use crate::web::charts::PopulationChart;
use crate::web::error::WebError;
use crate::web::health::{self, ConnectorLine, Health};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
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
    held: Vec<(String, String)>,
    doubts: u64,
    in_doubt: String,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, |conn, layout| {
            let lines = health::lines(conn, layout.now)?;
            let connectors = lines.len();
            let held = hold::standing(conn)?
                .into_iter()
                .map(|(name, count)| {
                    let title = lines.iter().find(|line| line.connector.name == name);
                    let title = title.map_or_else(|| name.clone(), |line| line.connector.display_name.clone());
                    let words = format!("{} of {title}", words::counted(count, "change", "changes"));
                    (links::of_connector(&name, "holds"), words)
                })
                .collect();
            let on_time = lines.iter().filter(|line| line.health == Health::OnTime).count();
            let needs =
                lines.into_iter().filter(|line| line.health.needs_somebody() || !line.vanished.is_empty()).collect();
            let runs = overview::runs(conn, &RunFilter::default(), 12)?;
            let running = runs.iter().filter(|run| is_at_work(run.state)).count();
            let doubts = doubt::count(conn, &DoubtFilter::default())?;
            Ok(HomePage {
                in_doubt: if doubts > doubt::MOST_COUNTED { "many".to_owned() } else { words::count(doubts) },
                doubts,
                needs,
                held,
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
