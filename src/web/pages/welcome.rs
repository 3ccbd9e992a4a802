//! The one-time sign-in: whoever has its link chooses a password, and is signed in.

use crate::model::account::{self, Account};
use crate::model::session::Method;
use crate::web::entrance::{self, Knock};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section, html, html_with};
use crate::web::password::{self, Hashing};
use crate::web::visitor::{Guest, Visit};
use crate::web::{WebContext, links};
use actix_web::http::StatusCode;
use actix_web::web::{Data, Form, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/welcome.html")]
struct WelcomePage {
    layout: Layout,
    account: Account,
    action: String,
    objection: Option<String>,
}

/// The password, twice.
#[derive(Deserialize)]
pub struct PasswordForm {
    password: String,
    again: String,
}

/// The form. Looking at it uses nothing up: a link that a mail scanner opens stays good.
pub async fn show(
    context: Data<WebContext>,
    Guest(visit): Guest,
    token: Path<String>,
) -> Result<HttpResponse, WebError> {
    let account = invited(&context, &token).await?;
    html(&page(&visit, account, &token, None))
}

/// Stores the password, uses the link up, signs in.
pub async fn choose_password(
    context: Data<WebContext>,
    hashing: Data<Hashing>,
    request: HttpRequest,
    Guest(visit): Guest,
    token: Path<String>,
    form: Form<PasswordForm>,
) -> Result<HttpResponse, WebError> {
    let token = token.into_inner();
    let account = invited(&context, &token).await?;
    let PasswordForm { password, again } = form.into_inner();
    let objection = match password == again {
        true => password::objection(&password, &account.name),
        false => Some("The two passwords differ. Type the same one twice.".to_owned()),
    };
    if objection.is_some() {
        return html_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&visit, account, &token, objection));
    }
    let hash = hashing.hash(password).await?;
    let account = context
        .db(move |conn| account::accept_invitation(conn, &token, &hash, Utc::now())?.ok_or_else(used_up))
        .await?;
    let knock = Knock { account, method: Method::Invitation, second: None, who: None, from_elsewhere: false };
    let entered = entrance::enter(&context, &request, &visit, knock, links::HOME).await?;
    entered.map_err(|_| WebError::NotFound("The account is switched off, or its user is blocked.".into()))
}

async fn invited(context: &WebContext, token: &str) -> Result<Account, WebError> {
    let token = token.to_owned();
    context.db(move |conn| account::by_invitation(conn, &token, Utc::now())?.ok_or_else(used_up)).await
}

fn used_up() -> WebError {
    WebError::NotFound(
        "This one-time sign-in was used already or has run out. An administrator can invite you again; on the server, \
         `muster account add NAME --role ROLE` prints a new one."
            .into(),
    )
}

fn page(visit: &Visit, account: Account, token: &str, objection: Option<String>) -> WelcomePage {
    let layout = Layout::bare(visit, Utc::now()).titled(Section::None, "Choose a password");
    WelcomePage { layout, account, action: links::welcome(token), objection }
}
