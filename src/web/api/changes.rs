//! What a run has changed, or would change.

use super::gate::Client;
use super::problem::Problem;
use super::{Listed, Paging};
use crate::model::change::{Change, ChangeFilter};
use crate::model::guard::Operation;
use crate::model::run::RunState;
use crate::web::WebContext;
use crate::web::pages::run::with_changes;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

/// Which changes.
#[derive(Debug, Deserialize)]
pub struct ChangesQuery {
    /// An entity type's or association's name.
    scope: Option<String>,
    operation: Option<String>,
    /// A property that changes.
    property: Option<String>,
    /// The beginning of the key.
    key: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Page by page, as `muster show RUN --changes --json` lists them.
pub async fn list(
    context: Data<WebContext>,
    client: Client,
    id: Path<i32>,
    query: Query<ChangesQuery>,
) -> Result<HttpResponse, Problem> {
    let ChangesQuery { scope, operation, property, key, after, limit } = query.into_inner();
    let find = |word: &String| Operation::ALL.into_iter().find(|operation| operation.as_str() == word);
    let operation = match &operation {
        Some(word) => Some(find(word).ok_or_else(|| Problem::request("operation is insert, update or delete"))?),
        None => None,
    };
    let paging = Paging { after, limit };
    let filter =
        ChangeFilter { scope, operation, property, key, after: paging.after.clone(), ..ChangeFilter::default() };
    let listed = context
        .ask(move |conn| {
            let (run, _) = client.run(conn, *id)?;
            let (run, changes) = with_changes(conn, run.id, &filter, paging.rows())?;
            if run.state == RunState::Synchronizing {
                let message = "the changes are being applied right now; ask again when that is done";
                return Err(Problem::conflict("being_applied", message).with_header("retry-after", 5));
            }
            Ok(Listed::new(changes, &paging, |change: &Change| change.cursor.clone(), |change| change))
        })
        .await?;
    Ok(HttpResponse::Ok().json(listed))
}
