//! What is stored of a connector, as its source gave it: of which extractions it was made, and where the source stood.
//!
//! Told by following its applied runs. One over the whole truth begins anew; changes are laid over what was there; a
//! revert leads back to what was there before the run it reverts, if it came right after that run and took back all of
//! it. After any other revert, what is stored is nothing that the source has ever said.

use super::Extraction;
use crate::model::connector::ConnectorId;
use crate::model::counters::Counters;
use crate::model::json::Json;
use crate::model::run::{Mode, Run, RunId};
use crate::schema::{extractions, runs};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use std::collections::HashMap;
use std::fmt;

/// What is stored, in terms of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The run over the whole truth, and those over changes laid upon it, in the order in which they were applied.
    pub made_of: Result<Vec<RunId>, NotSaid>,
    /// The runs whose cursors, one after the other, say where the source stood.
    pub read_by: Result<Vec<RunId>, NotSaid>,
}

/// Why the source has never said what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSaid {
    /// No run over the whole truth was applied, or it was reverted.
    Nothing,
    /// That run replayed an older extraction.
    Replayed(RunId),
    /// That run took back changes of another, but not all, or not the last ones.
    Reverted {
        /// The revert.
        by: RunId,
        /// What it reverted.
        run: RunId,
    },
}

impl fmt::Display for NotSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no run over the whole source is applied"),
            Self::Replayed(by) => {
                write!(f, "run {by} replayed an older extraction, so what is stored is no moment the source knows of")
            }
            Self::Reverted { by, run } => write!(
                f,
                "run {by} took back changes of run {run}, so what is stored is nothing that the source has said"
            ),
        }
    }
}

/// An applied run, as far as it matters here.
#[derive(Debug, Clone, Copy)]
struct Applied {
    run: RunId,
    mode: Mode,
    /// Whether its extraction was the whole truth.
    complete: Option<bool>,
    /// What it reverted.
    reverted: Option<RunId>,
    /// It left nothing alone of what it was to revert.
    whole: bool,
}

/// What is stored of a connector.
pub fn stored(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Stored> {
    Ok(follow(&history(connection, connector)?))
}

/// What will be stored once `run` is applied as well.
pub fn stored_after(connection: &mut PgConnection, run: &Run) -> QueryResult<Stored> {
    let mut history = history(connection, run.connector_id)?;
    let complete = match run.extraction_id {
        Some(id) => extractions::table.find(id).select(extractions::complete).first(connection).optional()?,
        None => None,
    };
    history.push(applied((run.id, run.mode, run.reverts_run_id, run.counters.clone(), complete)));
    Ok(follow(&history))
}

/// The extractions of runs, in the order of the runs given.
pub fn of_runs(connection: &mut PgConnection, ids: &[RunId]) -> QueryResult<Vec<(RunId, Extraction)>> {
    let found: Vec<(RunId, Extraction)> = extractions::table
        .inner_join(runs::table.on(runs::extraction_id.eq(extractions::id.nullable())))
        .filter(runs::id.eq_any(ids))
        .select((runs::id, Extraction::as_select()))
        .load(connection)?;
    let mut found: HashMap<RunId, Extraction> = found.into_iter().collect();
    Ok(ids.iter().filter_map(|run| Some((*run, found.remove(run)?))).collect())
}

/// What the source last said, whatever was reverted since: the last applied run over the whole truth, and those over
/// changes that were applied after it.
pub fn last_said(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<RunId>> {
    let history = history(connection, connector)?;
    let read: Vec<&Applied> = history.iter().filter(|one| one.complete.is_some()).collect();
    let base = read.iter().rposition(|one| one.complete == Some(true)).unwrap_or(0);
    Ok(read[base..].iter().map(|one| one.run).collect())
}

type Row = (RunId, Mode, Option<RunId>, Json<Counters>, Option<bool>);

/// The applied runs of a connector, in the order in which they were applied.
fn history(connection: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<Applied>> {
    let rows: Vec<(RunId, Mode, Option<RunId>, Option<bool>)> = runs::table
        .left_join(extractions::table.on(runs::extraction_id.eq(extractions::id.nullable())))
        .filter(runs::connector_id.eq(connector))
        .filter(runs::applied_at.is_not_null())
        // What was changed by hand read nothing.
        .filter(runs::mode.ne(Mode::Correlate))
        .order((runs::applied_at, runs::id))
        .select((runs::id, runs::mode, runs::reverts_run_id, extractions::complete.nullable()))
        .load(connection)?;
    // What a revert left alone stands in its figures, which are large: those of others are not asked for.
    let reverts: Vec<(RunId, Json<Counters>)> = runs::table
        .filter(runs::connector_id.eq(connector))
        .filter(runs::applied_at.is_not_null())
        .filter(runs::mode.eq(Mode::Revert))
        .select((runs::id, runs::counters))
        .load(connection)?;
    let mut figures: HashMap<RunId, Json<Counters>> = reverts.into_iter().collect();
    let row = |(run, mode, reverted, complete)| {
        applied((run, mode, reverted, figures.remove(&run).unwrap_or_else(|| Json(Counters::default())), complete))
    };
    Ok(rows.into_iter().map(row).collect())
}

fn applied((run, mode, reverted, counters, complete): Row) -> Applied {
    let left_alone = counters.0.withheld()
        + counters.0.associations.iter().map(|one| one.rejected).sum::<u64>()
        + counters.0.problems.values().sum::<u64>();
    Applied { run, mode, complete, reverted, whole: left_alone == 0 }
}

fn follow(history: &[Applied]) -> Stored {
    let nothing = Stored { made_of: Err(NotSaid::Nothing), read_by: Err(NotSaid::Nothing) };
    let mut states = vec![nothing];
    let mut now = 0;
    // By run: the state that it found, and the one that it left.
    let mut around: HashMap<RunId, (usize, usize)> = HashMap::new();
    for one in history {
        let found = now;
        let back = one.reverted.and_then(|run| around.get(&run)).filter(|(_, left)| *left == found && one.whole);
        now = match back {
            Some(&(before, _)) => before,
            None => {
                states.push(next(&states[found], one));
                states.len() - 1
            }
        };
        around.insert(one.run, (found, now));
    }
    states.swap_remove(now)
}

fn next(before: &Stored, one: &Applied) -> Stored {
    if let Some(run) = one.reverted {
        let why = NotSaid::Reverted { by: one.run, run };
        return Stored { made_of: Err(why), read_by: Err(why) };
    }
    let and_this = |runs: &Result<Vec<RunId>, NotSaid>| {
        runs.clone().map(|mut runs| {
            runs.push(one.run);
            runs
        })
    };
    let whole = one.complete == Some(true);
    Stored {
        made_of: if whole { Ok(vec![one.run]) } else { and_this(&before.made_of) },
        read_by: match one.mode {
            Mode::Replay => Err(NotSaid::Replayed(one.run)),
            Mode::UpdateExpressions | Mode::Revert | Mode::Correlate => before.read_by.clone(),
            Mode::Complete | Mode::Incremental if whole => Ok(vec![one.run]),
            Mode::Complete | Mode::Incremental => and_this(&before.read_by),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: i32, mode: Mode, complete: bool) -> Applied {
        Applied { run: RunId(id), mode, complete: Some(complete), reverted: None, whole: true }
    }

    fn revert(id: i32, of: i32) -> Applied {
        Applied { run: RunId(id), mode: Mode::Revert, complete: None, reverted: Some(RunId(of)), whole: true }
    }

    fn made_of(history: &[Applied]) -> Result<Vec<i32>, NotSaid> {
        follow(history).made_of.map(|runs| runs.iter().map(|run| run.0).collect())
    }

    fn read_by(history: &[Applied]) -> Result<Vec<i32>, NotSaid> {
        follow(history).read_by.map(|runs| runs.iter().map(|run| run.0).collect())
    }

    #[test]
    fn changes_are_laid_over_the_last_whole_truth() {
        use Mode::{Complete, Incremental, Replay, UpdateExpressions};
        let mut history = vec![run(1, Complete, true), run(2, Complete, true), run(3, Incremental, false)];
        assert_eq!((made_of(&history), read_by(&history)), (Ok(vec![2, 3]), Ok(vec![2, 3])));
        history.push(run(4, UpdateExpressions, true));
        history.push(run(5, Incremental, false));
        assert_eq!((made_of(&history), read_by(&history)), (Ok(vec![4, 5]), Ok(vec![2, 3, 5])));
        history.push(run(6, Replay, false));
        assert_eq!((made_of(&history), read_by(&history)), (Ok(vec![4, 5, 6]), Err(NotSaid::Replayed(RunId(6)))));
        assert_eq!(made_of(&[]), Err(NotSaid::Nothing));
    }

    #[test]
    fn a_revert_of_the_last_run_leads_back_and_its_revert_there_again() {
        use Mode::{Complete, Incremental};
        let mut history = vec![run(1, Complete, true), run(2, Incremental, false), revert(3, 2)];
        assert_eq!((made_of(&history), read_by(&history)), (Ok(vec![1]), Ok(vec![1])));
        history.push(revert(4, 3));
        assert_eq!((made_of(&history), read_by(&history)), (Ok(vec![1, 2]), Ok(vec![1, 2])));
        history.extend([revert(5, 4), revert(6, 1)]);
        assert_eq!(made_of(&history), Err(NotSaid::Nothing), "one after the other, back to the beginning");
    }

    #[test]
    fn after_any_other_revert_the_source_has_not_said_what_is_stored() {
        use Mode::{Complete, Incremental};
        let mut history = vec![run(1, Complete, true), run(2, Incremental, false), run(3, Incremental, false)];
        history.push(revert(4, 2));
        let why = NotSaid::Reverted { by: RunId(4), run: RunId(2) };
        assert_eq!((made_of(&history), read_by(&history)), (Err(why), Err(why)));
        history.push(run(5, Incremental, false));
        assert_eq!(made_of(&history), Err(why), "changes do not mend it");
        history.push(run(6, Complete, true));
        assert_eq!(made_of(&history), Ok(vec![6]));

        let in_part = Applied { whole: false, ..revert(2, 1) };
        let why = NotSaid::Reverted { by: RunId(2), run: RunId(1) };
        assert_eq!(made_of(&[run(1, Complete, true), in_part]), Err(why));
    }
}
