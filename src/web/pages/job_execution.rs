//! Job execution: the runs of all connectors, and the jobs that start them.

use super::run_table::{RunLine, run_lines};
use crate::model::job;
use crate::model::overview::{self, RunFilter};
use crate::model::run::{RunId, RunState};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::paging::PAGE;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, health, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Query};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/job_execution.html")]
struct JobExecutionPage {
    layout: Layout,
    chips: Vec<Chip>,
    runs: Vec<RunLine>,
    is_filtered: bool,
    next: Option<String>,
    jobs: Vec<JobLine>,
}

/// A filter to choose.
pub struct Chip {
    /// Where it leads.
    pub href: String,
    /// What it shows.
    pub words: &'static str,
    /// Whether it is chosen.
    pub chosen: bool,
}

struct JobLine {
    name: String,
    times: String,
    enabled: bool,
    next: Option<When>,
}

/// Which runs.
#[derive(Deserialize)]
pub struct RunsQuery {
    #[serde(default)]
    state: String,
    before: Option<i32>,
}

const GROUPS: [(&str, &str, &[RunState]); 6] = [
    ("", "All", &[]),
    ("waiting", "Blocked", &[RunState::Blocked]),
    (
        "running",
        "Running",
        &[RunState::Queued, RunState::Exporting, RunState::Preparing, RunState::Synchronizing, RunState::Ready],
    ),
    ("failed", "Failed", &[RunState::Failed]),
    ("completed", "Completed", &[RunState::Completed, RunState::CompletedWithProblems]),
    ("stopped", "Stopped", &[RunState::Cancelled, RunState::Discarded, RunState::Superseded]),
];

/// The page.
pub async fn list(
    context: Data<WebContext>,
    visitor: Visitor,
    query: Query<RunsQuery>,
) -> Result<HttpResponse, WebError> {
    let RunsQuery { state, before } = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let group = GROUPS.iter().find(|group| group.0 == state).unwrap_or(&GROUPS[0]);
            let filter = RunFilter { connector: None, states: group.2.to_vec(), before: before.map(RunId) };
            let mut runs = overview::runs(conn, &filter, PAGE as i64 + 1)?;
            let more = runs.len() > PAGE;
            runs.truncate(PAGE);
            let next = runs
                .last()
                .filter(|_| more)
                .map(|last| links::with_query(links::RUNS, &[("state", group.0), ("before", &last.id.to_string())]));
            let jobs = job::list(conn)?.into_iter().map(|job| {
                let schedule = health::schedule(&job);
                JobLine {
                    times: schedule.as_ref().map_or_else(|| job.cron.clone(), health::Schedule::words),
                    next: schedule
                        .filter(|_| job.enabled)
                        .and_then(|one| one.next(layout.now))
                        .map(|at| When::new(at, layout.now)),
                    name: job.name,
                    enabled: job.enabled,
                }
            });
            let jobs = jobs.collect();
            let chips = GROUPS.iter().map(|(word, words, _)| Chip {
                href: links::with_query(links::RUNS, &[("state", word)]),
                words,
                chosen: *word == group.0,
            });
            let chips = chips.collect();
            let runs = run_lines(&runs, layout.now);
            let is_filtered = !group.0.is_empty() || before.is_some();
            let layout = layout.titled(Section::Runs, "Job execution");
            Ok(JobExecutionPage { layout, chips, runs, is_filtered, next, jobs })
        })
        .await
}
