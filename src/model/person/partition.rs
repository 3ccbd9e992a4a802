//! The partitions of persons: `persons_by_hand`, which always stands, and one per connector that has made persons. What
//! a connector makes first is loaded beside and attached.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

/// The partition of the persons that a connector made.
pub fn name(connector: i32) -> String {
    format!("persons_{connector}")
}

/// What a row of the partition has to fulfil, as a check that makes attaching it a matter of milliseconds.
pub fn check(connector: i32) -> String {
    format!("check (created_by is not null and created_by = {connector})")
}

/// Whether the connector has made persons before.
pub fn exists(connection: &mut PgConnection, connector: i32) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Exists {
        #[diesel(sql_type = Bool)]
        there: bool,
    }
    let exists: Exists = diesel::sql_query("select to_regclass('public.' || $1) is not null as there")
        .bind::<Text, _>(name(connector))
        .get_result(connection)?;
    Ok(exists.there)
}

/// Makes the connector's partition, empty, unless it stands.
pub fn ensure(connection: &mut PgConnection, connector: i32) -> QueryResult<()> {
    if exists(connection, connector)? {
        return Ok(());
    }
    let (name, check) = (name(connector), check(connector));
    connection.batch_execute(&format!(
        "create table {name} (like persons including defaults, {check}); create unique index on {name} (id)"
    ))?;
    attach(connection, connector)
}

/// Makes the table of that name a partition. Indexes that it has already are taken as they are.
pub fn attach(connection: &mut PgConnection, connector: i32) -> QueryResult<()> {
    connection
        .batch_execute(&format!("alter table persons attach partition {} for values in ({connector})", name(connector)))
}

/// Statement for a session that writes many persons. The search's index has an entry for every three letters: to sort
/// them in takes longer than all else that is written of a person, so they wait in a row of up to this size, that of some
/// 30,000 persons, until [`sort_in`] is called. Searches meanwhile take some milliseconds more.
pub const SORT_IN_LATER: &str = "set gin_pending_list_limit = '32MB'";

/// Sorts into the search's index what was written since the last time. PostgreSQL puts that off until a vacuum, which after
/// a run that changes few of many is long in coming, and every search reads it through meanwhile.
pub fn sort_in(connection: &mut PgConnection) -> QueryResult<usize> {
    diesel::sql_query(
        "select gin_clean_pending_list(i.indexrelid)
           from pg_inherits h
           join pg_index i on i.indrelid = h.inhrelid and i.indisvalid
           join pg_class c on c.oid = i.indexrelid
           join pg_am a on a.oid = c.relam and a.amname = 'gin'
          where h.inhparent = 'public.persons'::regclass",
    )
    .execute(connection)
}

/// The statements that make on `table` the indexes that a partition has: its own by id, and those of `persons`, the
/// costliest first.
pub fn indexes(connection: &mut PgConnection, table: &str) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Index {
        #[diesel(sql_type = Text)]
        definition: String,
    }
    let indexes: Vec<Index> = diesel::sql_query(
        "select substr(definition, strpos(definition, ' USING ')) as definition
           from (select pg_get_indexdef(indexrelid) as definition, relam from pg_index join pg_class on oid = indexrelid
                  where indrelid = 'public.persons'::regclass) indexes
          order by relam <> (select oid from pg_am where amname = 'gin'), definition",
    )
    .load(connection)?;
    let own = format!("create unique index on {table} (id)");
    let mut statements: Vec<String> =
        indexes.into_iter().map(|index| format!("create index on {table}{}", index.definition)).collect();
    statements.push(own);
    Ok(statements)
}
