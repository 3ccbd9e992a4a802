//! The revert of an applied run: a step of its own that says what it does, and what keeps the next run from bringing the
//! changes back.

use super::decision::sentence;
use super::run::{find, total};
use crate::model::connector::{self, Connector};
use crate::model::revert::{self, RevertError, Wish};
use crate::model::run::{Afterwards, Run, RunId, StartError, Trigger};
use crate::model::session::Flash;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, words};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/revert.html")]
struct RevertPage {
    layout: Layout,
    run: Run,
    connector: Connector,
    total: u64,
    refusal: Option<String>,
    /// Changes that were erased.
    erased: Option<String>,
}

/// What else it does, and how far it goes.
#[derive(Deserialize)]
pub struct RevertForm {
    #[serde(default)]
    afterwards: String,
    #[serde(default)]
    dry_run: String,
}

/// What a revert would do, and the choice.
pub async fn confirm(context: Data<WebContext>, visitor: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    context
        .page(visitor, move |conn, layout| {
            let run = find(conn, id)?;
            let connector =
                connector::by_id(conn, run.connector_id)?.ok_or_else(|| WebError::missing("connector of run", id))?;
            let refusal = match revert::check(conn, &run) {
                Ok(()) => None,
                Err(RevertError::Database(error)) => return Err(error.into()),
                Err(refusal) => Some(sentence(&refusal)),
            };
            let layout =
                layout.titled(Section::Runs, format!("Revert run {id}?")).under(links::run(id), format!("Run {id}"));
            let erased = revert::erased(conn, id)?.unsigned_abs();
            let erased = (erased > 0).then(|| words::counted(erased, "change", "changes"));
            Ok(RevertPage { layout, total: total(&run), run, connector, refusal, erased })
        })
        .await
}

/// Starts the revert and leads to it.
pub async fn start(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<i32>,
    form: Form<RevertForm>,
) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            let wish = Wish {
                by: &visitor.account().name,
                trigger: Trigger::Person,
                dry_run: !form.dry_run.is_empty(),
                afterwards: form.afterwards.parse::<Afterwards>().ok(),
            };
            match revert::start(conn, id, &wish, &enqueue) {
                Ok(run) => visitor.lead(conn, &links::run(run), Flash::done(format!("Run {run} takes back run {id}."))),
                Err(RevertError::NotFound(id)) => Err(WebError::missing("run", id)),
                Err(RevertError::Database(error) | RevertError::Start(StartError::Database(error))) => {
                    Err(error.into())
                }
                Err(refusal) => {
                    let flash = Flash::refused(sentence(&refusal));
                    let flash = match refusal {
                        RevertError::Start(StartError::AlreadyRunning(run))
                        | RevertError::AlreadyReverted { by: run, .. } => {
                            flash.with_link(links::run(run), format!("Run {run}"))
                        }
                        _ => flash,
                    };
                    visitor.lead(conn, &links::run(id), flash)
                }
            }
        })
        .await
}
