//! The own account: how one signs in, and where one is signed in.

use crate::document;
use crate::model::account::Origin;
use crate::model::session::{self, Flash};
use crate::model::{audit, second_factor};
use crate::web::elements::{Badge, When};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::session_list::{self, SessionLine};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form};
use askama::Template;
use serde::Deserialize;
use serde_json::json;

/// Sessions shown: nobody has more who needs to see them one by one.
const MOST: i64 = 100;

#[derive(Template)]
#[template(path = "pages/my_account.html")]
struct MyAccountPage {
    layout: Layout,
    own_role: &'static str,
    known: &'static str,
    factor: Badge,
    since: Option<When>,
    codes_left: String,
    is_needed: bool,
    sessions: Vec<SessionLine>,
}

/// Which session ends.
#[derive(Deserialize)]
pub struct EndForm {
    session: Option<i64>,
    others: Option<String>,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let (account, own) = (visitor.account().clone(), visitor.session.digest.clone());
    context
        .page(visitor, move |conn, layout| {
            let factor = second_factor::of(conn, account.id)?.and_then(|factor| factor.confirmed_at);
            let standing = session::standing(conn, Some(account.id), None, MOST, layout.now)?;
            let left = second_factor::codes_left(conn, account.id)?;
            Ok(MyAccountPage {
                own_role: account.role.as_str(),
                known: match account.origin {
                    Origin::Local => "a password of Muster's own",
                    Origin::Directory => "your password in the directory",
                    Origin::Provider => "your OpenID provider",
                },
                factor: match factor {
                    Some(_) => Badge::new("good", "i-check", "On"),
                    None => Badge::new("quiet", "i-minus", "Off"),
                },
                since: factor.map(|since| When::new(since, layout.now)),
                codes_left: words::counted(left.unsigned_abs(), "recovery code", "recovery codes"),
                is_needed: document::settings_in_force(conn)?.sign_in.needs_second_factor(account.role),
                sessions: session_list::lines(standing, &own, layout.now),
                layout: layout.titled(Section::MyAccount, "My account"),
            })
        })
        .await
}

/// Ends one of the own sessions, or all others.
pub async fn end(context: Data<WebContext>, visitor: Visitor, form: Form<EndForm>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let account = visitor.account();
            let ended = match (&form.others, form.session) {
                (Some(_), _) => session::end_others(conn, account.id, &visitor.session.digest)? as u64,
                (None, Some(id)) => u64::from(session::end_by_id(conn, id, Some(account.id))?.is_some()),
                (None, None) => 0,
            };
            if ended > 0 {
                let subject = format!("account {}", account.name);
                audit::record(conn, &account.name, "end-sessions", &subject, json!({ "ended": ended }))?;
            }
            let flash = match ended {
                0 => Flash::refused("That session had ended already."),
                ended => Flash::done(format!("{} ended.", words::counted(ended, "session has", "sessions have"))),
            };
            visitor.lead(conn, links::MY_ACCOUNT, flash)
        })
        .await
}
