//! Graces: a leaver whose grace period is over becomes past without a run.

use crate::pipeline::local_groups::rules;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};

/// Makes past the persons whose grace period has ended by `now`; returns how many. Safe from several servers at once.
pub fn end(connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    #[derive(QueryableByName)]
    struct Ended {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    connection.transaction(|connection| {
        // The version that ends here was written by the run that blocked; no other run ends it.
        let ended: Vec<Ended> = diesel::sql_query(
            "with due as materialized (
               select p.id from persons p
                where p.state = 'current' and p.blocks <> '[]' and exists (
                  select from jsonb_array_elements(p.blocks) block
                   where block ? 'connector' and (block ->> 'since')::timestamptz <= $1)
                  for update
             ), kept as (
               insert into persons_history (id, state, created_by, created_run_id, run_id, ended_by_run_id, operation,
                                            valid_from, valid_to, fields, provenance, local, blocks, search)
               select p.id, p.state, p.created_by, p.created_run_id, p.run_id, null, 'update', p.valid_from, $1,
                      p.fields, p.provenance, p.local, p.blocks, p.search
                 from persons p join due using (id)
             )
             update persons p set state = 'past', valid_from = $1 from due where p.id = due.id returning p.id",
        )
        .bind::<Timestamptz, _>(now)
        .load(connection)?;
        let ended: Vec<i64> = ended.into_iter().map(|row| row.id).collect();
        rules::follow_edit(connection, &ended, now)?;
        Ok(ended.len())
    })
}
