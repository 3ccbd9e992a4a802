//! The server's side of connections: finding them by the name they gave themselves, interrupting and ending them. Only
//! those to our own database: another installation on the same server has runs of the same numbers.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Integer, Text};

/// Interrupts the statements that connections of this name are running.
pub fn interrupt(conn: &mut PgConnection, application: &str) -> QueryResult<()> {
    diesel::sql_query(
        "select pg_cancel_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = $1 and state = 'active'",
    )
    .bind::<Text, _>(application)
    .execute(conn)
    .map(drop)
}

/// Ends connections named `prefix` and a number up to `last`, with all that they had not committed. Returns once they
/// are gone, or after five seconds each.
pub fn end_numbered(conn: &mut PgConnection, prefix: &str, last: i32) -> QueryResult<usize> {
    diesel::sql_query(
        "select pg_terminate_backend(pid, 5000)
           from pg_stat_activity
          where datname = current_database() and starts_with(application_name, $1)
            and substr(application_name, length($1) + 1) ~ '^[0-9]{1,9}$'
            and substr(application_name, length($1) + 1)::integer <= $2
            and pid <> pg_backend_pid()",
    )
    .bind::<Text, _>(prefix)
    .bind::<Integer, _>(last)
    .execute(conn)
}

/// Whether the error says that the connection was lost, not that the statement was wrong.
pub fn is_lost(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _) | Error::BrokenTransactionManager => true,
        Error::DatabaseError(_, information) => {
            let message = information.message();
            message.contains("terminating connection") || message.contains("server closed the connection")
        }
        _ => false,
    }
}
