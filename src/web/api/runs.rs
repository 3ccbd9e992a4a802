//! Runs: the JSON of `muster show --json`, and how one is started.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging, said};
use crate::model::connector::{self, Connector};
use crate::model::run::{self, Mode, NewRun, Page, Run, RunId, RunState, TaskChoice, Trigger};
use crate::model::run_report::{self, RunReport};
use crate::model::task;
use crate::web::WebContext;
use crate::web::pages::run_log;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Path, Query};
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;
use std::collections::HashMap;

/// Which runs.
#[derive(Debug, Deserialize)]
pub struct RunsQuery {
    connector: Option<String>,
    state: Option<RunState>,
    // Flattened, a number would arrive as text.
    after: Option<String>,
    limit: Option<usize>,
}

/// What is to be started.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartBody {
    mode: Option<Mode>,
    task: Option<TaskChoice>,
    dry_run: bool,
    /// The run whose extraction is prepared again, as a dry run.
    replay: Option<i32>,
    own_configuration: bool,
}

/// All that the token may see, the newest first.
pub async fn list(context: Data<WebContext>, client: Client, query: Query<RunsQuery>) -> Result<HttpResponse, Problem> {
    let RunsQuery { connector, state, after, limit } = query.into_inner();
    let paging = Paging { after, limit };
    let before = paging.after_number()?.map(|id| RunId(i32::try_from(id).unwrap_or(i32::MAX)));
    let listed = context
        .ask(move |conn| {
            let only = match (&connector, client.limited_to()) {
                (Some(name), _) => Some(client.connector(conn, name)?),
                // Its connector may be yet to come: then it has no runs.
                (None, Some(name)) => match connector::by_name(conn, name)? {
                    Some(connector) => Some(connector),
                    None => return Ok(Listed::new(Vec::new(), &paging, |_: &RunReport| String::new(), |run| run)),
                },
                (None, None) => None,
            };
            let connector_id = only.as_ref().map(|connector| connector.id);
            let page = Page { connector_id, states: state.into_iter().collect(), before, limit: paging.rows() };
            let names: HashMap<_, _> = match only {
                Some(connector) => HashMap::from([(connector.id, connector.name)]),
                None => connector::list(conn)?.into_iter().map(|connector| (connector.id, connector.name)).collect(),
            };
            let mut reports = Vec::new();
            for run in run::page(conn, &page)? {
                let name = names.get(&run.connector_id).cloned().unwrap_or_default();
                let tasks = task::of(conn, run.id)?;
                reports.push(run_report::report(run, name, &tasks, Utc::now()));
            }
            Ok(Listed::new(reports, &paging, |report| report.id.to_string(), |report| report))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}

/// One run.
pub async fn show(context: Data<WebContext>, client: Client, id: Path<i32>) -> Result<HttpResponse, Problem> {
    let report = context
        .ask(move |conn| {
            let (run, _) = client.run(conn, *id)?;
            report(conn, run.id)
        })
        .await?;
    Ok(HttpResponse::Ok().json(report))
}

/// What it did to users, groups and memberships, one event a line.
pub async fn log(context: Data<WebContext>, client: Client, id: Path<i32>) -> Result<HttpResponse, Problem> {
    let run: Run = context.ask(move |conn| Ok(client.run(conn, *id)?.0)).await?;
    Ok(run_log::text(context, run))
}

/// Starts a run of a connector.
pub async fn start(
    context: Data<WebContext>,
    client: Client,
    name: Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let body: StartBody = said(&body)?;
    let (mode, task) = body.mode_and_task()?;
    let enqueue = context.work.enqueue.clone();
    let report = context
        .ask(move |conn| {
            let connector: Connector = client.connector(conn, &name)?;
            let new = NewRun {
                started_by: Some(&client.who()),
                task,
                dry_run: body.dry_run,
                replays: body.replay.map(RunId),
                own_configuration: body.own_configuration,
                ..NewRun::new(connector.id, mode, Trigger::Api)
            };
            let run = run::start(conn, &new, &enqueue)?;
            report(conn, run)
        })
        .await?;
    Ok(accepted(&report))
}

impl StartBody {
    fn mode_and_task(&self) -> Result<(Mode, TaskChoice), Problem> {
        let task = self.task.unwrap_or(TaskChoice::All);
        if self.dry_run && task == TaskChoice::Synchronize {
            return Err(Problem::request("a dry run does not synchronize; leave out dry_run or task"));
        }
        let mode = match (self.replay, task, self.mode) {
            (Some(_), TaskChoice::All, None | Some(Mode::Replay)) => Mode::Replay,
            (Some(_), ..) => return Err(Problem::request("a replay has neither mode nor task")),
            (None, TaskChoice::UpdateExpressions, None | Some(Mode::UpdateExpressions)) => Mode::UpdateExpressions,
            (None, _, mode @ (None | Some(Mode::Complete | Mode::Incremental))) => mode.unwrap_or(Mode::Complete),
            _ => return Err(Problem::request("mode is complete or incremental")),
        };
        Ok((mode, task))
    }
}

/// The report on a run.
pub(super) fn report(conn: &mut PgConnection, id: RunId) -> Result<RunReport, Problem> {
    run_report::of(conn, id, Utc::now())?.ok_or_else(|| Problem::missing("run", id))
}

/// A run that goes on, and where it can be watched.
pub(super) fn accepted(report: &RunReport) -> HttpResponse {
    HttpResponse::build(StatusCode::ACCEPTED)
        .insert_header((header::LOCATION, format!("/api/v1/runs/{}", report.id)))
        .json(report)
}
