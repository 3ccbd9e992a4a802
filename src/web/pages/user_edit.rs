//! A user's profile, edited by an administrator: local values and photo; what sources decide is shown with whom, and can
//! be overridden.

use super::decision::sentence;
use super::user;
use crate::model::person::{self, Person};
use crate::model::profile_field::{self, Editor, FieldType, Permission, ProfileField, permission};
use crate::model::session::Flash;
use crate::pipeline::people::edits::{self, EditError};
use crate::pipeline::photos;
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::pages::photo;
use crate::web::profile_form::{self, Entry, Input, is_sourced};
use crate::web::visitor::{Visitor, see_other};
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;

#[derive(Template)]
#[template(path = "pages/user_edit.html")]
struct UserEditPage {
    layout: Layout,
    back: String,
    action: String,
    entries: Vec<Entry>,
    owned: Vec<OwnedLine>,
    photo: Option<String>,
    photo_action: String,
    photo_remove: Option<String>,
}

/// A field that sources decide.
struct OwnedLine {
    title: String,
    value: String,
    /// Who decides it, in words.
    by: String,
    over: String,
    is_overridden: bool,
}

/// The form.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let declared = profile_field::list(conn)?;
            let entries = profile_form::entries(&declared, &person, Editor::Administrator);
            page(conn, layout, &person, &declared, entries)
        })
        .await
}

/// Saves what was typed, all of it or nothing.
pub async fn save(
    context: Data<WebContext>,
    visitor: Visitor,
    id: Path<String>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let (form, saver) = (form.into_inner(), visitor.clone());
    let saved = context
        .db(move |conn| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let declared = profile_field::list(conn)?;
            let values = match profile_form::read(&declared, &person, Editor::Administrator, &form) {
                Ok(values) => values,
                Err(again) => return Ok(Saved::Again(Box::new((person, declared, again)))),
            };
            let by = &saver.account().name;
            let saved = edits::set_local(conn, person.id, &values, Editor::Administrator, by, Utc::now());
            let flash = edited(saved.map(|changed| match changed.len() {
                0 => "Nothing was different, so nothing was saved.".to_owned(),
                1 => "One field was saved.".to_owned(),
                several => format!("{several} fields were saved."),
            }))?;
            saver.lead(conn, &links::user(person.id), flash)?;
            Ok(Saved::Led(links::user(person.id)))
        })
        .await?;
    match saved {
        Saved::Led(to) => Ok(see_other(&to)),
        Saved::Again(again) => {
            let (person, declared, entries) = *again;
            context.page(visitor, move |conn, layout| page(conn, layout, &person, &declared, entries)).await
        }
    }
}

enum Saved {
    Led(String),
    Again(Box<(Person, Vec<ProfileField>, Vec<Entry>)>),
}

/// What became of an edit, to be shown.
pub(super) fn edited(done: Result<String, EditError>) -> Result<Flash, WebError> {
    match done {
        Ok(words) => Ok(Flash::done(words)),
        Err(EditError::Database(error)) => Err(error.into()),
        Err(EditError::Gone) => Err(WebError::NotFound("This user is no longer there.".into())),
        Err(EditError::Task(error)) => Err(WebError::Internal(error.to_string())),
        Err(refusal) => Ok(Flash::refused(sentence(&refusal))),
    }
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    person: &Person,
    declared: &[ProfileField],
    entries: Vec<Entry>,
) -> Result<UserEditPage, WebError> {
    let overrides = person::overrides(conn, &Moment::default().at, person.id)?;
    let origins = Origins::load(conn)?;
    let owned = declared.iter().filter(|field| field.field_type() != FieldType::Binary).filter_map(|field| {
        let may = permission(field, Editor::Administrator, is_sourced(person, &field.name));
        let over = overrides.iter().find(|one| one.field == field.name);
        let source = person.source(&field.name).and_then(|source| origins.connector_title(source.connector));
        let by = match (over, source) {
            (Some(over), _) => format!("overridden by {}", over.made_by),
            (None, Some(connector)) => format!("{connector} decides it"),
            (None, None) => "no source says anything".to_owned(),
        };
        (may == Permission::Override).then(|| OwnedLine {
            title: field.title.clone(),
            value: person.value(&field.name).map(diff::text).unwrap_or_default(),
            by,
            over: links::user_override(person.id, &field.name),
            is_overridden: over.is_some(),
        })
    });
    let name = person.name();
    let is_own = person.local.get(photos::FIELD).is_some() || overrides.iter().any(|one| one.field == photos::FIELD);
    Ok(UserEditPage {
        owned: owned.collect(),
        photo: photo::is_shown(conn, person)?.then(|| links::photo(person.id)),
        photo_action: links::photo(person.id),
        photo_remove: is_own.then(|| format!("{}/remove", links::photo(person.id))),
        back: links::user(person.id),
        action: links::of_user(person.id, "edit"),
        entries,
        layout: layout
            .titled(Section::Users, format!("Edit {name}"))
            .under(links::USERS, "Users")
            .under(links::user(person.id), name),
    })
}
