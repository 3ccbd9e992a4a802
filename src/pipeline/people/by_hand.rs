//! Who feeds whom, changed by hand: a record is taken off a person, two persons become one. What follows for values, blocks
//! and memberships is worked out as after a run.
//!
//! A record's version is its run, so each such change is a run of its own, of the mode `correlate`: one for each connector
//! concerned, over at once, with the extraction that its records were read from. So history and as-of need to know nothing
//! new. Later runs find the correlation as it is now; a correlation stays once made.

mod assigning;
mod telling;

use super::households::{self, World};
use super::writing::{self, Writing};
use super::{authority, count};
use crate::db;
use crate::document;
use crate::model::claim::FinishError;
use crate::model::connector::{self, ConnectorId};
use crate::model::correlation::{self, NewDecision, Verdict};
use crate::model::counters::PersonCounters;
use crate::model::decision::Decider;
use crate::model::{applying, audit, configuration, merge, partition};
use crate::pipeline::TaskError;
use crate::pipeline::authority::{Fate, Person};
use crate::pipeline::local_groups::rules;
use assigning::assign;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use serde_json::json;

/// Nobody leaves and nobody joins by what was changed by hand: a relation of changes without any.
const NO_CHANGES: &str =
    "(select person_id, entity_type_id, resource_id, run_id, line, operation, before from changes where false)";

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ByHandError {
    /// A run is being applied.
    #[error("a run is being applied right now, and may change the same users; try again when it is over")]
    Busy,
    /// There is no such person.
    #[error("there is no user {0} any more")]
    NoPerson(i64),
    /// Both are the same person.
    #[error("this is the same user; name another one")]
    Same,
    /// The record feeds somebody else.
    #[error("this record does not feed the user any more; look again")]
    NotTheirs,
    /// Nothing would be left of the person.
    #[error("this is all that feeds the user; merge the user with the other one instead")]
    OnlyOne,
    /// Neither person has ever come from a connector.
    #[error("neither of the two has ever come from a connector; edit one of them and remove the other")]
    NoConnector,
    /// Working it out failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The database failed us.
    #[error("the database: {0}")]
    Database(#[from] diesel::result::Error),
}

impl From<FinishError> for ByHandError {
    fn from(error: FinishError) -> Self {
        Self::Task(error.into())
    }
}

/// Takes a record off a person: it becomes a person of its own, or feeds `to`. Returns the person that it feeds then.
pub fn separate(
    conn: &mut PgConnection,
    person: i64,
    resource: i64,
    to: Option<i64>,
    by: &Decider<'_>,
) -> Result<i64, ByHandError> {
    exclusively(conn, |conn, now| {
        let theirs = assigning::of_person(conn, person)?;
        let Some(taken) = theirs.iter().find(|one| one.id == resource) else { return Err(ByHandError::NotTheirs) };
        if to == Some(person) {
            return Err(ByHandError::Same);
        }
        if theirs.len() == 1 {
            return Err(ByHandError::OnlyOne);
        }
        let is_new = to.is_none();
        let to = match to {
            Some(to) => {
                exists(conn, to)?;
                to
            }
            None => new_person(conn)?,
        };
        let memberships = telling::memberships(conn, &[person, to])?;
        let connectors = correlation::connectors(conn, &[taken.entity_type_id])?;
        let runs = assign(conn, std::slice::from_ref(taken), to, by)?;
        let stays = |entity_type: i32| theirs.iter().any(|one| one.id != resource && one.entity_type_id == entity_type);
        let lost: Vec<i32> = Some(taken.entity_type_id).into_iter().filter(|&one| !stays(one)).collect();
        let lead = runs.first().copied().ok_or(ByHandError::NoConnector)?;
        if is_new {
            telling::tell_person(conn, lead.1, "insert", to)?;
        }
        work_out(conn, &[person, to], lead, now, |id, before| match before {
            Some(before) if id == person => Base::Is(Some(before.without(&lost))),
            before => Base::Is(before),
        })?;
        let now_in = telling::memberships(conn, &[person, to])?;
        telling::tell(conn, lead.1, &memberships, &now_in)?;
        rules::follow_edit(conn, &[person, to], now)?;
        let decision =
            NewDecision { entity_type: taken.entity_type_id, key: taken.key.clone(), verdict: Verdict::Person(to) };
        correlation::write(conn, &[decision], by.name, by.comment)?;
        correlation::move_state(conn, &connectors)?;
        let detail = json!({ "entity_type": taken.entity_type, "key": taken.key, "now_feeds": to,
                             "comment": by.comment });
        audit::record(conn, by.name, "separate", &format!("user {person}"), detail)?;
        Ok(to)
    })
}

/// Merges a person into another: its records, local values and memberships are the other's from now on, and so is whatever
/// leads to it.
pub fn merge(conn: &mut PgConnection, gone: i64, into: i64, by: &Decider<'_>) -> Result<(), ByHandError> {
    exclusively(conn, |conn, now| {
        if gone == into {
            return Err(ByHandError::Same);
        }
        exists(conn, gone)?;
        exists(conn, into)?;
        let memberships = telling::memberships(conn, &[gone, into])?;
        let theirs = assigning::of_person(conn, gone)?;
        let entity_types: Vec<i32> = theirs.iter().map(|one| one.entity_type_id).collect();
        let connectors = correlation::connectors(conn, &entity_types)?;
        let runs = assign(conn, &theirs, into, by)?;
        let lead = match runs.first() {
            Some(&lead) => lead,
            None => {
                let maker = assigning::maker(conn, &[gone, into])?.ok_or(ByHandError::NoConnector)?;
                (maker, assigning::run(conn, maker, None, by, 0)?)
            }
        };
        let local = merge::take_local(conn, gone, into, by.name, now)?;
        let mut other = None;
        // The one that goes has the place before the other, so that it is known when the other is worked out.
        work_out(conn, &[gone, into], lead, now, |id, before| {
            if id == gone {
                other = before;
                return Base::Goes;
            }
            Base::Is(before.map(|before| match &other {
                Some(other) => before.joined(&other.lifted()),
                None => before,
            }))
        })?;
        merge::end_overrides(conn, gone, by.name, now)?;
        if merge::give_local(conn, into, &local)? {
            telling::tell_person(conn, lead.1, "update", into)?;
        }
        let now_in = telling::memberships(conn, &[gone, into])?;
        telling::tell(conn, lead.1, &memberships, &now_in)?;
        rules::follow_edit(conn, &[into], now)?;
        merge::record(conn, gone, into, by.name, by.comment)?;
        correlation::move_state(conn, &connectors)?;
        let keys: Vec<_> = theirs.iter().map(|one| json!({ "entity_type": one.entity_type, "key": one.key })).collect();
        let detail = json!({ "into": into, "records": keys, "comment": by.comment });
        audit::record(conn, by.name, "merge", &format!("user {gone}"), detail)?;
        Ok(())
    })
}

/// What a person is worked out from.
enum Base {
    /// This is how it was.
    Is(Option<Person>),
    /// It goes.
    Goes,
}

/// Works out what these persons are now, in this order, and writes it as of `now`, by the run `lead`: connector and run.
fn work_out(
    conn: &mut PgConnection,
    persons: &[i64],
    (connector, run): (i32, i32),
    now: DateTime<Utc>,
    mut base: impl FnMut(i64, Option<Person>) -> Base,
) -> Result<(), ByHandError> {
    let of = connector::by_id(conn, ConnectorId(connector))?.ok_or(ByHandError::NoConnector)?;
    let text = configuration::current(conn, &of)?.document;
    let definition = document::connector(&text)
        .map_err(|error| TaskError::failed(format!("connector {}", of.name), error.to_string()))?;
    let authority = authority(conn, &of, &definition)?;
    let world = World { changes: NO_CHANGES, added: &[], applied: true, made: &[] };
    writing::begin(conn)?;
    let mut writing = Writing::new(connector, run, now);
    let mut counters = PersonCounters::default();
    for household in households::read(conn, &authority, &world, persons)? {
        let before = household.before.clone();
        let fate = match base(household.person, household.before) {
            Base::Is(base) => authority.decide(base.as_ref(), &household.testimonies, &[], run, now),
            Base::Goes => Fate::Deleted,
        };
        count(&mut counters, before.as_ref(), &fate, now);
        writing.fate(household.person, before.as_ref(), &fate);
    }
    writing.write(conn)?;
    diesel::sql_query("drop table person_updates").execute(conn)?;
    assigning::note_figures(conn, run, counters)?;
    Ok(())
}

/// Alone: no run is applied meanwhile, and nothing else is changed by hand.
fn exclusively<T>(
    conn: &mut PgConnection,
    work: impl FnOnce(&mut PgConnection, DateTime<Utc>) -> Result<T, ByHandError>,
) -> Result<T, ByHandError> {
    conn.transaction(|conn| {
        if !applying::alone(conn)? {
            return Err(ByHandError::Busy);
        }
        let now = db::now(conn)?;
        partition::ensure_months(conn, now.date_naive(), 2)?;
        work(conn, now)
    })
}

fn exists(conn: &mut PgConnection, person: i64) -> Result<(), ByHandError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        #[allow(dead_code)]
        id: i64,
    }
    let found: Option<Found> = diesel::sql_query("select id from persons where id = $1 for update")
        .bind::<BigInt, _>(person)
        .get_result(conn)
        .optional()?;
    found.map(drop).ok_or(ByHandError::NoPerson(person))
}

fn new_person(conn: &mut PgConnection) -> QueryResult<i64> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    // Whoever reserves a block of ids does so alone.
    diesel::sql_query("select pg_advisory_xact_lock(hashtext('person_ids'))").execute(conn)?;
    diesel::sql_query("select nextval('person_ids') as id").get_result::<Id>(conn).map(|row| row.id)
}
