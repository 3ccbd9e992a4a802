//! Changes to a document in place: comments and order stay, and whatever is not touched stays byte for byte. What comes
//! out is a text like any other, to be checked as such.

mod profile_field;

pub use profile_field::{remove_profile_field, set_profile_field};

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

/// What a form says of a property. Empty texts take the key out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyEdit<'a> {
    /// The column it is read from.
    pub column: &'a str,
    /// The expression that gives it; without a column.
    pub expression: &'a str,
    /// The word of its type; text need not be said.
    pub value_type: &'a str,
    /// How the source writes it.
    pub format: &'a str,
    /// Whether a record without it is rejected.
    pub required: bool,
    /// Whether two records can't share it.
    pub unique: bool,
}

/// Why a document can't be changed in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is no TOML.
    #[error("the document can't be read; correct its text first")]
    Unreadable,
    /// The entity type, or the property, is not there as a table of its own.
    #[error("{0} does not stand in the document as a table of its own; edit its text")]
    NotThere(String),
}

/// Adds a property at the end of an entity type's.
pub fn add_property(text: &str, entity_type: &str, name: &str, column: &str) -> Result<String, EditError> {
    change(text, entity_type, |properties| {
        let mut table = Table::new();
        table.insert("name", value(name));
        table.insert("column", value(column));
        // As the others are indented.
        if let Some(last) = properties.iter().last() {
            *table.decor_mut() = last.decor().clone();
            let prefix = last.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or("\n");
            let indent = prefix.rsplit('\n').next().unwrap_or_default().to_owned();
            table.decor_mut().set_prefix(format!("\n{indent}"));
            table.decor_mut().set_suffix("");
            for (mut key, _) in table.iter_mut() {
                key.leaf_decor_mut().set_prefix(indent.clone());
            }
        }
        properties.push(table);
        Some(())
    })
}

/// Takes a property out.
pub fn remove_property(text: &str, entity_type: &str, name: &str) -> Result<String, EditError> {
    change(text, entity_type, |properties| {
        let at = properties.iter().position(|table| is_named(table, name))?;
        properties.remove(at);
        Some(())
    })
}

/// Changes what a property says of where it comes from and what it is.
pub fn set_property(text: &str, entity_type: &str, name: &str, edit: &PropertyEdit<'_>) -> Result<String, EditError> {
    change(text, entity_type, |properties| {
        let table = properties.iter_mut().find(|table| is_named(table, name))?;
        set_text(table, "column", edit.column);
        set_text(table, "expression", edit.expression);
        set_text(table, "type", if edit.value_type == "text" { "" } else { edit.value_type });
        set_text(table, "format", edit.format);
        for (key, holds) in [("required", edit.required), ("unique", edit.unique)] {
            let is_said = table.get(key).and_then(Item::as_bool).unwrap_or(false);
            match (holds, is_said) {
                (true, false) => set(table, key, value(true)),
                (false, true) => _ = table.remove(key),
                _ => {}
            }
        }
        Some(())
    })
}

fn change(
    text: &str,
    entity_type: &str,
    work: impl FnOnce(&mut ArrayOfTables) -> Option<()>,
) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Unreadable)?;
    let missing = || EditError::NotThere(format!("what is asked for of {entity_type}"));
    let types = document.get_mut("entity_type").and_then(Item::as_array_of_tables_mut).ok_or_else(missing)?;
    let found = types.iter_mut().find(|table| is_named(table, entity_type)).ok_or_else(missing)?;
    let properties = found.get_mut("property").and_then(Item::as_array_of_tables_mut).ok_or_else(missing)?;
    work(properties).ok_or_else(missing)?;
    Ok(document.to_string())
}

fn is_named(table: &Table, name: &str) -> bool {
    table.get("name").and_then(Item::as_str) == Some(name)
}

fn set_text(table: &mut Table, key: &str, text: &str) {
    match table.get(key).and_then(Item::as_str) {
        Some(said) if said == text => {}
        _ if text.is_empty() => _ = table.remove(key),
        _ => set(table, key, value(text)),
    }
}

/// In place of what stood there, with its comment; a new key stands as the others do.
fn set(table: &mut Table, key: &str, mut item: Item) {
    if let Some(old) = table.get_mut(key) {
        if let (Some(old), Some(new)) = (old.as_value(), item.as_value_mut()) {
            *new.decor_mut() = old.decor().clone();
        }
        *old = item;
        return;
    }
    let indent = table.iter().next().map(|(first, _)| first.to_owned());
    let indent = indent.and_then(|first| table.key(&first)?.leaf_decor().prefix()?.as_str().map(str::to_owned));
    table.insert(key, item);
    if let (Some(indent), Some(mut new)) = (indent, table.key_mut(key)) {
        let indent = indent.rsplit('\n').next().unwrap_or_default().to_owned();
        new.leaf_decor_mut().set_prefix(indent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    const HR: &str = include_str!("../../tests/fixtures/examples/hr.toml");

    fn difference(after: &str) -> String {
        crate::values::lines::difference(HR, after)
            .lines()
            .filter(|line| line.starts_with(['+', '-']))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        let edit = PropertyEdit { column: "Email", ..PropertyEdit::default() };
        assert_eq!(set_property(HR, "hr_person", "mail", &edit).unwrap(), HR);
        let edit = PropertyEdit { column: "E-Mail", required: true, ..PropertyEdit::default() };
        let changed = set_property(HR, "hr_person", "mail", &edit).unwrap();
        assert_eq!(difference(&changed), "-  column = \"Email\"\n+  column = \"E-Mail\"\n+  required = true\n");
        let edit = PropertyEdit { column: "HireDate", value_type: "text", ..PropertyEdit::default() };
        let changed = set_property(HR, "hr_person", "hire_date", &edit).unwrap();
        assert_eq!(difference(&changed), "-  type = \"date\"\n-  format = \"%d/%m/%Y\"\n");
        let edit = PropertyEdit { expression: "lower(row.Email)", ..PropertyEdit::default() };
        let changed = set_property(HR, "hr_person", "mail", &edit).unwrap();
        assert!(difference(&changed).contains("+  expression = \"lower(row.Email)\"\n"));
    }

    #[test]
    fn a_property_comes_and_goes_and_the_comments_stay() {
        let added = add_property(HR, "hr_person", "room", "Room").unwrap();
        assert_eq!(difference(&added), "+  [[entity_type.property]]\n+  name = \"room\"\n+  column = \"Room\"\n+\n");
        assert!(document::connector(&added.replace("feeds/hr", "/feeds/hr")).is_ok());
        assert_eq!(remove_property(&added, "hr_person", "room").unwrap(), HR);
        let removed = remove_property(HR, "hr_person", "active").unwrap();
        assert!(difference(&removed).lines().all(|line| line.starts_with('-')), "{}", difference(&removed));
        assert!(removed.contains("# what it means that these rows are users"));
        assert!(matches!(remove_property(HR, "hr_person", "none"), Err(EditError::NotThere(_))));
        assert_eq!(remove_property("a = ", "x", "y"), Err(EditError::Unreadable));
    }
}
