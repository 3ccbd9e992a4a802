//! The form of a profile: an input for each field that somebody may edit, and back, checked by the field's type. Who may
//! edit what is [`permission`]'s to say, for administrators and for persons alike.

use crate::model::person::Person;
use crate::model::profile_field::{Editor, FieldType, Permission, ProfileField, entry, permission};
use serde_json::Value;
use std::collections::BTreeMap;

/// A field as an input.
pub struct Entry {
    /// Its label's and input's id.
    pub id: String,
    /// The input's name.
    pub name: String,
    /// What pages call it.
    pub title: String,
    /// What is filled in.
    pub value: String,
    /// Whether it must be.
    pub required: bool,
    /// Which input it is.
    pub input: Input,
    /// What to write; empty: anything.
    pub hint: &'static str,
    /// What is wrong with what was sent.
    pub error: Option<String>,
}

impl Entry {
    /// Whether this is filled in.
    pub fn is(&self, choice: &str) -> bool {
        self.value == choice
    }
}

/// Which input a field is.
pub enum Input {
    /// A line, with the type that helps browsers.
    Line(&'static str),
    /// Lines of text.
    Lines,
    /// One of these: value and words. None may be chosen.
    Choice(Vec<(String, String)>),
}

/// A form as it was sent: names and values.
pub type Sent = [(String, String)];

/// The fields that `editor` may edit of a person, filled in as they are.
pub fn entries(declared: &[ProfileField], person: &Person, editor: Editor) -> Vec<Entry> {
    let editable = editable(declared, person, editor).enumerate();
    editable
        .map(|(position, field)| {
            let value = person.local.get(&field.name).map(entry::write).unwrap_or_default();
            input_of(field, format!("entry-{position}"), name_of(&field.name), value)
        })
        .collect()
}

/// What was sent: the values by field, or the form again with what is wrong.
pub fn read(
    declared: &[ProfileField],
    person: &Person,
    editor: Editor,
    sent: &Sent,
) -> Result<BTreeMap<String, Option<Value>>, Vec<Entry>> {
    let mut values = BTreeMap::new();
    let mut again = entries(declared, person, editor);
    let mut is_wrong = false;
    for (field, shown) in editable(declared, person, editor).zip(&mut again) {
        let Some((_, typed)) = sent.iter().find(|(name, _)| *name == shown.name) else { continue };
        shown.value.clone_from(typed);
        match entry::read(field, typed) {
            Ok(value) => _ = values.insert(field.name.clone(), value),
            Err(error) => {
                is_wrong = true;
                shown.error = Some(error.to_string());
            }
        }
    }
    if is_wrong { Err(again) } else { Ok(values) }
}

/// A field as an input of its own.
pub fn input_of(field: &ProfileField, id: String, name: String, value: String) -> Entry {
    let (input, hint) = match field.field_type() {
        _ if field.multivalued => (Input::Lines, "Several values: one a line."),
        FieldType::Text if !field.is_line() => (Input::Lines, ""),
        FieldType::Bool => {
            let words = [("true", "yes"), ("false", "no")];
            (Input::Choice(words.map(|(value, word)| (value.to_owned(), word.to_owned())).into()), "")
        }
        FieldType::Choice => {
            let choices = field.choices.iter().flatten().map(|choice| (choice.clone(), choice.clone()));
            (Input::Choice(choices.collect()), "")
        }
        FieldType::Integer => (Input::Line("text"), "A whole number."),
        FieldType::Number => (Input::Line("text"), "A number, such as 1234.5."),
        FieldType::Date => (Input::Line("date"), ""),
        FieldType::Datetime => (Input::Line("text"), "A moment, such as 2027-01-31T12:00:00Z."),
        FieldType::Url => (Input::Line("url"), "An address of the web, such as https://example.org."),
        FieldType::Phone => (Input::Line("tel"), "Such as +41 44 123 45 67."),
        _ => (Input::Line("text"), ""),
    };
    Entry { id, name, title: field.title.clone(), value, required: field.required, input, hint, error: None }
}

fn editable<'f>(
    declared: &'f [ProfileField],
    person: &'f Person,
    editor: Editor,
) -> impl Iterator<Item = &'f ProfileField> {
    declared.iter().filter(move |field| {
        field.field_type() != FieldType::Binary
            && permission(field, editor, is_sourced(person, &field.name)) == Permission::Edit
    })
}

/// Whether a person's value of a field comes from a source, or is an override.
pub fn is_sourced(person: &Person, field: &str) -> bool {
    person.fields.get(field).is_some_and(|value| !value.is_null())
}

/// Apart from the other names of the form.
fn name_of(field: &str) -> String {
    format!("field.{field}")
}
