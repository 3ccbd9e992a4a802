//! `muster account`: who may sign in to Muster itself.

use super::{Context, Exit, Refusal, who};
use crate::model::account::{self, Role};
use crate::model::as_of::AsOf;
use crate::model::{person, second_factor, session};
use crate::web::{links, password};
use anyhow::Context as _;
use chrono::Utc;
use clap::Subcommand;
use diesel::pg::PgConnection;
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
    /// Take the second factor of an account away, for who has lost device and recovery codes.
    ResetFactor(ResetArgs),
}

/// Whose.
#[derive(Debug, clap::Args)]
struct ResetArgs {
    /// The account's name.
    name: String,
}

/// The account.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// What its owner signs in with; upper and lower case are the same.
    name: String,
    /// person, viewer, operator or administrator.
    #[arg(long)]
    role: Role,
    /// The user whose account it is: user name, mail or employee ID. A person's account needs one.
    #[arg(long)]
    user: Option<String>,
    /// Take the password from the first line of this file (`-`: stdin) instead of printing a one-time sign-in.
    #[arg(long)]
    password_file: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    let args = match args.command {
        AccountCommand::Add(args) => args,
        AccountCommand::ResetFactor(args) => return reset_factor(context, &args.name),
    };
    check_name(&args.name)?;
    if args.role == Role::Person && args.user.is_none() {
        return Err(Refusal::usage("a person's account needs the user whose it is: --user NAME").into());
    }
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
    let person = user(&mut connection, args)?;
    let Some(id) = account::add(&mut connection, &args.name, args.role, Some(&hash), &who())? else {
        let message = format!("there is an account {:?} already; it keeps its password", args.name);
        return Err(Refusal::conflict(message).into());
    };
    if person.is_some() {
        account::belong_to(&mut connection, id, person, &who())?;
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
    let person = user(&mut connection, args)?;
    let created = account::add(&mut connection, &args.name, args.role, None, &who())?;
    if let (Some(id), Some(_)) = (created, person) {
        account::belong_to(&mut connection, id, person, &who())?;
    }
    let created = created.is_some();
    if !created {
        let known = account::by_name(&mut connection, &args.name)?;
        if known.is_none_or(|other| other.role != args.role || !other.active) {
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

/// The user whose account it is.
fn user(connection: &mut PgConnection, args: &AddArgs) -> anyhow::Result<Option<i64>> {
    let Some(name) = &args.user else { return Ok(None) };
    match person::named(connection, &AsOf::Now, name)?.as_slice() {
        [only] => Ok(Some(only.id)),
        [] => {
            Err(Refusal::not_found(format!("there is no user {name:?}; name one by user name, mail or employee ID"))
                .into())
        }
        several => {
            Err(Refusal::conflict(format!("{name:?} are {} users; write what only one has", several.len())).into())
        }
    }
}

fn reset_factor(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let mut connection = session.connection()?;
    let account = account::by_name(&mut connection, name)?;
    let account = account.ok_or_else(|| Refusal::not_found(format!("there is no account {name:?}")))?;
    if !second_factor::remove(&mut connection, account.id, &account.name, &who())? {
        return Err(Refusal::not_found(format!("the account {:?} has no second factor", account.name)).into());
    }
    session::end_all(&mut connection, account.id)?;
    context.output.data(
        &json!({ "account": account.name, "outcome": "reset" }),
        format_args!("account {}: signs in without a second factor, and is signed out everywhere", account.name),
    )?;
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
