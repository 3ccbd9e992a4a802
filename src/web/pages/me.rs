//! My profile: what is known here of whoever is signed in, where it is from, and their groups. Nothing of anybody else.

use super::user::ByAccount;
use super::user::fields::{self, FieldLine};
use super::{me_edit, photo};
use crate::model::as_of::AsOf;
use crate::model::person::{self, Membership, Person};
use crate::model::{profile_field, resource};
use crate::pipeline::photos;
use crate::pipeline::provenance::Origins;
use crate::web::elements::Badge;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links, standing};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use diesel::pg::PgConnection;
use serde_json::Value;

#[derive(Template)]
#[template(path = "pages/me.html")]
struct MePage {
    layout: Layout,
    called: String,
    profile: Option<Profile>,
}

struct Profile {
    name: String,
    initials: String,
    photo: Option<&'static str>,
    is_editable: bool,
    badges: Vec<Badge>,
    sub: Vec<String>,
    fields: Vec<FieldLine>,
    groups: Vec<Membership>,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let (called, own) = (visitor.account().name.clone(), visitor.account().person_id);
    context
        .page(visitor, move |conn, layout| {
            let person = match own {
                Some(own) => person::find(conn, &AsOf::Now, own)?,
                None => None,
            };
            let profile = person.map(|person| profile(conn, person, &layout)).transpose()?;
            Ok(MePage { layout: layout.titled(Section::MyProfile, "My profile"), called, profile })
        })
        .await
}

/// The own photo.
pub async fn photo(
    context: Data<WebContext>,
    visitor: Visitor,
    request: HttpRequest,
) -> Result<HttpResponse, WebError> {
    let own = visitor.account().person_id.ok_or_else(|| WebError::NotFound("There is no photo.".into()))?;
    photo::answer(&context, own, &request).await
}

fn profile(conn: &mut PgConnection, mut person: Person, layout: &Layout) -> Result<Profile, WebError> {
    let resources = resource::of_person(conn, &AsOf::Now, person.id)?;
    let declared = profile_field::list(conn)?;
    let is_editable = me_edit::is_possible(&declared, &person);
    profile_field::conceal(&declared, [&mut person.fields, &mut person.local]);
    let mut origins = Origins::load(conn)?;
    origins.learn_connectors(conn, fields::connectors(&person, &resources, &origins))?;
    let runs = person.field_names().filter_map(|name| person.source(name)).map(|source| source.run);
    origins.learn_runs(conn, runs.chain(resources.iter().map(|one| one.run_id)))?;
    let said = origins.said(conn, &resources)?;
    // It is shown as a picture.
    let photo = photo::is_shown(conn, &person)?.then_some(links::MY_PHOTO);
    for values in [&mut person.fields, &mut person.local].into_iter().filter_map(Value::as_object_mut) {
        values.remove(photos::FIELD);
    }
    let by_account = ByAccount::load(conn, &AsOf::Now, person.id, false, layout.now)?;
    let name = person.name();
    Ok(Profile {
        initials: standing::initials(&name),
        photo,
        is_editable,
        badges: standing::badges_of(&person, layout.now),
        sub: ["title", "department"].iter().filter_map(|name| person.field(name)).map(str::to_owned).collect(),
        fields: fields::lines(&person, &declared, said, &origins, &by_account),
        groups: person::memberships(conn, &AsOf::Now, &[person.id])?,
        name,
    })
}
