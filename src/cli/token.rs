//! `muster token`: what programs sign in to the API with.

use super::{Context, Exit, Refusal, who};
use crate::model::connector;
use crate::model::token::{self, CreateError, NewToken, Scope};
use chrono::{NaiveDate, NaiveTime, Utc};
use clap::Subcommand;
use serde_json::json;

/// What to do with tokens.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it; it is not shown again.
    Create(CreateArgs),
    /// List the tokens there are, without what they are.
    List,
    /// End a token: whoever comes with it is turned away from now on.
    Revoke(RevokeArgs),
}

/// The token.
#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What it is called in lists and logs.
    name: String,
    /// read, upload, run, decide, configure or users; several with commas between them. None includes another.
    #[arg(long = "scope", required = true, value_delimiter = ',', value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// Limit it to this connector.
    #[arg(long)]
    connector: Option<String>,
    /// The day from which it is no longer good (UTC).
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: Option<NaiveDate>,
}

/// Which token.
#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// Its name.
    name: String,
}

pub(super) fn run(context: &Context, args: Args) -> anyhow::Result<Exit> {
    match args.command {
        TokenCommand::Create(args) => create(context, &args),
        TokenCommand::List => list(context),
        TokenCommand::Revoke(args) => revoke(context, &args.name),
    }
}

fn create(context: &Context, args: &CreateArgs) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let mut conn = session.connection()?;
    if let Some(name) = &args.connector
        && connector::by_name(&mut conn, name)?.is_none()
    {
        context
            .output
            .message(format_args!("there is no connector {name:?} yet; the token is good for it once there is"));
    }
    let expires_at = args.expires.map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let new = NewToken { name: &args.name, scopes: &args.scopes, connector: args.connector.as_deref(), expires_at };
    let secret = token::create(&mut conn, &new, &who(), Utc::now()).map_err(refusal)?;
    context.output.message(format_args!("token {}: created; it is not shown again:", args.name));
    context.output.data(
        &json!({ "name": args.name, "scopes": args.scopes, "connector": args.connector, "expires_at": expires_at,
                 "token": secret }),
        &secret,
    )?;
    Ok(Exit::Done)
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let tokens = token::all(&mut *session.connection()?)?;
    if tokens.is_empty() {
        context.output.message("no tokens yet; `muster token create NAME --scope SCOPE` makes one");
    }
    for token in tokens {
        let day =
            |at: Option<chrono::DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| at.format("%F").to_string());
        let text = format!(
            "{:<20}  {:<30}  {:<12}  expires {}  last used {}",
            token.name,
            token.scope_words(),
            token.connector.as_deref().unwrap_or("all"),
            day(token.expires_at),
            day(token.last_used_at),
        );
        context.output.data(&token, text)?;
    }
    Ok(Exit::Done)
}

fn revoke(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let mut conn = session.connection()?;
    let not_there = || Refusal::not_found(format!("there is no token {name:?}; `muster token list` lists all"));
    let found = token::all(&mut conn)?.into_iter().find(|token| token.name.to_lowercase() == name.to_lowercase());
    let token = found.ok_or_else(not_there)?;
    let name = token::revoke(&mut conn, token.id, &who())?.ok_or_else(not_there)?;
    context.output.data(&json!({ "name": name, "outcome": "revoked" }), format_args!("token {name}: revoked"))?;
    Ok(Exit::Done)
}

fn refusal(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::Database(error) => error.into(),
        CreateError::Taken(_) => Refusal::conflict(error.to_string()).into(),
        _ => Refusal::usage(error.to_string()).into(),
    }
}
