//! Records in doubt with whom they may be, and deciding many of them in the same way: what pages and the command line
//! share.

use super::candidates::{self, Candidate};
use crate::model::correlation::{self, NewDecision, Verdict};
use crate::model::doubt::{self, Doubt, DoubtFilter};
use crate::pipeline::provenance::Origins;
use diesel::QueryResult;
use diesel::pg::PgConnection;
use diesel::result::Error as DieselError;
use std::collections::{BTreeSet, HashMap};

/// Doubts looked at together.
const BATCH: i64 = 500;

/// What is decided about many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The only user that each may be; those that may be none or several are left.
    Exact,
    /// A new user each.
    New,
    /// Nobody.
    Ignore,
    /// This user.
    Existing(i64),
}

/// Whom these records may be, by their place, as the configurations in use have it; where one can't be read, nobody.
pub fn candidates(conn: &mut PgConnection, doubts: &[Doubt]) -> QueryResult<HashMap<usize, Vec<Candidate>>> {
    let mut origins = Origins::load(conn)?;
    let connectors: BTreeSet<i32> = doubts.iter().map(|doubt| doubt.connector_id).collect();
    origins.learn_connectors(conn, connectors)?;
    let users = doubts
        .iter()
        .filter_map(|doubt| Some((doubt.entity_type_id, origins.users_of(doubt.entity_type_id)?.clone())))
        .collect();
    candidates::of(conn, doubts, &users)
}

/// What a choice comes to for these records; those for which it comes to nothing are left out.
pub fn decisions(conn: &mut PgConnection, doubts: Vec<Doubt>, choice: Choice) -> QueryResult<Vec<NewDecision>> {
    let mut only = match choice {
        Choice::Exact => candidates(conn, &doubts)?,
        _ => HashMap::new(),
    };
    let decisions = doubts.into_iter().enumerate().filter_map(|(place, doubt)| {
        let verdict = match choice {
            Choice::New => Verdict::New,
            Choice::Ignore => Verdict::Ignore,
            Choice::Existing(person) => Verdict::Person(person),
            Choice::Exact => match only.remove(&place)?.as_slice() {
                [one] => Verdict::Person(one.person),
                _ => return None,
            },
        };
        Some(NewDecision { entity_type: doubt.entity_type_id, key: doubt.key, verdict })
    });
    Ok(decisions.collect())
}

/// Decides all that match; returns how many that were.
pub fn decide_all(
    conn: &mut PgConnection,
    filter: &DoubtFilter,
    choice: Choice,
    by: &str,
    comment: Option<&str>,
) -> QueryResult<usize> {
    let mut decided = 0;
    each(conn, filter, choice, |conn, decisions| {
        decided += correlation::decide(conn, decisions, by, comment)?;
        Ok::<_, DieselError>(())
    })?;
    Ok(decided)
}

/// Calls `work` for what a choice comes to for all that match, many at once.
pub fn each<E: From<DieselError>>(
    conn: &mut PgConnection,
    filter: &DoubtFilter,
    choice: Choice,
    mut work: impl FnMut(&mut PgConnection, &[NewDecision]) -> Result<(), E>,
) -> Result<(), E> {
    let mut after = None::<(i32, String)>;
    loop {
        let from = after.as_ref().map(|(entity_type, key)| (*entity_type, key.as_str()));
        let doubts = doubt::page(conn, filter, from, BATCH)?;
        let Some(last) = doubts.last() else { return Ok(()) };
        after = Some((last.entity_type_id, last.key.clone()));
        let decisions = decisions(conn, doubts, choice)?;
        work(conn, &decisions)?;
    }
}
