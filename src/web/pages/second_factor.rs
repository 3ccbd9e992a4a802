//! The own second factor: set up with a device that makes codes, renewed, taken away; none of it without the password once
//! more.

use crate::document;
use crate::model::account::Account;
use crate::model::session::{self, Flash};
use crate::model::{audit, second_factor};
use crate::secret::sealing::Sealing;
use crate::web::directory_sign_in::Turns;
use crate::web::entrance;
use crate::web::error::WebError;
use crate::web::once_more::{self, FRESH_MINUTES, Typed, Way};
use crate::web::page::{Layout, Section};
use crate::web::password::Hashing;
use crate::web::throttle::{Throttle, Who};
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, device, links, one_time_code, second_step};
use actix_web::http::header;
use actix_web::web::{Data, Form};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;
use serde_json::json;

const WRONG: &str = "This code is not right, or was used already. Wait for the next one, then try again.";

#[derive(Template)]
#[template(path = "pages/second_factor.html")]
struct SecondFactorPage {
    layout: Layout,
    state: State,
    is_needed: bool,
    /// How whoever sits there proves once more who it is.
    way: Way,
    /// Recovery codes, just made.
    codes: Vec<String>,
}

enum State {
    None,
    Prepared { uri: String, typed: String },
    SetUp { codes_left: i64 },
}

/// What is to be done.
#[derive(Deserialize)]
pub struct FactorForm {
    act: String,
    #[serde(default)]
    code: String,
    /// In the directory.
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    sealing: Data<Sealing>,
    visitor: Visitor,
) -> Result<HttpResponse, WebError> {
    let account = visitor.account().clone();
    context.page(visitor, move |conn, layout| page(conn, &sealing, layout, &account, Vec::new())).await
}

/// Prepares, sets up, renews the recovery codes, or takes away. All but the first takes the password, and whatever changes
/// one that is set up a code of it.
pub async fn change(
    context: Data<WebContext>,
    sealing: Data<Sealing>,
    (throttle, hashing, turns): (Data<Throttle>, Data<Hashing>, Data<Turns>),
    visitor: Visitor,
    request: HttpRequest,
    form: Form<FactorForm>,
) -> Result<HttpResponse, WebError> {
    let account = visitor.account().clone();
    let who = || throttle.who(&account.name, request.peer_addr().map(|address| address.ip()));
    let address = device::address(&request);
    let form = form.into_inner();
    if form.act != "begin" {
        let typed = Typed { name: form.name.clone(), password: form.password.clone() };
        let means = (hashing.get_ref(), turns.get_ref());
        if let Some(words) = once_more::check(&context, means, &visitor, who(), typed, address.clone()).await? {
            return context.act(move |conn| visitor.lead(conn, links::SECOND_FACTOR, Flash::refused(words))).await;
        }
    }
    let who = who();
    let digest = visitor.session.digest.clone();
    let shown = visitor.clone();
    let work = sealing.clone();
    let done = context
        .db(move |conn| {
            let attempt = Attempt { sealing: &work, account: &account, who: &who, code: &form.code, address };
            match form.act.as_str() {
                "begin" => attempt.begin(conn),
                "confirm" => attempt.confirm(conn, &digest),
                "renew" => attempt.renew(conn),
                "remove" => attempt.remove(conn),
                _ => Err(WebError::BadRequest("The form does not say what is to be done.".into())),
            }
        })
        .await?;
    match done {
        Done::Codes(codes) => {
            let account = shown.account().clone();
            context.page(shown, move |conn, layout| page(conn, &sealing, layout, &account, codes)).await
        }
        Done::Flash(to, flash) => context.act(move |conn| shown.lead(conn, to, flash)).await,
        Done::Prepared => context.act(move |_| Ok(Lead::to(links::SECOND_FACTOR))).await,
    }
}

/// The secret that is about to be set up, for the device's camera.
pub async fn picture(
    context: Data<WebContext>,
    sealing: Data<Sealing>,
    visitor: Visitor,
) -> Result<HttpResponse, WebError> {
    let picture = context
        .db(move |conn| {
            let account = visitor.account();
            let factor = second_factor::of(conn, account.id)?.filter(|factor| factor.confirmed_at.is_none());
            let factor = factor.ok_or_else(|| WebError::NotFound("No second factor is about to be set up.".into()))?;
            let secret = second_step::unseal(&sealing, account.id, &factor)?;
            one_time_code::picture(&one_time_code::uri(&secret, &account.name)?)
        })
        .await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .content_type("image/svg+xml")
        .body(picture))
}

enum Done {
    Prepared,
    Codes(Vec<String>),
    Flash(&'static str, Flash),
}

struct Attempt<'a> {
    sealing: &'a Sealing,
    account: &'a Account,
    who: &'a Who,
    code: &'a str,
    address: Option<String>,
}

impl Attempt<'_> {
    fn begin(&self, conn: &mut PgConnection) -> Result<Done, WebError> {
        let sealed = second_step::seal(self.sealing, self.account.id, &one_time_code::new_secret())?;
        Ok(match second_factor::prepare(conn, self.account.id, &sealed)? {
            true => Done::Prepared,
            false => refuse("There is a second factor already; take it away first."),
        })
    }

    fn confirm(&self, conn: &mut PgConnection, session: &[u8]) -> Result<Done, WebError> {
        let now = Utc::now();
        let factor = second_factor::of(conn, self.account.id)?.filter(|factor| factor.confirmed_at.is_none());
        let Some(factor) = factor else { return Ok(refuse("Nothing is about to be set up; begin anew.")) };
        let secret = second_step::unseal(self.sealing, self.account.id, &factor)?;
        let Some(step) = one_time_code::step_of(&secret, self.code, now)? else {
            return Ok(refuse("This code is not the one that the device shows now. Is the device's time right?"));
        };
        let Some(codes) = second_factor::confirm(conn, self.account.id, step, &self.account.name, now)? else {
            return Ok(refuse("It was set up already."));
        };
        session::enrolled(conn, session)?;
        session::end_others(conn, self.account.id, session)?;
        Ok(Done::Codes(codes))
    }

    fn renew(&self, conn: &mut PgConnection) -> Result<Done, WebError> {
        if let Some(refusal) = self.check(conn)? {
            return Ok(refusal);
        }
        let subject = format!("account {}", self.account.name);
        audit::record(conn, &self.account.name, "renew-recovery-codes", &subject, json!({}))?;
        Ok(Done::Codes(second_factor::replace_codes(conn, self.account.id)?))
    }

    fn remove(&self, conn: &mut PgConnection) -> Result<Done, WebError> {
        if document::settings_in_force(conn)?.sign_in.needs_second_factor(self.account.role) {
            return Ok(refuse(
                "Your role needs a second factor. An administrator can take it away, to be set up anew.",
            ));
        }
        if let Some(refusal) = self.check(conn)? {
            return Ok(refusal);
        }
        let name = &self.account.name;
        second_factor::remove(conn, self.account.id, name, name)?;
        Ok(Done::Flash(links::MY_ACCOUNT, Flash::done("Signing in takes no second factor any more.")))
    }

    fn check(&self, conn: &mut PgConnection) -> Result<Option<Done>, WebError> {
        let now = Utc::now();
        if self.who.is_slowed(conn, now)? {
            return Ok(Some(refuse(super::sign_in::SLOWED)));
        }
        if second_step::check(conn, self.sealing, self.account.id, self.code, now)?.is_some() {
            return Ok(None);
        }
        let detail = json!({ "second": "code", "address": self.address });
        entrance::refused(conn, self.who, Some(&self.account.name), detail, now)?;
        Ok(Some(refuse(WRONG)))
    }
}

fn refuse(words: &str) -> Done {
    Done::Flash(links::SECOND_FACTOR, Flash::refused(words))
}

fn page(
    conn: &mut PgConnection,
    sealing: &Sealing,
    layout: Layout,
    account: &Account,
    codes: Vec<String>,
) -> Result<SecondFactorPage, WebError> {
    let state = match second_factor::of(conn, account.id)? {
        None => State::None,
        Some(factor) if factor.confirmed_at.is_some() => {
            State::SetUp { codes_left: second_factor::codes_left(conn, account.id)? }
        }
        Some(factor) => {
            let secret = second_step::unseal(sealing, account.id, &factor)?;
            let uri = one_time_code::uri(&secret, &account.name)?;
            State::Prepared { uri, typed: one_time_code::typed(&secret) }
        }
    };
    let is_needed = document::settings_in_force(conn)?.sign_in.needs_second_factor(account.role);
    let layout = layout.titled(Section::MyAccount, "Second factor").under(links::MY_ACCOUNT, "My account");
    Ok(SecondFactorPage { layout, state, is_needed, way: Way::of(account), codes })
}
