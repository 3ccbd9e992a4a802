//! An arrival: the files of a connector with `on_arrival` whose run was started last.

use super::connector::ConnectorId;
use super::run::RunId;
use crate::schema::arrivals;
use diesel::pg::PgConnection;
use diesel::prelude::*;

/// What arrived, in words that differ as soon as any of it does.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = arrivals, check_for_backend(diesel::pg::Pg))]
pub struct Arrived {
    /// The complete files.
    pub complete: String,
    /// The files of changes.
    pub changes: String,
}

/// What the last run was started for.
pub fn last(conn: &mut PgConnection, connector: ConnectorId) -> QueryResult<Option<Arrived>> {
    arrivals::table.find(connector).select(Arrived::as_select()).first(conn).optional()
}

/// Takes what has arrived, in the caller's transaction: `false`, if another server has taken it, or something else than
/// `before` was taken meanwhile.
pub fn take(
    conn: &mut PgConnection,
    connector: ConnectorId,
    before: Option<&Arrived>,
    arrived: &Arrived,
    run: RunId,
) -> QueryResult<bool> {
    let values =
        (arrivals::complete.eq(&arrived.complete), arrivals::changes.eq(&arrived.changes), arrivals::run_id.eq(run));
    let taken = match before {
        None => diesel::insert_into(arrivals::table)
            .values((arrivals::connector_id.eq(connector), values))
            .on_conflict_do_nothing()
            .execute(conn)?,
        Some(before) => diesel::update(arrivals::table.find(connector))
            .filter(arrivals::complete.eq(&before.complete))
            .filter(arrivals::changes.eq(&before.changes))
            .set((values, arrivals::arrived_at.eq(diesel::dsl::now)))
            .execute(conn)?,
    };
    Ok(taken == 1)
}
