//! `muster run`: starts a run, and with `--wait` works on it.

use super::follow::{exit_of, follow};
use super::{Context, Exit, Refusal, who};
use crate::app::App;
use crate::db::DbError;
use crate::model::connector;
use crate::model::run::{self, Mode, NewRun, RunId, StartError, TaskChoice, Trigger};
use clap::ValueEnum;

/// Which connector, and how much of the way.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The connector's name.
    connector: String,
    /// How much of the source the run looks at.
    #[arg(long, value_enum, default_value = "complete")]
    mode: ModeArg,
    /// A single task, to debug; `synchronize` applies the newest dry run or preparation that stands ready.
    #[arg(long, value_enum, default_value = "all")]
    task: TaskArg,
    /// Stop after the preparation: the changes can be read, and applied later with `muster resume`.
    #[arg(long)]
    dry_run: bool,
    /// Prepare the extraction of that run again, as a dry run: `muster resume` applies it.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["mode", "task"])]
    replay: Option<i32>,
    /// Replay with the configuration that the run used, not with the one in use now.
    #[arg(long, requires = "replay")]
    own_configuration: bool,
    /// Wait until the run is over or blocked, and write what it did. Works without a server.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeArg {
    Complete,
    Incremental,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TaskArg {
    All,
    Export,
    Prepare,
    Synchronize,
    UpdateExpressions,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    if args.dry_run && args.task == TaskArg::Synchronize {
        return Err(Refusal::usage("a dry run does not synchronize; leave out --dry-run or --task").into());
    }
    let app = App::open(context.config.clone())?;
    let outcome = start_and_follow(context, &app, &args);
    app.close(None)?;
    outcome
}

fn start_and_follow(context: &Context, app: &App, args: &Args) -> anyhow::Result<Exit> {
    let id = {
        let mut conn = app.context.db.get().map_err(DbError::from)?;
        let connector = connector::by_name(&mut conn, &args.connector)?.ok_or_else(|| {
            Refusal::not_found(format!("there is no connector {:?}; `muster export` lists all", args.connector))
        })?;
        let by = who();
        let new = NewRun {
            started_by: Some(&by),
            task: match args.task {
                TaskArg::Export => TaskChoice::Export,
                TaskArg::Prepare => TaskChoice::Prepare,
                TaskArg::Synchronize => TaskChoice::Synchronize,
                TaskArg::UpdateExpressions => TaskChoice::UpdateExpressions,
                TaskArg::All => TaskChoice::All,
            },
            dry_run: args.dry_run,
            replays: args.replay.map(RunId),
            own_configuration: args.own_configuration,
            ..NewRun::new(connector.id, mode(args), Trigger::Person)
        };
        run::start(&mut conn, &new, &app.context.enqueue).map_err(refusal)?
    };
    if args.wait {
        return follow(context, app, id);
    }
    context.output.data(
        &serde_json::json!({ "id": id, "connector": args.connector, "state": "queued" }),
        format_args!("run {id} of {} is queued; `muster show {id}` tells how it goes on", args.connector),
    )?;
    let mut conn = app.context.db.get().map_err(DbError::from)?;
    Ok(run::by_id(&mut conn, id)?.map_or(Exit::Done, |run| exit_of(&run).unwrap_or(Exit::Done)))
}

fn mode(args: &Args) -> Mode {
    match (args.replay, args.task, args.mode) {
        (Some(_), ..) => Mode::Replay,
        (None, TaskArg::UpdateExpressions, _) => Mode::UpdateExpressions,
        (None, _, ModeArg::Complete) => Mode::Complete,
        (None, _, ModeArg::Incremental) => Mode::Incremental,
    }
}

fn refusal(error: StartError) -> anyhow::Error {
    match error {
        StartError::Database(error) => error.into(),
        reason => Refusal::conflict(reason.to_string()).into(),
    }
}
