//! Two users that are one, and one that is two: merging, and separating a record, by hand. Both are shown before it is done.

use super::matches::named;
use super::user::find;
use crate::model::as_of::AsOf;
use crate::model::decision::Decider;
use crate::model::person::{self, Person};
use crate::model::resource;
use crate::model::session::Flash;
use crate::pipeline::people::by_hand::{self, ByHandError};
use crate::pipeline::provenance::Origins;
use crate::web::elements::Badge;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path, Query};
use askama::Template;
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/merge.html")]
struct MergePage {
    layout: Layout,
    action: String,
    query: MergeQuery,
    one: Side,
    other: Option<Side>,
    unknown: Option<String>,
}

/// A user with what feeds it.
struct Side {
    id: i64,
    href: String,
    name: String,
    badges: Vec<Badge>,
    records: Vec<RecordLine>,
}

/// A record that feeds a user.
struct RecordLine {
    id: i64,
    words: String,
    key: String,
}

/// Whom to merge with.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct MergeQuery {
    with: String,
}

/// Who becomes whom.
#[derive(Deserialize)]
pub struct MergeForm {
    with: i64,
    #[serde(default)]
    comment: String,
}

/// Which record goes, and to whom.
#[derive(Deserialize)]
pub struct SeparateForm {
    resource: i64,
    #[serde(default)]
    to: String,
    #[serde(default)]
    comment: String,
}

/// The page: what feeds the user, and the other one if it is named.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    query: Query<MergeQuery>,
) -> Result<HttpResponse, WebError> {
    let query = query.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let person = find(conn, &Moment::default(), &id)?;
            let origins = Origins::load(conn)?;
            let (mut other, mut unknown) = (None, None);
            if !query.with.trim().is_empty() {
                match named(conn, query.with.trim())? {
                    Ok(id) if id == person.id => unknown = Some("That is the same user.".to_owned()),
                    Ok(id) => {
                        let found = person::find(conn, &AsOf::Now, id)?;
                        other = found.map(|found| side(conn, &found, &origins, &layout)).transpose()?;
                    }
                    Err(refusal) => unknown = Some(super::decision::sentence(&refusal)),
                }
            }
            Ok(MergePage {
                one: side(conn, &person, &origins, &layout)?,
                action: links::of_user(person.id, "merge"),
                other,
                unknown,
                query,
                layout: layout
                    .titled(Section::Users, format!("Who {} is", person.name()))
                    .under(links::USERS, "Users")
                    .under(links::user(person.id), person.name()),
            })
        })
        .await
}

fn side(conn: &mut PgConnection, person: &Person, origins: &Origins, layout: &Layout) -> Result<Side, WebError> {
    let records = resource::of_person(conn, &AsOf::Now, person.id)?;
    Ok(Side {
        id: person.id,
        href: links::user(person.id),
        name: person.name(),
        badges: standing::badges_of(person, layout.now),
        records: records
            .into_iter()
            .filter_map(|one| {
                let names = origins.entity_type(one.entity_type_id)?;
                let words = format!("{}, {}", names.title, names.connector_title);
                Some(RecordLine { id: one.id, words, key: one.key })
            })
            .collect(),
    })
}

/// Merges the user into the other one.
pub async fn merge(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<MergeForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let by = Decider { name: &visitor.account().name, comment: words(&form.comment) };
            let (to, flash) = match by_hand::merge(conn, person.id, form.with, &by) {
                Ok(()) => (links::user(form.with), Flash::done(format!("{} is this user now.", person.name()))),
                Err(error) => (links::of_user(person.id, "merge"), refused(error)?),
            };
            visitor.lead(conn, &to, flash)
        })
        .await
}

/// Takes a record off the user.
pub async fn separate(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<SeparateForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = find(conn, &Moment::default(), &id)?;
            let back = links::of_user(person.id, "merge");
            let to = match form.to.trim() {
                "" => None,
                text => match named(conn, text)? {
                    Ok(to) => Some(to),
                    Err(refusal) => {
                        return visitor.lead(conn, &back, Flash::refused(super::decision::sentence(&refusal)));
                    }
                },
            };
            let by = Decider { name: &visitor.account().name, comment: words(&form.comment) };
            let (to, flash) = match by_hand::separate(conn, person.id, form.resource, to, &by) {
                Ok(to) => (
                    links::user(to),
                    Flash::done(format!("The record feeds this user now, and no longer {}.", person.name()))
                        .with_link(links::user(person.id), person.name()),
                ),
                Err(error) => (back, refused(error)?),
            };
            visitor.lead(conn, &to, flash)
        })
        .await
}

fn words(comment: &str) -> Option<&str> {
    Some(comment.trim()).filter(|comment| !comment.is_empty())
}

fn refused(error: ByHandError) -> Result<Flash, WebError> {
    match error {
        ByHandError::Database(error) => Err(error.into()),
        ByHandError::Task(error) => Err(WebError::Internal(error.to_string())),
        refusal => Ok(Flash::refused(super::decision::sentence(&refusal))),
    }
}
