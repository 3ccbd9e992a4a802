//! Leaving changes out: for once (exclude) or until further notice (hold). The run is prepared anew without them.

use super::{
    Decider, DecisionError, Moved, become_at_work, exclusively, figures, pending_task, prepare_anew, record,
    seen_and_decidable, tell,
};
use crate::model::approval;
use crate::model::change::{self, Selection};
use crate::model::claim::{Enqueue, reset_preparation};
use crate::model::hold;
use crate::model::run::{RunId, RunState, Stage};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde_json::json;
use std::time::Duration;

/// More changes than this are not left out of a run: they are looked up in memory by the next preparations.
pub const MOST: u64 = 200_000;

/// What becomes of the changes that are not left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// They are applied without asking again, provided that nothing else has come.
    Apply,
    /// The guards look at them, and so does a person if they are exceeded.
    LookAgain,
}

/// What is left out, and how.
#[derive(Debug, Clone)]
pub struct Without {
    /// Which changes.
    pub selection: Selection,
    /// Whether later runs leave them out as well.
    pub hold: bool,
    /// When the hold ends by itself; `None`: when somebody releases it.
    pub due_at: Option<DateTime<Utc>>,
    /// What becomes of the others.
    pub rest: Rest,
}

/// What a decision left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    /// So many changes are left out.
    pub changes: usize,
    /// So many are left.
    pub left: u64,
    /// State or configuration moved, so the run waits for another look.
    pub moved: bool,
}

/// Leaves changes out of a run that waits for a decision, `seen` being the digest of what was looked at, and sends it
/// back to prepare. The extraction is the same. Who decides owns the holds; the comment is their reason.
pub fn leave_out(
    conn: &mut PgConnection,
    id: RunId,
    seen: &str,
    without: &Without,
    by: &Decider<'_>,
    enqueue: &Enqueue,
) -> Result<LeftOut, DecisionError> {
    exclusively(conn, id, |conn, run| {
        let moved = seen_and_decidable(conn, &run, seen)?;
        let chosen = change::chosen(conn, &run, &without.selection, MOST as usize)?;
        if chosen.is_empty() {
            return Err(DecisionError::NothingChosen(run.id));
        }
        if chosen.len() as u64 > MOST {
            return Err(DecisionError::TooMany { run: run.id, most: MOST });
        }
        if without.hold {
            hold::hold(conn, run.connector_id, run.id, &chosen, by.name, by.comment, without.due_at)?;
        } else {
            hold::exclude(conn, run.connector_id, run.id, &chosen)?;
        }
        let left = run.counters.changes().saturating_sub(chosen.len() as u64);
        let mut detail = figures(&run);
        detail["left_out"] = json!(chosen.len());
        detail["applied"] = json!(without.rest == Rest::Apply);
        if without.hold {
            detail["held_until"] = json!(without.due_at);
        }
        let decision = match without.rest {
            Rest::Apply => "resume_without",
            Rest::LookAgain => "hold",
        };
        record(conn, &run, decision, by, detail)?;
        let standalone = without.rest == Rest::LookAgain && run.standalone;
        if without.rest == Rest::Apply || matches!(moved, Some(Moved::Configuration { .. })) {
            approval::give(conn, &run, by.name, moved.map(Moved::why))?;
        }
        let words = if without.hold { "held" } else { "left out" };
        let message = format!("{} changes {words} by {}; {left} are left", chosen.len(), by.name);
        tell(conn, &run, Stage::Prepare, "withheld-changes", &message)?;
        match moved {
            Some(moved) => prepare_anew(conn, &run, moved, standalone)?,
            None => {
                reset_preparation(conn, &run)?;
                become_at_work(conn, &run, RunState::Preparing, standalone)?;
            }
        }
        if !standalone {
            pending_task(conn, run.id, Stage::Synchronize)?;
        }
        enqueue(conn, run.id, Duration::ZERO)?;
        Ok(LeftOut { changes: chosen.len(), left, moved: moved.is_some() })
    })
}
