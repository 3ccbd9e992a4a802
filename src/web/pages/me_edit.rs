//! My profile, edited by whose it is: the local fields that persons may edit, and the own photo. What others decide is
//! shown with whom; hidden fields are not there at all.

use super::photo::{self, PhotoForm};
use super::user_edit::{self, Editing, OwnedLine, Saved};
use crate::model::as_of::AsOf;
use crate::model::person::{self, Person};
use crate::model::profile_field::{Editor, Permission, ProfileField, permission};
use crate::pipeline::photos;
use crate::web::error::WebError;
use crate::web::file_form::FileForm;
use crate::web::page::{Layout, Section};
use crate::web::profile_form::{Entry, Input, is_sourced};
use crate::web::visitor::{Visitor, see_other};
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form};
use askama::Template;
use diesel::pg::PgConnection;

#[derive(Template)]
#[template(path = "pages/me_edit.html")]
struct MeEditPage {
    layout: Layout,
    entries: Vec<Entry>,
    owned: Vec<OwnedLine>,
    photo: Option<PhotoForm>,
}

/// The form.
pub async fn show(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    let me = visitor.clone();
    context
        .page(visitor, move |conn, layout| {
            let person = own(conn, &me)?;
            let editing = Editing::begin(conn, person, Editor::Person)?;
            page(conn, layout, editing)
        })
        .await
}

/// Saves what was typed, all of it or nothing.
pub async fn save(
    context: Data<WebContext>,
    visitor: Visitor,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let me = visitor.clone();
    let saved = context
        .db(move |conn| {
            let person = own(conn, &me)?;
            let editing = Editing::begin(conn, person, Editor::Person)?;
            user_edit::keep(conn, &me, editing, links::ME.to_owned(), &form)
        })
        .await?;
    match saved {
        Saved::Led(to) => Ok(see_other(&to)),
        Saved::Again(editing) => context.page(visitor, move |conn, layout| page(conn, layout, *editing)).await,
    }
}

/// Takes an upload as the own photo.
pub async fn receive_photo(context: Data<WebContext>, form: FileForm) -> Result<HttpResponse, WebError> {
    let (visitor, content) = photo::read(form).await?;
    context
        .act(move |conn| {
            let person = own(conn, &visitor)?;
            photo::keep(conn, &visitor, &person, Editor::Person, content, links::EDIT_ME)
        })
        .await
}

/// Takes the own uploaded photo away.
pub async fn remove_photo(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let person = own(conn, &visitor)?;
            photo::discard(conn, &visitor, &person, Editor::Person, links::EDIT_ME)
        })
        .await
}

/// Whether there is anything that a person may edit of the own profile.
pub(super) fn is_possible(declared: &[ProfileField], person: &Person) -> bool {
    declared.iter().any(|field| may_edit(field, person))
}

fn may_edit(field: &ProfileField, person: &Person) -> bool {
    permission(field, Editor::Person, is_sourced(person, &field.name)) == Permission::Edit
}

/// Whoever is signed in, and nobody else: the account says who it is, the request can't.
fn own(conn: &mut PgConnection, visitor: &Visitor) -> Result<Person, WebError> {
    let found = match visitor.account().person_id {
        Some(own) => person::find(conn, &AsOf::Now, own)?,
        None => None,
    };
    found.ok_or_else(|| {
        let name = &visitor.account().name;
        WebError::NotFound(format!("No profile belongs to the account {name}. An administrator can say whose it is."))
    })
}

fn page(conn: &mut PgConnection, layout: Layout, editing: Editing) -> Result<MeEditPage, WebError> {
    let Editing { person, declared, .. } = &editing;
    let may_change = declared.iter().any(|field| field.name == photos::FIELD && may_edit(field, person));
    let is_own = person.local.get(photos::FIELD).is_some();
    let photo = may_change.then(|| PhotoForm::new(conn, person, links::MY_PHOTO.to_owned(), is_own)).transpose()?;
    let overrides = person::overrides(conn, &AsOf::Now, person.id)?;
    Ok(MeEditPage {
        owned: user_edit::owned(conn, &editing, &overrides)?,
        photo,
        entries: editing.entries,
        layout: layout.titled(Section::MyProfile, "Edit my profile").under(links::ME, "My profile"),
    })
}
