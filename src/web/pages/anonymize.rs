//! A user's privacy: everything that is held, as a file; and taking it out, which has to be confirmed by the user's name.

use super::decision::sentence;
use super::user::find;
use crate::model::session::Flash;
use crate::model::{audit, resource};
use crate::pipeline::anonymizing::{self, AnonymizeError};
use crate::pipeline::{cleaning, user_export};
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, download, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/anonymize.html")]
struct AnonymizePage {
    layout: Layout,
    id: i64,
    name: String,
    records: usize,
    refusal: Option<String>,
}

/// The name that was typed.
#[derive(Deserialize)]
pub struct NameForm {
    #[serde(default)]
    name: String,
}

/// Everything that is held, as a file.
pub async fn export(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    let store = context.work.store.clone();
    let (number, everything) = context
        .db(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let number = person.id;
            let everything = user_export::export(conn, &store, person, Utc::now())
                .map_err(|error| WebError::Internal(error.to_string()))?;
            let subject = format!("user {number}");
            audit::record(conn, &visitor.account().name, "export", &subject, serde_json::json!({}))?;
            Ok((number, everything))
        })
        .await?;
    let body = format!("{everything:#}\n");
    Ok(download::attachment(&format!("user-{number}.json"), "application/json").body(body))
}

/// What it would do, and the question.
pub async fn confirm(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context.page(visitor, move |conn, layout| page(conn, layout, &id, None)).await
}

/// Does it, if the name is right. Files are cleaned afterwards, on a thread of their own; the clean-up goes on with what
/// that could not.
pub async fn decide(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<NameForm>,
) -> Result<HttpResponse, WebError> {
    let key_file = context.work.key_file.clone();
    let (typed, by) = (form.into_inner().name, visitor.clone());
    let asked = id.clone();
    let outcome = context
        .db(move |conn| {
            let person = find(conn, &Moment::default(), &asked)?;
            if typed.trim() != person.name().trim() {
                return Ok(Err("That is not the user's name; nothing was done.".to_owned()));
            }
            match anonymizing::anonymize(conn, &key_file, person.id, &by.account().name, Utc::now()) {
                Ok(_) => Ok(Ok(person.id)),
                Err(AnonymizeError::Database(error)) => Err(error.into()),
                Err(refusal) => Ok(Err(sentence(&refusal))),
            }
        })
        .await?;
    match outcome {
        Err(words) => context.page(visitor, move |conn, layout| page(conn, layout, &id, Some(words))).await,
        Ok(number) => {
            clean(&context);
            context
                .act(move |conn| {
                    let flash = Flash::done(format!(
                        "User {number} is anonymized. Files that were received are being cleaned; later runs pass the \
                         user over."
                    ));
                    visitor.lead(conn, links::USERS, flash)
                })
                .await
        }
    }
}

/// Its end is awaited by nobody: what it does not come to is done within the hour.
fn clean(context: &WebContext) {
    let work = context.work.clone();
    drop(actix_web::rt::task::spawn_blocking(move || {
        let cleaned = work.db.get().map_err(|error| error.to_string()).and_then(|mut conn| {
            anonymizing::forget_snapshots(&mut conn, &work.store).map_err(|error| error.to_string())?;
            cleaning::clean(&mut conn, &work.store, &work.key_file, Utc::now()).map_err(|error| error.to_string())
        });
        if let Err(error) = cleaned {
            tracing::warn!(%error, "cleaning extractions stopped half-way; the clean-up goes on with it");
        }
    }));
}

fn page(conn: &mut PgConnection, layout: Layout, id: &str, refusal: Option<String>) -> Result<AnonymizePage, WebError> {
    let moment = Moment::default();
    let person = find(conn, &moment, id)?;
    let records = resource::of_person(conn, &moment.at, person.id)?.len();
    let name = person.name();
    let layout = layout
        .titled(Section::Users, format!("Anonymize {name}?"))
        .under(links::USERS, "Users")
        .under(links::user(person.id), name.clone());
    Ok(AnonymizePage { layout, id: person.id, name, records, refusal })
}
