//! A connector: how it is, what it reads, its guards, its configuration, and the menu that starts its jobs.

use super::decision::sentence;
use super::run_table::{RunLine, run_lines};
use crate::connectors::{ConnectionError, ConnectionRequest, UploadedFile};
use crate::document;
use crate::model::configuration::{self, Configuration};
use crate::model::connector::{self, Connector, ConnectorDefinition, JobUse};
use crate::model::guard::Thresholds;
use crate::model::hold::{self, HoldFilter};
use crate::model::overview::{self, RunFilter};
use crate::model::run::{self, Mode, NewRun, RunId, StartError, TaskChoice, Trigger};
use crate::model::session::{self, Flash};
use crate::model::upload::{self, Upload};
use crate::pipeline::export;
use crate::web::charts::Strip;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::health::{self, ConnectorLine};
use crate::web::page::{Layout, Section};
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, csv, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/connector.html")]
struct ConnectorPage {
    layout: Layout,
    line: ConnectorLine,
    definition: Option<ConnectorDefinition>,
    unreadable: Option<String>,
    configuration: Configuration,
    saved: When,
    thresholds: Vec<ThresholdRow>,
    incremental: bool,
    runs: Vec<RunLine>,
    strip: Strip,
    stored: Vec<(String, u64)>,
    held: u64,
}

/// A pair of thresholds: a count and a share.
pub struct ThresholdRow {
    what: &'static str,
    count: String,
    share: String,
    stricter: String,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let connector = find(conn, &name)?;
            let line = health::lines(conn, layout.now)?
                .into_iter()
                .find(|line| line.connector.id == connector.id)
                .ok_or_else(|| WebError::missing("connector", &name))?;
            let configuration = configuration::current(conn, &connector)?;
            let (definition, unreadable) =
                match document::connector_under(&configuration.document, &document::settings_in_force(conn)?) {
                    Ok(definition) => (Some(definition), None),
                    Err(errors) => (None, Some(errors.to_string())),
                };
            let filter = RunFilter { connector: Some(connector.id), ..RunFilter::default() };
            let mut runs = overview::runs(conn, &filter, 20)?;
            runs.reverse();
            let strip = Strip::new(&runs, layout.now);
            runs.reverse();
            let stored = stored(conn, &connector)?;
            let layout = layout
                .titled(Section::Connectors, connector.display_name.clone())
                .under(links::CONNECTORS, "Connectors");
            let held = hold::count(conn, &HoldFilter { connector: Some(connector.id), ..HoldFilter::default() })?;
            Ok(ConnectorPage {
                held,
                saved: When::new(configuration.created_at, layout.now),
                thresholds: definition.as_ref().map(threshold_rows).unwrap_or_default(),
                incremental: definition.as_ref().is_some_and(ConnectorDefinition::is_incremental),
                runs: run_lines(&runs[..runs.len().min(5)], layout.now),
                strip,
                stored,
                layout,
                line,
                definition,
                unreadable,
                configuration,
            })
        })
        .await
}

/// The connector, or the error that says there is none.
pub fn find(conn: &mut PgConnection, name: &str) -> Result<Connector, WebError> {
    connector::by_name(conn, name)?.ok_or_else(|| WebError::missing("connector", name))
}

/// How many resources and links there are, by name: from the figures of the last applied run.
fn stored(conn: &mut PgConnection, connector: &Connector) -> Result<Vec<(String, u64)>, WebError> {
    let applied = overview::last_applied(conn)?.into_iter().find(|applied| applied.connector_id == connector.id);
    let Some(applied) = applied else { return Ok(Vec::new()) };
    let resources = applied.counters.entity_types.iter().map(|one| {
        (one.name.clone(), (one.stored + one.inserted).saturating_sub(one.deleted + one.deleted_by_command))
    });
    let links = applied
        .counters
        .associations
        .iter()
        .map(|one| (format!("→{}", one.name), (one.stored + one.inserted).saturating_sub(one.deleted)));
    Ok(resources.chain(links).collect())
}

impl ConnectorPage {
    /// How many resources of an entity type there are, as far as known.
    fn resources(&self, entity_type: &str) -> String {
        self.count(entity_type)
    }

    /// How many links of an association there are, as far as known.
    fn links(&self, association: &str) -> String {
        self.count(&format!("→{association}"))
    }

    fn count(&self, name: &str) -> String {
        self.stored.iter().find(|(known, _)| known == name).map(|(_, count)| words::count(count)).unwrap_or_default()
    }

    fn uses(&self, job: &JobUse) -> &'static str {
        if *job == JobUse::Used { "takes part" } else { "does not take part" }
    }
}

fn threshold_rows(definition: &ConnectorDefinition) -> Vec<ThresholdRow> {
    use crate::model::guard::{Operation, Subject};
    let stricter = |subject, operation| {
        let of_entity_types = definition.entity_types.iter().map(|one| (one.title(), &one.thresholds));
        let of_associations = definition.associations.iter().map(|one| (one.title(), &one.thresholds));
        let own: Vec<String> = of_entity_types
            .chain(of_associations)
            .filter_map(|(title, thresholds): (&str, &Thresholds)| {
                let [(_, count, _), (_, share, _)] = thresholds.of(subject, operation);
                let parts: Vec<String> = [(count, ""), (share, " %")]
                    .iter()
                    .filter(|(limit, _)| *limit > 0.0)
                    .map(|(limit, unit)| format!("{}{unit}", words::exactly(*limit)))
                    .collect();
                (!parts.is_empty()).then(|| format!("{title}: {}", parts.join(" or ")))
            })
            .collect();
        own.join("; ")
    };
    let row = |what, subject, operation| {
        let [(_, count, _), (_, share, _)] = definition.thresholds.of(subject, operation);
        let shown = |limit: f64, unit: &str| {
            if limit > 0.0 { format!("{}{unit}", words::exactly(limit)) } else { "off".into() }
        };
        ThresholdRow {
            what,
            count: shown(count, ""),
            share: shown(share, "\u{a0}%"),
            stricter: stricter(subject, operation),
        }
    };
    vec![
        row("Resources inserted", Subject::Resources, Operation::Insert),
        row("Resources updated", Subject::Resources, Operation::Update),
        row("Resources deleted", Subject::Resources, Operation::Delete),
        row("Links inserted", Subject::Links, Operation::Insert),
        row("Links changed", Subject::Links, Operation::Update),
        row("Links deleted", Subject::Links, Operation::Delete),
    ]
}

/// What is to be started.
#[derive(Deserialize)]
pub struct StartForm {
    mode: String,
    task: String,
    dry_run: Option<String>,
    /// For a replay: the run, and whether with the configuration that it used.
    replays: Option<i32>,
    own_configuration: Option<String>,
}

/// Starts a run and leads to it.
pub async fn start(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<StartForm>,
) -> Result<HttpResponse, WebError> {
    let mode: Mode = form.mode.parse().map_err(|error| WebError::BadRequest(sentence(&error)))?;
    let task: TaskChoice = form.task.parse().map_err(|error| WebError::BadRequest(sentence(&error)))?;
    let mode = match (mode, task) {
        (Mode::Replay, _) if form.replays.is_some() => Mode::Replay,
        (_, TaskChoice::UpdateExpressions) => Mode::UpdateExpressions,
        (Mode::Complete | Mode::Incremental, _) => mode,
        _ => return Err(WebError::BadRequest("A run started here is complete or incremental.".into())),
    };
    let (replays, own_configuration) = (form.replays.map(RunId), form.own_configuration.is_some());
    let dry_run = form.dry_run.is_some();
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            let connector = find(conn, &name)?;
            let new = NewRun {
                started_by: Some(&visitor.account().name),
                task,
                dry_run,
                replays: replays.filter(|_| mode == Mode::Replay),
                own_configuration,
                ..NewRun::new(connector.id, mode, Trigger::Person)
            };
            let back = links::connector(&connector.name);
            match run::start(conn, &new, &enqueue) {
                Ok(run) => visitor.lead(conn, &links::run(run), Flash::done(format!("Run {run} has been started."))),
                Err(StartError::Database(error)) => Err(error.into()),
                Err(refusal) => {
                    let flash = Flash::refused(sentence(&refusal));
                    let flash = match refusal {
                        StartError::AlreadyRunning(run)
                        | StartError::BlockedWaits(run)
                        | StartError::StandsBlocked(run) => flash.with_link(links::run(run), format!("Run {run}")),
                        _ => flash,
                    };
                    visitor.lead(conn, &back, flash)
                }
            }
        })
        .await
}

/// Checks all connections, in a child process, and tells what was found.
pub async fn check(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    let (program, data_dir) = (context.work.program.clone(), context.work.data_dir.clone());
    let back = links::connector(&name);
    let (title, requests) = context.db(move |conn| to_ask(conn, &data_dir, &name)).await?;
    // The connection to the database is given back while the system is asked, which may take a minute.
    let flash =
        actix_web::web::block(move || findings(&title, &program, requests)).await.map_err(|_| WebError::Stopped)?;
    context
        .act(move |conn| {
            session::leave_flash(conn, &visitor.session.digest, &flash)?;
            Ok(Lead::to(&back))
        })
        .await
}

/// What pages call a connector, and what its connections can be asked with, as runs read them.
pub fn to_ask(
    conn: &mut PgConnection,
    data_dir: &std::path::Path,
    name: &str,
) -> Result<(String, Result<Vec<ConnectionRequest>, ConnectionError>), WebError> {
    let connector = find(conn, name)?;
    let document = configuration::current(conn, &connector)?.document;
    let definition = document::connector(&document).map_err(|errors| WebError::Conflict(errors.to_string()))?;
    let at = |upload: Upload| {
        let file = UploadedFile { path: data_dir.join(&upload.path), name: upload.file_name };
        (upload.source_table, file)
    };
    let received = upload::waiting(conn, connector.id)?.into_iter().map(at).collect();
    Ok((connector.display_name, export::requests(&definition, &received)))
}

fn findings(
    title: &str,
    program: &std::path::Path,
    requests: Result<Vec<ConnectionRequest>, ConnectionError>,
) -> Vec<Flash> {
    let requests = match requests {
        Ok(requests) => requests,
        Err(error) => return vec![Flash::refused(error.to_string())],
    };
    let checked = requests.iter().flat_map(|request| match export::check(program, request) {
        Ok(findings) => findings
            .into_iter()
            .map(|finding| {
                let text = format!("{}: {}", finding.subject, finding.message);
                if finding.ok { Flash::done(text) } else { Flash::refused(text) }
            })
            .collect(),
        Err(error) => vec![Flash::refused(error.to_string())],
    });
    let checked: Vec<Flash> = checked.collect();
    if checked.is_empty() { vec![Flash::refused(format!("{title} has no connection to check."))] } else { checked }
}

/// Whether the connector takes part in jobs, and where the switch was.
#[derive(Deserialize)]
pub struct ActivityForm {
    active: String,
    #[serde(default)]
    back: String,
}

/// Takes the connector out of the scheduled jobs, or puts it back.
pub async fn set_activity(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<ActivityForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let connector = find(conn, &name)?;
            let active = form.active == "yes";
            connector::set_active(conn, &connector, active, &visitor.account().name)?;
            let title = &connector.display_name;
            let flash = match active {
                true => Flash::done(format!("{title} is activated: scheduled jobs take it along.")),
                false => {
                    Flash::done(format!("{title} is deactivated: scheduled jobs pass it over; by hand it still runs."))
                }
            };
            let back = match links::own(&form.back) {
                links::HOME => links::connector(&connector.name),
                back => back.to_owned(),
            };
            visitor.lead(conn, &back, flash)
        })
        .await
}

/// The document that runs use, for download.
pub async fn configuration(
    context: Data<WebContext>,
    _: Visitor,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let document = context
        .db(move |conn| {
            let connector = find(conn, &name)?;
            Ok(configuration::current(conn, &connector)?.document)
        })
        .await?;
    Ok(csv::attachment("connector.toml", "text/plain; charset=utf-8").body(document))
}
