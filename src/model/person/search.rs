//! The index by which persons are searched for parts of words.
//!
//! An entry for every three letters of a text: to sort them in takes longer than all else that is written of a person. So a
//! run lets them stand in a row, where searches read them through, and sorts them in once it is over and nobody waits.

use diesel::pg::PgConnection;
use diesel::prelude::*;

/// Statement for a session that writes many persons: entries stand in a row up to this size, some 30,000 persons.
/// Searches meanwhile take some milliseconds more.
pub const DEFER: &str = "set gin_pending_list_limit = '32MB'";

/// Sorts in what stands in a row.
pub fn settle(conn: &mut PgConnection) -> QueryResult<()> {
    diesel::sql_query(
        "select gin_clean_pending_list(i.indexrelid)
           from pg_inherits h
           join pg_index i on i.indrelid = h.inhrelid
           join pg_class c on c.oid = i.indexrelid
           join pg_am a on a.oid = c.relam and a.amname = 'gin'
          where h.inhparent = 'persons'::regclass",
    )
    .execute(conn)
    .map(drop)
}
