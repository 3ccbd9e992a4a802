//! An approval: "apply what is left", given before the run is prepared without what is left out. What comes out is
//! applied without asking again only if all of it had been seen; prepare holds it against this.

use super::counters::PersonCounters;
use super::json::Json;
use super::run::{Run, RunId};
use crate::schema::approvals;
use diesel::pg::PgConnection;
use diesel::prelude::*;

/// An approval as it stands in the database, until the run is prepared.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = approvals, check_for_backend(diesel::pg::Pg))]
pub struct Approval {
    /// The account.
    pub approved_by: String,
    /// The schema with the tables to attach that were seen.
    pub pending_schema: Option<String>,
    /// The forecast that was seen.
    pub persons: Json<PersonCounters>,
    /// Why the run has to be looked at again whatever comes out.
    pub look: Option<String>,
}

/// Writes that `by` approves what is left of the run; `look` tells why it has to be looked at again nevertheless.
pub fn give(conn: &mut PgConnection, run: &Run, by: &str, look: Option<&str>) -> QueryResult<()> {
    take(conn, run.id)?;
    diesel::insert_into(approvals::table)
        .values((
            approvals::run_id.eq(run.id.0),
            approvals::approved_by.eq(by),
            approvals::pending_schema.eq(&run.pending_schema),
            approvals::persons.eq(Json(run.counters.persons.clone())),
            approvals::look.eq(look),
        ))
        .execute(conn)
        .map(drop)
}

/// The run's approval that is not used up.
pub fn of(conn: &mut PgConnection, run: RunId) -> QueryResult<Option<Approval>> {
    approvals::table.find(run.0).select(Approval::as_select()).first(conn).optional()
}

/// Uses the run's approval up.
pub fn take(conn: &mut PgConnection, run: RunId) -> QueryResult<()> {
    diesel::delete(approvals::table.find(run.0)).execute(conn).map(drop)
}
