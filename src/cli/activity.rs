//! `muster activate` and `muster deactivate`.

use super::{Context, Exit, who};
use crate::model::connector;
use serde_json::json;

/// Which connector.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name.
    connector: String,
}

pub(super) fn run(context: &Context, args: Args, active: bool) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let connector = session.connector(&args.connector)?;
    let changed = connector::set_active(&mut *session.connection()?, &connector, active, &who())?;
    let state = if active { "active" } else { "deactivated" };
    let words = if changed { "now" } else { "already" };
    context.output.data(
        &json!({ "connector": connector.name, "active": active, "changed": changed }),
        format_args!("connector {}: {words} {state}", connector.name),
    )?;
    Ok(Exit::Done)
}
