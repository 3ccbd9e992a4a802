//! A profile field: what it may hold, where from, and who may edit it.

use super::profile_fields::{FieldForm, flash};
use crate::model::profile_field::{self, EditableBy, FieldType, ProfileField};
use crate::pipeline::profile_fields;
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form, Path};
use askama::Template;
use chrono::Utc;
use diesel::pg::PgConnection;

#[derive(Template)]
#[template(path = "pages/profile_field.html")]
struct ProfileFieldPage {
    layout: Layout,
    field: ProfileField,
    form: FieldForm,
    action: String,
    remove: String,
    keeps_type: bool,
    is_removable: bool,
}

/// The page.
pub async fn show(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            let field = find(conn, &name)?;
            Ok(ProfileFieldPage {
                form: FieldForm::of(&field),
                action: links::profile_field(&field.name),
                remove: links::of_profile_field(&field.name, "remove"),
                keeps_type: keeps_type(&field),
                is_removable: field.declared_by != "built_in",
                layout: layout
                    .titled(Section::ProfileFields, field.title.clone())
                    .under(links::PROFILE_FIELDS, "Profile fields"),
                field,
            })
        })
        .await
}

/// Changes it.
pub async fn change(
    context: Data<WebContext>,
    visitor: Visitor,
    name: Path<String>,
    form: Form<FieldForm>,
) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let field = find(conn, &name)?;
            let definition = form.definition(&field.name, keeps_type(&field));
            let changed = profile_fields::change(conn, &definition, &visitor.account().name);
            let flash = flash(changed, format!("The field {} has been changed.", field.title))?;
            visitor.lead(conn, &links::profile_field(&field.name), flash)
        })
        .await
}

/// Removes it, with its local values.
pub async fn remove(context: Data<WebContext>, visitor: Visitor, name: Path<String>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let field = find(conn, &name)?;
            let removed = profile_fields::remove(conn, &field.name, &visitor.account().name, Utc::now());
            let to = if removed.is_ok() { links::PROFILE_FIELDS.to_owned() } else { links::profile_field(&field.name) };
            let flash = flash(removed, format!("The field {} has been removed.", field.title))?;
            visitor.lead(conn, &to, flash)
        })
        .await
}

fn find(conn: &mut PgConnection, name: &str) -> Result<ProfileField, WebError> {
    let found = profile_field::list(conn)?.into_iter().find(|field| field.name == name);
    found.ok_or_else(|| WebError::missing("profile field", name))
}

/// Fields that exist from the start keep their type.
fn keeps_type(field: &ProfileField) -> bool {
    field.declared_by == "built_in"
}
