//! `muster user`: the persons, as JSON or as text.

mod export;
mod list;
mod record;
mod show;

use super::{Context, Exit, Refusal, Session};
use crate::model::person::{self, Person};

/// What to do with which users.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List users.
    List(list::Args),
    /// Show a user: every value with where it is from.
    Show(WhoArgs),
    /// Write everything that is held on a user, as JSON.
    Export(WhoArgs),
}

/// Which user.
#[derive(Debug, clap::Args)]
struct WhoArgs {
    /// The user's id; or its user name, mail or employee id.
    id: String,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let session = context.session()?;
    match args.command {
        Command::List(args) => list::run(context, &session, args),
        Command::Show(args) => show::run(context, &session, &args.id),
        Command::Export(args) => export::run(context, &session, &args.id),
    }
}

/// The user that is meant, or exit code 4; 5, if the name fits several.
fn find(session: &Session, id: &str) -> anyhow::Result<Person> {
    let mut conn = session.connection()?;
    if let Ok(number) = id.parse()
        && let Some(person) = person::find(&mut conn, number)?
    {
        return Ok(person);
    }
    let mut named = person::named(&mut conn, id)?;
    match (named.pop(), named.is_empty()) {
        (Some(person), true) => Ok(person),
        (Some(last), false) => {
            let ids: Vec<String> = named.iter().chain([&last]).map(|person| person.id.to_string()).collect();
            Err(Refusal::conflict(format!("several users are called that; name one by its id: {}", ids.join(", ")))
                .into())
        }
        (None, _) => Err(Refusal::not_found(
            "there is no user with this id, user name, mail or employee id; `muster user list` lists all",
        )
        .into()),
    }
}
