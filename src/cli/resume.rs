//! `muster resume`: applies a change set that waits for a decision, or what is left of it; `muster hold`: refuses some of
//! its changes and remembers that.

use super::decide::refusal;
use super::follow::follow;
use super::show::found;
use super::{Context, Exit, Refusal, filter, who};
use crate::app::App;
use crate::db::{DbConnection, DbError};
use crate::model::change::Selection;
use crate::model::decision::{self, Decider, DecisionError, LeftOut, Rest, Without};
use crate::model::run::{self, RunId};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Value, json};

/// Which run, and what of it.
#[derive(Debug, clap::Args)]
#[command(after_help = filter::HELP)]
pub(super) struct Args {
    /// The run's number: blocked, or a dry run that is ready.
    run: i32,
    /// The digest of the change set that was looked at; without it the one that stands there now.
    #[arg(long)]
    digest: Option<String>,
    /// Words that stay on the run.
    #[arg(long)]
    comment: Option<String>,
    /// Leave out the changes that match; may be given several times.
    #[arg(long, value_name = "FILTER")]
    without: Vec<String>,
    /// Leave them out of later runs as well, until they differ or are released.
    #[arg(long, requires = "without")]
    hold: bool,
    /// The day from which a hold is over by itself.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "hold")]
    until: Option<NaiveDate>,
    /// Wait until the run is over, and write what it did. Works without a server.
    #[arg(long)]
    wait: bool,
}

/// Which run, and which of its changes are refused.
#[derive(Debug, clap::Args)]
#[command(after_help = filter::HELP)]
pub(super) struct HoldArgs {
    /// The run's number: blocked, or a dry run that is ready.
    run: i32,
    /// Which changes.
    #[arg(required = true, value_name = "FILTER")]
    filters: Vec<String>,
    /// The day from which the hold is over by itself.
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<NaiveDate>,
    /// The digest of the change set that was looked at; without it the one that stands there now.
    #[arg(long)]
    digest: Option<String>,
    /// Why; it stays on the hold and on the run.
    #[arg(long)]
    comment: Option<String>,
    /// Wait until the run rests again, and write what it would do. Works without a server.
    #[arg(long)]
    wait: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    if args.without.is_empty() {
        return decide(context, args.run, args.digest, args.comment, args.wait, |conn, app, id, seen, by| {
            decision::resume(conn, id, seen, by, &app.context.enqueue)?;
            Ok((json!({ "id": id, "decision": "resume" }), format!("run {id} is being applied")))
        });
    }
    let without = without(&args.without, args.hold, args.until, Rest::Apply)?;
    decide(context, args.run, args.digest, args.comment, args.wait, |conn, app, id, seen, by| {
        let out = decision::leave_out(conn, id, seen, &without, by, &app.context.enqueue)?;
        let what = format!("run {id} is being prepared anew without {} changes, then applied", out.changes);
        Ok((report(id, "resume_without", out), what))
    })
}

/// Holds changes of a run, and sends it back to the guards.
pub(super) fn hold(context: &Context, args: HoldArgs) -> anyhow::Result<Exit> {
    let without = without(&args.filters, true, args.until, Rest::LookAgain)?;
    decide(context, args.run, args.digest, args.comment, args.wait, |conn, app, id, seen, by| {
        let out = decision::leave_out(conn, id, seen, &without, by, &app.context.enqueue)?;
        let what = format!("{} changes are held; run {id} is being prepared anew without them", out.changes);
        Ok((report(id, "hold", out), what))
    })
}

fn without(filters: &[String], hold: bool, until: Option<NaiveDate>, rest: Rest) -> anyhow::Result<Without> {
    let due_at = until.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    if due_at.is_some_and(|due_at: DateTime<Utc>| due_at <= Utc::now()) {
        return Err(Refusal::usage("a hold can't end before it begins; name a day to come").into());
    }
    let selection = Selection { filters: filter::parse(filters)?, ..Selection::default() };
    Ok(Without { selection, hold, due_at, rest })
}

fn report(id: RunId, decision: &str, out: LeftOut) -> Value {
    json!({ "id": id, "decision": decision, "left_out": out.changes, "left": out.left, "moved": out.moved })
}

fn decide(
    context: &Context,
    run: i32,
    digest: Option<String>,
    comment: Option<String>,
    wait: bool,
    decide: impl FnOnce(&mut DbConnection, &App, RunId, &str, &Decider<'_>) -> Result<(Value, String), DecisionError>,
) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    let outcome = || -> anyhow::Result<Exit> {
        let id = RunId(run);
        let mut conn = app.context.db.get().map_err(DbError::from)?;
        let row = found(run::by_id(&mut conn, id)?, id)?;
        let seen = digest.or(row.change_set_digest).unwrap_or_default();
        let by = who();
        let by = Decider { name: &by, comment: comment.as_deref() };
        let decided = decide(&mut conn, &app, id, &seen, &by);
        drop(conn);
        if let (true, Err(moved @ (DecisionError::PreparesAnew(_) | DecisionError::ConfigurationMoved { .. }))) =
            (wait, &decided)
        {
            // Nobody else may be there to prepare it anew. What was asked for is refused all the same.
            context.output.message(moved);
            return Ok(match follow(context, &app, id)? {
                Exit::Done => Exit::Done,
                _ => Exit::Conflict,
            });
        }
        let (json, words) = decided.map_err(refusal)?;
        if wait {
            return follow(context, &app, id);
        }
        context.output.data(&json, format_args!("{words}; `muster show {id}` tells how it goes on"))?;
        Ok(Exit::Done)
    };
    let outcome = outcome();
    app.close(None)?;
    outcome
}
