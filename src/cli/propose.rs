//! `muster propose`: the document of a connector for files, guessed from what they hold.

use super::{Context, Exit, Refusal};
use crate::model::connection::ConnectionDefinition;
use crate::pipeline::export;
use crate::pipeline::proposal::{self, Sketch};
use serde_json::{Map, json};
use std::path::{Path, PathBuf};

/// Which files.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A folder with files (CSV, TSV, JSON, XML), or files of one folder.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The connector's name; the folder's if not given.
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let (folder, files) = places(&args.paths)?;
    let name = args.name.unwrap_or_else(|| {
        folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "files".to_owned())
    });
    let place = folder.to_str().ok_or_else(|| Refusal::failed("the folder's name is not UTF-8; choose another"))?;
    let mut settings = Map::new();
    settings.insert("folder".into(), json!(place));
    let mut connection =
        ConnectionDefinition { name: "feed".into(), kind: "files".into(), tables: Vec::new(), settings };
    if !files.is_empty() {
        // All of the folder is found; those that were named are looked at.
        let request = export::request_of(&connection).map_err(|error| Refusal::failed(error.to_string()))?;
        let found = export::discover(&context.config.program, &request);
        connection.tables = found.map_err(|error| Refusal::failed(error.to_string()))?;
        connection.tables.retain(|table| {
            table
                .settings
                .get("file")
                .and_then(|file| file.as_str())
                .is_some_and(|file| files.iter().any(|one| one == file))
        });
        if connection.tables.is_empty() {
            let message = format!(
                "{}: none of these can be read as a table; known are .csv, .tsv, .json, .xml",
                files.join(", ")
            );
            return Err(Refusal::failed(message).into());
        }
    }
    let surveyed = export::survey(&context.config.program, connection, Vec::new());
    let (connection, observed) = surveyed.map_err(|error| Refusal::failed(error.to_string()))?;
    let proposal = proposal::propose(&Sketch { name: &name, display_name: None, connection: &connection }, &observed);
    let guesses = proposal
        .guesses
        .iter()
        .map(|guess| json!({ "subject": guess.subject, "proposed": guess.says, "evidence": guess.evidence }));
    let guesses: Vec<_> = guesses.collect();
    match context.output.is_json() {
        true => context.output.data(&json!({ "document": proposal.document, "guesses": guesses }), "")?,
        false => context.output.raw(&proposal.document)?,
    }
    Ok(Exit::Done)
}

/// The folder, absolute, and the names of the files in it; none: all.
fn places(paths: &[PathBuf]) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let missing = |path: &Path| Refusal::not_found(format!("{}: there is no such file or folder", path.display()));
    if let [folder] = paths
        && folder.is_dir()
    {
        return Ok((folder.canonicalize()?, Vec::new()));
    }
    let mut folder = None;
    let mut files = Vec::new();
    for path in paths {
        let whole = path.canonicalize().map_err(|_| missing(path))?;
        let (Some(parent), Some(name)) = (whole.parent(), whole.file_name().and_then(|name| name.to_str())) else {
            return Err(missing(path).into());
        };
        if whole.is_dir() || folder.as_deref().is_some_and(|known: &Path| known != parent) {
            let message = format!("{}: name one folder, or files of one folder", path.display());
            return Err(Refusal::failed(message).into());
        }
        folder = Some(parent.to_owned());
        files.push(name.to_owned());
    }
    folder.map(|folder| (folder, files)).ok_or_else(|| Refusal::failed("name a folder or files").into())
}
