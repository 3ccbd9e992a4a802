//! A user's profile, edited by an administrator: local values and photo; what sources decide is shown with whom, and can
//! be overridden. The page on which people edit their own ([`super::me_edit`]) is made of the same parts.

use super::decision::sentence;
use super::user;
use crate::model::person::{self, OverrideRecord, Person};
use crate::model::profile_field::{self, Editor, FieldType, Permission, ProfileField, permission};
use crate::model::session::Flash;
use crate::pipeline::people::edits::{self, EditError};
use crate::pipeline::photos;
use crate::pipeline::provenance::Origins;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::pages::photo::PhotoForm;
use crate::web::profile_form::{self, Entry, Input, Sent, is_sourced};
use crate::web::visitor::{Visitor, see_other};
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::QueryResult;
use diesel::pg::PgConnection;

#[derive(Template)]
#[template(path = "pages/user_edit.html")]
struct UserEditPage {
    layout: Layout,
    back: String,
    action: String,
    entries: Vec<Entry>,
    owned: Vec<OwnedLine>,
    photo: PhotoForm,
}

/// A field that its reader does not edit.
pub(super) struct OwnedLine {
    /// What pages call it.
    pub title: String,
    /// Its value.
    pub value: String,
    /// Who decides it, in words.
    pub by: String,
    /// Where an administrator overrides it.
    pub over: String,
    /// Whether somebody has.
    pub is_overridden: bool,
}

/// A profile while it is edited, by whom, with its form as it is filled in.
pub(super) struct Editing {
    /// Whose it is.
    pub person: Person,
    /// All fields.
    pub declared: Vec<ProfileField>,
    /// The form.
    pub entries: Vec<Entry>,
    /// Who edits.
    pub editor: Editor,
}

impl Editing {
    /// As it is stored.
    pub(super) fn begin(conn: &mut PgConnection, person: Person, editor: Editor) -> QueryResult<Self> {
        let declared = profile_field::list(conn)?;
        let entries = profile_form::entries(&declared, &person, editor);
        Ok(Self { person, declared, entries, editor })
    }
}

/// The form.
pub async fn show(context: Data<WebContext>, visitor: Visitor, id: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let editing = Editing::begin(conn, person, Editor::Administrator)?;
            page(conn, layout, editing)
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
    let saver = visitor.clone();
    let saved = context
        .db(move |conn| {
            let person = user::find(conn, &Moment::default(), &id)?;
            let back = links::user(person.id);
            let editing = Editing::begin(conn, person, Editor::Administrator)?;
            keep(conn, &saver, editing, back, &form)
        })
        .await?;
    match saved {
        Saved::Led(to) => Ok(see_other(&to)),
        Saved::Again(editing) => context.page(visitor, move |conn, layout| page(conn, layout, *editing)).await,
    }
}

/// What became of a form.
pub(super) enum Saved {
    /// It was saved, or refused as a whole: the next page says so.
    Led(String),
    /// Something in it is wrong, and is said beside it.
    Again(Box<Editing>),
}

/// Saves what was typed, all of it or nothing, and leads `back`.
pub(super) fn keep(
    conn: &mut PgConnection,
    saver: &Visitor,
    mut editing: Editing,
    back: String,
    sent: &Sent,
) -> Result<Saved, WebError> {
    let values = match profile_form::read(&editing.declared, &editing.person, editing.editor, sent) {
        Ok(values) => values,
        Err(again) => {
            editing.entries = again;
            return Ok(Saved::Again(Box::new(editing)));
        }
    };
    let by = &saver.account().name;
    let saved = edits::set_local(conn, editing.person.id, &values, editing.editor, by, Utc::now());
    let flash = edited(saved.map(|changed| match changed.len() {
        0 => "Nothing was different, so nothing was saved.".to_owned(),
        1 => "One field was saved.".to_owned(),
        several => format!("{several} fields were saved."),
    }))?;
    saver.lead(conn, &back, flash)?;
    Ok(Saved::Led(back))
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

/// What the editor sees and does not edit, with who decides it; `overrides` are those that stand.
pub(super) fn owned(
    conn: &mut PgConnection,
    editing: &Editing,
    overrides: &[OverrideRecord],
) -> QueryResult<Vec<OwnedLine>> {
    let Editing { person, declared, editor, .. } = editing;
    let origins = Origins::load(conn)?;
    let lines = declared.iter().filter(|field| field.field_type() != FieldType::Binary).filter_map(|field| {
        let may = permission(field, *editor, is_sourced(person, &field.name));
        let value = person.value(&field.name).map(diff::text);
        let is_shown = match editor {
            Editor::Administrator => may == Permission::Override,
            Editor::Person => may == Permission::Read && value.is_some(),
        };
        let over = overrides.iter().find(|one| one.field == field.name);
        let source = person.source(&field.name).and_then(|source| origins.connector_title(source.connector));
        let by = match (over, source) {
            (Some(_), _) if *editor == Editor::Person => "an administrator".to_owned(),
            (Some(over), _) => format!("{}, by an override", over.made_by),
            (None, Some(connector)) => connector.to_owned(),
            (None, None) if value.is_some() => "an administrator".to_owned(),
            (None, None) => "nobody so far".to_owned(),
        };
        is_shown.then(|| OwnedLine {
            title: field.title.clone(),
            value: value.unwrap_or_default(),
            by,
            over: links::user_override(person.id, &field.name),
            is_overridden: over.is_some(),
        })
    });
    Ok(lines.collect())
}

fn page(conn: &mut PgConnection, layout: Layout, editing: Editing) -> Result<UserEditPage, WebError> {
    let Editing { person, .. } = &editing;
    let overrides = person::overrides(conn, &Moment::default().at, person.id)?;
    let name = person.name();
    let is_own = person.local.get(photos::FIELD).is_some() || overrides.iter().any(|one| one.field == photos::FIELD);
    Ok(UserEditPage {
        owned: owned(conn, &editing, &overrides)?,
        photo: PhotoForm::new(conn, person, links::photo(person.id), is_own)?,
        back: links::user(person.id),
        action: links::of_user(person.id, "edit"),
        layout: layout
            .titled(Section::Users, format!("Edit {name}"))
            .under(links::USERS, "Users")
            .under(links::user(person.id), name),
        entries: editing.entries,
    })
}
