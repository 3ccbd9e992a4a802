//! `muster user anonymize`: takes out everything that says who a user was.

use crate::cli::{Context, Exit, Refusal, Session, who};
use crate::model::as_of::AsOf;
use crate::pipeline::anonymizing::{self, AnonymizeError};
use crate::pipeline::cleaning;
use crate::store::Store;
use chrono::Utc;
use serde_json::json;

/// Which user, and that it is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The user's id; or its user name, mail or employee id.
    id: String,
    /// Yes: it can't be taken back.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(context: &Context, session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let person = super::find(session, &AsOf::Now, &args.id)?;
    if !args.yes {
        return Err(Refusal::usage(format!(
            "user {} would be gone from profile, history, changes, problems and extractions, and later runs would pass \
             it over; this can't be taken back. Say --yes if it is meant",
            person.id
        ))
        .into());
    }
    let store = Store::open(&context.config)?;
    let key_file = &context.config.secret_key_file;
    let mut conn = session.connection()?;
    let done = anonymizing::anonymize(&mut conn, key_file, person.id, &who(), Utc::now()).map_err(refusal)?;
    anonymizing::forget_snapshots(&mut conn, &store)?;
    let cleaned = cleaning::clean(&mut conn, &store, key_file, Utc::now())?;
    if cleaned.postponed > 0 {
        context.output.message(format_args!(
            "{} extractions belong to connectors that are at work; they are cleaned by the server, within an hour",
            cleaned.postponed
        ));
    }
    context.output.data(
        &json!({ "user": person.id, "outcome": "anonymized", "records": done.records, "changes": done.changes,
                 "extractions_cleaned": cleaned.clean, "extractions_postponed": cleaned.postponed }),
        format_args!("user {}: anonymized; later runs pass it over", person.id),
    )?;
    Ok(Exit::Done)
}

fn refusal(error: AnonymizeError) -> anyhow::Error {
    match error {
        AnonymizeError::NotFound(_) => Refusal::not_found(error.to_string()).into(),
        AnonymizeError::AtWork { .. } | AnonymizeError::Applying => Refusal::conflict(error.to_string()).into(),
        other => other.into(),
    }
}
