//! The fields of profiles: those that exist from the start, those that connectors brought, and custom ones, which are
//! added here.

use super::decision::sentence;
use crate::model::profile_field::{self, EditableBy, FieldType, ProfileField, ProfileFieldDefinition};
use crate::model::session::Flash;
use crate::pipeline::profile_fields::{self, FieldError};
use crate::web::error::WebError;
use crate::web::page::{Layout, Section};
use crate::web::visitor::Visitor;
use crate::web::{WebContext, links};
use actix_web::HttpResponse;
use actix_web::web::{Data, Form};
use askama::Template;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "pages/profile_fields.html")]
struct ProfileFieldsPage {
    layout: Layout,
    fields: Vec<ProfileField>,
    blank: FieldForm,
}

/// What a form says of a field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FieldForm {
    /// Its name; only of a new one.
    pub name: String,
    /// What pages call it.
    pub title: String,
    /// The word of its type.
    pub value_type: String,
    /// Choices, one a line.
    pub choices: String,
    /// The connectors in order, one a line.
    pub sources: String,
    /// The word of who may edit it.
    pub editable_by: String,
    /// Filled in: a profile without it is incomplete.
    pub required: String,
    /// Filled in: a person may have several values.
    pub multivalued: String,
    /// Filled in: shown to administrators alone.
    pub hidden: String,
}

impl FieldForm {
    /// As a stored field fills it.
    pub fn of(field: &ProfileField) -> Self {
        let lines = |texts: &[Option<String>]| texts.iter().flatten().cloned().collect::<Vec<_>>().join("\n");
        let tick = |holds: bool| if holds { "yes".to_owned() } else { String::new() };
        Self {
            name: field.name.clone(),
            title: field.title.clone(),
            value_type: field.value_type.clone(),
            choices: lines(&field.choices),
            sources: lines(&field.sources),
            editable_by: field.editable_by.clone(),
            required: tick(field.required),
            multivalued: tick(field.multivalued),
            hidden: tick(field.hidden),
        }
    }

    /// Whether this type is chosen.
    pub fn is_type(&self, one: &FieldType) -> bool {
        self.value_type == one.as_str()
    }

    /// Whether these editors are chosen.
    pub fn is_editable_by(&self, one: &EditableBy) -> bool {
        self.editable_by == one.as_str() || (self.editable_by.is_empty() && *one == EditableBy::Administrator)
    }

    /// What it says as a declaration; `keeps_type`: its type is not for this form to say.
    pub fn definition(&self, name: &str, keeps_type: bool) -> ProfileFieldDefinition {
        let lines = |text: &str| -> Vec<String> {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let value_type = FieldType::from_word(&self.value_type).filter(|_| !keeps_type);
        let is_choice = value_type == Some(FieldType::Choice);
        ProfileFieldDefinition {
            name: name.to_owned(),
            title: Some(self.title.trim().to_owned()).filter(|title| !title.is_empty()),
            value_type,
            required: !self.required.is_empty(),
            sources: lines(&self.sources),
            editable_by: EditableBy::ALL.into_iter().find(|one| one.as_str() == self.editable_by).unwrap_or_default(),
            choices: if is_choice { lines(&self.choices) } else { Vec::new() },
            multivalued: !self.multivalued.is_empty(),
            hidden: !self.hidden.is_empty(),
        }
    }
}

/// Where a field came from, in words.
pub fn declared(field: &ProfileField) -> String {
    match field.declared_by.as_str() {
        "built_in" => "from the start".to_owned(),
        "settings" => "custom".to_owned(),
        connector => format!("by {connector}"),
    }
}

/// The list.
pub async fn list(context: Data<WebContext>, visitor: Visitor) -> Result<HttpResponse, WebError> {
    context
        .page(visitor, move |conn, layout| {
            Ok(ProfileFieldsPage {
                fields: profile_field::list(conn)?,
                blank: FieldForm { value_type: FieldType::String.to_string(), ..FieldForm::default() },
                layout: layout.titled(Section::ProfileFields, "Profile fields"),
            })
        })
        .await
}

/// Adds a custom field.
pub async fn add(context: Data<WebContext>, visitor: Visitor, form: Form<FieldForm>) -> Result<HttpResponse, WebError> {
    context
        .act(move |conn| {
            let name = form.name.trim();
            let added = profile_fields::add(conn, &form.definition(name, false), &visitor.account().name);
            let flash = flash(added, format!("The field {name} has been added."))?;
            visitor.lead(conn, links::PROFILE_FIELDS, flash)
        })
        .await
}

/// What became of a change, to be shown.
pub(super) fn flash(done: Result<Vec<String>, FieldError>, words: String) -> Result<Flash, WebError> {
    match done {
        Ok(messages) if messages.is_empty() => Ok(Flash::done(words)),
        Ok(messages) => Ok(Flash::done(format!("{words} {}.", messages.join("; ")))),
        Err(FieldError::Database(error)) => Err(error.into()),
        Err(refusal) => Ok(Flash::refused(sentence(&refusal))),
    }
}
