//! Where runs are worked on: a database, its queue, connectors, and workers that do what a test wants.

use crate::support::database::TestDatabase;
use diesel::PgConnection;
use diesel::prelude::*;
use muster::db::{self, DbConnection};
use muster::document;
use muster::jobs::queue::Queue;
use muster::jobs::stop::Stop;
use muster::jobs::worker::{Work, Worker};
use muster::model::claim::{Claim, Ending, Prepared};
use muster::model::connector::{self, Connector};
use muster::model::counters::{Counters, EntityTypeCounters};
use muster::model::guard::{Breach, GuardName};
use muster::model::run::{self, Mode, NewRun, Run, RunId, RunState, StartError, Trigger};
use muster::model::{claim, configuration};
use muster::pipeline::{Context, TaskError};
use muster::store::{Store, StoreLocation};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long a test waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(30);
pub const LEASE: f64 = 15.0;

pub struct Office {
    pub context: Context,
    pub queue: Queue,
    pub stop: Stop,
    pub runtime: Runtime,
    pub database: TestDatabase,
    _folder: TempDir,
}

impl Office {
    pub fn new() -> Self {
        let database = TestDatabase::new();
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let queue = runtime.block_on(Queue::open(database.url())).unwrap();
        let context = Context {
            db: db::pool(database.url(), 24).unwrap(),
            database_url: database.url().to_owned(),
            store: Store::at(&StoreLocation::folder(&folder.path().join("store"))).unwrap(),
            data_dir: folder.path().to_owned(),
            key_file: folder.path().join("secret.key"),
            program: env!("CARGO_BIN_EXE_muster").into(),
            enqueue: queue.enqueue(),
        };
        Self { context, queue, stop: Stop::default(), runtime, database, _folder: folder }
    }

    pub fn connection(&self) -> DbConnection {
        self.context.db.get().unwrap()
    }

    /// A connector with one table; `more` stands among its own keys.
    pub fn connector(&self, name: &str, more: &str) -> Connector {
        self.configure(name, more);
        connector::by_name(&mut self.connection(), name).unwrap().unwrap()
    }

    pub fn configure(&self, name: &str, more: &str) {
        let text = document(name, more);
        let definition = document::connector(&text).unwrap_or_else(|errors| panic!("{errors}"));
        configuration::apply(&mut self.connection(), &text, &definition, "test").unwrap();
    }

    pub fn try_start(&self, connector: &Connector, change: impl FnOnce(&mut NewRun<'_>)) -> Result<RunId, StartError> {
        let mut new = NewRun::new(connector.id, Mode::Complete, Trigger::Person);
        change(&mut new);
        run::start(&mut self.connection(), &new, &self.context.enqueue)
    }

    pub fn start(&self, connector: &Connector) -> RunId {
        self.try_start(connector, |_| {}).unwrap()
    }

    pub fn run(&self, id: RunId) -> Run {
        run::by_id(&mut self.connection(), id).unwrap().unwrap()
    }

    pub fn claim(&self, id: RunId) -> Option<Claim> {
        claim::claim(&mut self.connection(), id, "tester", LEASE).unwrap()
    }

    /// Claims the next stage and ends it like this.
    pub fn go(&self, id: RunId, ending: Ending) -> Run {
        let claim = self.claim(id).expect("there is something to claim");
        self.finish(&claim, ending).unwrap();
        self.run(id)
    }

    pub fn finish(&self, claim: &Claim, ending: Ending) -> Result<(), claim::FinishError> {
        claim::finish_alone(&mut self.connection(), claim, ending, &self.context.enqueue)
    }

    /// Export and preparation, which ends ready or, with guards exceeded, blocked.
    pub fn prepare(&self, id: RunId, breaches: Vec<Breach>) -> Run {
        self.go(id, exported());
        self.go(id, prepared(self.state_version(id), breaches))
    }

    /// A blocked run.
    pub fn blocked(&self, connector: &Connector) -> Run {
        let id = self.start(connector);
        self.prepare(id, vec![breach()])
    }

    /// A run that is applied.
    pub fn applied(&self, connector: &Connector) -> Run {
        let id = self.start(connector);
        self.prepare(id, Vec::new());
        self.go(id, Ending::Applied { counters: counters() })
    }

    pub fn state_version(&self, id: RunId) -> i64 {
        let run = self.run(id);
        connector::by_id(&mut self.connection(), run.connector_id).unwrap().unwrap().state_version
    }

    /// Lets the lease run out, as if its worker had been silent for long enough.
    pub fn expire_lease(&self, id: RunId) {
        self.execute(&format!("update leases set leased_until = now() - interval '1 second' where run_id = {id}"));
    }

    pub fn execute(&self, statement: &str) {
        use diesel::connection::SimpleConnection;
        self.connection().batch_execute(statement).unwrap();
    }

    pub fn count(&self, query: &str) -> i64 {
        count(&mut self.connection(), query)
    }

    /// Begins to serve the queue with a worker that does `work`.
    pub fn serve(&self, work: Work) -> Arc<Worker> {
        let worker = Worker::with_work(self.context.clone(), self.stop.clone(), work);
        let (queue, stop, serving) = (self.queue.clone(), self.stop.clone(), worker.clone());
        self.runtime.spawn(async move { queue.serve(&serving.name, 2, serving.handler(), &stop).await });
        worker
    }

    #[track_caller]
    pub fn wait_for(&self, id: RunId, wanted: impl Fn(&Run) -> bool) -> Run {
        let since = Instant::now();
        loop {
            let run = self.run(id);
            if wanted(&run) {
                return run;
            }
            assert!(since.elapsed() < DEADLINE, "the run is still {run:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn wait_for_state(&self, id: RunId, state: RunState) -> Run {
        self.wait_for(id, |run| run.state == state)
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

/// Work that goes through all stages at once.
pub fn passes(enqueue: muster::model::claim::Enqueue) -> Work {
    Arc::new(move |context, claim, _| {
        let mut conn = db::connect(&context.database_url, &claim.application_name())?;
        let ending = match claim.stage {
            run::Stage::Export => exported(),
            run::Stage::Prepare => prepared(0, Vec::new()),
            run::Stage::Synchronize => Ending::Applied { counters: counters() },
        };
        conn.transaction(|conn| claim::finish(conn, claim, ending, &enqueue)).map_err(TaskError::from)
    })
}

pub fn exported() -> Ending {
    Ending::Exported { extraction_id: 1, rows: 3, became_complete: None }
}

pub fn prepared(state_version: i64, breaches: Vec<Breach>) -> Ending {
    Ending::Prepared(Box::new(Prepared {
        state_version,
        change_set_digest: "sha256:00".into(),
        counters: counters(),
        breaches,
        rows: 3,
        ..Prepared::default()
    }))
}

pub fn counters() -> Counters {
    let people = EntityTypeCounters {
        name: "person".into(),
        represents_users: true,
        read: 3,
        inserted: 2,
        unchanged: 1,
        ..EntityTypeCounters::default()
    };
    Counters { entity_types: vec![people], ..Counters::default() }
}

pub fn breach() -> Breach {
    Breach {
        guard: GuardName::FirstRun,
        setting: None,
        scope: "hr".into(),
        limit: None,
        actual: None,
        base: 0,
        message: "this is the initial load".into(),
    }
}

pub fn count(conn: &mut PgConnection, query: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        count: i64,
    }
    diesel::sql_query(format!("select count(*) as count from {query}")).get_result::<Count>(conn).unwrap().count
}

fn document(name: &str, more: &str) -> String {
    format!(
        r#"
name = "{name}"
{more}

[[connection]]
name = "feed"
kind = "files"
folder = "/nowhere"

[[connection.table]]
name = "people"
file = "people.csv"

[[entity_type]]
name = "person"
source = "feed.people"

  [[entity_type.property]]
  name = "id"
  column = "Id"
  key = true
"#
    )
}
