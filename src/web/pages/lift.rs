//! Lifting a suppression: what it does, the reason, and doing it.

use super::decision::sentence;
use crate::model::anonymization::{self, AnonymizationFilter};
use crate::model::session::Flash;
use crate::pipeline::anonymizing::lifting::{self, LiftError};
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/lift.html")]
struct LiftPage {
    layout: Layout,
    when: When,
    by: String,
    is_lifted: bool,
    action: String,
}

/// Why it is lifted.
#[derive(Deserialize)]
pub struct ReasonForm {
    #[serde(default)]
    reason: String,
}

/// What it would do, and the question.
pub async fn confirm(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let number = number(&id)?;
            let filter = AnonymizationFilter { ids: Some(vec![number]), before: None };
            let one = anonymization::page(conn, &filter, 1)?.pop().ok_or_else(|| missing(&id))?;
            Ok(LiftPage {
                when: When::new(one.anonymized_at, layout.now),
                by: one.anonymized_by,
                is_lifted: one.lifted_at.is_some(),
                action: links::anonymized(number),
                layout: layout
                    .titled(Section::Users, format!("Let user {} come back?", one.person_id))
                    .under(links::USERS, "Users")
                    .under(links::ANONYMIZED, "Anonymized users"),
            })
        })
        .await
}

/// Does it.
pub async fn lift(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<ReasonForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let number = number(&id)?;
            match lifting::lift(conn, number, &form.reason, &visitor.account().name, Utc::now()) {
                Ok(_) => {
                    let words =
                        "Lifted. The next complete run that reads the records brings the user back, as a new one.";
                    visitor.lead(conn, links::ANONYMIZED, Flash::done(words))
                }
                Err(LiftError::Database(error)) => Err(error.into()),
                Err(LiftError::NotFound(_)) => Err(missing(&id)),
                Err(refusal) => visitor.lead(conn, &links::anonymized(number), Flash::refused(sentence(&refusal))),
            }
        })
        .await
}

fn number(id: &str) -> Result<i64, WebError> {
    id.parse().map_err(|_| missing(id))
}

fn missing(id: &str) -> WebError {
    WebError::missing("anonymization", id)
}
