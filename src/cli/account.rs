//! `muster account add`: who may sign in to Muster itself.

use super::{Context, Exit, Refusal, who};
use crate::model::account::{self, Role};
use crate::web::{links, password};
use anyhow::Context as _;
use chrono::Utc;
use clap::Subcommand;
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

const LONGEST_NAME: usize = 100;

/// What to do with accounts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Make an account and print its one-time sign-in; for one that exists, print a new one.
    Add(AddArgs),
}

/// The account.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// What its owner signs in with; upper and lower case are the same.
    name: String,
    /// viewer, operator or administrator.
    #[arg(long)]
    role: Role,
    /// Take the password from the first line of this file (`-`: stdin) instead of printing a one-time sign-in.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let AccountCommand::Add(args) = args.command;
    check_name(&args.name)?;
    match &args.password_file {
        Some(file) => add_with_password(context, &args, &first_line(file)?),
        None => add_with_invitation(context, &args),
    }
}

fn add_with_password(context: &Context, args: &AddArgs, password: &str) -> anyhow::Result<Exit> {
    if let Some(objection) = password::objection(password, &args.name) {
        return Err(Refusal::usage(objection).into());
    }
    let hash = password::hash(password).context("the password can't be hashed")?;
    let session = context.session()?;
    let mut connection = session.connection()?;
    if account::add(&mut connection, &args.name, args.role, Some(&hash), &who())?.is_none() {
        let message = format!("there is an account {:?} already; it keeps its password", args.name);
        return Err(Refusal::conflict(message).into());
    }
    context.output.data(
        &json!({ "account": args.name, "role": args.role, "outcome": "created" }),
        format_args!("account {}: created, {}", args.name, args.role),
    )?;
    Ok(Exit::Done)
}

fn add_with_invitation(context: &Context, args: &AddArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let mut connection = session.connection()?;
    let created = account::add(&mut connection, &args.name, args.role, None, &who())?.is_some();
    if !created {
        let all = account::all(&mut connection)?;
        let same_name = |other: &&account::Account| other.name.to_lowercase() == args.name.to_lowercase();
        if all.iter().find(same_name).is_none_or(|other| other.role != args.role || !other.active) {
            let message = format!(
                "there is an account {:?} already, with another role or switched off; change it on the page",
                args.name
            );
            return Err(Refusal::conflict(message).into());
        }
    }
    let token = account::invite(&mut connection, &args.name, &who(), Utc::now())?
        .ok_or_else(|| Refusal::conflict(format!("the account {:?} was switched off meanwhile", args.name)))?;
    let address = format!("{}{}", context.config.public_url.trim_end_matches('/'), links::welcome(&token));
    let outcome = if created { "created" } else { "invited" };
    context.output.message(format_args!(
        "account {}: {outcome}, {}; to sign in, good for three days and once:",
        args.name, args.role
    ));
    context
        .output
        .data(&json!({ "account": args.name, "role": args.role, "outcome": outcome, "sign_in": address }), &address)?;
    Ok(Exit::Done)
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim() != name || !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        return Err(Refusal::usage(format!(
            "{name:?} can't be the name of an account: write 1 to {LONGEST_NAME} characters, without spaces at the ends"
        )));
    }
    Ok(())
}

/// Not from the command line itself, where others of this machine could see it.
fn first_line(path: &PathBuf) -> anyhow::Result<String> {
    const MOST: u64 = 4096;
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(MOST).read_to_string(&mut text).context("stdin: can't be read")?;
    } else {
        let place = path.display();
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Refusal::not_found(format!("{place}: there is no such file")),
            _ => Refusal::failed(format!("{place}: can't be read: {error}")),
        })?;
        file.take(MOST).read_to_string(&mut text).with_context(|| format!("{place}: can't be read"))?;
    }
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
