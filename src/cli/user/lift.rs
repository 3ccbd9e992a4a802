//! `muster user anonymized` and `lift`: who is passed over by runs, as far as that is known, and letting somebody come back.

use crate::cli::{Context, Exit, Refusal, Session, who};
use crate::model::anonymization::{self, Anonymization, AnonymizationFilter};
use crate::pipeline::anonymizing::lifting::{self, LiftError};
use chrono::Utc;
use serde_json::json;

/// Rows that are read at once.
const AT_ONCE: i64 = 1000;

/// Whom the list shows.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only whoever had this mail address, user name or key; it has to be written in full.
    name: Option<String>,
}

/// Which suppression, why, and that it is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The number of the anonymization, from `muster user anonymized`.
    number: i64,
    /// Why: it stands in the audit log. Write no name.
    #[arg(long, value_name = "WORDS")]
    reason: String,
    /// Do it; without this only what would be done is told.
    #[arg(long)]
    yes: bool,
}

pub(super) fn list(context: &Context, session: &Session, args: &ListArgs) -> anyhow::Result<Exit> {
    let mut conn = session.connection()?;
    let ids = match &args.name {
        Some(name) => Some(lifting::of_name(&mut conn, &context.config.secret_key_file, name)?),
        None => None,
    };
    let mut filter = AnonymizationFilter { ids, before: None };
    let mut is_empty = true;
    loop {
        let found = anonymization::page(&mut conn, &filter, AT_ONCE)?;
        let Some(last) = found.last() else { break };
        (filter.before, is_empty) = (Some(last.id), false);
        for one in &found {
            context.output.data(one, in_words(one))?;
        }
    }
    if is_empty {
        context.output.message("nobody who was anonymized is known by that");
    }
    Ok(Exit::Done)
}

pub(super) fn run(context: &Context, session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let mut conn = session.connection()?;
    if !args.yes {
        let filter = AnonymizationFilter { ids: Some(vec![args.number]), before: None };
        let found = anonymization::page(&mut conn, &filter, 1)?.pop();
        let one = found.ok_or_else(|| refusal(LiftError::NotFound(args.number)))?;
        return Err(Refusal::usage(format!(
            "{}: runs would no longer pass this user over, and the next complete one would bring it back, as a new one. \
             Say --yes if it is meant",
            in_words(&one)
        ))
        .into());
    }
    let lifted = lifting::lift(&mut conn, args.number, &args.reason, &who(), Utc::now()).map_err(refusal)?;
    context.output.data(
        &json!({ "anonymization": lifted.id, "user": lifted.person_id, "outcome": "lifted" }),
        format_args!(
            "suppression {} is lifted; the next complete run that reads the records brings the user back, as a new one",
            lifted.id
        ),
    )?;
    Ok(Exit::Done)
}

fn in_words(one: &Anonymization) -> String {
    let standing = match (&one.lifted_at, &one.lifted_by) {
        (Some(at), Some(by)) => {
            let reason = one.reason.as_deref().unwrap_or_default();
            format!("lifted {} by {by}: {reason}", at.format("%Y-%m-%d"))
        }
        _ => "passed over".to_owned(),
    };
    format!(
        "{:>6}  user {}  anonymized {} by {}  {standing}",
        one.id,
        one.person_id,
        one.anonymized_at.format("%Y-%m-%d"),
        one.anonymized_by
    )
}

fn refusal(error: LiftError) -> anyhow::Error {
    match error {
        LiftError::NotFound(_) => Refusal::not_found(format!("{error}; `muster user anonymized` lists all")).into(),
        LiftError::Lifted(_) | LiftError::Applying => Refusal::conflict(error.to_string()).into(),
        LiftError::Reason => Refusal::usage(error.to_string()).into(),
        LiftError::Database(error) => error.into(),
    }
}
