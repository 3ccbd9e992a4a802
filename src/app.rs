//! Wiring: configuration, database, store, workers, server; and the graceful stop.

mod services;

pub use services::{Role, Services};

use crate::config::Config;
use crate::db::{self, Db, DbError, private::PrivateServer};
use crate::jobs::cleanup;
use crate::jobs::queue::Queue;
use crate::jobs::rescue::{Rescue, SWEEP_EVERY};
use crate::jobs::stop::Stop;
use crate::jobs::worker::Worker;
use crate::model::run::{self, Run, RunId};
use crate::pipeline::Context;
use crate::store::{self, Store};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Everything that one process of Muster works with, started in order and stopped in reverse.
pub struct App {
    /// What stages, pages and commands work with.
    pub context: Context,
    /// Settings of this process.
    pub config: Arc<Config>,
    /// The wish that this process stop.
    pub stop: Stop,
    /// The queue.
    pub queue: Queue,
    // Fields are dropped in this order: connections are closed before the server is let go.
    runtime: Runtime,
    private: Option<PrivateServer>,
}

impl App {
    /// Opens database and store: `DATABASE_URL`, or the private PostgreSQL, started or joined; tables up to date.
    pub fn open(config: Config) -> anyhow::Result<App> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let (private, database_url) = match &config.database_url {
            Some(url) => (None, url.clone()),
            None => {
                let server = PrivateServer::start(&config.data_dir)?;
                let url = server.url().to_owned();
                (Some(server), url)
            }
        };
        db::migrate(&database_url)?;
        let db = pool(&config, &database_url)?;
        let store = Store::open(&config)?;
        let queue = runtime.block_on(Queue::open(&database_url))?;
        {
            let mut conn = db.get().map_err(DbError::from)?;
            store::ensure_bound(&store, &mut conn)?;
            cleanup::ensure_months(&mut conn, chrono::Utc::now())?;
        }
        let context = Context {
            db,
            database_url,
            store,
            data_dir: config.data_dir.clone(),
            key_file: config.secret_key_file.clone(),
            program: config.program.clone(),
            enqueue: queue.enqueue(),
        };
        let stop = Stop::default();
        Ok(App { context, config: Arc::new(config), stop, queue, runtime, private })
    }

    /// Begins to work in the background, as `role` says.
    pub fn serve(&self, role: Role) -> anyhow::Result<Services> {
        let _inside = self.runtime.enter();
        Services::start(self, role)
    }

    /// Works on one run until it rests, with a worker of its own. Servers may do so as well: a stage is claimed by one
    /// worker only. Ends early when the process is told to stop; the run is given back then.
    pub fn work_through(&self, id: RunId) -> anyhow::Result<Run> {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        let worker = Worker::new(self.context.clone(), self.stop.clone());
        let mut rescue = Rescue::default();
        let mut swept = Instant::now();
        loop {
            let mut conn = self.context.db.get().map_err(DbError::from)?;
            let run = run::by_id(&mut conn, id)?.with_context(|| format!("run {id} is gone"))?;
            if run.rests() || self.stop.is_asked() {
                return Ok(run);
            }
            if swept.elapsed() >= SWEEP_EVERY {
                rescue.sweep(&mut conn, &self.context.enqueue)?;
                swept = Instant::now();
            }
            drop(conn);
            if !worker.work_on(id)? {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    /// From now on SIGTERM and SIGINT ask this process to stop; a second one is passed over.
    pub fn stop_on_signals(&self) -> anyhow::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = self.runtime.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = self.stop.clone();
        self.runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                tracing::info!("stopping");
                stop.stop();
            }
        });
        Ok(())
    }

    /// Waits until the process is told to stop.
    pub fn wait(&self) {
        self.runtime.block_on(self.stop.asked());
    }

    /// Stops: leases are given back, then the private PostgreSQL is let go. At most about 25 s.
    pub fn close(self, services: Option<Services>) -> anyhow::Result<()> {
        self.stop.stop();
        if let Some(services) = services {
            self.runtime.block_on(services.ended());
        }
        let Self { context, queue, runtime, private, .. } = self;
        drop((context, queue));
        runtime.shutdown_timeout(Duration::from_secs(1));
        if let Some(private) = private {
            private.stop()?;
        }
        Ok(())
    }
}

fn pool(config: &Config, database_url: &str) -> Result<Db, DbError> {
    // Each task takes a connection at its beginning and end; pages, schedule and rescue take theirs for moments.
    let size = u32::try_from(config.workers).unwrap_or(u32::MAX).saturating_add(10);
    db::pool(database_url, size)
}
