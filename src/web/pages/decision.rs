//! The decision about a run: resume, discard, cancel, retry. Resuming has a step of its own that names the figures;
//! leaving changes out stands in [`super::without`].

use super::run::{find, total};
use crate::model::claim::Enqueue;
use crate::model::connector;
use crate::model::decision::{self, Cancelled, Decider, DecisionError};
use crate::model::run::{Run, RunId};
use crate::model::session::Flash;
use crate::web::decision_view::{DecisionView, decision_view};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/decision.html")]
struct DecisionPage {
    layout: Layout,
    run: Run,
    decision: DecisionView,
    connector: String,
    total: u64,
    is_stale: bool,
}

/// What was seen, and with which words it is decided.
#[derive(Deserialize)]
pub struct DecisionForm {
    #[serde(default)]
    digest: String,
    #[serde(default)]
    comment: String,
}

/// The step before a resume: what exactly will be applied.
pub async fn confirm(context: Data<WebContext>, visitor: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    context
        .page(visitor, move |conn, layout| {
            let run = find(conn, id)?;
            let decision = decision_view(&run).ok_or_else(|| {
                WebError::Conflict(format!(
                    "Run {id} does not wait for a decision; it is {}.",
                    words::state(run.state).to_lowercase()
                ))
            })?;
            let connector = connector::by_id(conn, run.connector_id)?;
            let is_stale = connector.as_ref().is_none_or(|one| {
                Some(one.state_version) != run.state_version || one.configuration_version != run.configuration_version
            });
            let layout =
                layout.titled(Section::Runs, format!("Apply run {id}?")).under(links::run(id), format!("Run {id}"));
            let connector = connector.map(|connector| connector.display_name).unwrap_or_default();
            Ok(DecisionPage { layout, decision, connector, total: total(&run), is_stale, run })
        })
        .await
}

/// Applies exactly the change set that was seen.
pub async fn resume(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    decide(context, visitor, id, form.into_inner(), |conn, id, form, by, enqueue| {
        decision::resume(conn, id, &form.digest, by, enqueue)?;
        Ok("Resumed: the changes are being applied.")
    })
    .await
}

/// Refuses the change set.
pub async fn discard(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    decide(context, visitor, id, form.into_inner(), |conn, id, _, by, _| {
        decision::discard(conn, id, by)?;
        Ok("Discarded. Nothing has been written.")
    })
    .await
}

/// Stops a run that is at work.
pub async fn cancel(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    decide(context, visitor, id, form.into_inner(), |conn, id, _, by, _| {
        Ok(match decision::cancel(conn, id, by)? {
            Cancelled::AtOnce => "Cancelled. Nothing has been written.",
            Cancelled::WorkerTold => "The worker has been told to stop; it takes a second.",
        })
    })
    .await
}

/// Takes a failed run up again.
pub async fn retry(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<DecisionForm>,
) -> Result<HttpResponse, WebError> {
    decide(context, visitor, id, form.into_inner(), |conn, id, _, by, enqueue| {
        decision::retry(conn, id, by, enqueue)?;
        Ok("Taken up again where it failed.")
    })
    .await
}

type Act = fn(&mut PgConnection, RunId, &DecisionForm, &Decider<'_>, &Enqueue) -> Result<&'static str, DecisionError>;

async fn decide(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: DecisionForm,
    act: Act,
) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            let comment = Some(form.comment.trim()).filter(|comment| !comment.is_empty());
            let by = Decider { name: &visitor.account().name, comment };
            let flash = match act(conn, id, &form, &by, &enqueue) {
                Ok(words) => Flash::done(words),
                Err(DecisionError::NotFound(id)) => return Err(WebError::missing("run", id)),
                Err(DecisionError::Database(error)) => return Err(error.into()),
                Err(DecisionError::AlreadyRunning(other)) => {
                    Flash::refused(sentence(&DecisionError::AlreadyRunning(other)))
                        .with_link(links::run(other), format!("Run {other}"))
                }
                Err(refusal) => Flash::refused(sentence(&refusal)),
            };
            visitor.lead(conn, &links::run(id), flash)
        })
        .await
}

/// An error of the layers below as a sentence.
pub fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let text: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    if text.ends_with('.') { text } else { format!("{text}.") }
}
