//! `muster user block` and `unblock`: by hand, with a reason.

use crate::cli::{Context, Exit, Refusal, Session, who};
use crate::model::as_of::AsOf;
use crate::model::person::blocking::{self, BlockError};
use chrono::Utc;
use serde_json::json;

/// Which user, and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The user's id; or its user name, mail or employee id.
    id: String,
    /// Why: it stands on the profile and in the audit log.
    #[arg(long, value_name = "WORDS")]
    reason: String,
}

pub(super) fn block(context: &Context, session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, &args.id)?;
    blocking::block(&mut *session.connection()?, person.id, &who(), &args.reason, Utc::now()).map_err(refusal)?;
    let words = format_args!("user {} is blocked; no run lifts that", person.id);
    context.output.data(&json!({ "id": person.id, "blocked": true }), words)?;
    Ok(Exit::Done)
}

pub(super) fn unblock(context: &Context, session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, &args.id)?;
    blocking::unblock(&mut *session.connection()?, person.id, &who(), &args.reason, Utc::now()).map_err(refusal)?;
    let words = format_args!("user {} is no longer blocked by hand", person.id);
    context.output.data(&json!({ "id": person.id, "blocked_by_hand": false }), words)?;
    Ok(Exit::Done)
}

fn refusal(error: BlockError) -> anyhow::Error {
    match error {
        BlockError::Database(error) => error.into(),
        BlockError::NoPerson(_) => Refusal::not_found(error.to_string()).into(),
        BlockError::NotBlocked | BlockError::Busy => Refusal::conflict(error.to_string()).into(),
    }
}
