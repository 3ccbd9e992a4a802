//! `muster runs`: the newest runs.

use super::{Context, Exit};
use crate::model::connector;
use crate::model::run::{self, Page};
use crate::model::run_report;
use crate::model::task;
use chrono::Utc;
use std::collections::HashMap;

/// Which runs.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only runs of this connector.
    connector: Option<String>,
    /// How many, newest first.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let only = args.connector.map(|name| session.connector(&name)).transpose()?;
    let mut conn = session.connection()?;
    let names: HashMap<_, _> =
        connector::list(&mut conn)?.into_iter().map(|connector| (connector.id, connector.name)).collect();
    let page = Page { connector_id: only.map(|connector| connector.id), limit: args.limit, ..Page::default() };
    let runs = run::page(&mut conn, &page)?;
    if runs.is_empty() {
        context.output.message("no runs yet; `muster run CONNECTOR --wait` starts one");
    }
    for run in runs {
        let name = names.get(&run.connector_id).cloned().unwrap_or_default();
        let tasks = task::of(&mut conn, run.id)?;
        let report = run_report::report(run, name, &tasks, Utc::now());
        let started = report.started_at.map_or_else(|| "-".to_owned(), |at| at.format("%F %T %Z").to_string());
        let dry = if report.dry_run { ", dry" } else { "" };
        let text = format!(
            "{:>6}  {:<23}  {:<16}  {}{dry}  {started}  {}",
            report.id,
            report.state.as_str().replace('_', " "),
            report.connector,
            report.mode,
            figures(&report),
        );
        context.output.data(&report, text)?;
    }
    Ok(Exit::Done)
}

fn figures(report: &run_report::RunReport) -> String {
    let sum = |figure: fn(&run_report::EntityTypeReport) -> u64| report.entity_types.iter().map(figure).sum::<u64>();
    format!(
        "+{} ~{} -{} !{}",
        sum(|counts| counts.inserted),
        sum(|counts| counts.updated),
        sum(|counts| counts.deleted),
        sum(|counts| counts.rejected)
    )
}
