//! Where the story is told: the demonstration's folder, its documents, and Muster itself.

use super::company::Company;
use super::directory::Directory;
use super::story::{Chapter, Decision};
use super::{campus, hr};
use crate::app::App;
use crate::cli::Context;
use crate::db::{DbConnection, DbError};
use crate::document::{self, Document};
use crate::model::change::{ChangeFilter, Selection};
use crate::model::decision::{self, Decider, DecisionError, Rest, Without};
use crate::model::guard::Operation;
use crate::model::revert::{self, Wish};
use crate::model::run::{self, Mode, NewRun, Run, RunId, RunState, StartError, Trigger};
use crate::model::{configuration, connector, run_report, settings};
use anyhow::{Context as _, bail};
use chrono::Utc;
use std::fs;
use std::path::{Path, PathBuf};

/// Who starts runs and decides in the story.
const TELLER: &str = "demo";
const SETTINGS: &str = include_str!("../../../demo/settings.toml");
const HR: &str = include_str!("../../../demo/hr.toml");
const DIRECTORY: &str = include_str!("../../../demo/directory.toml");
const CAMPUS: &str = include_str!("../../../demo/campus.toml");
/// As it stands in the document; the directory's port is found when it starts.
const DOCUMENTED_PORT: &str = "127.0.0.1:3389";
/// As it stands in the document; the demonstration makes the password itself.
const DOCUMENTED_SECRET: &str = "/run/secrets/directory";

/// What the story works with.
pub(super) struct Stage<'a> {
    context: &'a Context,
    app: &'a App,
    /// The demonstration's folder: documents, and what the sources hold.
    folder: PathBuf,
    /// None where no directory server is installed, or it can't be run.
    directory: Option<Directory>,
}

impl<'a> Stage<'a> {
    /// Makes the folder, if it is not there.
    pub fn set(context: &'a Context, app: &'a App) -> anyhow::Result<Self> {
        let folder = app.config.data_dir.join("demo");
        fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
        let directory = Directory::installed(&folder.join("directory"), &secret(app))?;
        if directory.is_none() {
            context.output.message("OpenLDAP's server is not installed; the story goes on without a directory");
        }
        Ok(Self { context, app, folder, directory })
    }

    /// How many chapters have been told; `None` before the story was begun.
    pub fn told(&self) -> anyhow::Result<Option<usize>> {
        let place = self.folder.join("chapter");
        match fs::read_to_string(&place) {
            Ok(text) => {
                let told = text.trim().parse();
                told.map(Some).with_context(|| format!("{} is damaged; write a number into it", place.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can't be read", place.display())),
        }
    }

    /// Notes that so many chapters have been told.
    pub fn note(&self, told: usize) -> anyhow::Result<()> {
        fs::write(self.folder.join("chapter"), told.to_string()).context("the story's place can't be noted")
    }

    /// Whether the database holds connectors already.
    pub fn is_in_use(&self) -> anyhow::Result<bool> {
        Ok(!connector::list(&mut *self.connection()?)?.is_empty())
    }

    /// Applies the documents that need no directory.
    pub fn apply_documents(&self) -> anyhow::Result<()> {
        self.apply("hr.toml", HR)?;
        self.apply("campus.toml", CAMPUS)?;
        self.apply("settings.toml", SETTINGS)
    }

    /// Starts the directory with what it holds.
    pub fn raise_directory(&mut self) -> anyhow::Result<()> {
        let Some(directory) = &mut self.directory else { return Ok(()) };
        let started = directory.start();
        self.greet_directory(started)
    }

    /// Tells a chapter: the world first, then the runs.
    pub fn tell(&mut self, chapter: &Chapter, company: &Company) -> anyhow::Result<()> {
        hr::write(&self.folder.join("hr"), company, chapter.hr)?;
        campus::write(&self.folder.join("campus"), company, chapter.campus)?;
        if let Some(directory) = &mut self.directory {
            if chapter.directory_down {
                directory.stop();
            } else {
                let started = directory.become_of(company);
                self.greet_directory(started)?;
            }
        }
        for (connector, decision) in chapter.runs {
            if *connector == "directory" && self.directory.is_none() {
                continue;
            }
            self.run(connector, *decision)?;
            if self.app.stop.is_asked() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A directory that can't be run (another system may keep slapd from folders like ours) ends its part in the story,
    /// not the story.
    fn greet_directory(&mut self, started: anyhow::Result<u16>) -> anyhow::Result<()> {
        match started {
            Ok(port) => {
                let address = format!("127.0.0.1:{port}");
                let secret = toml_text(&secret(self.app))?;
                let document = DIRECTORY.replace(DOCUMENTED_PORT, &address);
                self.apply("directory.toml", &document.replace(&format!("\"{DOCUMENTED_SECRET}\""), &secret))
            }
            Err(error) => {
                self.context.output.message(format_args!("{error:#}; the story goes on without a directory"));
                self.directory = None;
                Ok(())
            }
        }
    }

    fn apply(&self, name: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.folder.join(name), text).with_context(|| format!("{name} can't be written"))?;
        let mut conn = self.connection()?;
        let parsed = document::parse(text, Some(&self.folder)).map_err(|errors| errors.in_file(name));
        match parsed.map_err(anyhow::Error::msg)? {
            Document::Connector { text, definition } => {
                configuration::apply(&mut conn, &text, &definition, TELLER)?;
            }
            Document::Settings { text, definition } => {
                let before =
                    settings::current(&mut conn)?.map(|stored| document::settings(&stored.document)).transpose()?;
                settings::apply(&mut conn, &text, &definition, before.as_ref(), TELLER)?;
            }
        }
        Ok(())
    }

    fn run(&self, name: &str, decision: Decision) -> anyhow::Result<()> {
        let dry_run = matches!(decision, Decision::Look | Decision::Hold { .. });
        let mut run = self.app.work_through(self.start(name, dry_run)?)?;
        match decision {
            Decision::Resume(words) => {
                while run.state == RunState::Blocked && !self.app.stop.is_asked() {
                    self.resume(&run, words)?;
                    run = self.app.work_through(run.id)?;
                }
            }
            Decision::Discard(words) if run.state == RunState::Blocked => {
                let by = Decider { name: TELLER, comment: Some(words) };
                decision::discard(&mut *self.connection()?, run.id, &by)?;
                run = self.app.work_through(run.id)?;
            }
            Decision::Hold { scope, property, words } if run.state == RunState::Ready => {
                self.hold(&run, scope, property, words)?;
                run = self.app.work_through(run.id)?;
            }
            Decision::Revert if run.applied_at.is_some() => {
                self.report(name, &run)?;
                let wish = Wish { by: TELLER, trigger: Trigger::Person, dry_run: false, afterwards: None };
                let id = revert::start(&mut *self.connection()?, run.id, &wish, &self.app.context.enqueue)?;
                run = self.app.work_through(id)?;
            }
            _ => {}
        }
        self.report(name, &run)
    }

    /// Starts a run. One that an interrupted story has left is brought to its end first.
    fn start(&self, name: &str, dry_run: bool) -> anyhow::Result<RunId> {
        loop {
            let started = {
                let mut conn = self.connection()?;
                let connector =
                    connector::by_name(&mut conn, name)?.with_context(|| format!("connector {name} is gone"))?;
                let new = NewRun {
                    started_by: Some(TELLER),
                    dry_run,
                    ..NewRun::new(connector.id, Mode::Complete, Trigger::Person)
                };
                run::start(&mut conn, &new, &self.app.context.enqueue)
            };
            match started {
                Err(StartError::AlreadyRunning(left)) if !self.app.stop.is_asked() => {
                    self.app.work_through(left)?;
                }
                other => return Ok(other?),
            }
        }
    }

    /// Applies a change set; one that another connector's run has overtaken is prepared anew, to be looked at again.
    fn resume(&self, run: &Run, words: &str) -> anyhow::Result<()> {
        let by = Decider { name: TELLER, comment: Some(words) };
        let seen = run.change_set_digest.as_deref().unwrap_or_default();
        match decision::resume(&mut *self.connection()?, run.id, seen, &by, &self.app.context.enqueue) {
            Ok(()) | Err(DecisionError::PreparesAnew(_)) => Ok(()),
            Err(refused) => bail!(refused),
        }
    }

    /// Applies a dry run without some changes, which are held.
    fn hold(&self, run: &Run, scope: &str, property: &str, words: &str) -> anyhow::Result<()> {
        let filter = ChangeFilter {
            scope: Some(scope.to_owned()),
            operation: Some(Operation::Update),
            property: Some(property.to_owned()),
            ..ChangeFilter::default()
        };
        let selection = Selection { filters: vec![filter], ..Selection::default() };
        let without = Without { selection, hold: true, due_at: None, rest: Rest::Apply };
        let by = Decider { name: TELLER, comment: Some(words) };
        let seen = run.change_set_digest.as_deref().unwrap_or_default();
        match decision::leave_out(&mut *self.connection()?, run.id, seen, &without, &by, &self.app.context.enqueue) {
            // Told before, by a story that was interrupted.
            Ok(_) | Err(DecisionError::NothingChosen(_)) => Ok(()),
            Err(refused) => bail!(refused),
        }
    }

    fn report(&self, name: &str, run: &Run) -> anyhow::Result<()> {
        let report = run_report::of(&mut *self.connection()?, run.id, Utc::now())?;
        let Some(result) = report.map(|report| report.outcome) else { return Ok(()) };
        self.context.output.message(format_args!(
            "     {name}: run {} {}, {} read, {} new, {} changed, {} blocked, {} rejected",
            run.id,
            run.state.as_str().replace('_', " "),
            result.processed,
            result.created,
            result.updated,
            result.blocked,
            result.rejected
        ));
        Ok(())
    }

    fn connection(&self) -> anyhow::Result<DbConnection> {
        Ok(self.app.context.db.get().map_err(DbError::from)?)
    }
}

/// Where the directory's password lies: in the data directory's folder of secrets.
fn secret(app: &App) -> PathBuf {
    app.config.data_dir.join("secrets").join("demo-directory")
}

fn toml_text(path: &Path) -> anyhow::Result<String> {
    let text = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?;
    Ok(serde_json::Value::from(text).to_string())
}
