//! `muster user`: the persons, as JSON or as text.

mod anonymize;
mod block;
mod export;
mod lift;
mod list;
mod matches;
mod merge;
mod show;

use super::{Context, Exit, Refusal, Session};
use crate::model::as_of::{self, AsOf};
use crate::model::person::{self, Person};
use crate::values::moment::read_moment;
use chrono::{DateTime, Utc};
use diesel::PgConnection;

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
    Show(show::Args),
    /// Write everything that is held on a user, as JSON.
    Export(WhoArgs),
    /// Block a user by hand: no run lifts that.
    Block(block::Args),
    /// Take blocks by hand back.
    Unblock(block::Args),
    /// List records of which it is not clear who they are, with whom they may be and why.
    Matches(matches::ListArgs),
    /// Decide who such records are: the next complete run goes by it.
    Match(matches::Args),
    /// Take decisions about records back.
    Unmatch(matches::UndoArgs),
    /// Make two users one: the records and local values of the one are the other's from then on.
    Merge(merge::MergeArgs),
    /// Take a record off a user: it becomes a user of its own, or feeds another one.
    Separate(merge::SeparateArgs),
    /// Take out everything that says who a user was; later runs pass it over. It can't be taken back.
    Anonymize(anonymize::Args),
    /// List who was anonymized, without names; or find whom by a name.
    Anonymized(lift::ListArgs),
    /// Let somebody who was anonymized come back: runs no longer pass the records over.
    Lift(lift::Args),
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
        Command::Show(args) => show::run(context, &session, args),
        Command::Export(args) => export::run(context, &session, &args.id),
        Command::Block(args) => block::block(context, &session, &args),
        Command::Unblock(args) => block::unblock(context, &session, &args),
        Command::Matches(args) => matches::list(context, &session, args),
        Command::Match(args) => matches::decide(context, &session, &args),
        Command::Unmatch(args) => matches::undo(context, &session, &args),
        Command::Merge(args) => merge::merge(context, &session, &args),
        Command::Separate(args) => merge::separate(context, &session, &args),
        Command::Anonymize(args) => anonymize::run(context, &session, &args),
        Command::Anonymized(args) => lift::list(context, &session, &args),
        Command::Lift(args) => lift::run(context, &session, &args),
    }
}

/// A moment as somebody writes it on the command line.
fn moment(text: &str) -> Result<DateTime<Utc>, &'static str> {
    read_moment(text).ok_or("write a moment such as 2026-11-20T10:00:00Z; without a zone it is UTC")
}

/// Now, or then; exit code 4 if that is not known.
fn look_back(conn: &mut PgConnection, moment: Option<DateTime<Utc>>) -> anyhow::Result<AsOf> {
    let Some(moment) = moment else { return Ok(AsOf::Now) };
    as_of::look_back(conn, moment, Utc::now()).map_err(|error| match error {
        as_of::AsOfError::Database(error) => error.into(),
        unknown => Refusal::not_found(unknown.to_string()).into(),
    })
}

/// The user that is meant, or exit code 4; 5, if the name fits several.
fn find(session: &Session, at: &AsOf, id: &str) -> anyhow::Result<Person> {
    let mut conn = session.connection()?;
    if let Ok(number) = id.parse()
        && let Some(person) = person::find(&mut conn, at, number)?
    {
        return Ok(person);
    }
    let mut named = person::named(&mut conn, at, id)?;
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
