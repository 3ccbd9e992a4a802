//! Profile fields in the settings document.

use super::{EditError, is_named, set, set_text};
use crate::model::profile_field::{EditableBy, ProfileFieldDefinition};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

/// Makes the document declare the field so; one that it does not declare yet is added at the end.
pub fn set_profile_field(text: &str, field: &ProfileFieldDefinition) -> Result<String, EditError> {
    change(text, |fields| {
        if !fields.iter().any(|table| is_named(table, &field.name)) {
            let mut table = Table::new();
            table.insert("name", value(&field.name));
            fields.push(table);
        }
        let table = fields.iter_mut().find(|table| is_named(table, &field.name))?;
        set_text(table, "title", field.title.as_deref().unwrap_or_default());
        set_text(table, "type", field.value_type.map_or("", |field_type| field_type.as_str()));
        for (key, holds) in [("required", field.required), ("multivalued", field.multivalued), ("hidden", field.hidden)]
        {
            let is_said = table.get(key).and_then(Item::as_bool).unwrap_or(false);
            match (holds, is_said) {
                (true, false) => set(table, key, value(true)),
                (false, true) => _ = table.remove(key),
                _ => {}
            }
        }
        set_texts(table, "choices", &field.choices);
        set_texts(table, "sources", &field.sources);
        let nobody = field.editable_by == EditableBy::Nobody;
        set_text(table, "editable_by", if nobody { "" } else { field.editable_by.as_str() });
        Some(())
    })
}

/// Takes the declaration of a field out; one that is not there is no error.
pub fn remove_profile_field(text: &str, name: &str) -> Result<String, EditError> {
    change(text, |fields| {
        fields.retain(|table| !is_named(table, name));
        Some(())
    })
}

fn change(text: &str, work: impl FnOnce(&mut ArrayOfTables) -> Option<()>) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Unreadable)?;
    let missing = || EditError::NotThere("[[profile_field]]".to_owned());
    let fields = document.entry("profile_field").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let fields = fields.as_array_of_tables_mut().ok_or_else(missing)?;
    work(fields).ok_or_else(missing)?;
    if fields.is_empty() {
        document.remove("profile_field");
    }
    if document.is_empty() {
        // A document that says nothing would not be known as the settings'.
        document.insert("retention", Item::Table(Table::new()));
    }
    Ok(document.to_string())
}

fn set_texts(table: &mut Table, key: &str, texts: &[String]) {
    let said = table.get(key).and_then(Item::as_array);
    let is_same =
        said.is_some_and(|said| said.iter().map(|one| one.as_str()).eq(texts.iter().map(|one| Some(one.as_str()))));
    match texts.is_empty() {
        _ if is_same => {}
        true => _ = table.remove(key),
        false => set(table, key, value(texts.iter().collect::<Array>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::model::profile_field::FieldType;

    #[test]
    fn a_field_is_added_changed_and_removed_and_the_rest_stays() {
        let settings = "# ours\n[[job]]\nname = \"nightly\"\ncron = \"0 2 * * *\"\nmode = \"complete\"\n\n[[profile_field]]\nname = \"phone\" # as HR has it\nsources = [\"hr\"]\n";
        let mut badge = ProfileFieldDefinition {
            name: "badge \"colour\"".into(),
            title: Some("Badge".into()),
            value_type: Some(FieldType::Choice),
            choices: vec!["red".into(), "green".into()],
            editable_by: EditableBy::Person,
            hidden: true,
            ..ProfileFieldDefinition::default()
        };
        let added = set_profile_field(settings, &badge).unwrap();
        assert!(added.starts_with(settings), "{added}");
        assert_eq!(document::settings(&added).unwrap().profile_fields[1], badge);
        badge.hidden = false;
        badge.value_type = Some(FieldType::String);
        badge.choices.clear();
        let changed = set_profile_field(&added, &badge).unwrap();
        assert_eq!(document::settings(&changed).unwrap().profile_fields[1], badge);
        assert_eq!(set_profile_field(&changed, &badge).unwrap(), changed, "the same changes nothing");
        assert_eq!(remove_profile_field(&changed, &badge.name).unwrap(), settings);
        assert_eq!(remove_profile_field(settings, "none").unwrap(), settings);
    }

    #[test]
    fn a_document_can_begin_and_end_with_a_field() {
        let badge = ProfileFieldDefinition { name: "badge".into(), ..ProfileFieldDefinition::default() };
        let begun = set_profile_field("", &badge).unwrap();
        assert_eq!(begun, "[[profile_field]]\nname = \"badge\"\n");
        let ended = remove_profile_field(&begun, "badge").unwrap();
        assert!(matches!(document::parse(&ended, None), Ok(document::Document::Settings { .. })), "{ended}");
        assert_eq!(set_profile_field("a = ", &badge), Err(EditError::Unreadable));
    }
}
