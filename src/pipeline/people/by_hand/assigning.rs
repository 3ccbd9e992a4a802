//! Records get another person: a new version each, by a run of their connector that is over at once.

use crate::model::connector::ConnectorId;
use crate::model::counters::{Counters, PersonCounters};
use crate::model::decision::Decider;
use crate::model::json::Json;
use crate::model::run::{RunId, Stage};
use crate::model::run_log::{self, Level};
use crate::model::snapshot;
use crate::schema::runs;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text};
use std::collections::BTreeMap;

/// A record that gets another person.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Assigned {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    /// Its entity type.
    #[diesel(sql_type = Integer)]
    pub(super) entity_type_id: i32,
    /// The entity type's name.
    #[diesel(sql_type = Text)]
    pub(super) entity_type: String,
    /// Its key.
    #[diesel(sql_type = Text)]
    pub(super) key: String,
    /// Its connector.
    #[diesel(sql_type = Integer)]
    pub(super) connector_id: i32,
    /// What it was read from.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(super) extraction_id: Option<i64>,
}

/// The records that feed a person.
pub(super) fn of_person(conn: &mut PgConnection, person: i64) -> QueryResult<Vec<Assigned>> {
    diesel::sql_query(
        "select r.id, r.entity_type_id, e.name as entity_type, r.key, e.connector_id, w.extraction_id
           from resources r
           join entity_types e on e.id = r.entity_type_id and e.represents = 'users'
           join runs w on w.id = r.run_id
          where r.person_id = $1 order by r.entity_type_id, r.id",
    )
    .bind::<BigInt, _>(person)
    .load(conn)
}

/// The connector that made one of these persons.
pub(super) fn maker(conn: &mut PgConnection, persons: &[i64]) -> QueryResult<Option<i32>> {
    #[derive(QueryableByName)]
    struct Maker {
        #[diesel(sql_type = Integer)]
        connector: i32,
    }
    let maker: Option<Maker> = diesel::sql_query(
        "select created_by as connector from persons where id = any($1) and created_by is not null order by id limit 1",
    )
    .bind::<Array<BigInt>, _>(persons)
    .get_result(conn)
    .optional()?;
    Ok(maker.map(|maker| maker.connector))
}

/// Gives the records to a person; returns the runs that did, each after its connector.
pub(super) fn assign(
    conn: &mut PgConnection,
    records: &[Assigned],
    to: i64,
    by: &Decider<'_>,
) -> QueryResult<Vec<(i32, i32)>> {
    let mut by_origin: BTreeMap<(i32, Option<i64>), Vec<&Assigned>> = BTreeMap::new();
    for record in records {
        by_origin.entry((record.connector_id, record.extraction_id)).or_default().push(record);
    }
    let mut runs = Vec::new();
    for ((connector, extraction), records) in by_origin {
        let run = run(conn, connector, extraction, by, records.len())?;
        let ids: Vec<i64> = records.iter().map(|one| one.id).collect();
        let entity_types: Vec<i32> = records.iter().map(|one| one.entity_type_id).collect();
        diesel::sql_query(
            "insert into resources_history (id, person_id, entity_type_id, run_id, line, ended_by_run_id, valid_from,
                                            valid_to, key, attributes)
             select r.id, r.person_id, r.entity_type_id, r.run_id, r.line, $3, w.applied_at, now(), r.key, r.attributes
               from resources r join runs w on w.id = r.run_id
              where r.entity_type_id = any($1) and r.id = any($2)",
        )
        .bind::<Array<Integer>, _>(&entity_types)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<Integer, _>(run)
        .execute(conn)?;
        diesel::sql_query(
            "update resources set person_id = $3, run_id = $4 where entity_type_id = any($1) and id = any($2)",
        )
        .bind::<Array<Integer>, _>(&entity_types)
        .bind::<Array<BigInt>, _>(&ids)
        .bind::<BigInt, _>(to)
        .bind::<Integer, _>(run)
        .execute(conn)?;
        snapshot::touch(conn, &[ConnectorId(connector)])?;
        runs.push((connector, run));
    }
    Ok(runs)
}

/// Writes the run of a connector that changes `records` correlations: over at once, with what they were read from.
pub(super) fn run(
    conn: &mut PgConnection,
    connector: i32,
    extraction: Option<i64>,
    by: &Decider<'_>,
    records: usize,
) -> QueryResult<i32> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = Integer)]
        id: i32,
    }
    let Id { id } = diesel::sql_query(
        "insert into runs (connector_id, mode, trigger, started_by, task, state, configuration_version, extraction_id,
                           started_at, finished_at, applied_at)
         select id, 'correlate', 'person', $2, 'all', 'completed', configuration_version, $3, now(), now(), now()
           from connectors where id = $1 returning id",
    )
    .bind::<Integer, _>(connector)
    .bind::<Text, _>(by.name)
    .bind::<Nullable<BigInt>, _>(extraction)
    .get_result(conn)?;
    diesel::sql_query(
        "insert into tasks (run_id, stage, state, attempts, started_at, finished_at, rows)
         values ($1, 'synchronize', 'completed', 1, now(), clock_timestamp(), $2)",
    )
    .bind::<Integer, _>(id)
    .bind::<BigInt, _>(i64::try_from(records).unwrap_or(i64::MAX))
    .execute(conn)?;
    let message = match records {
        1 => "1 record feeds another user now".to_owned(),
        records => format!("{records} records feed another user now"),
    };
    run_log::append(conn, RunId(id), Stage::Synchronize, Level::Info, "correlated-by-hand", &message)?;
    Ok(id)
}

/// Writes what followed for persons on the run, where the population is read from.
pub(super) fn note_figures(conn: &mut PgConnection, run: i32, persons: PersonCounters) -> QueryResult<()> {
    let counters = Counters { persons, ..Counters::default() };
    diesel::update(runs::table.find(RunId(run))).set(runs::counters.eq(Json(counters))).execute(conn).map(drop)
}
