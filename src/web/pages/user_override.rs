//! An override: a value over those of all sources, with its reason and its end.

use super::decision::sentence;
use super::user;
use super::user_edit::edited;
use crate::model::person::{self, Person};
use crate::model::profile_field::{self, Editor, Permission, ProfileField, entry, permission};
use crate::model::resource;
use crate::pipeline::people::edits::{self, Overruling};
use crate::pipeline::provenance::Origins;
use crate::web::elements::When;
use crate::web::error::WebError;
use crate::web::moment::Moment;
use crate::web::page::{Layout, Section};
use crate::web::profile_form::{self, Entry, Input, is_sourced};
use crate::web::visitor::{Visitor, see_other};
use crate::web::{WebContext, diff, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use diesel::pg::PgConnection;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/user_override.html")]
struct UserOverridePage {
    layout: Layout,
    action: String,
    back: String,
    end: Option<String>,
    standing: Option<Standing>,
    said: Vec<(String, String)>,
    form: OverrideForm,
    entry: Entry,
    refused: Option<String>,
}

struct Standing {
    value: String,
    reason: String,
    by: String,
    since: When,
    until: Option<When>,
}

/// What an administrator wants to hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OverrideForm {
    value: String,
    reason: String,
    until: String,
}

/// The form.
pub async fn show(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, name) = path.into_inner();
    context
        .page(visitor, move |conn, layout| {
            let (person, field) = find(conn, &id, &name)?;
            let value = person.value(&field.name).map(entry::write).unwrap_or_default();
            page(conn, layout, &person, &field, OverrideForm { value, ..OverrideForm::default() }, None)
        })
        .await
}

/// Makes the override, or says why not.
pub async fn save(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
    form: Form<OverrideForm>,
) -> Result<HttpResponse, WebError> {
    let ((id, name), form, maker) = (path.into_inner(), form.into_inner(), visitor.clone());
    let done = context
        .db(move |conn| {
            let (person, field) = find(conn, &id, &name)?;
            let now = Utc::now();
            let read = match entry::read(&field, &form.value) {
                Err(error) => Err(sentence(&error)),
                Ok(None) => Err("An override needs a value. To take one away, end it.".to_owned()),
                Ok(Some(value)) => due_at(&form.until).map(|due_at| (value, due_at)),
            };
            let (value, due_at) = match read {
                Ok(read) => read,
                Err(words) => return Ok(Err((person, field, form, words))),
            };
            let wanted = Overruling { person: person.id, field: &field.name, value, reason: &form.reason, due_at };
            let made = edits::overrule(conn, &wanted, &maker.account().name, now);
            if let Err(edits::EditError::Refused(words)) = made {
                return Ok(Err((person, field, form, sentence(&words))));
            }
            let flash = edited(made.map(|()| format!("{} is overridden.", field.title)))?;
            maker.lead(conn, &links::user(person.id), flash)?;
            Ok(Ok(links::user(person.id)))
        })
        .await?;
    match done {
        Ok(to) => Ok(see_other(&to)),
        Err((person, field, form, words)) => {
            context.page(visitor, move |conn, layout| page(conn, layout, &person, &field, form, Some(words))).await
        }
    }
}

/// Ends the override that stands.
pub async fn end(
    context: Data<WebContext>,
    visitor: Visitor,
    path: Path<(String, String)>,
) -> Result<HttpResponse, WebError> {
    let (id, name) = path.into_inner();
    context
        .act(move |conn| {
            let (person, field) = find(conn, &id, &name)?;
            let ended = edits::end_override(conn, person.id, &field.name, &visitor.account().name, Utc::now());
            let flash = edited(ended.map(|ended| match ended {
                true => format!("The override of {} has ended: sources decide it again.", field.title),
                false => format!("{} was not overridden any more.", field.title),
            }))?;
            visitor.lead(conn, &links::user(person.id), flash)
        })
        .await
}

fn find(conn: &mut PgConnection, id: &str, name: &str) -> Result<(Person, ProfileField), WebError> {
    let person = user::find(conn, &Moment::default(), id)?;
    let field = profile_field::list(conn)?.into_iter().find(|field| field.name == name);
    let field = field.ok_or_else(|| WebError::missing("profile field", name))?;
    match permission(&field, Editor::Administrator, is_sourced(&person, name)) {
        Permission::Override => Ok((person, field)),
        _ => Err(WebError::Conflict(format!("{} is edited on the profile; no source decides it.", field.title))),
    }
}

/// The day on which it ends, at its beginning.
fn due_at(until: &str) -> Result<Option<DateTime<Utc>>, String> {
    match until.trim() {
        "" => Ok(None),
        day => match day.parse::<NaiveDate>() {
            Ok(day) => Ok(Some(day.and_time(NaiveTime::MIN).and_utc())),
            Err(_) => Err("The day can't be read; write it as 2027-01-31.".to_owned()),
        },
    }
}

fn page(
    conn: &mut PgConnection,
    layout: Layout,
    person: &Person,
    field: &ProfileField,
    form: OverrideForm,
    refused: Option<String>,
) -> Result<UserOverridePage, WebError> {
    let at = Moment::default().at;
    let resources = resource::of_person(conn, &at, person.id)?;
    let mut origins = Origins::load(conn)?;
    origins.learn_connectors(conn, user::connectors(person, &resources, &origins))?;
    origins.learn_runs(conn, resources.iter().map(|one| one.run_id))?;
    let said = origins.said(conn, &resources)?.remove(&field.name).unwrap_or_default();
    let standing = person::overrides(conn, &at, person.id)?.into_iter().find(|one| one.field == field.name);
    let action = links::user_override(person.id, &field.name);
    let name = person.name();
    let now = layout.now;
    Ok(UserOverridePage {
        end: standing.is_some().then(|| format!("{action}/end")),
        standing: standing.map(|one| Standing {
            value: diff::text(&one.value),
            reason: one.reason,
            by: one.made_by,
            since: When::new(one.made_at, now),
            until: one.due_at.map(|due_at| When::new(due_at, now)),
        }),
        said: said.into_iter().map(|one| (one.origin.connector_title, diff::text(&one.value))).collect(),
        entry: profile_form::input_of(field, "value".into(), "value".into(), form.value.clone()),
        action,
        back: links::user(person.id),
        form,
        refused,
        layout: layout
            .titled(Section::Users, format!("Override {}", field.title))
            .under(links::USERS, "Users")
            .under(links::user(person.id), name),
    })
}
