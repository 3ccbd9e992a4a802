//! Accounts: who may sign in to Muster, and with which role.

use super::decision::sentence;
use crate::model::account::{self, Account, AccountId, ChangeError, Role};
use crate::model::session::Flash;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/accounts.html")]
struct AccountsPage {
    layout: Layout,
    accounts: Vec<AccountLine>,
}

struct AccountLine {
    account: Account,
    last: Option<When>,
    is_own: bool,
}

/// A new account.
#[derive(Deserialize)]
pub struct NewAccount {
    name: String,
    role: String,
}

/// What an account becomes.
#[derive(Deserialize)]
pub struct AccountForm {
    role: String,
    active: Option<String>,
    invite: Option<String>,
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let own = visitor.account().id;
    context
        .page(visitor, move |conn, layout| {
            let accounts = account::all(conn)?.into_iter().map(|account| AccountLine {
                last: account.last_sign_in_at.map(|at| When::new(at, layout.now)),
                is_own: account.id == own,
                account,
            });
            let accounts = accounts.collect();
            Ok(AccountsPage { layout: layout.titled(Section::Settings, "Accounts"), accounts })
        })
        .await
}

/// Adds an account and shows its one-time sign-in.
pub async fn add(
    context: Data<WebContext>,
    visitor: Visitor,
    form: Form<NewAccount>,
) -> Result<HttpResponse, WebError> {
    let public_url = context.config.public_url.clone();
    context
        .act(move |conn| {
            let name = form.name.trim();
            let flash = match form.role.parse::<Role>() {
                Err(error) => Flash::refused(sentence(&error)),
                Ok(_) if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) => {
                    Flash::refused("A name has 1 to 100 characters, none of them control characters.")
                }
                Ok(role) => match account::add(conn, name, role, None, &visitor.account().name)? {
                    Some(_) => invitation(conn, name, &visitor.account().name, &public_url)?,
                    None => Flash::refused(format!("There is an account {name} already.")),
                },
            };
            visitor.lead(conn, links::ACCOUNTS, flash)
        })
        .await
}

/// Changes role or activity, or invites again.
pub async fn change(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<AccountForm>,
) -> Result<HttpResponse, WebError> {
    let public_url = context.config.public_url.clone();
    context
        .act(move |conn| {
            let id = AccountId(*id);
            let flash = if form.invite.is_some() {
                let account = account::all(conn)?.into_iter().find(|account| account.id == id);
                let account = account.ok_or_else(|| WebError::missing("account", id))?;
                invitation(conn, &account.name, &visitor.account().name, &public_url)?
            } else {
                let role: Role = form.role.parse().map_err(|error| WebError::BadRequest(sentence(&error)))?;
                match account::change(conn, id, role, form.active.is_some(), &visitor.account().name) {
                    Ok(()) => Flash::done("The account has been changed."),
                    Err(ChangeError::Database(error)) => return Err(error.into()),
                    Err(refusal) => Flash::refused(sentence(&refusal)),
                }
            };
            visitor.lead(conn, links::ACCOUNTS, flash)
        })
        .await
}

fn invitation(conn: &mut PgConnection, name: &str, by: &str, public_url: &str) -> Result<Flash, WebError> {
    Ok(match account::invite(conn, name, by, Utc::now())? {
        None => Flash::refused(format!("{name} is switched off; switch the account on first.")),
        Some(token) => Flash::done(format!(
            "Give {name} this one-time sign-in; it works once, for three days, and is not shown again: {}{}",
            public_url.trim_end_matches('/'),
            links::welcome(&token)
        )),
    })
}
