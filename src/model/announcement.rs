//! An announcement: that a connector is in trouble, or no longer is. It is written where that becomes true, in the same
//! transaction; [`super::delivery`] is how people hear of it.

use super::connector::ConnectorId;
use super::guard::Breach;
use super::json::Json;
use super::notification::Occasion;
use super::run::{RunId, Stage};
use crate::schema::{announcements, connectors};
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Timestamptz};
use serde::{Deserialize, Serialize};

/// An announcement as it stands in the database.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = announcements, check_for_backend(diesel::pg::Pg))]
pub struct Announcement {
    /// Grows with time.
    pub id: i64,
    /// The connector.
    pub connector_id: ConnectorId,
    /// The word of [`Occasion`].
    pub occasion: String,
    /// The run that it is about; none where a run did not come.
    pub run_id: Option<RunId>,
    /// When it became true.
    pub at: DateTime<Utc>,
    /// What else there is to tell.
    pub facts: Json<Facts>,
}

/// What an announcement tells besides connector and run. Never personal data: it leaves the house.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Blocked: the guards that were exceeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Breach>,
    /// Blocked: how many changes wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<u64>,
    /// Failed: the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Failed: when it is tried again without anybody's help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_at: Option<DateTime<Utc>>,
    /// Late: since when a run is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// Recovered: the troubles that are over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over: Vec<Occasion>,
}

/// Writes that a connector is in trouble, in the caller's transaction; `at`: `None` for the database's clock. A second
/// one of the same occasion and day (of UTC) writes nothing: `false`.
pub fn trouble(
    conn: &mut PgConnection,
    connector: ConnectorId,
    occasion: Occasion,
    run: Option<RunId>,
    facts: Facts,
    at: Option<DateTime<Utc>>,
) -> QueryResult<bool> {
    insert(conn, connector, occasion, run, facts, at).map(|rows| rows == 1)
}

/// Writes that all announced trouble of a connector is over, if there is any, in the caller's transaction.
pub fn recovered(
    conn: &mut PgConnection,
    connector: ConnectorId,
    run: Option<RunId>,
    at: Option<DateTime<Utc>>,
) -> QueryResult<bool> {
    // One server at a time: a run's end holds this row too.
    connectors::table.find(connector).select(connectors::id).for_no_key_update().execute(conn)?;
    let over = open(conn, connector)?;
    if over.is_empty() {
        return Ok(false);
    }
    let facts = Facts { over, ..Facts::default() };
    insert(conn, connector, Occasion::Recovered, run, facts, at).map(|rows| rows == 1)
}

fn insert(
    conn: &mut PgConnection,
    connector: ConnectorId,
    occasion: Occasion,
    run: Option<RunId>,
    facts: Facts,
    at: Option<DateTime<Utc>>,
) -> QueryResult<usize> {
    diesel::sql_query(
        "insert into announcements (connector_id, occasion, run_id, facts, at, day)
         select $1, $2, $3, $4, moment, (moment at time zone 'UTC')::date
           from (select coalesce($5, clock_timestamp()) as moment) clock
         on conflict do nothing",
    )
    .bind::<Integer, _>(connector)
    .bind::<Text, _>(occasion.as_str())
    .bind::<Nullable<Integer>, _>(run)
    .bind::<Jsonb, _>(Json(facts))
    .bind::<Nullable<Timestamptz>, _>(at)
    .execute(conn)
}

/// The troubles of a connector that were announced and are not over: those since it last recovered.
pub fn open(conn: &mut PgConnection, connector: ConnectorId) -> QueryResult<Vec<Occasion>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        occasion: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select occasion
           from announcements
          where connector_id = $1
            and id > coalesce((select max(id) from announcements where connector_id = $1 and occasion = 'recovered'), 0)
          group by occasion
          order by min(id)",
    )
    .bind::<Integer, _>(connector)
    .load(conn)?;
    Ok(rows.iter().filter_map(|row| row.occasion.parse().ok()).collect())
}

/// All connectors with announced trouble that is not over.
pub fn all_open(conn: &mut PgConnection) -> QueryResult<Vec<(ConnectorId, Vec<Occasion>)>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        connector_id: ConnectorId,
        #[diesel(sql_type = Array<Text>)]
        occasions: Vec<String>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select trouble.connector_id, array_agg(distinct trouble.occasion) as occasions
           from announcements trouble
          where trouble.occasion <> 'recovered'
            and not exists (select from announcements recovered
                             where recovered.connector_id = trouble.connector_id and recovered.occasion = 'recovered'
                               and recovered.id > trouble.id)
          group by trouble.connector_id
          order by trouble.connector_id",
    )
    .load(conn)?;
    let known = |words: Vec<String>| words.iter().filter_map(|word| word.parse().ok()).collect();
    Ok(rows.into_iter().map(|row| (row.connector_id, known(row.occasions))).collect())
}

/// The oldest `limit` announcements whose deliveries have yet to be written.
pub fn to_spread(conn: &mut PgConnection, limit: i64) -> QueryResult<Vec<Announcement>> {
    announcements::table
        .filter(announcements::spread_at.is_null())
        .order(announcements::id)
        .limit(limit)
        .select(Announcement::as_select())
        .load(conn)
}

/// Its deliveries are written.
pub fn mark_spread(conn: &mut PgConnection, id: i64, at: DateTime<Utc>) -> QueryResult<()> {
    diesel::update(announcements::table.find(id)).set(announcements::spread_at.eq(at)).execute(conn).map(drop)
}

/// The notifications that told of a trouble which `recovered`, an announcement of that kind, says is over.
pub fn told_before(conn: &mut PgConnection, recovered: &Announcement) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        notification: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select distinct d.notification
           from deliveries d
          where d.connector_id = $1 and d.occasion <> 'recovered' and d.announcement_id < $2
            and d.announcement_id > coalesce(
                  (select max(id) from announcements where connector_id = $1 and occasion = 'recovered' and id < $2), 0)",
    )
    .bind::<Integer, _>(recovered.connector_id)
    .bind::<BigInt, _>(recovered.id)
    .load(conn)?;
    Ok(rows.into_iter().map(|row| row.notification).collect())
}

/// Forgets announcements of before `moment`, with their deliveries; those that nothing has been done about yet stay.
pub fn purge(conn: &mut PgConnection, moment: DateTime<Utc>) -> QueryResult<usize> {
    diesel::delete(
        announcements::table.filter(announcements::at.lt(moment)).filter(announcements::spread_at.is_not_null()),
    )
    .execute(conn)
}
