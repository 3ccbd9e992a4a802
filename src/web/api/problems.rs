//! The records of a run that were rejected or are doubtful, each with the place where it stands.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging};
use crate::model::problem::{self, ProblemCode, StoredProblem};
use crate::web::WebContext;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

/// Which problems.
#[derive(Debug, Deserialize)]
pub struct ProblemsQuery {
    code: Option<ProblemCode>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Page by page, as `muster show RUN --problems --json` lists them.
pub async fn list(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    query: Query<ProblemsQuery>,
) -> Result<HttpResponse, Problem> {
    let ProblemsQuery { code, after, limit } = query.into_inner();
    let paging = Paging { after, limit };
    let after = paging.after_number()?.map_or(0, |seq| i32::try_from(seq).unwrap_or(i32::MAX));
    let listed = context
        .ask(move |conn| {
            let (run, _) = client.run(conn, *id)?;
            let problems = problem::of_run(conn, run.id, code, after, paging.rows())?;
            Ok(Listed::new(problems, &paging, |one: &StoredProblem| one.seq.to_string(), |one| one))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}
