//! `muster serve`: pages and workers until SIGTERM or SIGINT.

use super::{Context, Exit};
use crate::app::{App, Role, Services};
use crate::model::account;
use crate::web::links;

/// What this process does.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pages, work, or both.
    #[arg(long, value_enum, default_value = "all")]
    role: Role,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    app.stop_on_signals()?;
    let services = answer(context, &app, args.role)?;
    app.close(Some(services))?;
    Ok(Exit::Done)
}

/// Begins, says where Muster answers, and waits until the process is told to stop.
pub(super) fn answer(context: &Context, app: &App, role: Role) -> anyhow::Result<Services> {
    let services = app.serve(role)?;
    for address in &services.addresses {
        context.output.message(format_args!("Muster answers at http://{address}"));
    }
    if services.addresses.is_empty() {
        context.output.message("Muster works on runs; it answers no pages in this role");
    } else {
        invite_first_administrator(context, app)?;
    }
    app.wait();
    Ok(services)
}

/// As long as no administrator has a password, each start prints a new one-time sign-in; the one before is void.
fn invite_first_administrator(context: &Context, app: &App) -> anyhow::Result<()> {
    let mut connection = app.context.db.get()?;
    let now = chrono::Utc::now();
    if let Some((name, token)) = account::invite_first_administrator(&mut connection, now)? {
        let address = context.config.public_url.trim_end_matches('/');
        context
            .output
            .message(format_args!("Sign in once as {name} and choose a password: {address}{}", links::welcome(&token)));
    }
    Ok(())
}
