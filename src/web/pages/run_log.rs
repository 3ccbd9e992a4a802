//! A run's log as text: what its tasks did, then what it did to users, groups and memberships. One line per event,
//! `event: sentence`, streamed, so that memory does not grow with the run.

use super::run::find;
use crate::model::run::{Run, RunId};
use crate::model::{run_events, run_log};
use crate::web::download::{Outgoing, PIECE, outgoing};
use crate::web::error::WebError;
use crate::web::visitor::Visitor;
use crate::web::{WebContext, csv};
use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use diesel::pg::PgConnection;
use std::fmt::Write;

/// The file.
pub async fn download(context: Data<WebContext>, _: Visitor, id: Path<i32>) -> Result<HttpResponse, WebError> {
    let id = RunId(*id);
    let run = context.db(move |conn| find(conn, id)).await?;
    Ok(text(context, run))
}

/// The log of a run as an answer.
pub fn text(context: Data<WebContext>, run: Run) -> HttpResponse {
    let id = run.id;
    let (outgoing, body) = outgoing();
    actix_web::rt::spawn(async move {
        // A reader that went away needs no explanation; any failure breaks the download off, so that half a log is not
        // taken for a whole one.
        let _ = context
            .db(move |conn| {
                let mut text = Text { piece: String::new(), outgoing };
                tasks(conn, id, &mut text)?;
                run_events::each(conn, &run, |event| text.line(&event.to_string()))?;
                text.end()
            })
            .await;
    });
    csv::attachment(&format!("run-{id}-log.txt"), "text/plain; charset=utf-8").streaming(body)
}

fn tasks(conn: &mut PgConnection, id: RunId, text: &mut Text) -> Result<(), WebError> {
    let mut after = 0;
    loop {
        let lines = run_log::lines(conn, id, after, 1000)?;
        let Some(last) = lines.last() else { return Ok(()) };
        after = last.id;
        for line in &lines {
            text.line(&format!("{}: {}", line.event, line.message))?;
        }
    }
}

struct Text {
    piece: String,
    outgoing: Outgoing,
}

impl Text {
    /// One event is one line, whatever names hold.
    fn line(&mut self, event: &str) -> Result<(), WebError> {
        let _ = writeln!(self.piece, "{}", event.replace(['\r', '\n'], " "));
        if self.piece.len() >= PIECE { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), WebError> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        self.outgoing.send(piece).map_err(|_| WebError::Stopped)
    }

    fn end(mut self) -> Result<(), WebError> {
        self.send()?;
        self.outgoing.end().map_err(|_| WebError::Stopped)
    }
}
