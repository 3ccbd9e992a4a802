//! Accounts: who may sign in to Muster, and with which role.

use super::decision::sentence;
use crate::model::account::{self, Account, AccountId, ChangeError, Origin, Role};
use crate::model::as_of::AsOf;
use crate::model::session::{self, Flash};
use crate::model::{audit, person, second_factor};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::throttle::Throttle;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "pages/accounts.html")]
struct AccountsPage {
    layout: Layout,
    accounts: Vec<AccountLine>,
    search: String,
    is_cut: bool,
}

/// More accounts are not listed at a time.
const MOST: usize = 200;

/// What is searched for.
#[derive(Deserialize)]
pub struct Search {
    #[serde(default)]
    q: String,
}

struct AccountLine {
    account: Account,
    last: Option<When>,
    is_own: bool,
    has_second_factor: bool,
    is_locked: bool,
    user: Option<String>,
}

impl AccountLine {
    fn is_local(&self) -> bool {
        self.account.origin == Origin::Local
    }
}

/// A new account.
#[derive(Deserialize)]
pub struct NewAccount {
    name: String,
    role: String,
    #[serde(default)]
    user: String,
}

/// What an account becomes.
#[derive(Deserialize)]
pub struct AccountForm {
    role: String,
    active: Option<String>,
    invite: Option<String>,
    reset: Option<String>,
    unlock: Option<String>,
}

/// The list.
pub async fn list(
    context: Data<WebContext>,
    throttle: Data<Throttle>,
    visitor: Visitor,
    query: Query<Search>,
) -> Result<HttpResponse, WebError> {
    let own = visitor.account().id;
    let search = query.into_inner().q.trim().to_owned();
    context
        .page(visitor, move |conn, layout| {
            let mut listed = account::listed(conn, &search, MOST as i64 + 1)?;
            let is_cut = listed.len() > MOST;
            listed.truncate(MOST);
            let ids: Vec<AccountId> = listed.iter().map(|account| account.id).collect();
            let holders = second_factor::holders(conn, &ids)?;
            let locked = locked(conn, &throttle, &listed, layout.now)?;
            let accounts = listed.into_iter().map(|account| AccountLine {
                is_locked: locked.contains(&account.id),
                has_second_factor: holders.contains(&account.id),
                user: account.person_id.map(links::user),
                last: account.last_sign_in_at.map(|at| When::new(at, layout.now)),
                is_own: account.id == own,
                account,
            });
            let accounts = accounts.collect();
            Ok(AccountsPage { layout: layout.titled(Section::Settings, "Accounts"), accounts, search, is_cut })
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
                Ok(role) => add_for(conn, name, role, form.user.trim(), &visitor.account().name, &public_url)?,
            };
            visitor.lead(conn, links::ACCOUNTS, flash)
        })
        .await
}

/// Changes role or activity, or invites again.
pub async fn change(
    context: Data<WebContext>,
    throttle: Data<Throttle>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<AccountForm>,
) -> Result<HttpResponse, WebError> {
    let public_url = context.config.public_url.clone();
    context
        .act(move |conn| {
            let id = AccountId(*id);
            let by = &visitor.account().name;
            let flash = if form.invite.is_some() || form.reset.is_some() || form.unlock.is_some() {
                let account = account::by_id(conn, id)?.ok_or_else(|| WebError::missing("account", id))?;
                match (&form.invite, &form.reset) {
                    (Some(_), _) => invitation(conn, &account.name, by, &public_url)?,
                    (None, Some(_)) => without_second_factor(conn, &account, by)?,
                    (None, None) => unlocked(conn, &throttle, &account, by)?,
                }
            } else {
                let role: Role = form.role.parse().map_err(|error| WebError::BadRequest(sentence(&error)))?;
                match account::change(conn, id, role, form.active.is_some(), by) {
                    Ok(()) => Flash::done("The account has been changed."),
                    Err(ChangeError::Database(error)) => return Err(error.into()),
                    Err(refusal) => Flash::refused(sentence(&refusal)),
                }
            };
            visitor.lead(conn, links::ACCOUNTS, flash)
        })
        .await
}

/// A person's account needs the user whose it is; others may have one.
fn add_for(
    conn: &mut PgConnection,
    name: &str,
    role: Role,
    user: &str,
    by: &str,
    public_url: &str,
) -> Result<Flash, WebError> {
    let person = match (user, role) {
        ("", Role::Person) => return Ok(Flash::refused("A person's account needs the user whose it is.")),
        ("", _) => None,
        (user, _) => match person::named(conn, &AsOf::Now, user)?.as_slice() {
            [only] => Some(only.id),
            [] => return Ok(Flash::refused(format!("There is no user {user}; write user name, mail or employee ID."))),
            several => {
                return Ok(Flash::refused(format!("{user} are {} users; write what only one has.", several.len())));
            }
        },
    };
    let Some(id) = account::add(conn, name, role, None, by)? else {
        return Ok(Flash::refused(format!("There is an account {name} already.")));
    };
    if person.is_some() {
        account::belong_to(conn, id, person, by).map_err(|error| WebError::Internal(error.to_string()))?;
    }
    invitation(conn, name, by, public_url)
}

/// Those that have to wait because of too many failures.
fn locked(
    conn: &mut PgConnection,
    throttle: &Throttle,
    listed: &[Account],
    now: DateTime<Utc>,
) -> Result<BTreeSet<AccountId>, WebError> {
    if !session::has_failures(conn, now)? {
        return Ok(BTreeSet::new());
    }
    let mut locked = BTreeSet::new();
    for account in listed {
        if throttle.who(&account.name, None).is_locked(conn, now)? {
            locked.insert(account.id);
        }
    }
    Ok(locked)
}

/// For who can't wait a quarter of an hour.
fn unlocked(conn: &mut PgConnection, throttle: &Throttle, account: &Account, by: &str) -> Result<Flash, WebError> {
    throttle.who(&account.name, None).succeeded(conn)?;
    audit::record(conn, by, "unlock", &format!("account {}", account.name), json!({}))?;
    Ok(Flash::done(format!("{} may try again.", account.name)))
}

/// For who has lost device and recovery codes; whoever had the device is signed out.
fn without_second_factor(conn: &mut PgConnection, account: &Account, by: &str) -> Result<Flash, WebError> {
    if !second_factor::remove(conn, account.id, &account.name, by)? {
        return Ok(Flash::refused(format!("{} has no second factor.", account.name)));
    }
    session::end_all(conn, account.id)?;
    Ok(Flash::done(format!("{} signs in without a second factor now, and is signed out everywhere.", account.name)))
}

fn invitation(conn: &mut PgConnection, name: &str, by: &str, public_url: &str) -> Result<Flash, WebError> {
    Ok(match account::invite(conn, name, by, Utc::now())? {
        None => Flash::refused(format!("{name} is switched off, or has its password elsewhere.")),
        Some(token) => Flash::done(format!(
            "Give {name} this one-time sign-in; it works once, for three days, and is not shown again: {}{}",
            public_url.trim_end_matches('/'),
            links::welcome(&token)
        )),
    })
}
