//! `muster migrate`: tables up to date. Every other command does so as well; this one does nothing else.

use super::{Context, Exit};
use serde_json::json;

/// Nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(context: &Context, _: Args) -> anyhow::Result<Exit> {
    context.session()?;
    context.output.data(&json!({ "outcome": "up_to_date" }), "The database's tables are up to date.")?;
    Ok(Exit::Done)
}
