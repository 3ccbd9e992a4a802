//! The pipeline by hand: a database and a store of its own, one folder of files, and runs that are worked on here and now,
//! without queue, worker or heartbeat.

use super::database::TestDatabase;
use muster::db;
use muster::document;
use muster::model::claim::{self, Ending, Failure};
use muster::model::connector::{self, Connector};
use muster::model::run::{self, Mode, NewRun, Run, RunState, Trigger};
use muster::model::{configuration, settings};
use muster::pipeline::progress::Progress;
use muster::pipeline::{self, Context, TaskError};
use muster::store::{Store, StoreLocation};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// Where runs are worked on by hand.
pub struct Mill {
    context: Context,
    _database: TestDatabase,
    folder: TempDir,
}

impl Mill {
    /// With an empty database.
    pub fn new() -> Self {
        let database = TestDatabase::new();
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            db: db::pool(database.url(), 4).unwrap(),
            database_url: database.url().to_owned(),
            store: Store::at(&StoreLocation::folder(&folder.path().join("store"))).unwrap(),
            data_dir: folder.path().to_owned(),
            key_file: folder.path().join("secret.key"),
            program: env!("CARGO_BIN_EXE_muster").into(),
            enqueue: Arc::new(|_, _, _| Ok(())),
        };
        Self { context, _database: database, folder }
    }

    /// The folder that stands for `{folder}` in documents.
    pub fn folder(&self) -> PathBuf {
        let folder = self.folder.path().join("feed");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// Makes the document the configuration of its connector.
    pub fn configure(&self, document: &str) -> Connector {
        let text = document.replace("{folder}", self.folder().to_str().unwrap());
        let definition = document::connector(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let mut connection = self.context.db.get().unwrap();
        configuration::apply(&mut connection, &text, &definition, "test").unwrap();
        connector::by_name(&mut connection, &definition.name).unwrap().unwrap()
    }

    /// Makes the document the settings that hold.
    pub fn settle(&self, document: &str) {
        let definition = document::settings(document).unwrap_or_else(|errors| panic!("{errors}"));
        settings::apply(&mut self.context.db.get().unwrap(), document, &definition, None, "test").unwrap();
    }

    /// A complete run to where it rests.
    pub fn run(&self, connector: &Connector) -> Run {
        self.work(connector, false)
    }

    /// A dry run to its end. The next one takes its place.
    pub fn dry_run(&self, connector: &Connector) -> Run {
        self.work(connector, true)
    }

    fn work(&self, connector: &Connector, dry_run: bool) -> Run {
        let mut connection = self.context.db.get().unwrap();
        let new = NewRun { dry_run, ..NewRun::new(connector.id, Mode::Complete, Trigger::Person) };
        let id = run::start(&mut connection, &new, &self.context.enqueue).unwrap();
        while let Some(claim) = claim::claim(&mut connection, id, "mill", 600.0).unwrap() {
            match pipeline::run_task(&self.context, &claim, &Progress::default()) {
                Ok(()) => {}
                Err(TaskError::Failed { place, message, transient }) => {
                    let failure = Failure { stage: claim.stage, place, message, transient };
                    let ending = Ending::Failed(failure);
                    claim::finish_alone(&mut connection, &claim, ending, &self.context.enqueue).unwrap();
                }
                Err(error) => panic!("run {id}: {error}"),
            }
        }
        run::by_id(&mut connection, id).unwrap().unwrap()
    }

    /// A complete run that is applied, whatever guards say of it.
    pub fn apply(&self, connector: &Connector) -> Run {
        use muster::model::decision::{self, Decider};
        let run = self.run(connector);
        let run = match run.state {
            RunState::Blocked => {
                let mut connection = self.context.db.get().unwrap();
                let by = Decider { name: "test", comment: None };
                let digest = run.change_set_digest.clone().unwrap();
                decision::resume(&mut connection, run.id, &digest, &by, &self.context.enqueue).unwrap();
                let claim = claim::claim(&mut connection, run.id, "mill", 600.0).unwrap().unwrap();
                pipeline::run_task(&self.context, &claim, &Progress::default()).unwrap();
                run::by_id(&mut connection, run.id).unwrap().unwrap()
            }
            _ => run,
        };
        assert!(run.applied_at.is_some(), "{run:#?}");
        run
    }
}
