//! `muster discard` and `muster cancel`: what ends a run.

use super::{Context, Exit, Refusal, who};
use crate::model::decision::{self, Cancelled, Decider, DecisionError};
use crate::model::run::RunId;
use serde_json::json;

/// Which run, and with which words.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's number.
    run: i32,
    /// Words that stay on the run.
    #[arg(long)]
    comment: Option<String>,
}

/// Refuses the change set of a run that waits for a decision.
pub(super) fn discard(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let (id, by) = (RunId(args.run), who());
    let by = Decider { name: &by, comment: args.comment.as_deref() };
    let session = context.session()?;
    decision::discard(&mut *session.connection()?, id, &by).map_err(refusal)?;
    context.output.data(
        &json!({ "id": id, "decision": "discard" }),
        format_args!("run {id} is discarded; nothing has been written"),
    )?;
    Ok(Exit::Done)
}

/// Stops a run.
pub(super) fn cancel(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let (id, by) = (RunId(args.run), who());
    let by = Decider { name: &by, comment: args.comment.as_deref() };
    let session = context.session()?;
    let cancelled = decision::cancel(&mut *session.connection()?, id, &by).map_err(refusal)?;
    let words = match cancelled {
        Cancelled::AtOnce => "is cancelled; nothing has been written",
        Cancelled::WorkerTold => "is being cancelled: its worker has been told",
    };
    context.output.data(&json!({ "id": id, "decision": "cancel" }), format_args!("run {id} {words}"))?;
    Ok(Exit::Done)
}

/// Why a decision was not carried out, with its exit code.
pub(super) fn refusal(error: DecisionError) -> anyhow::Error {
    match error {
        DecisionError::NotFound(_) => Refusal::not_found(error.to_string()).into(),
        DecisionError::Database(error) => error.into(),
        _ => Refusal::conflict(error.to_string()).into(),
    }
}
