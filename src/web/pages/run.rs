//! A run: its tasks live, what it did or would do, and the decision.

use super::run_problems::{self, ProblemGroup};
use super::run_table::{duration, mode_words};
use super::run_traces::{self, Traces};
use crate::model::change::{self, Change, ChangeFilter};
use crate::model::connector::{self, Connector};
use crate::model::counters::{AssociationCounters, EntityTypeCounters, PersonCounters};
use crate::model::decision::{self, Decision};
use crate::model::extraction::{self, ExtractionFile, ExtractionId};
use crate::model::hold;
use crate::model::key_move;
use crate::model::lease::{self, Lease};
use crate::model::run::{self, Mode, Run, RunId, RunState, TaskState};
use crate::model::run_log::{self, LogLine};
use crate::model::task::{self, Task};
use crate::web::causes::{self, CauseView};
use crate::web::charts::totals;
use crate::web::decision_view::{DecisionView, decision_view, groups};
use crate::web::diff::{ChangeLine, Scopes};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::failure::{self, FailureView};
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, moment, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use std::fmt::Write;

/// Changes shown on the page itself.
const SAMPLE: i64 = 20;
/// With more updates than this the page does not say which properties change: counting would take too long.
const UPDATES_LOOKED_AT: u64 = 50_000;

#[derive(Template)]
#[template(path = "pages/run.html")]
struct RunPage {
    layout: Layout,
    run: Run,
    connector: Connector,
    badge: Badge,
    mode: String,
    trigger: String,
    started: When,
    duration: String,
    steps: Vec<Step>,
    live: bool,
    decision: Option<DecisionView>,
    withheld: Option<WithheldView>,
    failure: Option<FailureView>,
    failure_causes: Vec<CauseView>,
    entity_types: Vec<EntityTypeCounters>,
    associations: Vec<AssociationCounters>,
    persons: PersonCounters,
    is_applied: bool,
    problems: Vec<ProblemGroup>,
    changes: Vec<ChangeLine>,
    total: u64,
    properties: Vec<(String, i64, i64)>,
    files: Vec<ExtractionFile>,
    log: Vec<LogLine>,
    log_is_cut: bool,
    decisions: Vec<DecisionLine>,
    cancel_requested: bool,
    traces: Traces,
    /// For a replay: page and name of the run whose extraction it prepares.
    replayed: Option<(String, String)>,
    /// Its extraction is kept, so that it can be prepared again.
    can_replay: bool,
    /// Users that come under a new key.
    moves: u64,
}

impl RunPage {
    /// The figures of an association, in the order of the table's columns.
    fn link_figures(&self, one: &AssociationCounters) -> [u64; 4] {
        [one.inserted, one.updated, one.deleted, one.rejected]
    }

    /// The figures of users, in the order of the table's columns.
    fn person_figures(&self) -> [u64; 5] {
        let persons = &self.persons;
        [persons.created, persons.updated, persons.blocked, persons.unblocked, persons.deleted]
    }

    /// The changes that touch a property.
    fn changes_of(&self, property: &str) -> String {
        links::with_query(&links::of_run(self.run.id, "changes"), &[("property", property)])
    }

    /// The problems with a reason code.
    fn problems_of(&self, code: &str) -> String {
        links::with_query(&links::of_run(self.run.id, "problems"), &[("code", code)])
    }

    /// The figures of an entity type, in the order of the table's columns after the rows read.
    fn figures(&self, one: &EntityTypeCounters) -> [u64; 9] {
        [
            one.inserted,
            one.updated,
            one.unchanged,
            one.rejected,
            one.duplicates_dropped,
            one.out_of_scope,
            one.withheld,
            one.suppressed,
            one.deleted + one.deleted_by_command,
        ]
    }
}

/// One task of the timeline.
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// The class of its state.
    pub class: &'static str,
    /// Its state.
    pub badge: Badge,
    /// How long it took, or has been taking.
    pub duration: String,
    /// Rows read or changed.
    pub rows: String,
    /// What is being done right now.
    pub progress: Option<ProgressView>,
    /// Later attempts than the first.
    pub attempts: i32,
}

/// How far the running task is.
pub struct ProgressView {
    /// In words.
    pub step: String,
    /// Rows passed.
    pub rows: u64,
    /// Rows in all; 0: unknown.
    pub total: u64,
    /// Rows, rate and what remains, in words.
    pub words: String,
}

/// What was left out of the run.
pub struct WithheldView {
    /// How much, in a sentence.
    pub words: String,
    /// Whether holds had to do with it.
    pub holds: bool,
    /// How many holds are over.
    pub over: i64,
}

struct DecisionLine {
    words: String,
    by: String,
    when: When,
    comment: Option<String>,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    context.page(visitor, move |conn, layout| page(conn, layout, id)).await
}

/// The run with a page of its changes.
///
/// While they are applied, the tables that hold them are locked, and nobody who looks has to wait for that: the page
/// has them again as soon as they are. A table that became a partition between two of our looks is found at the next.
pub fn with_changes(
    conn: &mut PgConnection,
    id: RunId,
    filter: &ChangeFilter,
    limit: i64,
) -> Result<(Run, Vec<Change>), WebError> {
    let mut looked_before = false;
    loop {
        let run = find(conn, id)?;
        if run.change_set_digest.is_none() || run.state == RunState::Synchronizing {
            return Ok((run, Vec::new()));
        }
        match change::page(conn, &run, filter, limit) {
            Ok(changes) => return Ok((run, changes)),
            Err(_) if !looked_before && run.applied_at.is_none() => looked_before = true,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The run, or the error that says there is none.
pub fn find(conn: &mut PgConnection, id: RunId) -> Result<Run, WebError> {
    run::by_id(conn, id)?.ok_or_else(|| WebError::missing("run", id))
}

fn page(conn: &mut PgConnection, layout: Layout, id: RunId) -> Result<RunPage, WebError> {
    let (run, changes) = with_changes(conn, id, &ChangeFilter::default(), SAMPLE)?;
    let connector =
        connector::by_id(conn, run.connector_id)?.ok_or_else(|| WebError::missing("connector of run", id))?;
    let now = layout.now;
    let lease = lease::of(conn, id)?;
    let tasks = task::of(conn, id)?;
    let worked_until = tasks.iter().filter_map(|task| task.finished_at).max();
    let steps = tasks.iter().map(|task| step(task, lease.as_ref(), now)).collect();
    let scopes = Scopes::load(conn, &run)?;
    let is_applied = run.applied_at.is_some();
    let changes = changes.iter().map(|change| scopes.line(change, is_applied)).collect();
    let [_, updates, _] = totals(&run.counters);
    let touched = match updates {
        0 => Vec::new(),
        1..=UPDATES_LOOKED_AT => change::properties(conn, &run)?,
        _ => Vec::new(),
    };
    let most = touched.first().map_or(1, |one| one.count).max(1);
    let files = match run.extraction_id {
        Some(id) => extraction::files(conn, ExtractionId(id))?,
        None => Vec::new(),
    };
    let extraction = match run.extraction_id {
        Some(id) => extraction::find(conn, ExtractionId(id))?,
        None => None,
    };
    let mut log = run_log::lines(conn, id, 0, 301)?;
    let log_is_cut = log.len() > 300;
    log.truncate(300);
    let live = !run.rests();
    let layout = Layout { refresh: live.then_some(5), ..layout }
        .titled(Section::Runs, format!("Run {id}"))
        .under(links::connector(&connector.name), connector.display_name.clone())
        .under(links::of_connector(&connector.name, "results"), "Job results");
    Ok(RunPage {
        badge: run.state.into(),
        mode: mode_words(words::mode(run.mode), run.task, run.dry_run),
        trigger: match &run.started_by {
            Some(account) => format!("{} ({account})", words::trigger(run.trigger)),
            None => words::trigger(run.trigger).to_owned(),
        },
        started: When::new(run.started_at.unwrap_or(run.created_at), now),
        duration: duration(run.started_at, run.finished_at.or(worked_until.filter(|_| !live)), now),
        steps,
        live,
        decision: decision_view(&run).map(|view| DecisionView { groups: groups(&run, &scopes), ..view }),
        withheld: withheld(conn, &run)?,
        failure: failure::of(conn, &run, now)?,
        failure_causes: run.failure.as_ref().map(|_| causes::views(&run.causes)).unwrap_or_default(),
        entity_types: run.counters.entity_types.clone(),
        associations: run.counters.associations.clone(),
        persons: run.counters.persons.clone(),
        is_applied,
        problems: run_problems::groups(conn, &run)?,
        moves: key_move::count(conn, id)?,
        total: total(&run),
        changes,
        properties: touched.into_iter().take(20).map(|one| (one.property, one.count, one.count * 100 / most)).collect(),
        files,
        log,
        log_is_cut,
        decisions: decision::of(conn, id)?
            .into_iter()
            .map(|one| DecisionLine {
                words: decided(&one),
                by: one.decided_by,
                when: When::new(one.decided_at, now),
                comment: one.comment,
            })
            .collect(),
        traces: run_traces::of(conn, &run, &connector, now)?,
        replayed: run.replays_run_id.map(|replayed| (links::run(replayed), format!("run {replayed}"))),
        can_replay: !live
            && run.mode != Mode::Correlate
            && extraction.is_some_and(|extraction| extraction.deleted_at.is_none()),
        cancel_requested: lease.is_some_and(|lease| lease.cancel_requested.is_some()) && live,
        layout,
        run,
        connector,
    })
}

/// What was decided, over which figures.
fn decided(decision: &Decision) -> String {
    let figure = |name: &str| decision.detail.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let held = decision.detail.get("held_until");
    let until = match held.and_then(serde_json::Value::as_str).and_then(|until| until.get(..10)) {
        Some(day) => format!(" until {day}"),
        None => String::new(),
    };
    let share = || format!("{} of {}", words::count(figure("left_out")), words::count(figure("changes")));
    match decision.decision.as_str() {
        "resume" => "Resumed".to_owned(),
        "resume_without" if held.is_some() => format!("Resumed without {} changes, which are held{until},", share()),
        "resume_without" => format!("Resumed without {} changes", share()),
        "hold" => format!("Held {} changes{until}", share()),
        "discard" => "Discarded".to_owned(),
        "cancel" => "Cancelled".to_owned(),
        "retry" => "Retried".to_owned(),
        _ => "Decided".to_owned(),
    }
}

fn step(task: &Task, lease: Option<&Lease>, now: DateTime<Utc>) -> Step {
    let progress = lease.filter(|lease| lease.stage == task.stage && task.state == TaskState::Running);
    Step {
        name: words::stage(task.stage),
        class: task.state.as_str(),
        badge: task.state.into(),
        duration: match task.state {
            TaskState::Pending => String::new(),
            _ => duration(task.started_at, task.finished_at, now),
        },
        rows: if task.rows > 0 { words::counted(task.rows.unsigned_abs(), "row", "rows") } else { String::new() },
        progress: progress.map(|lease| ProgressView {
            step: lease.progress.step.clone(),
            rows: lease.progress.rows,
            total: lease.progress.total,
            words: progress_words(lease),
        }),
        attempts: task.attempts,
    }
}

/// `812 345 of 1 200 000 rows, 41 000 a second, 9 s to go`.
pub fn progress_words(lease: &Lease) -> String {
    let report = &lease.progress;
    let mut text = match (report.rows, report.total) {
        (0, 0) => return String::new(),
        (rows, 0) => words::counted(rows, "row", "rows"),
        (rows, total) => format!("{} of {}", words::count(rows), words::counted(total, "row", "rows")),
    };
    if report.rate >= 1.0 {
        let _ = write!(text, ", {} a second", words::count(report.rate as u64));
        if report.total > report.rows {
            let seconds = ((report.total - report.rows) as f64 / report.rate).ceil() as i64;
            let _ = write!(text, ", {} to go", words::duration(chrono::TimeDelta::seconds(seconds)));
        }
    }
    text
}

/// All changes of a run.
pub fn total(run: &Run) -> u64 {
    let resources =
        run.counters.entity_types.iter().map(|one| one.inserted + one.updated + one.deleted + one.deleted_by_command);
    let links = run.counters.associations.iter().map(|one| one.inserted + one.updated + one.deleted);
    resources.chain(links).sum()
}

/// What was left out, for once or because it is held.
fn withheld(conn: &mut PgConnection, run: &Run) -> Result<Option<WithheldView>, WebError> {
    let (held, over) = hold::of_run(conn, run.id)?;
    let all = run.counters.withheld();
    if all == 0 && held + over == 0 {
        return Ok(None);
    }
    let once = hold::excluded(conn, run.id)?;
    let mut sentence = match all {
        0 => "Nothing was left out".to_owned(),
        _ => {
            words::counted(all, "change, or row that needs one, was", "changes, or rows that need them, were")
                + " left out"
        }
    };
    match (held, once) {
        (0, 0) => {}
        (0, once) => sentence += &format!(": {} for this run only", words::count(once)),
        (held, 0) => sentence += &format!(" by {}", words::counted(held, "hold", "holds")),
        (held, once) => {
            sentence += &format!(
                ": {} for this run only, the others by {}",
                words::count(once),
                words::counted(held, "hold", "holds")
            );
        }
    }
    Ok(Some(WithheldView { words: format!("{sentence}."), holds: held + over > 0, over }))
}
