//! `muster import`: makes documents of the configuration of other systems.

use super::{Context, Exit, Refusal};
use crate::document::haplo::{self, ImportError};
use anyhow::Context as _;
use clap::Subcommand;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 4 << 20;

/// What to make a document of.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// Turn a control file of Haplo's user sync into a connector's document, on stdout.
    Haplo(HaploArgs),
}

/// The control file.
#[derive(Debug, clap::Args)]
struct HaploArgs {
    /// The control file; `-`: stdin.
    control: PathBuf,
    /// What the connector is called; the file's name without its ending, if not given.
    #[arg(long)]
    name: Option<String>,
    /// The code of a managed group; once for each. Codes that stand in the control file are known.
    #[arg(long = "group", value_name = "CODE")]
    groups: Vec<String>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let From::Haplo(args) = args.from;
    let is_stdin = args.control.as_os_str() == "-";
    let place = if is_stdin { "stdin".to_owned() } else { args.control.display().to_string() };
    let text = read(&args.control, is_stdin, &place)?;
    let name = args.name.clone().unwrap_or_else(|| name_of(&args.control, is_stdin));
    let imported = haplo::import(&text, &name, &args.groups).map_err(|error| refusal(&place, error))?;
    for note in &imported.notes {
        context.output.message(format_args!("{place}: {}: {}", note.path, note.message));
    }
    match context.output.is_json() {
        true => context.output.data(&imported, "")?,
        false => context.output.raw(&imported.document)?,
    }
    Ok(Exit::Done)
}

fn name_of(file: &Path, is_stdin: bool) -> String {
    let stem = file.file_stem().filter(|_| !is_stdin).map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| "haplo".to_owned())
}

fn read(file: &Path, is_stdin: bool, place: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let source: Box<dyn Read> = match is_stdin {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(File::open(file).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Refusal::not_found(format!("{place}: there is no such file")),
            _ => Refusal::failed(format!("{place}: can't be read: {error}")),
        })?),
    };
    source.take(LONGEST + 1).read_to_end(&mut bytes).with_context(|| format!("{place}: can't be read"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Refusal::failed(format!("{place}: longer than {LONGEST} bytes; this is no control file")).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refusal::failed(format!("{place}:{line}: not UTF-8; save the control file as UTF-8")).into()
    })
}

fn refusal(place: &str, error: ImportError) -> Refusal {
    Refusal::failed(match error {
        ImportError::Syntax { line, column, message } => format!("{place}:{line}:{column}: is no JSON: {message}"),
        ImportError::Control(errors) => {
            let lines = errors.iter().map(|error| format!("{place}: {}: {}", error.path, error.message));
            lines.collect::<Vec<_>>().join("\n")
        }
    })
}
