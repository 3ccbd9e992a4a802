//! `muster resume`: applies a change set that waits for a decision.

use super::decide::refusal;
use super::follow::follow;
use super::show::found;
use super::{Context, Exit, who};
use crate::app::App;
use crate::db::DbError;
use crate::model::decision::{self, Decider};
use crate::model::run::{self, RunId};

/// Which run.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's number: blocked, or a dry run that is ready.
    run: i32,
    /// The digest of the change set that was looked at; without it the one that stands there now.
    #[arg(long)]
    digest: Option<String>,
    /// Words that stay on the run.
    #[arg(long)]
    comment: Option<String>,
    /// Wait until the run is over, and write what it did. Works without a server.
    #[arg(long)]
    wait: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    let outcome = resume(context, &app, &args);
    app.close(None)?;
    outcome
}

fn resume(context: &Context, app: &App, args: &Args) -> anyhow::Result<Exit> {
    let id = RunId(args.run);
    {
        let mut conn = app.context.db.get().map_err(DbError::from)?;
        let row = found(run::by_id(&mut conn, id)?, id)?;
        let seen = args.digest.clone().or(row.change_set_digest).unwrap_or_default();
        let by = who();
        let by = Decider { name: &by, comment: args.comment.as_deref() };
        decision::resume(&mut conn, id, &seen, &by, &app.context.enqueue).map_err(refusal)?;
    }
    if args.wait {
        return follow(context, app, id);
    }
    context.output.data(
        &serde_json::json!({ "id": id, "decision": "resume" }),
        format_args!("run {id} is being applied; `muster show {id}` tells how it goes on"),
    )?;
    Ok(Exit::Done)
}
