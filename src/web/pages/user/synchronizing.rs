//! Synchronizing a user now: the connectors that feed it read their sources again.
//!
//! Each starts a run of its own, over what changed since the last one where the source can tell, else over all of it: a
//! source is not asked for single records, so that what is absent is proven, guards count everything, and the books balance.

use super::find;
use crate::model::as_of::AsOf;
use crate::model::connector;
use crate::model::resource;
use crate::model::run::{self, Mode, NewRun, StartError, Trigger};
use crate::model::session::{self, Flash};
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::pages::decision::sentence;
use crate::web::visitor::{Lead, Visitor};
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use std::collections::BTreeSet;

/// Starts them, and leads back to the profile.
pub async fn synchronize(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
) -> Result<HttpResponse, WebError> {
    let enqueue = context.work.enqueue.clone();
    context
        .act(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let origins = Origins::load(conn)?;
            let feeding: BTreeSet<i32> = resource::of_person(conn, &AsOf::Now, person.id)?
                .iter()
                .map(|one| one.entity_type_id)
                .chain(person.field_names().filter_map(|name| person.source(name)).map(|source| source.entity_type))
                .filter_map(|entity_type| Some(origins.entity_type(entity_type)?.connector_id))
                .collect();
            let mut said = Vec::new();
            for connector in connector::list(conn)?.into_iter().filter(|one| feeding.contains(&one.id.0)) {
                let mode = if connector.incremental { Mode::Incremental } else { Mode::Complete };
                let by = Some(visitor.account().name.as_str());
                let new = NewRun { started_by: by, ..NewRun::new(connector.id, mode, Trigger::Person) };
                let title = &connector.display_name;
                said.push(match run::start(conn, &new, &enqueue) {
                    Ok(run) => {
                        Flash::done(format!("{title} is read again.")).with_link(links::run(run), format!("Run {run}"))
                    }
                    Err(StartError::Database(error)) => return Err(error.into()),
                    Err(refusal) => {
                        let flash = Flash::refused(format!("{title}: {}", sentence(&refusal)));
                        match refusal {
                            StartError::AlreadyRunning(run) | StartError::BlockedWaits(run) => {
                                flash.with_link(links::run(run), format!("Run {run}"))
                            }
                            _ => flash,
                        }
                    }
                });
            }
            if said.is_empty() {
                said.push(Flash::refused("No connector has ever fed this user."));
            }
            session::leave_flash(conn, &visitor.session.digest, &said)?;
            Ok(Lead::to(&links::user(person.id)))
        })
        .await
}
