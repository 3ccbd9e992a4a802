//! Decisions about a run: resume, discard, cancel, retry, revert.

use super::gate::Client;
use super::problem::Problem;
use super::runs::{accepted, report};
use super::said;
use crate::model::claim::Enqueue;
use crate::model::decision::{self, Decider, DecisionError};
use crate::model::revert::{self, Wish};
use crate::model::run::{Afterwards, Run, Trigger};
use crate::web::WebContext;
use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use diesel::pg::PgConnection;
use serde::Deserialize;

/// What was looked at, and with which words it is decided.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionBody {
    /// The digest of the change set that was looked at; without it the one that stands there now.
    digest: Option<String>,
    comment: Option<String>,
}

/// How far a revert goes, and what else it does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RevertBody {
    dry_run: bool,
    /// `hold` or `deactivate`.
    afterwards: Option<Afterwards>,
}

/// Applies exactly the change set that was looked at.
pub async fn resume(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(context, client, *id, &body, |conn, run, body, by, enqueue| {
        let seen = body.digest.clone().or_else(|| run.change_set_digest.clone()).unwrap_or_default();
        decision::resume(conn, run.id, &seen, by, enqueue)
    })
    .await
}

/// Refuses the change set.
pub async fn discard(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(context, client, *id, &body, |conn, run, _, by, _| decision::discard(conn, run.id, by)).await
}

/// Stops a run.
pub async fn cancel(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(context, client, *id, &body, |conn, run, _, by, _| decision::cancel(conn, run.id, by).map(drop)).await
}

/// Takes a failed run up again.
pub async fn retry(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(context, client, *id, &body, |conn, run, _, by, enqueue| decision::retry(conn, run.id, by, enqueue)).await
}

/// Starts the revert of an applied run.
pub async fn revert(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    let body: RevertBody = said(&body)?;
    let enqueue = context.work.enqueue.clone();
    let report = context
        .ask(move |conn| {
            let (run, _) = client.run(conn, *id)?;
            let by = client.who();
            let wish = Wish { by: &by, trigger: Trigger::Api, dry_run: body.dry_run, afterwards: body.afterwards };
            let started = revert::start(conn, run.id, &wish, &enqueue)?;
            report(conn, started)
        })
        .await?;
    Ok(accepted(&report))
}

type Act = fn(&mut PgConnection, &Run, &DecisionBody, &Decider<'_>, &Enqueue) -> Result<(), DecisionError>;

async fn decide(
    context: Data<WebContext>,
    client: Client,
    id: i32,
    body: &[u8],
    act: Act,
) -> Result<HttpResponse, Problem> {
    let body: DecisionBody = said(body)?;
    let enqueue = context.work.enqueue.clone();
    let report = context
        .ask(move |conn| {
            let (run, _) = client.run(conn, id)?;
            let comment = body.comment.as_deref().map(str::trim).filter(|comment| !comment.is_empty());
            let by = Decider { name: &client.who(), comment };
            act(conn, &run, &body, &by, &enqueue)?;
            report(conn, run.id)
        })
        .await?;
    Ok(accepted(&report))
}
