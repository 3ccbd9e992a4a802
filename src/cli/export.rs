//! `muster export`: the stored documents, as they were applied. `muster export | muster apply` changes nothing.

use super::{Context, Exit, Refusal};
use crate::document;
use crate::model::{configuration, connector, settings};
use serde_json::{Value, json};

/// Which documents.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this connector; without it, all connectors and the settings.
    connector: Option<String>,
    /// Only the settings.
    #[arg(long, conflicts_with = "connector")]
    settings: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let connectors = match (&args.connector, args.settings) {
        (Some(name), _) => vec![session.connector(name)?],
        (None, true) => Vec::new(),
        (None, false) => connector::list(&mut *session.connection()?)?,
    };
    let mut connection = session.connection()?;
    let mut texts: Vec<(Value, String)> = Vec::new();
    for connector in &connectors {
        let stored = configuration::current(&mut connection, connector)?;
        let fields = json!({ "connector": connector.name, "version": stored.version, "document": stored.document });
        texts.push((fields, stored.document));
    }
    if args.connector.is_none() {
        match settings::current(&mut connection)? {
            Some(stored) => {
                let fields = json!({ "settings": true, "version": stored.version, "document": stored.document });
                texts.push((fields, stored.document));
            }
            None if args.settings => return Err(Refusal::not_found("no settings were applied yet").into()),
            None => {}
        }
    }
    if context.output.is_json() {
        for (fields, _) in &texts {
            context.output.data(fields, "")?;
        }
    } else {
        context.output.raw(&document::join(texts.iter().map(|(_, text)| text.as_str())))?;
    }
    Ok(Exit::Done)
}
