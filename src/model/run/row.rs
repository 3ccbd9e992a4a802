//! The run's row.

use super::{Afterwards, Mode, RunId, RunState, Stage, TaskChoice, Trigger};
use crate::model::cause::Cause;
use crate::model::claim::Failure;
use crate::model::connector::ConnectorId;
use crate::model::consequence::Consequence;
use crate::model::counters::Counters;
use crate::model::guard::Breach;
use crate::model::json::Json;
use crate::schema::runs;
use chrono::{DateTime, Utc};
use diesel::prelude::*;

/// A run as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = runs, check_for_backend(diesel::pg::Pg))]
pub struct Run {
    /// Its id; rises with time.
    pub id: RunId,
    /// The connector.
    pub connector_id: ConnectorId,
    /// How much of the source it looks at.
    pub mode: Mode,
    /// What started it.
    pub trigger: Trigger,
    /// The account, where a person started it.
    pub started_by: Option<String>,
    /// The job, where a schedule started it.
    pub job: Option<String>,
    /// Which tasks it goes through.
    pub task: TaskChoice,
    /// Whether it was started to be looked at only.
    pub dry_run: bool,
    /// Whether it ends after its task and holds nothing up: dry or a single task. Applying it clears the mark.
    pub standalone: bool,
    /// Where it stands.
    pub state: RunState,
    /// How often it was claimed.
    pub epoch: i32,
    /// The version of the connector's configuration that it uses.
    pub configuration_version: i32,
    /// What its export wrote, or what it prepares.
    pub extraction_id: Option<i64>,
    /// The connector's state that prepare saw.
    pub state_version: Option<i64>,
    /// `sha256:…` of the frozen change set.
    pub change_set_digest: Option<String>,
    /// Where prepare left tables to attach.
    pub pending_schema: Option<String>,
    /// What it did, or would do.
    pub counters: Json<Counters>,
    /// The guards that it exceeded.
    pub breaches: Json<Vec<Breach>>,
    /// Why it probably did.
    pub causes: Json<Vec<Cause>>,
    /// What would become of others: groups left empty, people without a manager, …
    pub consequences: Json<Vec<Consequence>>,
    /// Why it failed.
    pub failure: Option<Json<Failure>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// When its change set became visible.
    pub applied_at: Option<DateTime<Utc>>,
    /// The run whose inverse it is.
    pub reverts_run_id: Option<RunId>,
    /// What a revert does so that the next run does not bring back what it took away.
    pub afterwards: Option<Afterwards>,
    /// For a replay: the run whose extraction it prepares.
    pub replays_run_id: Option<RunId>,
    /// A replay with the configuration of the run that it replays, whatever is in use now.
    pub own_configuration: bool,
    /// Asked for as incremental, and why it could not stay so.
    pub became_complete: Option<String>,
}

impl Run {
    /// Whether nothing more happens by itself: over, waiting for a decision, or a dry run or single task that is done.
    pub fn rests(&self) -> bool {
        self.state.is_over() || self.state == RunState::Blocked || (self.state == RunState::Ready && self.standalone)
    }

    /// The stage that a worker would take up now, `None` if there is nothing to do.
    pub fn next_stage(&self) -> Option<Stage> {
        match self.state {
            RunState::Queued => self.stages().first().copied(),
            RunState::Exporting => Some(Stage::Export),
            RunState::Preparing => Some(Stage::Prepare),
            RunState::Ready if !self.standalone => Some(Stage::Synchronize),
            RunState::Synchronizing => Some(Stage::Synchronize),
            _ => None,
        }
    }

    /// The stages that it goes through, in order.
    pub fn stages(&self) -> &'static [Stage] {
        stages_of(self.mode, self.task, self.dry_run)
    }
}

/// The stages that a run goes through: what its mode needs, cut to the task that was asked for.
pub(super) fn stages_of(mode: Mode, task: TaskChoice, dry_run: bool) -> &'static [Stage] {
    use Stage::{Export, Prepare, Synchronize};
    let exports = matches!(mode, Mode::Complete | Mode::Incremental);
    match (task, exports, dry_run) {
        (TaskChoice::Export, ..) => &[Export],
        (TaskChoice::Prepare, ..) => &[Prepare],
        (TaskChoice::Synchronize, ..) => &[Synchronize],
        (_, true, true) => &[Export, Prepare],
        (_, true, false) => &[Export, Prepare, Synchronize],
        (_, false, true) => &[Prepare],
        (_, false, false) => &[Prepare, Synchronize],
    }
}
