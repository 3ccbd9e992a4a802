//! `muster holds` and `muster release`: what is left out of later runs, and letting it through again.

use super::{Context, Exit, Refusal, who};
use crate::model::hold::{self, Hold, HoldFilter};
use serde_json::json;

/// Rows that are read at once.
const AT_ONCE: i64 = 1000;

/// Whose holds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only those of this connector.
    connector: Option<String>,
    /// Those that are over.
    #[arg(long)]
    ended: bool,
}

/// Which holds end.
#[derive(Debug, clap::Args)]
pub(super) struct ReleaseArgs {
    /// Their numbers, from `muster holds`.
    #[arg(required_unless_present = "all")]
    holds: Vec<i64>,
    /// All of this connector instead.
    #[arg(long, value_name = "CONNECTOR", conflicts_with = "holds")]
    all: Option<String>,
}

pub(super) fn list(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let connector = args.connector.map(|name| session.connector(&name)).transpose()?;
    let connector = connector.map(|connector| connector.id);
    let mut filter = HoldFilter { connector, ended: args.ended, ..HoldFilter::default() };
    loop {
        let holds = hold::page(&mut *session.connection()?, &filter, AT_ONCE)?;
        let Some(last) = holds.last() else { return Ok(Exit::Done) };
        filter.before = Some(last.id);
        for hold in &holds {
            context.output.data(hold, in_words(hold))?;
        }
    }
}

fn in_words(hold: &Hold) -> String {
    let scope = hold.entity_type.as_ref().or(hold.association.as_ref()).map_or("", String::as_str);
    let target = hold.to_key.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
    let until = hold.due_at.map(|due| format!(" until {}", due.format("%Y-%m-%d"))).unwrap_or_default();
    let reason = hold.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let ended = match (&hold.ended_why, &hold.ended_by) {
        (Some(why), Some(by)) => format!("  ended: {why}, by {by}"),
        (Some(why), None) => format!("  ended: {why}"),
        _ => String::new(),
    };
    format!(
        "{}  {}  {} {scope} {}{target}  held by {} since {}{until}{reason}{ended}",
        hold.id,
        hold.connector,
        hold.operation,
        hold.key,
        hold.held_by,
        hold.held_at.format("%Y-%m-%d")
    )
}

pub(super) fn release(context: &Context, args: ReleaseArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let mut conn = session.connection()?;
    let released = match args.all {
        Some(name) => {
            let filter = HoldFilter { connector: Some(session.connector(&name)?.id), ..HoldFilter::default() };
            hold::release(&mut conn, &filter, &who())?
        }
        None => hold::release_these(&mut conn, &args.holds, &who())?,
    };
    if released == 0 {
        return Err(Refusal::not_found("no such hold stands; `muster holds` lists those that do").into());
    }
    let words = format_args!("{released} released; the next run proposes what they held");
    context.output.data(&json!({ "released": released }), words)?;
    Ok(Exit::Done)
}
