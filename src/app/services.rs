//! What a process does in the background: work, schedule, rescue, cleanup, pages.

use super::App;
use crate::db::DbError;
use crate::jobs::worker::Worker;
use crate::jobs::{announcing, arrivals, cleanup, first_run, proving, rescue, rules, schedule};
use crate::web::{self, WebContext};
use anyhow::Context as _;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long tasks may take to stop. Together with what follows, less than the 30 s that supervisors wait.
const TASKS_END_WITHIN: Duration = Duration::from_secs(22);

/// What a process of `muster serve` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Role {
    /// Pages and work.
    #[default]
    All,
    /// Pages only.
    Web,
    /// Work only.
    Worker,
}

/// What runs in the background.
pub struct Services {
    /// Where pages answer; none for workers.
    pub addresses: Vec<SocketAddr>,
    tasks: JoinSet<()>,
}

impl Services {
    pub(super) fn start(app: &App, role: Role) -> anyhow::Result<Self> {
        let mut services = Self { addresses: Vec::new(), tasks: JoinSet::new() };
        if role != Role::Worker {
            services.answer(app)?;
        }
        if role != Role::Web {
            services.work(app)?;
        }
        Ok(services)
    }

    fn answer(&mut self, app: &App) -> anyhow::Result<()> {
        let pages = WebContext { config: app.config.clone(), work: app.context.clone() };
        let (server, addresses) = web::serve(pages).with_context(|| {
            format!("pages can't be answered at {}; is the address taken? Set MUSTER_LISTEN", app.config.listen)
        })?;
        self.addresses = addresses;
        let (handle, stop) = (server.handle(), app.stop.clone());
        self.spawn(async move {
            stop.asked().await;
            handle.stop(true).await;
        });
        self.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(error = %error, "the pages stopped answering");
            }
        });
        Ok(())
    }

    fn work(&mut self, app: &App) -> anyhow::Result<()> {
        let (db, stop, enqueue) = (&app.context.db, &app.stop, &app.context.enqueue);
        first_run::start_first_runs(&mut db.get().map_err(DbError::from)?, enqueue)?;
        let worker = Worker::new(app.context.clone(), stop.clone());
        let schedule = schedule::Schedule::new(&worker.name, enqueue.clone());
        let (queue, workers) = (app.queue.clone(), app.config.workers);
        let (name, handler, stopping) = (worker.name.clone(), worker.handler(), stop.clone());
        self.spawn(async move { queue.serve(&name, workers, handler, &stopping).await });
        self.spawn(schedule::tick_regularly(db.clone(), schedule, stop.clone()));
        self.spawn(arrivals::look_regularly(db.clone(), enqueue.clone(), stop.clone()));
        let public_url = app.config.public_url.clone();
        self.spawn(announcing::announce_regularly(db.clone(), public_url, stop.clone()));
        self.spawn(rescue::sweep_regularly(db.clone(), enqueue.clone(), stop.clone()));
        self.spawn(proving::prove_regularly(app.context.clone(), stop.clone()));
        self.spawn(rules::work_out_regularly(db.clone(), stop.clone()));
        self.spawn(cleanup::clean_regularly(app.context.clone(), app.queue.clone(), stop.clone()));
        Ok(())
    }

    fn spawn(&mut self, service: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(service);
    }

    /// Waits until everything has ended after the wish to stop; what takes too long is left, its leases run out.
    pub async fn ended(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(TASKS_END_WITHIN, all).await.is_err() {
            tracing::warn!("not everything ended in time; another worker takes over what is left");
        }
    }
}
