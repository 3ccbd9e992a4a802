//! Waiting for a run, and telling what it did.

use super::show::Text;
use super::{Context, Exit, Refusal};
use crate::app::App;
use crate::db::DbError;
use crate::jobs::proving;
use crate::model::run::{Run, RunId, RunState};
use crate::model::run_report;
use crate::pipeline::progress::Progress;
use chrono::Utc;

/// Works on the run until it rests, writes the report, and says how it ended.
pub(super) fn follow(context: &Context, app: &App, id: RunId) -> anyhow::Result<Exit> {
    app.stop_on_signals()?;
    let run = app.work_through(id)?;
    if run.state.is_applied() {
        // What is proven in a moment is proven at once; the rest by the next server. It changes nothing.
        if let Err(error) = proving::prove_due(&app.context, proving::SMALL, &Progress::default()) {
            tracing::debug!(%error, "the run is proven later");
        }
    }
    let mut conn = app.context.db.get().map_err(DbError::from)?;
    let report =
        run_report::of(&mut conn, id, Utc::now())?.ok_or_else(|| Refusal::not_found(format!("run {id} is gone")))?;
    context.output.data(&report, Text(&report))?;
    match exit_of(&run) {
        Some(exit) => Ok(exit),
        None => {
            context.output.message(format_args!("stopped waiting; run {id} goes on as soon as a worker is there"));
            Ok(Exit::Failed)
        }
    }
}

/// The exit code that a run's state stands for; none while it is at work.
pub(super) fn exit_of(run: &Run) -> Option<Exit> {
    match run.state {
        RunState::Completed | RunState::CompletedWithProblems | RunState::Superseded => Some(Exit::Done),
        RunState::Ready if run.standalone => Some(Exit::Done),
        RunState::Blocked => Some(Exit::Blocked),
        RunState::Failed | RunState::Cancelled | RunState::Discarded => Some(Exit::Failed),
        RunState::Queued | RunState::Exporting | RunState::Preparing | RunState::Ready | RunState::Synchronizing => {
            None
        }
    }
}
