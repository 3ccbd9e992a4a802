//! The audit log: who did what to what, when, from where. Append-only: the database itself refuses to change or remove a
//! line, but for the two ways that its migration names.

use crate::schema::audit;
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use serde::Serialize;
use serde_json::{Value, json};

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable)]
#[diesel(table_name = audit, check_for_backend(diesel::pg::Pg))]
pub struct AuditEntry {
    /// Grows with time.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The account; `root (command line)` for somebody at the machine, `token reports` for a program.
    pub account: String,
    /// What was done: `apply`, `activate`, `resume`, …
    pub action: String,
    /// To what: `connector hr`, `run 42`, …
    pub subject: String,
    /// What else is worth knowing, `before` and `after` where something was changed; never a secret.
    pub detail: Value,
    /// The address that it came from; none at the command line.
    pub origin: Option<String>,
}

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this account.
    pub account: Option<String>,
    /// That did this.
    pub action: Option<String>,
    /// To something whose name begins so.
    pub subject: Option<String>,
    /// At that moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Before that moment.
    pub until: Option<DateTime<Utc>>,
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

/// Writes a line about something that was changed.
pub fn record_change(
    connection: &mut PgConnection,
    account: &str,
    action: &str,
    subject: &str,
    [before, after]: [Value; 2],
) -> QueryResult<()> {
    record(connection, account, action, subject, json!({ "before": before, "after": after }))
}

/// Says where what is done on this connection comes from, until it is said anew; `None`: from here.
pub fn come_from(connection: &mut PgConnection, origin: Option<&str>) -> QueryResult<()> {
    diesel::sql_query("select set_config('muster.origin', $1, false)")
        .bind::<Text, _>(origin.unwrap_or_default())
        .execute(connection)
        .map(drop)
}

/// The newest lines first, at most `limit`, older than `before` (an id) where given.
pub fn newest(connection: &mut PgConnection, before: Option<i64>, limit: i64) -> QueryResult<Vec<AuditEntry>> {
    page(connection, &Filter::default(), before, limit)
}

/// The newest lines that match first, at most `limit`, older than `before` (an id) where given: a walk along the index of
/// what is filtered by.
pub fn page(
    connection: &mut PgConnection,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> QueryResult<Vec<AuditEntry>> {
    let mut query = audit::table.select(AuditEntry::as_select()).order(audit::id.desc()).limit(limit).into_boxed();
    if let Some(before) = before {
        query = query.filter(audit::id.lt(before));
    }
    if let Some(account) = &filter.account {
        query = query.filter(audit::account.eq(account));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit::action.eq(action));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(audit::subject.like(format!("{}%", super::resource::escape_like(subject))));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit::at.ge(from));
    }
    if let Some(until) = filter.until {
        query = query.filter(audit::at.lt(until));
    }
    query.load(connection)
}

/// All that was ever done, in words, by name: from one word of the index to the next, however many lines have it.
pub fn actions(connection: &mut PgConnection) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Word {
        #[diesel(sql_type = Nullable<Text>)]
        word: Option<String>,
    }
    let words: Vec<Word> = diesel::sql_query(
        "with recursive words as (
           select min(action) as word from audit
           union all
           select (select min(action) from audit where action > word) from words where word is not null
         )
         select word from words",
    )
    .load(connection)?;
    Ok(words.into_iter().filter_map(|row| row.word).collect())
}

/// Removes lines of before `moment`; how many they were.
pub fn purge(connection: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    connection.transaction(|connection| {
        connection.batch_execute("set local muster.audit = 'purge'")?;
        diesel::delete(audit::table.filter(audit::at.lt(moment))).execute(connection)
    })
}
