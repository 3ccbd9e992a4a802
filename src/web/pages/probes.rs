//! What machines ask: whether the process lives, whether it can serve, and its figures.

use crate::db;
use crate::model::run;
use crate::web::WebContext;
use crate::web::error::WebError;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use std::fmt::Write;

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// The database answers.
pub async fn ready(context: Data<WebContext>) -> HttpResponse {
    match context.db(|conn| Ok(db::now(conn)?)).await {
        Ok(_) => HttpResponse::Ok().body("ok\n"),
        Err(_) => HttpResponse::ServiceUnavailable().body("the database does not answer\n"),
    }
}

/// Figures for Prometheus, to this machine only.
pub async fn metrics(context: Data<WebContext>, request: HttpRequest) -> Result<HttpResponse, WebError> {
    if !request.peer_addr().is_some_and(|address| address.ip().is_loopback()) {
        return Ok(HttpResponse::NotFound().finish());
    }
    let counts = context.db(|conn| Ok(run::count_by_state(conn)?)).await?;
    let pool = context.work.db.state();
    let mut text = String::from("# TYPE muster_runs gauge\n");
    for (state, runs) in counts {
        let _ = writeln!(text, "muster_runs{{state=\"{state}\"}} {runs}");
    }
    let _ = write!(
        text,
        "# TYPE muster_database_connections gauge\nmuster_database_connections{{state=\"idle\"}} {}\n\
         muster_database_connections{{state=\"open\"}} {}\n",
        pool.idle_connections, pool.connections
    );
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text))
}
