//! Now, or a moment that has passed (SPEC 3.7): where the rows stand that hold then.
//!
//! The same statements answer for both: what they read `from` is a table, or the current rows that were there already
//! together with the superseded ones that had not gone yet. PostgreSQL takes such a union apart, so that each of its
//! parts is read by its own indexes, and only the months after the moment are looked at.

use super::partition;
use chrono::{DateTime, NaiveTime, SecondsFormat, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz};

/// Now, or a moment that has passed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AsOf {
    /// What is stored now.
    #[default]
    Now,
    /// What was stored then.
    Then(Then),
}

/// A moment that has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Then {
    /// When. What a run applied at that very moment is there.
    pub moment: DateTime<Utc>,
    /// The runs that were applied later: what they wrote was not there yet.
    later: Vec<i32>,
}

impl AsOf {
    /// That moment.
    pub fn at(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Later {
            #[diesel(sql_type = Array<Integer>)]
            ids: Vec<i32>,
        }
        let later: Later =
            diesel::sql_query("select coalesce(array_agg(id), '{}') as ids from runs where applied_at > $1")
                .bind::<Timestamptz, _>(moment)
                .get_result(conn)?;
        Ok(Self::Then(Then { moment, later: later.ids }))
    }

    /// The moment, unless it is now.
    pub fn moment(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Now => None,
            Self::Then(then) => Some(then.moment),
        }
    }

    /// Whether it is now.
    pub fn is_now(&self) -> bool {
        *self == Self::Now
    }

    pub(super) fn resources(&self) -> String {
        self.versions(
            "resources",
            "run_id",
            "'-infinity'::timestamptz",
            "id, person_id, entity_type_id, run_id, line, key, attributes",
        )
    }

    pub(super) fn links(&self) -> String {
        self.versions("links", "run_id", "'-infinity'::timestamptz", "from_id, to_id, association_id, run_id")
    }

    /// A local group has no run: it tells itself since when it is so.
    pub(super) fn groups(&self) -> String {
        let columns = "id, resource_id, entity_type_id, name, profile_type, past_profile_type, run_id";
        let columns = format!("{columns}, description, rule");
        self.versions("groups", "coalesce(run_id, 0)", "coalesce(valid_from, '-infinity')", &columns)
    }

    /// Persons carry the time itself: not only runs change them.
    pub(super) fn persons(&self) -> String {
        let Self::Then(then) = self else { return "persons".to_owned() };
        let columns =
            "id, state, created_by, created_run_id, run_id, valid_from, fields, provenance, local, blocks, search";
        format!(
            "(select {columns} from (
                select {columns}, 'infinity'::timestamptz as ended from persons
                union all
                select {columns}, valid_to from persons_history) versions
               where valid_from <= {moment} and ended > {moment})",
            moment = then.literal()
        )
    }

    /// A membership that a person took along when it went, and that came back with it, is counted once.
    pub(super) fn local_memberships(&self) -> String {
        match self {
            Self::Now => "local_memberships".to_owned(),
            Self::Then(then) => {
                format!(
                    "(select group_id, person_id, added_by, added_at from local_memberships where added_at <= {moment}
                      union all
                      select group_id, person_id, added_by, added_at from local_memberships_history h
                       where added_at <= {moment} and valid_to > {moment}
                         and not exists (select from local_memberships l where l.group_id = h.group_id
                                            and l.person_id = h.person_id and l.added_at = h.added_at))",
                    moment = then.literal()
                )
            }
        }
    }

    /// The groups within local groups: `parent_id, child_id`.
    pub(super) fn local_nesting(&self) -> String {
        match self {
            Self::Now => "(select parent_id, child_id from local_nesting where removed_at is null)".to_owned(),
            Self::Then(then) => format!(
                "(select parent_id, child_id from local_nesting
                   where added_at <= {moment} and (removed_at is null or removed_at > {moment}))",
                moment = then.literal()
            ),
        }
    }

    /// The rows of a table whose version is their run, and of whom some say since when they are (`began`).
    ///
    /// The parts of the union carry no conditions of their own: only then does the planner take it apart, so that lists
    /// are walks along the indexes of all parts, merged. What is compared in vain, a constant, is left out when it plans.
    fn versions(&self, table: &str, version: &str, began: &str, columns: &str) -> String {
        let Self::Then(then) = self else { return table.to_owned() };
        // Written out, not bound: the planner leaves out the months before, and looks runs up by hash.
        let later: Vec<String> = then.later.iter().map(i32::to_string).collect();
        format!(
            "(select {columns} from (
                select {columns}, {version} as version, {began} as began,
                       'infinity'::timestamptz as ended from {table}
                union all
                select {columns}, 0, valid_from, valid_to from {table}_history) versions
               where version <> all('{{{later}}}'::integer[]) and began <= {moment} and ended > {moment})",
            later = later.join(","),
            moment = then.literal()
        )
    }
}

impl Then {
    fn literal(&self) -> String {
        format!("timestamptz '{}'", self.moment.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// How far back it is known what was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// When the first run was applied; `None`: none ever was.
    pub first_applied: Option<DateTime<Utc>>,
    /// What was superseded before is purged: nothing is known of earlier moments. `None`: all is kept.
    pub kept_since: Option<DateTime<Utc>>,
}

/// How far back it is known what was stored: as far as no month of history has been dropped.
pub fn reach(conn: &mut PgConnection) -> QueryResult<Reach> {
    #[derive(QueryableByName)]
    struct First {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<DateTime<Utc>>,
    }
    let First { at: first_applied } =
        diesel::sql_query("select min(applied_at) as at from runs where applied_at is not null").get_result(conn)?;
    let mut kept_since = None;
    for table in ["resources_history", "links_history", "persons_history"] {
        let month = partition::first_month(conn, table)?.map(|month| month.and_time(NaiveTime::MIN).and_utc());
        kept_since = kept_since.max(month);
    }
    // The months begin with the first run: what was before them is missing only if there was anything.
    let kept_since = kept_since.filter(|month| first_applied.is_some_and(|first| first < *month));
    Ok(Reach { first_applied, kept_since })
}

/// Why a moment can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum AsOfError {
    /// It is still to come.
    #[error("This moment is still to come")]
    ToCome,
    /// What was stored then is not known any more.
    #[error(
        "What was stored then is no longer known: history of before {} has been purged by age ([retention] \
         history_days). That is the earliest moment to look at",
        kept_since.format("%-d %b %Y, %H:%M UTC")
    )]
    Purged {
        /// The earliest moment that is known.
        kept_since: DateTime<Utc>,
    },
    /// The database failed us.
    #[error(transparent)]
    Database(#[from] diesel::result::Error),
}

/// That moment, if it can be looked at. `now` decides what is still to come, with some patience for clocks.
pub fn look_back(conn: &mut PgConnection, moment: DateTime<Utc>, now: DateTime<Utc>) -> Result<AsOf, AsOfError> {
    if moment > now + TimeDelta::minutes(5) {
        return Err(AsOfError::ToCome);
    }
    match reach(conn)?.kept_since {
        Some(kept_since) if moment < kept_since => Err(AsOfError::Purged { kept_since }),
        _ => Ok(AsOf::at(conn, moment)?),
    }
}

/// From when to when something was there, as far as it is still known.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct Life {
    /// When it came.
    #[diesel(sql_type = Timestamptz)]
    pub began: DateTime<Utc>,
    /// When it went; `None`: it is there.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub ended: Option<DateTime<Utc>>,
}

/// A run and when it was applied.
#[derive(Debug, Clone, QueryableByName)]
pub struct Applied {
    /// The run.
    #[diesel(sql_type = Integer)]
    pub run: i32,
    /// What pages call its connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
}

/// The last run that was applied by that moment.
pub fn last_applied(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<Option<Applied>> {
    diesel::sql_query(
        "select r.id as run, c.display_name as connector_title, r.applied_at as at
           from runs r join connectors c on c.id = r.connector_id
          where r.applied_at <= $1 order by r.applied_at desc, r.id desc limit 1",
    )
    .bind::<Timestamptz, _>(moment)
    .get_result(conn)
    .optional()
}
