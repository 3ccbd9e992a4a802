//! `muster show`: one run, its problems, its changes.

use super::{Context, Exit, Refusal, Session};
use crate::model::change::{self, Change, ChangeFilter};
use crate::model::guard::Operation;
use crate::model::run::{self, Run, RunId, RunState};
use crate::model::run_report::{self, RunReport};
use crate::model::{problem, run_events};
use chrono::Utc;
use serde_json::Value;
use std::fmt;

/// Which run, and what of it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's number.
    run: i32,
    /// List the records that were rejected or are doubtful.
    #[arg(long, group = "list")]
    problems: bool,
    /// List what the run has changed, or would change.
    #[arg(long, group = "list")]
    changes: bool,
    /// List what it did to users, groups and memberships, one event a line.
    #[arg(long, group = "list")]
    log: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let id = RunId(args.run);
    let mut conn = session.connection()?;
    if args.problems || args.changes || args.log {
        let run = found(run::by_id(&mut conn, id)?, id)?;
        drop(conn);
        return match (args.problems, args.changes) {
            (true, _) => list_problems(context, &session, id),
            (_, true) => list_changes(context, &session, &run),
            _ => list_events(context, &session, &run),
        };
    }
    let report = found(run_report::of(&mut conn, id, Utc::now())?, id)?;
    context.output.data(&report, Text(&report))?;
    Ok(Exit::Done)
}

/// What was found, or exit code 4.
pub(super) fn found<T>(found: Option<T>, id: RunId) -> anyhow::Result<T> {
    Ok(found.ok_or_else(|| Refusal::not_found(format!("there is no run {id}; `muster runs` lists them")))?)
}

/// Rows that are read at once, so that memory stays the same however long a list is.
const AT_ONCE: i64 = 1000;

fn list_changes(context: &Context, session: &Session, run: &Run) -> anyhow::Result<Exit> {
    let mut filter = ChangeFilter::default();
    loop {
        let changes = change::page(&mut *session.connection()?, run, &filter, AT_ONCE)?;
        let Some(last) = changes.last() else { return Ok(Exit::Done) };
        filter.after = Some(last.cursor.clone());
        for change in &changes {
            context.output.data(change, in_words(change))?;
        }
    }
}

fn in_words(change: &Change) -> String {
    let scope = change.entity_type.as_ref().or(change.association.as_ref()).map_or("", String::as_str);
    let target = match (&change.before_to_key, &change.to_key) {
        (Some(before), Some(after)) => format!(" → {before} ⇒ {after}"),
        (_, Some(target)) => format!(" → {target}"),
        _ => String::new(),
    };
    let value = |value: Option<Value>| match value {
        None => "(empty)".to_owned(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let properties: Vec<String> = change
        .differences()
        .into_iter()
        .map(|(property, before, after)| match change.operation() {
            Some(Operation::Update) => format!("{property}: {} ⇒ {}", value(before), value(after)),
            _ => format!("{property}: {}", value(after.or(before))),
        })
        .collect();
    format!("{} {scope} {}{target}  {}", change.operation, change.key, properties.join(", ")).trim_end().to_owned()
}

fn list_events(context: &Context, session: &Session, run: &Run) -> anyhow::Result<Exit> {
    run_events::each(&mut *session.connection()?, run, |event| context.output.data(&event, &event))?;
    Ok(Exit::Done)
}

fn list_problems(context: &Context, session: &Session, id: RunId) -> anyhow::Result<Exit> {
    let mut after = 0;
    loop {
        let problems = problem::of_run(&mut *session.connection()?, id, None, after, AT_ONCE)?;
        let Some(last) = problems.last() else { return Ok(Exit::Done) };
        after = last.seq;
        for problem in &problems {
            let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
            let column = problem.column.as_ref().map(|column| format!(" {column}")).unwrap_or_default();
            let text = format!("{}{line}{column}: {}: {}", problem.file, problem.code, problem.message);
            context.output.data(problem, text)?;
        }
    }
}

/// A run in words.
pub(super) struct Text<'a>(pub &'a RunReport);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.0;
        let dry = if run.dry_run { ", dry run" } else { "" };
        let state = run.state.as_str().replace('_', " ");
        writeln!(f, "run {} of {}: {state} ({}{dry})", run.id, run.connector, run.mode)?;
        if let Some(reverted) = run.reverts {
            writeln!(f, "  takes back what run {reverted} has changed")?;
        }
        if let Some(by) = run.reverted_by {
            writeln!(f, "  reverted by run {by}")?;
        }
        for task in &run.tasks {
            write!(f, "  {:<11}  {:<9}  {:>9} rows", task.stage.as_str(), task.state.as_str(), task.rows)?;
            match (task.started_at, task.finished_at) {
                (Some(from), Some(to)) => writeln!(f, "  {:.1} s", (to - from).as_seconds_f64())?,
                _ => writeln!(f)?,
            }
        }
        for counts in &run.entity_types {
            writeln!(
                f,
                "  {}: {} read = {} inserted + {} updated + {} unchanged + {} deleted by command + {} rejected \
                 + {} duplicates dropped + {} out of scope + {} withheld + {} suppressed; {} deleted in all",
                counts.name,
                counts.read,
                counts.inserted,
                counts.updated,
                counts.unchanged,
                counts.deleted_by_command,
                counts.rejected,
                counts.duplicates_dropped,
                counts.out_of_scope,
                counts.withheld,
                counts.suppressed,
                counts.deleted
            )?;
        }
        for counts in &run.associations {
            writeln!(
                f,
                "  {}: {} links inserted, {} updated, {} deleted, {} rejected",
                counts.name, counts.inserted, counts.updated, counts.deleted, counts.rejected
            )?;
        }
        let persons = &run.persons;
        if !run.entity_types.is_empty() {
            writeln!(
                f,
                "  persons: {} created, {} updated, {} blocked, {} unblocked, {} deleted",
                persons.created, persons.updated, persons.blocked, persons.unblocked, persons.deleted
            )?;
        }
        for (code, count) in run.problems.iter().filter(|(_, count)| **count > 0) {
            writeln!(f, "  problem {code}: {count}")?;
        }
        for breach in &run.breaches {
            writeln!(f, "  guard: {}", breach.message)?;
        }
        for source in &run.sources {
            if !source.end.words.is_empty() {
                writeln!(f, "  {}: read to its end: {}", source.file, source.end.words)?;
            }
        }
        if let Some(proof) = &run.proof {
            writeln!(f, "  proof: {}", proof.proof.sentence())?;
            for one in &proof.proof.differing {
                writeln!(f, "    {} {}: {}", one.entity_type, one.key, one.kind.words())?;
            }
        }
        for cause in &run.causes {
            writeln!(f, "  likely cause: {}", cause.message)?;
        }
        for consequence in &run.consequences {
            writeln!(f, "  consequence: {}", consequence.message)?;
        }
        for error in &run.outcome.errors {
            writeln!(f, "  {error}")?;
        }
        write!(f, "{}", next_step(run))
    }
}

fn next_step(run: &RunReport) -> String {
    let id = run.id;
    match run.state {
        RunState::Blocked => {
            format!(
                "Nothing has been written. `muster resume {id}` applies exactly this, `--without` leaves some of it out, \
                 `muster hold {id}` refuses some and remembers it, `muster discard {id}` refuses it all."
            )
        }
        RunState::Ready if run.change_set_digest.is_some() => {
            format!("Nothing has been written. `muster resume {id}` applies exactly this.")
        }
        RunState::Ready => "The extraction is sealed; `muster run … --task prepare` goes on with it.".to_owned(),
        RunState::Failed => "Nothing has been written.".to_owned(),
        RunState::CompletedWithProblems => format!("Applied. `muster show {id} --problems` lists what was rejected."),
        RunState::Completed => "Applied.".to_owned(),
        _ => format!("`muster show {id}` tells how it goes on."),
    }
}
