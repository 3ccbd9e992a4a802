//! What Home, the connectors and job execution show at a glance: few statements, never one per row.

use super::connector::ConnectorId;
use super::counters::Counters;
use super::json::Json;
use super::run::{Mode, RunId, RunState, TaskChoice, Trigger};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Timestamptz};

/// A run in a list, with its connector.
#[derive(Debug, Clone, QueryableByName)]
pub struct RunSummary {
    /// The run.
    #[diesel(sql_type = Integer)]
    pub id: RunId,
    /// The connector.
    #[diesel(sql_type = Integer)]
    pub connector_id: ConnectorId,
    /// The connector's name.
    #[diesel(sql_type = Text)]
    pub connector: String,
    /// What pages call the connector.
    #[diesel(sql_type = Text)]
    pub connector_title: String,
    /// How much of the source it looks at.
    #[diesel(sql_type = Text)]
    pub mode: Mode,
    /// What started it.
    #[diesel(sql_type = Text)]
    pub trigger: Trigger,
    /// The account that started it.
    #[diesel(sql_type = Nullable<Text>)]
    pub started_by: Option<String>,
    /// Which tasks it goes through.
    #[diesel(sql_type = Text)]
    pub task: TaskChoice,
    /// Whether it was started to be looked at only.
    #[diesel(sql_type = Bool)]
    pub dry_run: bool,
    /// Whether it holds nothing up.
    #[diesel(sql_type = Bool)]
    pub standalone: bool,
    /// Where it stands.
    #[diesel(sql_type = Text)]
    pub state: RunState,
    /// What it did, or would do.
    #[diesel(sql_type = Jsonb)]
    pub counters: Json<Counters>,
    /// When it was asked for.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When a worker first took it.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
    /// When its change set became visible.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub applied_at: Option<DateTime<Utc>>,
    /// When its last task ended: a blocked run rests since then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub worked_until: Option<DateTime<Utc>>,
}

impl RunSummary {
    /// When work on it ended; `None` as long as somebody works on it.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        let rests = self.state == RunState::Blocked || (self.state == RunState::Ready && self.standalone);
        self.finished_at.or(self.worked_until.filter(|_| rests))
    }
}

const COLUMNS: &str = "r.id, r.connector_id, c.name as connector, c.display_name as connector_title, r.mode, r.trigger,
    r.started_by, r.task, r.dry_run, r.standalone, r.state, r.counters, r.created_at, r.started_at, r.finished_at,
    r.applied_at, (select max(t.finished_at) from tasks t where t.run_id = r.id) as worked_until";

/// Which runs a list shows.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this connector.
    pub connector: Option<ConnectorId>,
    /// Only in one of these states; empty: all.
    pub states: Vec<RunState>,
    /// Only older than this one (keyset).
    pub before: Option<RunId>,
}

/// Up to `limit` runs, the newest first.
pub fn runs(conn: &mut PgConnection, filter: &RunFilter, limit: i64) -> QueryResult<Vec<RunSummary>> {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    diesel::sql_query(format!(
        "select {COLUMNS}
           from runs r join connectors c on c.id = r.connector_id
          where ($1 is null or r.connector_id = $1) and (cardinality($2) = 0 or r.state = any($2))
            and ($3 is null or r.id < $3)
          order by r.id desc
          limit $4"
    ))
    .bind::<Nullable<Integer>, _>(filter.connector)
    .bind::<Array<Text>, _>(states)
    .bind::<Nullable<Integer>, _>(filter.before)
    .bind::<BigInt, _>(limit)
    .load(conn)
}

/// The last `each` runs of every connector, by connector, the oldest first.
pub fn last_runs(conn: &mut PgConnection, each: i64) -> QueryResult<Vec<RunSummary>> {
    diesel::sql_query(format!(
        "select {COLUMNS}
           from connectors c
           cross join lateral (select * from runs where connector_id = c.id order by id desc limit $1) r
          order by c.id, r.id"
    ))
    .bind::<BigInt, _>(each)
    .load(conn)
}

/// When a connector was last synchronized.
#[derive(Debug, Clone, QueryableByName)]
pub struct LastApplied {
    /// The connector.
    #[diesel(sql_type = Integer)]
    pub connector_id: ConnectorId,
    /// The run.
    #[diesel(sql_type = Integer)]
    pub run: RunId,
    /// When it began: what it read is that old.
    #[diesel(sql_type = Timestamptz)]
    pub began_at: DateTime<Utc>,
    /// When it was applied.
    #[diesel(sql_type = Timestamptz)]
    pub applied_at: DateTime<Utc>,
    /// What it did.
    #[diesel(sql_type = Jsonb)]
    pub counters: Json<Counters>,
}

/// The last applied run of each connector that has one.
pub fn last_applied(conn: &mut PgConnection) -> QueryResult<Vec<LastApplied>> {
    diesel::sql_query(
        "select c.id as connector_id, r.id as run, coalesce(r.started_at, r.created_at) as began_at, r.applied_at, r.counters
           from connectors c join runs r on r.id = c.applied_run_id
          where r.applied_at is not null",
    )
    .load(conn)
}

/// How persons changed with one applied run.
#[derive(Debug, Clone, Copy, QueryableByName)]
pub struct PopulationStep {
    /// When.
    #[diesel(sql_type = Timestamptz)]
    pub at: DateTime<Utc>,
    /// How many more there are.
    #[diesel(sql_type = BigInt)]
    pub total: i64,
    /// How many more of them are past.
    #[diesel(sql_type = BigInt)]
    pub past: i64,
}

/// The steps of the population, in order: sums over the figures of applied runs, not a count of a million rows.
pub fn population(conn: &mut PgConnection) -> QueryResult<Vec<PopulationStep>> {
    diesel::sql_query(
        "select applied_at as at,
                coalesce((counters #>> '{persons,created}')::bigint, 0)
                  - coalesce((counters #>> '{persons,deleted}')::bigint, 0) as total,
                coalesce((counters #>> '{persons,blocked}')::bigint, 0)
                  - coalesce((counters #>> '{persons,unblocked}')::bigint, 0) as past
           from runs where applied_at is not null
          order by applied_at, id",
    )
    .load(conn)
}

/// The document that each connector's new runs use.
pub fn documents(conn: &mut PgConnection) -> QueryResult<Vec<(ConnectorId, String)>> {
    use crate::schema::{configurations, connectors};
    connectors::table
        .inner_join(
            configurations::table.on(configurations::connector_id
                .eq(connectors::id)
                .and(configurations::version.eq(connectors::configuration_version))),
        )
        .select((connectors::id, configurations::document))
        .load(conn)
}
