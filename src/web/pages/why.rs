//! Why a value of a profile is what it is, in five steps: read, in scope, matched, authority, value.

mod steps;

use super::user::find;
use crate::model::as_of::AsOf;
use crate::model::resource;
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Path, Query};
use askama::Template;
use serde::Deserialize;
use steps::Step;

#[derive(Template)]
#[template(path = "pages/why.html")]
struct WhyPage {
    layout: Layout,
    field: String,
    value: Option<String>,
    steps: Vec<Step>,
    received: String,
}

/// Which value.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct WhyQuery {
    field: String,
}

/// The page.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    query: Query<WhyQuery>,
) -> Result<HttpResponse, WebError> {
    let name = query.into_inner().field;
    context
        .page(visitor, move |conn, layout| {
            let person = find(conn, &Moment::default(), &id)?;
            let declared = crate::model::profile_field::list(conn)?;
            let field = declared.iter().find(|field| field.name == name);
            if field.is_none() && person.value(&name).is_none() {
                return Err(WebError::missing("profile field", &name));
            }
            let resources = resource::of_person(conn, &AsOf::Now, person.id)?;
            let mut origins = Origins::load(conn)?;
            origins.learn_connectors(conn, origins.connector_ids())?;
            let value_from = person.source(&name).filter(|_| person.fields.get(&name).is_some());
            let runs = resources.iter().map(|one| one.run_id).chain(value_from.map(|source| source.run));
            origins.learn_runs(conn, runs)?;
            let title = field.map_or_else(|| name.clone(), |field| field.title.clone());
            Ok(WhyPage {
                value: person.value(&name).map(diff::text),
                steps: steps::of(conn, &person, &name, field, &resources, &origins)?,
                received: links::of_user(person.id, "received"),
                layout: layout
                    .titled(Section::Users, format!("Why {title} is so"))
                    .under(links::USERS, "Users")
                    .under(links::user(person.id), person.name()),
                field: title,
            })
        })
        .await
}
