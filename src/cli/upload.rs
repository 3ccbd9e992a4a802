//! `muster upload`: sends the files of a feed.

use super::follow::follow;
use super::{Context, Exit, Refusal, who};
use crate::app::App;
use crate::db::DbError;
use crate::document;
use crate::model::run::{self, Mode, NewRun, RunId, StartError, Trigger};
use crate::model::{configuration, connector};
use crate::pipeline::upload::{self, Sending, UploadError};
use chrono::Utc;
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Which files, and whether to start.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The connector's name.
    connector: String,
    /// Files by table: `people=people.csv`.
    #[arg(required = true, value_name = "TABLE=FILE", value_parser = table_and_file)]
    files: Vec<(String, PathBuf)>,
    /// Start a run, even if the connector does not apply its feeds by itself.
    #[arg(long)]
    start: bool,
    /// Wait until the run that starts is over or blocked, and write what it did. Works without a server.
    #[arg(long)]
    wait: bool,
}

fn table_and_file(argument: &str) -> Result<(String, PathBuf), String> {
    match argument.split_once('=') {
        Some((table, file)) if !table.is_empty() && !file.is_empty() => Ok((table.to_owned(), file.into())),
        _ => Err("write TABLE=FILE, such as people=people.csv".to_owned()),
    }
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    let outcome = send_and_start(context, &app, &args);
    app.close(None)?;
    outcome
}

fn send_and_start(context: &Context, app: &App, args: &Args) -> anyhow::Result<Exit> {
    let mut conn = app.context.db.get().map_err(DbError::from)?;
    let connector = connector::by_name(&mut conn, &args.connector)?.ok_or_else(|| {
        Refusal::not_found(format!("there is no connector {:?}; `muster export` lists all", args.connector))
    })?;
    let definition = document::connector(&configuration::current(&mut conn, &connector)?.document)?;
    let by = who();
    let mut feed = None;
    for (table, path) in &args.files {
        let mut file = open(path)?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let sending = Sending { table, file_name: &file_name, by: &by, at: Utc::now() };
        let received =
            upload::receive(&mut conn, &app.context.data_dir, connector.id, &definition, &sending, &mut file)
                .map_err(refusal)?;
        let file = &received.upload;
        context.output.data(
            &json!({ "table": file.source_table, "file": file.file_name, "bytes": file.bytes, "sha256": file.sha256,
                     "missing": received.missing }),
            format_args!("{}: received {}, {} bytes", file.source_table, file.file_name, file.bytes),
        )?;
        feed = Some(received);
    }
    let Some(feed) = feed else { return Ok(Exit::Done) };
    if !feed.missing.is_empty() {
        let missing = feed.missing.iter().map(|table| table.0.as_str()).collect::<Vec<_>>().join(", ");
        let message = format!("the feed is not complete yet; missing: {missing}");
        if args.start {
            return Err(Refusal::conflict(format!("{message}. Nothing was started")).into());
        }
        context.output.message(message);
        return Ok(Exit::Done);
    }
    if !args.start && !feed.auto_apply {
        context.output.message(format_args!("the feed is complete; `muster run {}` applies it", connector.name));
        return Ok(Exit::Done);
    }
    let trigger = if args.start { Trigger::Person } else { Trigger::Upload };
    let new = NewRun { started_by: Some(&by), ..NewRun::new(connector.id, Mode::Complete, trigger) };
    let id: RunId = run::start(&mut conn, &new, &app.context.enqueue).map_err(|error| match error {
        StartError::Database(error) => anyhow::Error::from(error),
        reason => Refusal::conflict(format!("the files wait for their run: {reason}")).into(),
    })?;
    drop(conn);
    if args.wait {
        return follow(context, app, id);
    }
    context.output.data(
        &json!({ "id": id, "connector": connector.name, "state": "queued" }),
        format_args!("run {id} of {} is queued; `muster show {id}` tells how it goes on", connector.name),
    )?;
    Ok(Exit::Done)
}

fn open(path: &Path) -> Result<File, Refusal> {
    let refused = |error: std::io::Error| {
        let message = format!("{}: {error}", path.display());
        match error.kind() {
            std::io::ErrorKind::NotFound => Refusal::not_found(message),
            _ => Refusal::failed(message),
        }
    };
    let file = File::open(path).map_err(refused)?;
    match file.metadata().map_err(refused)?.is_dir() {
        true => Err(Refusal::usage(format!("{}: is a folder; name the file", path.display()))),
        false => Ok(file),
    }
}

fn refusal(error: UploadError) -> anyhow::Error {
    match error {
        UploadError::NoTable { .. } | UploadError::Ambiguous { .. } | UploadError::TakesNone(_) => {
            Refusal::usage(error.to_string()).into()
        }
        UploadError::Piece(_) | UploadError::Io(_) | UploadError::Database(_) => error.into(),
    }
}
