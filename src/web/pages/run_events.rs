//! The progress of a run as server-sent events.
//!
//! `progress` comes whenever something moved, `end` once when nothing more happens by itself. Every watcher reads two
//! rows by primary key, less than twice a second; nobody who works on the run waits for that.

use super::run::{find, progress_words};
use crate::model::lease;
use crate::model::run::RunId;
use crate::web::WebContext;
use crate::web::error::WebError;
use crate::web::visitor::Visitor;
use actix_web::Responder;
use actix_web::web::{Data, Path};
use actix_web_lab::sse::{self, Sse};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

const LOOK: Duration = Duration::from_millis(600);
/// A browser that stays longer connects again.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The stream.
pub async fn stream(context: Data<WebContext>, _: Visitor, id: Path<i32>) -> Result<impl Responder, WebError> {
    let id = RunId(*id);
    look(&context, id).await?;
    let (sender, receiver) = mpsc::channel(4);
    actix_web::rt::spawn(async move {
        // Ends with the browser's connection, with the run, or with an error: the browser comes back by itself.
        let _ = tokio::time::timeout(LONGEST, tell(context, id, sender)).await;
    });
    Ok(Sse::from_infallible_receiver(receiver)
        .with_keep_alive(Duration::from_secs(15))
        .with_retry_duration(Duration::from_secs(2)))
}

async fn tell(context: Data<WebContext>, id: RunId, sender: mpsc::Sender<sse::Event>) {
    let mut last = Value::Null;
    while let Ok((news, rests)) = look(&context, id).await {
        let event = if rests { "end" } else { "progress" };
        if news != last || rests {
            let data = sse::Data::new(news.to_string()).event(event);
            if sender.send(data.into()).await.is_err() || rests {
                return;
            }
            last = news;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(context: &WebContext, id: RunId) -> Result<(Value, bool), WebError> {
    context
        .db(move |conn| {
            let run = find(conn, id)?;
            let lease = lease::of(conn, id)?;
            let (step, words, rows, total) = match &lease {
                Some(lease) => {
                    let report = &lease.progress;
                    (report.step.clone(), progress_words(lease), report.rows, report.total)
                }
                None => Default::default(),
            };
            let news = json!({
                "state": run.state.as_str(),
                "rows": rows,
                "total": total,
                "words": { "step": step, "progress": words },
            });
            Ok((news, run.rests()))
        })
        .await
}
