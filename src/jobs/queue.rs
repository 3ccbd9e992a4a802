//! The queue in PostgreSQL: the only file that knows how apalis stores it.
//!
//! An entry carries a run's id and nothing else. Delivery is at least once; the claim makes it exactly once.

use super::stop::Stop;
use crate::model::claim::Enqueue;
use crate::model::run::RunId;
use apalis::prelude::{BoxDynError, IntervalStrategy, WorkerBuilder, WorkerBuilderExt};
use apalis_diesel_postgres::{Config, PgPool, PgTask, PostgresStorage, build_pool_with, setup};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{Bool, Double, Integer, Text};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

const QUEUE: &str = "runs";
/// Entries whose time comes later are found by looking; those of now are announced.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const KEEP_ALIVE: Duration = Duration::from_secs(2);
const ORPHANED_AFTER: Duration = Duration::from_secs(8);
const KEEP_DONE: Duration = Duration::from_secs(3600);

/// Why the queue can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the queue in the database: {0}")]
pub struct QueueError(#[from] apalis_diesel_postgres::Error);

/// The queue of this process. It has a pool of its own, so that pages never starve its heartbeat.
#[derive(Clone)]
pub struct Queue {
    pool: PgPool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Entry {
    run: i32,
}

/// Works on one run that the queue delivered.
pub type Handler = Arc<dyn Fn(RunId) -> BoxFuture<'static, ()> + Send + Sync>;

impl Queue {
    /// Opens the queue and brings its tables up to date. Safe from several processes at once.
    pub async fn open(database_url: &str) -> Result<Self, QueueError> {
        let pool = build_pool_with(database_url, |builder| {
            builder.max_size(6).min_idle(Some(0)).connection_timeout(Duration::from_secs(5))
        })?;
        setup(&pool).await?;
        Ok(Self { pool })
    }

    /// What puts a run into the queue inside the caller's transaction.
    pub fn enqueue(&self) -> Enqueue {
        let storage = PostgresStorage::<Entry>::new_with_config(&self.pool, &config());
        Arc::new(move |conn, run, delay| push(&storage, conn, run, delay))
    }

    /// Delivers entries to `handler`, at most `at_once` side by side, until we stop; then waits for those that are being
    /// worked on. A database that goes away and comes back only interrupts it.
    pub async fn serve(&self, worker: &str, at_once: usize, handler: Handler, stop: &Stop) {
        let mut registration = 0;
        while !stop.is_asked() {
            // A name is used once: after a break the old registration may still look alive.
            registration += 1;
            let name = format!("{worker}-{registration}");
            if let Err(error) = self.serve_once(&name, at_once, handler.clone(), stop.clone()).await {
                tracing::warn!(worker.name = name, error = %error, "the queue was interrupted");
                stop.sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn serve_once(&self, name: &str, at_once: usize, handler: Handler, stop: Stop) -> Result<(), BoxDynError> {
        let storage = PostgresStorage::<Entry>::new_with_notify(&self.pool, &config())
            .with_poll_strategy_factory(|| IntervalStrategy::new(LOOK_EVERY));
        let releaser = storage.releaser();
        let worker = WorkerBuilder::new(name).backend(storage).concurrency(at_once).build(move |entry: Entry| {
            let working = handler(RunId(entry.run));
            async move {
                working.await;
                Ok::<(), BoxDynError>(())
            }
        });
        let signal = async move {
            stop.asked().await;
            Ok::<(), std::io::Error>(())
        };
        let run = releaser.run_released(name, worker.run_until(signal)).await;
        if let Err(error) = run.released {
            tracing::debug!(worker.name = name, error = %error, "the registration stays until it is stale");
        }
        Ok(run.outcome?)
    }

    /// Removes what was delivered long ago, and workers that are gone.
    pub async fn purge(&self) -> Result<(), QueueError> {
        let storage = PostgresStorage::<Entry>::new_with_config(&self.pool, &config());
        storage.purge_terminal_tasks(KEEP_DONE).await?;
        storage.prune_workers(KEEP_DONE).await?;
        Ok(())
    }
}

/// Whether an entry for that run waits to be delivered.
pub fn waits(conn: &mut PgConnection, run: RunId) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    diesel::sql_query(
        "select exists (
           select from apalis.jobs
            where job_type = $1 and status in ('Pending', 'Failed') and attempts < max_attempts
              and (convert_from(job, 'UTF8')::jsonb ->> 'run')::integer = $2
         ) as found",
    )
    .bind::<Text, _>(QUEUE)
    .bind::<Integer, _>(run)
    .get_result::<Found>(conn)
    .map(|row| row.found)
}

fn config() -> Config {
    Config::new(QUEUE).set_buffer_size(1).set_keep_alive(KEEP_ALIVE).set_reenqueue_orphaned_after(ORPHANED_AFTER)
}

fn push(storage: &PostgresStorage<Entry>, conn: &mut PgConnection, run: RunId, delay: Duration) -> QueryResult<()> {
    let mut task = PgTask::<Entry>::new(Entry { run: run.0 });
    // Times are set by the database's clock: "long ago" is due under any clock and announced at once, "far away" is
    // neither before the statement below has said when.
    task.parts.run_at = if delay.is_zero() { 1 } else { u32::MAX.into() };
    let id =
        storage.push_task_with_conn(conn, task).map_err(|error| DieselError::QueryBuilderError(Box::new(error)))?;
    if !delay.is_zero() {
        diesel::sql_query(
            "update apalis.jobs set run_at = clock_timestamp() + make_interval(secs => $2) where id = $1",
        )
        .bind::<Text, _>(id.to_string())
        .bind::<Double, _>(delay.as_secs_f64())
        .execute(conn)?;
    }
    Ok(())
}
