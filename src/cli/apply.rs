//! `muster apply`: makes documents the configuration that runs use.

use super::input::{self, Input};
use super::{Context, Exit, who};
use crate::db::DbConnection;
use crate::document::{self, Document};
use crate::model::configuration::{self, Outcome};
use crate::model::{connector, settings};
use serde_json::json;
use std::path::PathBuf;

/// Which documents.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Documents, or folders with documents (*.toml); `-` or none: stdin.
    paths: Vec<PathBuf>,
    /// Only check, and say what would happen.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let mut inputs = input::read(&args.paths)?;
    let session = context.session()?;
    let mut connection = session.connection()?;
    // What spans connectors comes last, when the connectors that it names are there.
    inputs.sort_by_key(|input| matches!(input.document, Document::Settings { .. }));
    for input in &inputs {
        check(&mut connection, &input.document)?;
        let (outcome, version, messages) =
            if args.dry_run { would_apply(&mut connection, &input.document)? } else { apply(&mut connection, input)? };
        let subject = input.document.subject();
        for message in &messages {
            context.output.message(message);
        }
        let words = match (outcome, args.dry_run) {
            (Outcome::Created, false) => format!("created, version {version}"),
            (Outcome::Changed, false) => format!("changed, now version {version}"),
            (Outcome::Created, true) => "would be created".to_owned(),
            (Outcome::Changed, true) => format!("would be changed, to version {version}"),
            (Outcome::Unchanged, _) => format!("unchanged, version {version}"),
        };
        context.output.data(
            &json!({ "document": subject, "outcome": outcome, "version": version, "dry_run": args.dry_run,
                     "messages": messages }),
            format_args!("{subject}: {words}"),
        )?;
    }
    Ok(Exit::Done)
}

fn apply(connection: &mut DbConnection, input: &Input) -> anyhow::Result<(Outcome, i32, Vec<String>)> {
    let applied = match &input.document {
        Document::Connector { text, definition } => configuration::apply(connection, text, definition, &who())?,
        Document::Settings { text, definition } => {
            let before =
                settings::current(connection)?.map(|stored| document::settings(&stored.document)).transpose()?;
            settings::apply(connection, text, definition, before.as_ref(), &who())?
        }
    };
    Ok((applied.outcome, applied.version, applied.messages))
}

/// Guards have defaults in the settings: whether each operation keeps one is seen only with both documents at hand.
fn check(connection: &mut DbConnection, document: &Document) -> anyhow::Result<()> {
    match document {
        Document::Connector { text, .. } => {
            document::connector_under(text, &document::settings_in_force(connection)?).map_err(|errors| {
                anyhow::anyhow!("{}, with the defaults of the settings: {errors}", document.subject())
            })?;
        }
        Document::Settings { definition, .. } => {
            for connector in connector::list(connection)? {
                let text = configuration::current(connection, &connector)?.document;
                let readable = document::connector(&text).is_ok();
                if let (true, Err(errors)) = (readable, document::connector_under(&text, definition)) {
                    anyhow::bail!("with these settings connector {} would be refused: {errors}", connector.name);
                }
            }
        }
    }
    Ok(())
}

/// What [`apply`] would say; nothing is written.
fn would_apply(connection: &mut DbConnection, document: &Document) -> anyhow::Result<(Outcome, i32, Vec<String>)> {
    let stored = stored(connection, document)?;
    Ok(match stored {
        None => (Outcome::Created, 1, Vec::new()),
        Some((version, text)) if text == document.text() => (Outcome::Unchanged, version, Vec::new()),
        Some((version, _)) => (Outcome::Changed, version + 1, Vec::new()),
    })
}

/// Version and text of what is stored under the document's name.
pub(super) fn stored(connection: &mut DbConnection, document: &Document) -> anyhow::Result<Option<(i32, String)>> {
    Ok(match document {
        Document::Settings { .. } => settings::current(connection)?.map(|stored| (stored.version, stored.document)),
        Document::Connector { definition, .. } => match connector::by_name(connection, &definition.name)? {
            Some(connector) => {
                let stored = configuration::current(connection, &connector)?;
                Some((stored.version, stored.document))
            }
            None => None,
        },
    })
}
