//! Signing in with the password that somebody has in a directory. Only names that are no account of ours are asked there:
//! the directory never learns a password of ours, and nobody there can become somebody here.

use super::WebContext;
use super::error::WebError;
use crate::model::account::{self, Account, ArrivalError};
use crate::model::sign_in_settings::DirectorySignIn;
use crate::pipeline::sign_in::{Directory, SignInError};
use tokio::sync::Semaphore;

/// So many ask at once: each has a process of its own for the time.
const AT_ONCE: usize = 4;

/// Lets a few ask at a time.
pub struct Turns {
    turns: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

/// What came of it.
pub enum Verdict {
    /// The password is theirs, and this their account.
    Account(Account),
    /// The directory does not take it, or their groups give them nothing to do here.
    Refused,
    /// The directory can't be asked.
    OutOfReach,
}

/// Asks the directory.
pub async fn check(
    context: &WebContext,
    turns: &Turns,
    settings: DirectorySignIn,
    name: &str,
    password: String,
) -> Result<Verdict, WebError> {
    let _turn = turns.turns.acquire().await.map_err(|_| WebError::Stopped)?;
    let loaded = context.db(move |conn| Ok(Directory::load(conn, &settings))).await?;
    let directory = match loaded {
        Ok(directory) => directory,
        Err(error) => return out_of_reach(error),
    };
    let (asked, program, typed) = (directory.clone(), context.config.program.clone(), name.to_owned());
    let answer = actix_web::web::block(move || asked.ask(&program, &typed, password)).await;
    let signed_in = match answer.map_err(|_| WebError::Stopped)? {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => return Ok(Verdict::Refused),
        Err(error) => return out_of_reach(error),
    };
    let name = name.to_owned();
    let arrived = context
        .db(move |conn| {
            let arrival = match directory.arrival(conn, &name, &signed_in) {
                Ok(Some(arrival)) => arrival,
                Ok(None) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            };
            match account::arrive(conn, &arrival) {
                Ok(account) => Ok(Ok(Some(account))),
                Err(ArrivalError::Database(error)) => Err(error.into()),
                Err(ArrivalError::NameTaken) => Ok(Ok(None)),
            }
        })
        .await?;
    match arrived {
        Ok(Some(account)) => Ok(Verdict::Account(account)),
        Ok(None) => Ok(Verdict::Refused),
        Err(error) => out_of_reach(error),
    }
}

fn out_of_reach(error: SignInError) -> Result<Verdict, WebError> {
    match error {
        SignInError::Database(error) => Err(error.into()),
        error => {
            tracing::error!(error = %error, "the directory can't be asked for a sign-in");
            Ok(Verdict::OutOfReach)
        }
    }
}
