//! Reading runs.

use super::{Run, RunId, RunState};
use crate::model::connector::ConnectorId;
use crate::schema::{extraction_files, runs};
use diesel::dsl::{count_star, sql};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

/// Which runs a list shows, newest first: at most `limit` of those before `before`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Only runs of this connector.
    pub connector_id: Option<ConnectorId>,
    /// Only runs in one of these states; empty: all.
    pub states: Vec<RunState>,
    /// The last run of the page before (keyset).
    pub before: Option<RunId>,
    /// Length of the page.
    pub limit: i64,
}

/// The run with that id.
pub fn by_id(conn: &mut PgConnection, id: RunId) -> QueryResult<Option<Run>> {
    runs::table.find(id).select(Run::as_select()).first(conn).optional()
}

/// How many runs there are in each state that any is in.
pub fn count_by_state(conn: &mut PgConnection) -> QueryResult<Vec<(RunState, i64)>> {
    runs::table.group_by(runs::state).select((runs::state, count_star())).order(runs::state).load(conn)
}

/// One page of runs, newest first.
pub fn page(conn: &mut PgConnection, page: &Page) -> QueryResult<Vec<Run>> {
    let mut query = runs::table.select(Run::as_select()).order(runs::id.desc()).limit(page.limit).into_boxed();
    if let Some(connector_id) = page.connector_id {
        query = query.filter(runs::connector_id.eq(connector_id));
    }
    if !page.states.is_empty() {
        query = query.filter(runs::state.eq_any(&page.states));
    }
    if let Some(before) = page.before {
        query = query.filter(runs::id.lt(before));
    }
    query.load(conn)
}

/// The newest `limit` runs of a connector, newest first.
pub fn of_connector(conn: &mut PgConnection, connector_id: ConnectorId, limit: i64) -> QueryResult<Vec<Run>> {
    page(conn, &Page { connector_id: Some(connector_id), limit, ..Page::default() })
}

/// The last run of a connector that was applied before that one was started.
pub fn applied_before(conn: &mut PgConnection, connector_id: ConnectorId, run: RunId) -> QueryResult<Option<Run>> {
    runs::table
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::id.lt(run))
        .filter(runs::applied_at.is_not_null())
        .order(runs::id.desc())
        .select(Run::as_select())
        .first(conn)
        .optional()
}

/// The newest run of a connector.
pub fn newest(conn: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<Run>> {
    Ok(of_connector(conn, connector_id, 1)?.pop())
}

/// The run of a connector that is at work or waits for a worker: at most one (`runs_one_at_work`).
pub fn at_work(conn: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<RunId>> {
    use RunState::{Exporting, Preparing, Queued, Ready, Synchronizing};
    runs::table
        .filter(runs::connector_id.eq(connector_id))
        .filter(
            runs::state
                .eq_any([Queued, Exporting, Preparing, Synchronizing])
                .or(runs::state.eq(Ready).and(diesel::dsl::not(runs::standalone))),
        )
        .select(runs::id)
        .first(conn)
        .optional()
}

/// The blocked run that holds up incremental runs of a connector: at most one (`runs_one_blocked`).
pub(super) fn blocked(conn: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<RunId>> {
    runs::table
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::state.eq(RunState::Blocked).and(diesel::dsl::not(runs::standalone)))
        .select(runs::id)
        .first(conn)
        .optional()
}

/// The newest dry run or single preparation of a connector whose change set stands ready or blocked: what a single
/// synchronization acts on.
pub fn ready_to_apply(conn: &mut PgConnection, connector_id: ConnectorId) -> QueryResult<Option<Run>> {
    runs::table
        .filter(runs::connector_id.eq(connector_id))
        .filter(runs::standalone)
        .filter(runs::state.eq_any([RunState::Ready, RunState::Blocked]))
        .filter(runs::change_set_digest.is_not_null())
        .select(Run::as_select())
        .order(runs::id.desc())
        .first(conn)
        .optional()
}

/// Rows of all tables of an extraction: how large its preparation is.
pub fn extraction_rows(conn: &mut PgConnection, extraction_id: i64) -> QueryResult<i64> {
    extraction_files::table
        .filter(extraction_files::extraction_id.eq(extraction_id))
        .select(sql::<BigInt>("coalesce(sum(rows), 0)::bigint"))
        .first(conn)
}

/// Says which extraction a run prepares: one that was made for it without an export.
pub fn set_extraction(conn: &mut PgConnection, id: RunId, extraction_id: i64) -> QueryResult<()> {
    diesel::update(runs::table.find(id)).set(runs::extraction_id.eq(extraction_id)).execute(conn).map(drop)
}
