//! `muster diff`: what `muster apply` would change. Exit code 0: nothing, 1: something, 2: an error.

use super::{Context, Exit, apply, input};
use crate::values::lines;
use serde_json::json;
use std::path::PathBuf;

/// Which documents.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Documents, or folders with documents (*.toml); `-`: stdin.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let inputs = input::read(&args.paths)?;
    let session = context.session()?;
    let mut connection = session.connection()?;
    let mut exit = Exit::Done;
    for input in &inputs {
        let subject = input.document.subject();
        let stored = apply::stored(&mut connection, &input.document)?;
        let outcome = match &stored {
            None => "new",
            Some((_, text)) if text == input.document.text() => "same",
            Some(_) => "changed",
        };
        let before = stored.as_ref().map_or("", |(_, text)| text.as_str());
        let difference = lines::difference(before, input.document.text());
        if outcome == "same" {
            if context.output.is_json() {
                context.output.data(&json!({ "document": subject, "outcome": outcome }), "")?;
            }
            continue;
        }
        exit = Exit::Failed;
        let from = stored.as_ref().map_or("nothing".to_owned(), |(version, _)| format!("version {version}"));
        context.output.data(
            &json!({ "document": subject, "outcome": outcome, "difference": difference }),
            format_args!("--- {subject}, {from}\n+++ {}\n{}", input.place, difference.trim_end_matches('\n')),
        )?;
    }
    Ok(exit)
}
