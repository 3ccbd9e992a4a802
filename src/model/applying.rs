//! Runs are applied one at a time, and nobody edits persons or groups by hand meanwhile: what a run has read of a person
//! would be written over an edit else. An advisory lock for the length of a transaction says so.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use std::time::Duration;

const ONE_AT_A_TIME: i64 = 0x6d75_7374;

/// How long an edit waits for a run that is being applied.
const TRIES: u32 = 60;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Takes the lock until the transaction ends, unless somebody has it.
pub fn try_alone(connection: &mut PgConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Bool)]
        locked: bool,
    }
    let lock: Locked = diesel::sql_query(format!("select pg_try_advisory_xact_lock({ONE_AT_A_TIME}) as locked"))
        .get_result(connection)?;
    Ok(lock.locked)
}

/// Takes the lock until the transaction ends; waits for it a few seconds, which most runs do not take.
pub fn alone(connection: &mut PgConnection) -> QueryResult<bool> {
    for _ in 0..TRIES {
        if try_alone(connection)? {
            return Ok(true);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Ok(false)
}
