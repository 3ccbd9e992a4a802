//! A run as JSON (SPEC 9.1): the same from the command line and the API.

use super::cause::Cause;
use super::connector;
use super::consequence::Consequence;
use super::counters::{AssociationCounters, Counters, EntityTypeCounters};
use super::extraction::{self, ExtractionFile, ExtractionId, SourceEnd};
use super::guard::Breach;
use super::problem::ProblemCode;
use super::proof::{self, Proof};
use super::revert;
use super::run::{self, Mode, Run, RunId, RunState, Stage, TaskState, Trigger};
use super::task::{self, Task};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a run did, or would do, with every counter there, 0 or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// Its id.
    pub id: RunId,
    /// The connector's name.
    pub connector: String,
    /// How much of the source it looks at.
    pub mode: Mode,
    /// What started it.
    pub trigger: Trigger,
    /// Where it stands.
    pub state: RunState,
    /// Asked for as incremental, and why it could not stay so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub became_complete: Option<String>,
    /// For a replay: the run whose extraction it prepares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replays: Option<RunId>,
    /// Whether it was started to be looked at only.
    pub dry_run: bool,
    /// The run whose inverse it is.
    pub reverts: Option<RunId>,
    /// The applied run by which it is reverted now.
    pub reverted_by: Option<RunId>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// The version of the connector's configuration that it uses.
    pub configuration_version: i32,
    /// How each table of its extraction was read to its end.
    pub sources: Vec<SourceReport>,
    /// What was extracted, held against what is stored, once that was done.
    pub proof: Option<ProofReport>,
    /// What a decision is bound to.
    pub change_set_digest: Option<String>,
    /// Its stages in order.
    pub tasks: Vec<TaskReport>,
    /// Rows, in the order of the document.
    pub entity_types: Vec<EntityTypeReport>,
    /// Links, in the order of the document.
    pub associations: Vec<AssociationReport>,
    /// What follows for persons.
    pub persons: PersonReport,
    /// The guards that were exceeded.
    pub breaches: Vec<Breach>,
    /// Why they probably were.
    pub causes: Vec<Cause>,
    /// What would become of others: groups left empty, people without a manager, …
    pub consequences: Vec<Consequence>,
    /// Problems by reason code.
    pub problems: BTreeMap<&'static str, u64>,
    /// The whole in the figures that other systems of this trade give.
    #[serde(rename = "result")]
    pub outcome: OutcomeReport,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskReport {
    /// Which.
    pub stage: Stage,
    /// Where it stands.
    pub state: TaskState,
    /// When it was last taken up.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
    /// Rows read, or changes applied.
    pub rows: i64,
}

/// A table that was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceReport {
    /// `connection.table`.
    pub table: String,
    /// What messages call it.
    pub file: String,
    /// Records read.
    pub rows: u64,
    /// How its end is known.
    pub end: SourceEnd,
}

impl SourceReport {
    fn of(file: ExtractionFile) -> Self {
        Self { table: file.source_table, file: file.source_file, rows: file.rows, end: file.source_end }
    }
}

/// A proof with its moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProofReport {
    /// When it was made.
    pub proved_at: DateTime<Utc>,
    /// What came of it.
    #[serde(flatten)]
    pub proof: Proof,
}

/// Rows of one entity type; `read` is the sum of what became of them, deletions by absence aside.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct EntityTypeReport {
    pub name: String,
    pub read: u64,
    pub inserted: u64,
    pub updated: u64,
    /// By absence and by command.
    pub deleted: u64,
    /// Of those, the ones that a row asked for.
    pub deleted_by_command: u64,
    pub unchanged: u64,
    pub rejected: u64,
    pub duplicates_dropped: u64,
    pub out_of_scope: u64,
    pub withheld: u64,
    /// Deletions by absence that are left out; they are no rows read.
    pub withheld_deletes: u64,
    pub suppressed: u64,
}

/// Links of one association.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct AssociationReport {
    pub name: String,
    pub inserted: u64,
    pub updated: u64,
    pub deleted: u64,
    pub rejected: u64,
    pub withheld: u64,
}

/// What happens to persons.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct PersonReport {
    pub created: u64,
    pub updated: u64,
    pub blocked: u64,
    pub unblocked: u64,
    pub deleted: u64,
}

/// Rows of the entity types that represent users (of all, where none does); deleted, blocked and unblocked are persons.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct OutcomeReport {
    pub processed: u64,
    pub created: u64,
    pub updated: u64,
    pub deleted: u64,
    /// Unchanged, dropped as duplicates, out of scope, or withheld.
    pub skipped: u64,
    pub blocked: u64,
    pub unblocked: u64,
    pub rejected: u64,
    /// Why it failed: where and what.
    pub errors: Vec<String>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    /// Milliseconds from its start until it rested, or until now.
    pub time_lapsed: i64,
}

/// The report on a run. `now` is what the time of a run at work is counted to.
pub fn of(conn: &mut PgConnection, id: RunId, now: DateTime<Utc>) -> QueryResult<Option<RunReport>> {
    let Some(run) = run::by_id(conn, id)? else { return Ok(None) };
    let connector = connector::by_id(conn, run.connector_id)?.map(|connector| connector.name).unwrap_or_default();
    let tasks = task::of(conn, id)?;
    let reverted_by = match run.applied_at {
        Some(_) => revert::reverted_by(conn, id)?,
        None => None,
    };
    let proof = proof::of(conn, id)?.map(|(proved_at, proof)| ProofReport { proved_at, proof });
    let files = match run.extraction_id {
        Some(id) => extraction::files(conn, ExtractionId(id))?,
        None => Vec::new(),
    };
    let sources = files.into_iter().filter(|file| !file.is_pairs()).map(SourceReport::of).collect();
    Ok(Some(RunReport { reverted_by, sources, proof, ..report(run, connector, &tasks, now) }))
}

/// The report on a run whose rows are at hand; whether it was reverted is not among them.
pub fn report(run: Run, connector: String, tasks: &[Task], now: DateTime<Utc>) -> RunReport {
    let counters = &run.counters.0;
    RunReport {
        id: run.id,
        connector,
        mode: run.mode,
        became_complete: run.became_complete.clone(),
        replays: run.replays_run_id,
        trigger: run.trigger,
        state: run.state,
        dry_run: run.dry_run,
        sources: Vec::new(),
        proof: None,
        reverts: run.reverts_run_id,
        reverted_by: None,
        started_at: run.started_at,
        finished_at: run.finished_at,
        configuration_version: run.configuration_version,
        change_set_digest: run.change_set_digest.clone(),
        tasks: tasks.iter().map(TaskReport::of).collect(),
        entity_types: counters.entity_types.iter().map(EntityTypeReport::of).collect(),
        associations: counters.associations.iter().map(AssociationReport::of).collect(),
        persons: PersonReport {
            created: counters.persons.created,
            updated: counters.persons.updated,
            blocked: counters.persons.blocked,
            unblocked: counters.persons.unblocked,
            deleted: counters.persons.deleted,
        },
        problems: problems(counters),
        outcome: outcome(&run, tasks, now),
        breaches: run.breaches.0,
        causes: run.causes.0,
        consequences: run.consequences.0,
    }
}

impl TaskReport {
    fn of(task: &Task) -> Self {
        Self {
            stage: task.stage,
            state: task.state,
            started_at: task.started_at,
            finished_at: task.finished_at,
            rows: task.rows,
        }
    }
}

impl EntityTypeReport {
    fn of(counts: &EntityTypeCounters) -> Self {
        Self {
            name: counts.name.clone(),
            read: counts.read,
            inserted: counts.inserted,
            updated: counts.updated,
            deleted: counts.deleted + counts.deleted_by_command,
            deleted_by_command: counts.deleted_by_command,
            unchanged: counts.unchanged,
            rejected: counts.rejected,
            duplicates_dropped: counts.duplicates_dropped,
            out_of_scope: counts.out_of_scope,
            withheld: counts.withheld,
            withheld_deletes: counts.withheld_deletes,
            suppressed: counts.suppressed,
        }
    }
}

impl AssociationReport {
    fn of(counts: &AssociationCounters) -> Self {
        Self {
            name: counts.name.clone(),
            inserted: counts.inserted,
            updated: counts.updated,
            deleted: counts.deleted,
            rejected: counts.rejected,
            withheld: counts.withheld,
        }
    }
}

fn problems(counters: &Counters) -> BTreeMap<&'static str, u64> {
    let count = |code: ProblemCode| counters.problems.get(code.as_str()).copied().unwrap_or(0);
    ProblemCode::ALL.into_iter().map(|code| (code.as_str(), count(code))).collect()
}

fn outcome(run: &Run, tasks: &[Task], now: DateTime<Utc>) -> OutcomeReport {
    let entity_types = &run.counters.entity_types;
    let users = entity_types.iter().any(|counts| counts.represents_users);
    let counted = || entity_types.iter().filter(move |counts| counts.represents_users || !users);
    let sum = |figure: fn(&EntityTypeCounters) -> u64| counted().map(figure).sum();
    let persons = &run.counters.persons;
    let failure = run.failure.as_ref().map(|failure| format!("{}: {}", failure.place, failure.message));
    OutcomeReport {
        processed: sum(|counts| counts.read),
        created: sum(|counts| counts.inserted),
        updated: sum(|counts| counts.updated),
        deleted: persons.deleted,
        skipped: sum(|counts| counts.unchanged + counts.duplicates_dropped + counts.out_of_scope + counts.withheld),
        blocked: persons.blocked,
        unblocked: persons.unblocked,
        rejected: sum(|counts| counts.rejected),
        errors: failure.into_iter().collect(),
        started_at: run.started_at,
        finished_at: run.finished_at,
        time_lapsed: time_lapsed(run, tasks, now),
    }
}

fn time_lapsed(run: &Run, tasks: &[Task], now: DateTime<Utc>) -> i64 {
    let Some(started) = run.started_at else { return 0 };
    let last_task = tasks.iter().filter_map(|task| task.finished_at).max().filter(|_| run.rests());
    let end = run.finished_at.or(last_task).unwrap_or(now);
    (end - started).num_milliseconds().max(0)
}
