//! A revert: a run whose change set is the inverse of that of an applied run (SPEC 3.6). Here: which runs can be
//! reverted, and the start of it; `pipeline/revert` works the inverse out.

use super::claim::Enqueue;
use super::partition;
use super::run::{self, Afterwards, Mode, NewRun, Run, RunId, StartError, Trigger};
use crate::schema::erasures;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Nullable, Text};

/// Why a run can't be reverted.
#[derive(Debug, thiserror::Error)]
pub enum RevertError {
    /// There is no such run.
    #[error("there is no run {0}")]
    NotFound(RunId),
    /// It wrote nothing.
    #[error("run {0} was not applied, so there is nothing to revert")]
    NotApplied(RunId),
    /// Another run took it back, and nobody took that back.
    #[error("run {run} was reverted by run {by}; revert that one to have its changes again")]
    AlreadyReverted {
        /// The run.
        run: RunId,
        /// The one that reverted it.
        by: RunId,
    },
    /// Its change set is older than history is kept.
    #[error("the changes of run {0} are no longer kept (history_days in the settings), so they can't be reverted")]
    Purged(RunId),
    /// It was changed by hand, and is changed back by hand.
    #[error("run {0} is what somebody changed by hand; the profiles of the users separate and merge")]
    ByHand(RunId),
    /// No run can be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The database failed us.
    #[error("the revert can't be started: {0}")]
    Database(#[from] diesel::result::Error),
}

/// How a revert is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// The account.
    pub by: &'a str,
    /// By page or command line, or by a client of the API.
    pub trigger: Trigger,
    /// Whether it stops after prepare.
    pub dry_run: bool,
    /// What else it does.
    pub afterwards: Option<Afterwards>,
}

/// Starts the revert of a run; returns the new run.
pub fn start(conn: &mut PgConnection, id: RunId, wish: &Wish<'_>, enqueue: &Enqueue) -> Result<RunId, RevertError> {
    let run = run::by_id(conn, id)?.ok_or(RevertError::NotFound(id))?;
    check(conn, &run)?;
    let new = NewRun {
        started_by: Some(wish.by),
        dry_run: wish.dry_run,
        reverts: Some((id, wish.afterwards)),
        ..NewRun::new(run.connector_id, Mode::Revert, wish.trigger)
    };
    Ok(run::start(conn, &new, enqueue)?)
}

/// Whether a run can be reverted, or why not.
pub fn check(conn: &mut PgConnection, run: &Run) -> Result<(), RevertError> {
    if run.applied_at.is_none() {
        return Err(RevertError::NotApplied(run.id));
    }
    if run.mode == Mode::Correlate {
        return Err(RevertError::ByHand(run.id));
    }
    if let Some(by) = reverted_by(conn, run.id)? {
        return Err(RevertError::AlreadyReverted { run: run.id, by });
    }
    if is_purged(conn, run)? {
        return Err(RevertError::Purged(run.id));
    }
    Ok(())
}

/// Changes of a run that were erased with anonymized persons: they can't be taken back any more.
pub fn erased(conn: &mut PgConnection, run: RunId) -> QueryResult<i64> {
    erasures::table.filter(erasures::run_id.eq(run.0)).count().get_result(conn)
}

/// The applied run by which a run is reverted now: a revert that was itself reverted no longer counts.
pub fn reverted_by(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<RunId>> {
    #[derive(QueryableByName)]
    struct By {
        #[diesel(sql_type = Nullable<Integer>)]
        run_id: Option<i32>,
    }
    // Down the chain of the newest applied revert of each: an odd number of steps means reverted.
    let by: By = diesel::sql_query(
        "with recursive chain as (
           select $1 as id, null::integer as by, 0 as depth
           union all
           select newest.id, coalesce(chain.by, newest.id), chain.depth + 1
             from chain
            cross join lateral (
              select r.id from runs r where r.reverts_run_id = chain.id and r.applied_at is not null
               order by r.applied_at desc, r.id desc limit 1) newest
         )
         select case when max(depth) % 2 = 1 then max(by) end as run_id from chain",
    )
    .bind::<Integer, _>(run)
    .get_result(conn)?;
    Ok(by.run_id.map(RunId))
}

/// Whether the month that held its changes was dropped by age.
fn is_purged(conn: &mut PgConnection, run: &Run) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Gone {
        #[diesel(sql_type = Bool)]
        gone: bool,
    }
    let month = partition::name("changes", run.created_at.date_naive());
    diesel::sql_query("select to_regclass('public.' || $1) is null as gone")
        .bind::<Text, _>(month)
        .get_result::<Gone>(conn)
        .map(|row| row.gone)
}
