//! Export: the source's tables into a sealed extraction.
//!
//! The reading is done by a child process (`muster export-child`), one for each connection in turn: it knows no
//! database, has limits of its own, can be killed at any moment, and nothing that a hostile source sends can take the
//! server down. Nothing of an extraction counts before it is recorded, in the transaction that ends the stage.

mod child;
mod feed;
mod message;
mod observing;
mod past;
mod process;
mod profiler;
mod request;
mod secrets;
mod sources;
mod survey;
mod tables;
mod writer;

pub use child::serve;
pub use request::{readers, requests};
pub use survey::{request_of, survey};
pub(super) use writer::TableWriter;

use super::index::Readers;
use super::progress::Progress;
use super::proposal::facts::Observed;
use super::{Context, TaskError};
use crate::connectors::sign_in::{SignInRequest, SignedIn};
use crate::connectors::{self, ConnectionError, ConnectionKind, ConnectionRequest, Cursors, Finding, TableSchema};
use crate::document;
use crate::model::claim::{self, Claim, Ending};
use crate::model::connection::TableDefinition;
use crate::model::connector::{ConnectorDefinition, ConnectorId};
use crate::model::extraction::{self, ExtractionFile, ExtractionId, NewExtraction};
use crate::model::run::{self, Mode, Run, RunId};
use crate::model::{configuration, cursor, upload};
use diesel::Connection;
use diesel::pg::PgConnection;
use feed::Feed;
use message::{Answer, Limits, Operation, Task};
use past::Past;
use process::{Interrupted, perform};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

/// How long a check or a look at the tables may take.
const LOOK: Duration = Duration::from_secs(60);

/// How long somebody waits who signs in.
const SIGN_IN: Duration = Duration::from_secs(20);

/// Exports all tables of the run's connector, and ends the stage.
pub fn run(context: &Context, claim: &Claim, progress: &Progress) -> Result<(), TaskError> {
    let mut connection = context.db.get().map_err(crate::db::DbError::from)?;
    let (run, definition) = load(&mut connection, claim.run)?;
    let (mut since, mut not_said, mut past) = (None, None, None);
    if run.mode == Mode::Incremental {
        let asks = |kind: &str| connectors::kind(kind).is_some_and(ConnectionKind::compares_with_known);
        if definition.connections.iter().any(|connection| asks(&connection.kind)) {
            past = Past::load(&mut connection, run.connector_id)?;
        }
        since = Some(cursor::of_connector(&mut connection, run.connector_id)?);
        not_said = extraction::stored(&mut connection, run.connector_id)?.read_by.err();
    }
    sweep(context, &mut connection, run.connector_id)?;
    let feed = Feed::open(&mut connection, &context.data_dir, &run, claim.epoch)?;
    let last = LastTime::load(&mut connection, &run)?;
    drop(connection);

    let prefix = prefix(run.connector_id, run.id, claim.epoch);
    let mut became_complete = None;
    let exported = request::requests(&definition, &feed.files).map_err(TaskError::from).and_then(|requests| {
        let readers = Readers::of(&definition);
        let sources =
            Sources { context, prefix: &prefix, requests: &requests, readers: &readers, last: &last, past, progress };
        let wanted = since.as_ref().map_or(Wanted::All, Wanted::Since);
        let why = match sources.export(wanted)? {
            Exported::Files(files) => return Ok(files),
            Exported::Expired(why) => not_said.map_or(why, |better| better.to_string()),
        };
        discard(context, &prefix);
        let since = since.take().unwrap_or_default();
        match sources.export(Wanted::AllInstead(&since)).map_err(|error| because(error, &why))? {
            Exported::Files(files) => {
                became_complete = Some(why);
                Ok(files)
            }
            Exported::Expired(why) => Err(TaskError::failed("export", why)),
        }
    });
    let files = match exported {
        Ok(files) => files,
        Err(error) => {
            discard(context, &prefix);
            return Err(error);
        }
    };

    let mut connection = context.db.get().map_err(crate::db::DbError::from)?;
    let recorded = connection.transaction(|connection| {
        let shares = files.iter().any(|file| !file.path.starts_with(&prefix));
        if let Some(last) = last.id.filter(|_| shares)
            && !extraction::share(connection, last)?
        {
            let message = "its files were deleted by age while this export relied on them; start again";
            return Err(TaskError::failed("the last extraction", message));
        }
        let id = extraction::insert(
            connection,
            &NewExtraction {
                connector_id: run.connector_id,
                run: run.id,
                prefix: &prefix,
                files: &files,
                complete: since.is_none(),
                assembled_from: &[],
            },
        )?;
        if feed.is_used_up_by(&run) {
            upload::consume(connection, run.connector_id, &feed.paths)?;
        }
        let rows = files.iter().filter(|file| !file.is_pairs()).map(|file| file.rows).sum();
        let ending = Ending::Exported { extraction_id: id.0, rows, became_complete: became_complete.clone() };
        claim::finish(connection, claim, ending, &context.enqueue).map_err(TaskError::from)
    });
    match recorded {
        Ok(()) => {
            if feed.is_used_up_by(&run) {
                feed.delete_received();
            }
            Ok(())
        }
        Err(TaskError::Fenced) => {
            discard(context, &prefix);
            Err(TaskError::Fenced)
        }
        // Whether the database recorded it is not known: the next attempt looks, and sweeps if it did not.
        Err(error) => Err(error),
    }
}

/// Whether each server or file of a connection can be reached and read; in a child process, within a minute.
pub fn check(program: &Path, request: &ConnectionRequest) -> Result<Vec<Finding>, ConnectionError> {
    match look(program, request, Operation::Check)? {
        Answer::Findings(findings) => Ok(findings),
        other => Err(process::unexpected(&other)),
    }
}

/// What the tables of a connection hold; in a child process, within a minute.
pub fn tables(program: &Path, request: &ConnectionRequest) -> Result<Vec<TableSchema>, ConnectionError> {
    match look(program, request, Operation::Tables)? {
        Answer::Tables(tables) => Ok(tables),
        other => Err(process::unexpected(&other)),
    }
}

/// The tables that a connection could read, found by looking; in a child process, within a minute.
pub fn discover(program: &Path, request: &ConnectionRequest) -> Result<Vec<TableDefinition>, ConnectionError> {
    match look(program, request, Operation::Discover)? {
        Answer::Discovered(tables) => Ok(tables),
        other => Err(process::unexpected(&other)),
    }
}

/// What the columns of a connection's tables are like, by so many rows of each; in a child process, within a minute.
pub fn observe(program: &Path, request: &ConnectionRequest, rows: u64) -> Result<Observed, ConnectionError> {
    match look(program, request, Operation::Observe { rows })? {
        Answer::Observed(observed) => Ok(observed),
        other => Err(process::unexpected(&other)),
    }
}

/// Whether a name and a password belong together; in a child process, within twenty seconds: somebody is waiting.
pub fn sign_in(
    program: &Path,
    request: &ConnectionRequest,
    wish: SignInRequest,
) -> Result<Option<SignedIn>, ConnectionError> {
    match look_within(SIGN_IN, program, request, Operation::SignIn(wish))? {
        Answer::SignedIn(signed_in) => Ok(signed_in),
        other => Err(process::unexpected(&other)),
    }
}

fn look(program: &Path, request: &ConnectionRequest, operation: Operation) -> Result<Answer, ConnectionError> {
    look_within(LOOK, program, request, operation)
}

fn look_within(
    time: Duration,
    program: &Path,
    request: &ConnectionRequest,
    operation: Operation,
) -> Result<Answer, ConnectionError> {
    let task = Task::new(operation, request.clone(), Limits::default());
    perform(program, &task, Some(time), &mut |_| Ok(())).map_err(|interrupted| match interrupted {
        Interrupted::Refused(error) => error,
        Interrupted::Stopped(stopped) => ConnectionError::transient(&request.definition.name, stopped.to_string()),
    })
}

fn load(connection: &mut PgConnection, id: RunId) -> Result<(Run, ConnectorDefinition), TaskError> {
    let run = run::by_id(connection, id)?.ok_or(diesel::result::Error::NotFound)?;
    let configuration = configuration::version(connection, run.connector_id, run.configuration_version)?;
    let definition = document::connector(&configuration.document).map_err(|errors| {
        TaskError::failed(format!("configuration {}", run.configuration_version), errors.to_string())
    })?;
    Ok((run, definition))
}

/// The connections of a run, about to be read.
struct Sources<'a> {
    context: &'a Context,
    prefix: &'a str,
    requests: &'a [ConnectionRequest],
    readers: &'a Readers,
    last: &'a LastTime,
    past: Option<Past>,
    progress: &'a Progress,
}

/// What is wanted of the sources. Cursors are those of the connector, by `connection.table`.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// All of every table.
    All,
    /// All of every table, because what changed since these cursors can't be told.
    AllInstead(&'a BTreeMap<String, serde_json::Value>),
    /// What changed since these cursors.
    Since(&'a BTreeMap<String, serde_json::Value>),
}

enum Exported {
    Files(Vec<ExtractionFile>),
    /// A source can't tell what changed: why.
    Expired(String),
}

impl Sources<'_> {
    /// Reads all tables whole, or what changed.
    fn export(&self, wanted: Wanted<'_>) -> Result<Exported, TaskError> {
        let Self { context, prefix, requests, readers, last, ref past, progress } = *self;
        let mut files = Vec::new();
        for request in requests {
            progress.begin(format!("reading {}", request.definition.name), 0);
            let prefix = format!("{prefix}/{:02}", files.len());
            let store = context.store.location().clone();
            let whole = |store, prefix, instead| Operation::Export {
                store,
                prefix,
                readers: readers.clone(),
                known: sources::known(&last.files),
                instead,
            };
            let operation = match wanted {
                Wanted::All => whole(store, prefix, None),
                Wanted::AllInstead(since) => whole(store, prefix, Some(request_cursors(request, since))),
                Wanted::Since(since) => {
                    let past = past.as_ref().map(|past| past.of(request));
                    Operation::Changes { store, prefix, since: request_cursors(request, since), past }
                }
            };
            let task = Task::new(operation, request.clone(), Limits::default());
            let mut table = String::new();
            let answer = perform(&context.program, &task, None, &mut |news| {
                let Some(news) = news else { return progress.go_on() };
                if news.table != table {
                    table = news.table;
                    progress.begin(format!("reading {table}"), last.rows.get(&table).copied().unwrap_or(0));
                }
                progress.at(news.rows)
            })?;
            match answer {
                Answer::Exported { files: written, unchanged } => {
                    files.extend(written);
                    files.extend(unchanged.iter().flat_map(|table| sources::files_of(&last.files, table)).cloned());
                }
                Answer::Expired(why) => return Ok(Exported::Expired(why)),
                other => return Err(TaskError::from(process::unexpected(&other))),
            }
        }
        Ok(Exported::Files(files))
    }
}

/// A failure of reading everything, with why everything was read.
fn because(error: TaskError, why: &str) -> TaskError {
    match error {
        TaskError::Failed { place, message, transient } => {
            let message = format!("{} (everything is read because {why})", message.trim_end_matches('.'));
            TaskError::Failed { place, message, transient }
        }
        other => other,
    }
}

/// The cursors of one connection, by table.
fn request_cursors(request: &ConnectionRequest, all: &BTreeMap<String, serde_json::Value>) -> Cursors {
    let tables = request.definition.tables.iter();
    tables.filter_map(|table| Some((table.name.clone(), all.get(&request.source(&table.name).0)?.clone()))).collect()
}

/// The extraction's folder in the store. Each attempt has its own, so that a late worker writes into nobody's.
pub(super) fn prefix(connector: ConnectorId, run: RunId, epoch: i32) -> String {
    format!("{}/{run}-{epoch}", folder(connector))
}

fn folder(connector: ConnectorId) -> String {
    format!("extractions/{connector}")
}

/// Removes what earlier exports, whose workers died, left behind, and what a clean-up did not come to: at most one run of
/// a connector is at work, so that what is not needed is nobody's.
fn sweep(context: &Context, connection: &mut PgConnection, connector: ConnectorId) -> Result<(), TaskError> {
    let found = context.store.folders(&folder(connector)).map_err(std::io::Error::from)?;
    let needed = extraction::needed(connection, connector)?;
    for left in found.iter().filter(|folder| !needed.contains(folder)) {
        context.store.delete_prefix(left).map_err(std::io::Error::from)?;
    }
    Ok(())
}

pub(super) fn discard(context: &Context, prefix: &str) {
    if let Err(error) = context.store.delete_prefix(prefix) {
        tracing::warn!(object = prefix, %error, "what an unfinished export wrote could not be removed");
    }
}

/// What the last extraction tells this one.
struct LastTime {
    /// Rows of each table in the last applied extraction: what progress is measured by.
    rows: HashMap<String, u64>,
    /// The files of the newest extraction, if they were read to the end in the same mode and applied: whatever is wrong
    /// with them is never taken over, so that an export mends it.
    files: Vec<ExtractionFile>,
    /// The extraction they belong to.
    id: Option<ExtractionId>,
}

impl LastTime {
    fn load(connection: &mut PgConnection, run: &Run) -> Result<Self, TaskError> {
        let Some(last) = extraction::last_applied(connection, run.connector_id)? else {
            return Ok(Self { rows: HashMap::new(), files: Vec::new(), id: None });
        };
        let files = extraction::files(connection, last.id)?;
        let rows = files.iter().map(|file| (file.source_table.clone(), file.rows)).collect();
        let newest = extraction::newest(connection, run.connector_id)?;
        let wrote = run::by_id(connection, last.run_id)?;
        let holds = newest.is_some_and(|newest| newest.id == last.id)
            && wrote.is_some_and(|wrote| wrote.mode == run.mode && wrote.applied_at.is_some());
        Ok(Self { rows, files: if holds { files } else { Vec::new() }, id: Some(last.id) })
    }
}

impl From<ConnectionError> for TaskError {
    fn from(error: ConnectionError) -> Self {
        Self::Failed { place: error.place, message: error.message, transient: error.transient }
    }
}

impl From<Interrupted> for TaskError {
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::Stopped(stopped) => Self::Stopped(stopped),
            Interrupted::Refused(error) => error.into(),
        }
    }
}
