//! The command line (SPEC 9.1).
//!
//! One command is one file below `cli/`, with a struct `Args` (what may be written behind it) and a function `run`.
//! A new command is that file, its line in `Command`, and its line in `Command::run`.
//!
//! Data goes to stdout, as text or with `--json` as one JSON object a line; messages go to stderr. What a command needs
//! of the database it gets from [`Context::session`], which also starts or joins the private PostgreSQL. Every command
//! works with or without a running server.

mod account;
mod activity;
mod apply;
mod check;
mod decide;
mod demo;
mod diff;
mod doctor;
mod exit;
mod export;
mod export_child;
mod filter;
mod follow;
mod holds;
mod import;
mod input;
mod logging;
mod migrate;
mod output;
mod propose;
mod resume;
mod revert;
mod run;
mod runs;
mod serve;
mod session;
mod show;
mod token;
mod upload;
mod user;

pub use exit::{Exit, Refusal};
pub use output::Output;
pub use session::{Session, who};

use crate::config::Config;
use crate::secret::trust_folders;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Keeps user profiles, groups and memberships in step with the systems they come from.
#[derive(Debug, Parser)]
#[command(name = "muster", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Write data as JSON, one object a line.
    #[arg(long, global = true)]
    json: bool,
}

/// Every command there is.
#[derive(Debug, Subcommand)]
enum Command {
    /// Answer pages and work on runs until told to stop.
    Serve(serve::Args),
    /// Make an organization to look at, with a history, and serve it.
    Demo(demo::Args),
    /// Bring the database's tables up to date.
    Migrate(migrate::Args),
    /// Make documents the configuration that runs use.
    Apply(apply::Args),
    /// Show what `apply` would change: exit code 0 same, 1 differs, 2 error.
    Diff(diff::Args),
    /// Write the stored documents to stdout.
    Export(export::Args),
    /// Make documents of the configuration of other systems.
    Import(import::Args),
    /// Guess a connector's document from files: types, keys, associations, each with its evidence.
    Propose(propose::Args),
    /// Start a run of a connector.
    Run(run::Args),
    /// List the newest runs.
    Runs(runs::Args),
    /// Show a run: what it did or would do, and its problems.
    Show(show::Args),
    /// Apply the changes of a run that is blocked, or of a dry run; all, or without some.
    Resume(resume::Args),
    /// Refuse some of the changes of a run and remember that: later runs leave them out as well.
    Hold(resume::HoldArgs),
    /// List what is held.
    Holds(holds::Args),
    /// End holds: the next run proposes their changes again.
    Release(holds::ReleaseArgs),
    /// Refuse the changes of a run that is blocked, or of a dry run.
    Discard(decide::Args),
    /// Stop a run.
    Cancel(decide::Args),
    /// Take back what an applied run has changed, by a run of its own.
    Revert(revert::Args),
    /// Send the files of a feed.
    Upload(upload::Args),
    /// List and show users, decide who is who, export or anonymize them.
    User(user::Args),
    /// Try whether each server and file of a connector can be reached and read.
    Check(check::Args),
    /// Let scheduled jobs take a connector along.
    Activate(activity::Args),
    /// Take a connector out of the scheduled jobs; by hand it still runs.
    Deactivate(activity::Args),
    /// Manage who may sign in to Muster itself.
    Account(account::Args),
    /// Manage what programs sign in to the API with.
    Token(token::Args),
    /// Read one connection for another process of Muster; not for people.
    #[command(hide = true)]
    ExportChild,
    /// Look whether everything that Muster needs is there.
    Doctor(doctor::Args),
}

impl Command {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self {
            Self::Migrate(args) => migrate::run(context, args),
            Self::Apply(args) => apply::run(context, args),
            Self::Diff(args) => diff::run(context, args),
            Self::Export(args) => export::run(context, args),
            Self::Import(args) => import::run(context, args),
            Self::Propose(args) => propose::run(context, args),
            Self::Serve(args) => serve::run(context, args),
            Self::Demo(args) => demo::run(context, args),
            Self::Run(args) => run::run(context, args),
            Self::Runs(args) => runs::run(context, args),
            Self::Show(args) => show::run(context, args),
            Self::Resume(args) => resume::run(context, args),
            Self::Hold(args) => resume::hold(context, args),
            Self::Holds(args) => holds::list(context, args),
            Self::Release(args) => holds::release(context, args),
            Self::Discard(args) => decide::discard(context, args),
            Self::Cancel(args) => decide::cancel(context, args),
            Self::Revert(args) => revert::run(context, args),
            Self::Upload(args) => upload::run(context, args),
            Self::User(args) => user::run(context, args),
            Self::Check(args) => check::run(context, args),
            Self::Activate(args) => activity::run(context, args, true),
            Self::Deactivate(args) => activity::run(context, args, false),
            Self::Account(args) => account::run(context, args),
            Self::Token(args) => token::run(context, args),
            Self::ExportChild => export_child::run(),
            Self::Doctor(args) => doctor::run(context, args),
        }
    }

    /// Whether it runs until it is told to stop, and says in its log what it does.
    fn is_service(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// The exit code of an error that says nothing of one itself.
    fn exit_of_errors(&self) -> Exit {
        match self {
            Self::Diff(_) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

/// What every command works with.
pub struct Context {
    /// Settings from the environment.
    pub config: Config,
    /// Where data and messages go.
    pub output: Output,
}

impl Context {
    /// Opens the database: `DATABASE_URL` or the private PostgreSQL, tables up to date.
    pub fn session(&self) -> anyhow::Result<Session> {
        Session::open(&self.config)
    }
}

/// Reads the command line and the environment, and does what they say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // Help goes to stdout, everything else to stderr; that nobody reads it any more is no failure.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let output = Output::new(cli.json);
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            output.message(error);
            return Exit::Usage.into();
        }
    };
    trust_folders(&config.secret_folders);
    if let Err(error) = logging::start(&config, cli.command.is_service()) {
        output.message(error);
        return Exit::Usage.into();
    }
    let exit_of_errors = cli.command.exit_of_errors();
    let result = cli.command.run(&Context { config, output });
    result
        .unwrap_or_else(|error| match error.downcast_ref::<Refusal>() {
            Some(refusal) => {
                output.message(refusal);
                if exit_of_errors == Exit::Failed { refusal.exit } else { exit_of_errors }
            }
            None => {
                output.message(format_args!("{error:#}"));
                exit_of_errors
            }
        })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
