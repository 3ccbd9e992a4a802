//! `muster revert`: takes back what an applied run has changed.

use super::follow::{exit_of, follow};
use super::{Context, Exit, Refusal, who};
use crate::app::App;
use crate::db::DbError;
use crate::model::revert::{self, RevertError, Wish};
use crate::model::run::{self, Afterwards, RunId, StartError, Trigger};

/// Which run, and how far.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run's number; it must have been applied.
    run: i32,
    /// Stop after the preparation: the inverse can be read, and applied later with `muster resume`.
    #[arg(long)]
    dry_run: bool,
    /// Take the connector out of the scheduled jobs as well, so that its next run does not bring the changes back.
    #[arg(long)]
    deactivate: bool,
    /// Hold what was taken back: later runs leave these changes out until their source says something else, or they are
    /// released.
    #[arg(long, conflicts_with = "deactivate")]
    hold: bool,
    /// Wait until the run is over or blocked, and write what it did. Works without a server.
    #[arg(long)]
    wait: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    let outcome = start_and_follow(context, &app, &args);
    app.close(None)?;
    outcome
}

fn start_and_follow(context: &Context, app: &App, args: &Args) -> anyhow::Result<Exit> {
    let by = who();
    let wish = Wish {
        by: &by,
        trigger: Trigger::Person,
        dry_run: args.dry_run,
        afterwards: match (args.hold, args.deactivate) {
            (true, _) => Some(Afterwards::Hold),
            (_, true) => Some(Afterwards::Deactivate),
            _ => None,
        },
    };
    let id = {
        let mut conn = app.context.db.get().map_err(DbError::from)?;
        revert::start(&mut conn, RunId(args.run), &wish, &app.context.enqueue).map_err(refusal)?
    };
    if args.wait {
        return follow(context, app, id);
    }
    context.output.data(
        &serde_json::json!({ "id": id, "reverts": args.run, "state": "queued" }),
        format_args!("run {id} reverts run {}; `muster show {id}` tells how it goes on", args.run),
    )?;
    let mut conn = app.context.db.get().map_err(DbError::from)?;
    Ok(run::by_id(&mut conn, id)?.map_or(Exit::Done, |run| exit_of(&run).unwrap_or(Exit::Done)))
}

fn refusal(error: RevertError) -> anyhow::Error {
    match error {
        RevertError::NotFound(_) => Refusal::not_found(error.to_string()).into(),
        RevertError::Database(error) | RevertError::Start(StartError::Database(error)) => error.into(),
        reason => Refusal::conflict(reason.to_string()).into(),
    }
}
