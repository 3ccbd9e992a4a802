//! The audit log: who did what to what, when.

use crate::schema::audit;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::Value;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = audit, check_for_backend(diesel::pg::Pg))]
pub struct AuditEntry {
    /// Grows with time.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The account; `command line (name)` for somebody at the machine.
    pub account: String,
    /// What was done: `apply`, `activate`, `resume`, …
    pub action: String,
    /// To what: `connector hr`, `run 42`, …
    pub subject: String,
    /// What else is worth knowing; never a secret.
    pub detail: Value,
}

/// Writes a line, in the caller's transaction.
pub fn record(
    connection: &mut PgConnection,
    account: &str,
    action: &str,
    subject: &str,
    detail: Value,
) -> QueryResult<()> {
    diesel::insert_into(audit::table)
        .values((
            audit::account.eq(account),
            audit::action.eq(action),
            audit::subject.eq(subject),
            audit::detail.eq(detail),
        ))
        .execute(connection)?;
    Ok(())
}

/// The newest lines first, at most `limit`, older than `before` (an id) where given.
pub fn newest(connection: &mut PgConnection, before: Option<i64>, limit: i64) -> QueryResult<Vec<AuditEntry>> {
    let mut query = audit::table.select(AuditEntry::as_select()).order(audit::id.desc()).limit(limit).into_boxed();
    if let Some(before) = before {
        query = query.filter(audit::id.lt(before));
    }
    query.load(connection)
}
