//! `muster demo`: a believable organization of a few thousand people with a fortnight of history, then the pages.
//!
//! The organization lives in `MUSTER_DATA_DIR/demo`: HR's files, the campus feed and, where OpenLDAP's server is
//! installed, a real directory that runs as long as the demonstration does. Its history is made by real runs over
//! changing sources. What is there already is not made again.

mod campus;
mod company;
mod dice;
mod directory;
mod hr;
mod names;
mod stage;
mod story;

use super::{Context, Exit, Refusal, serve};
use crate::app::{App, Role, Services};
use company::Company;
use stage::Stage;
use story::STORY;

/// Whether it goes on to serve.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Make the organization and its history, and end.
    #[arg(long)]
    no_serve: bool,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let app = App::open(context.config.clone())?;
    let played = play(context, &app, &args);
    let (services, outcome) = match played {
        Ok(services) => (services, Ok(Exit::Done)),
        Err(error) => (None, Err(error)),
    };
    app.close(services)?;
    outcome
}

/// Tells what has not been told yet, then answers until told to stop. The directory ends before the workers do: what
/// reads it then is given back, and read again by the next start.
fn play(context: &Context, app: &App, args: &Args) -> anyhow::Result<Option<Services>> {
    app.stop_on_signals()?;
    let mut stage = Stage::set(context, app)?;
    tell(context, app, &mut stage)?;
    if args.no_serve || app.stop.is_asked() {
        return Ok(None);
    }
    serve::answer(context, app, Role::All).map(Some)
}

fn tell(context: &Context, app: &App, stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let told = match stage.told()? {
        Some(told) => told,
        None if stage.is_in_use()? => {
            return Err(Refusal::conflict(
                "this database holds connectors already; the demonstration needs an empty one: set MUSTER_DATA_DIR to \
                 a new folder, and leave DATABASE_URL unset",
            )
            .into());
        }
        None => {
            context.output.message("Making an organization and its history; this happens once and takes a minute");
            stage.note(0)?;
            0
        }
    };
    if told >= STORY.len() {
        return stage.raise_directory();
    }
    stage.apply_documents()?;
    let mut company = Company::founded();
    for (position, chapter) in STORY.iter().enumerate() {
        (chapter.change)(&mut company);
        if position < told {
            continue;
        }
        context.output.message(format_args!("{:2} {}", position + 1, chapter.title));
        stage.tell(chapter, &company)?;
        if app.stop.is_asked() {
            return Ok(());
        }
        stage.note(position + 1)?;
    }
    Ok(())
}
