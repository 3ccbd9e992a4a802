//! The export stage: a claimed run, the real child process, a real database.

mod child;
mod feeds;
mod stage;
mod store;

use crate::support::database::TestDatabase;
use diesel::PgConnection;
use muster::db;
use muster::document::{self, Document};
use muster::model::claim::{self, Claim};
use muster::model::configuration;
use muster::model::connector::{self, ConnectorId};
use muster::model::extraction::{self, Extraction, ExtractionFile};
use muster::model::run::{self, Mode, NewRun, RunId, Trigger};
use muster::pipeline::progress::Progress;
use muster::pipeline::{Context, TaskError, export};
use muster::store::{Store, StoreLocation};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// One server's worth of Muster with a connector, without workers.
pub struct Workshop {
    pub context: Context,
    pub connector: ConnectorId,
    pub folder: TempDir,
    database: TestDatabase,
}

impl Workshop {
    /// With the connector of this document, whose relative paths are relative to `place`.
    pub fn new(text: &str, place: &Path) -> Self {
        let database = TestDatabase::new();
        let folder = tempfile::tempdir().unwrap();
        let Document::Connector { text, definition } = document::parse(text, Some(place)).unwrap() else {
            panic!("a connector")
        };
        let mut conn = database.connect();
        configuration::apply(&mut conn, &text, &definition, "test").unwrap();
        let connector = connector::by_name(&mut conn, &definition.name).unwrap().unwrap().id;
        let context = Context {
            db: db::pool(database.url(), 4).unwrap(),
            database_url: database.url().to_owned(),
            store: Store::at(&StoreLocation::folder(&folder.path().join("store"))).unwrap(),
            data_dir: folder.path().to_owned(),
            key_file: folder.path().join("secret.key"),
            program: PathBuf::from(env!("CARGO_BIN_EXE_muster")),
            enqueue: Arc::new(|_, _, _| Ok(())),
        };
        Self { context, connector, folder, database }
    }

    pub fn conn(&self) -> PgConnection {
        self.database.connect()
    }

    /// A run that waits for its export.
    pub fn start(&self, dry_run: bool) -> RunId {
        let new = NewRun { dry_run, ..NewRun::new(self.connector, Mode::Complete, Trigger::Person) };
        run::start(&mut self.conn(), &new, &self.context.enqueue).unwrap()
    }

    pub fn claim(&self, run: RunId) -> Claim {
        claim::claim(&mut self.conn(), run, "test", 60.0).unwrap().unwrap()
    }

    /// Starts a run and exports.
    pub fn export(&self) -> Result<RunId, TaskError> {
        let run = self.start(false);
        export::run(&self.context, &self.claim(run), &Progress::default()).map(|()| run)
    }

    pub fn extraction(&self) -> Option<(Extraction, Vec<ExtractionFile>)> {
        let mut conn = self.conn();
        let extraction = extraction::newest(&mut conn, self.connector).unwrap()?;
        let files = extraction::files(&mut conn, extraction.id).unwrap();
        Some((extraction, files))
    }

    /// Every file below the store.
    pub fn stored(&self) -> Vec<PathBuf> {
        files_below(&self.folder.path().join("store"))
    }
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A document with one table, `feed.people`, and the columns `id` and `name`.
pub fn people(connection: &str) -> String {
    format!(
        r#"
name = "hr"
[[connection]]
name = "feed"
{connection}
[[entity_type]]
name = "person"
source = "feed.people"
[[entity_type.property]]
name = "id"
column = "id"
key = true
[[entity_type.property]]
name = "name"
column = "name"
"#
    )
}

/// [`people`] from `people.csv` in a folder of the document.
pub fn people_in_a_folder() -> String {
    people("kind = \"files\"\nfolder = \"feed\"\n[[connection.table]]\nname = \"people\"\nfile = \"people.csv\"")
}

/// [`people`] from a directory that listens, and never says a word.
pub fn people_of_a_silent_directory(port: u16) -> String {
    people(&format!(
        "kind = \"ldap\"\nservers = [\"ldap://127.0.0.1:{port}\"]\ntimeout_seconds = 60\n[[connection.table]]\n\
         name = \"people\"\nbase = \"dc=example,dc=org\"\nscope = \"sub\"\nfilter = \"(objectClass=*)\"\n\
         attributes = [\"id\", \"name\"]"
    ))
}
