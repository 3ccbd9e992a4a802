//! Who may edit what on a profile: the rule that pages, forms and My profile share.

use super::{EditableBy, FieldType, ProfileField};

/// Who wants to edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Editor {
    /// The person whose profile it is.
    Person,
    /// An administrator.
    Administrator,
}

/// What somebody may do with a field of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Set its local value.
    Edit,
    /// It is a source's; only an override can change it, and only an administrator can make one.
    Override,
    /// Read it.
    Read,
    /// Not even that.
    Nothing,
}

/// What `editor` may do with a field; `sourced`: the person's value of it comes from a source, or is an override.
///
/// A source's value is never edited, the next run would undo it; it can be overridden. A value that no source brings is
/// edited by whom the field names. What nobody may edit comes from sources: an administrator may override it.
pub fn permission(field: &ProfileField, editor: Editor, sourced: bool) -> Permission {
    let may_edit = match field.editors() {
        EditableBy::Nobody => false,
        EditableBy::Person => true,
        EditableBy::Administrator => editor == Editor::Administrator,
    };
    match editor {
        Editor::Person if field.hidden => Permission::Nothing,
        _ if may_edit && !sourced => Permission::Edit,
        Editor::Administrator if field.field_type() != FieldType::Binary => Permission::Override,
        _ => Permission::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_edit_what() {
        let field = |editable_by: &str, hidden| ProfileField {
            name: "badge".into(),
            title: "Badge".into(),
            value_type: "string".into(),
            required: false,
            is_unique: false,
            sources: Vec::new(),
            editable_by: editable_by.into(),
            position: 1,
            declared_by: "settings".into(),
            choices: Vec::new(),
            multivalued: false,
            hidden,
        };
        use Editor::{Administrator, Person};
        for (editable_by, hidden, sourced, person, administrator) in [
            ("nobody", false, false, Permission::Read, Permission::Override),
            ("nobody", false, true, Permission::Read, Permission::Override),
            ("person", false, false, Permission::Edit, Permission::Edit),
            ("person", false, true, Permission::Read, Permission::Override),
            ("administrator", false, false, Permission::Read, Permission::Edit),
            ("administrator", true, false, Permission::Nothing, Permission::Edit),
            ("person", true, false, Permission::Nothing, Permission::Edit),
            ("nonsense", false, false, Permission::Read, Permission::Override),
        ] {
            let field = field(editable_by, hidden);
            assert_eq!(permission(&field, Person, sourced), person, "{editable_by} {hidden} {sourced}");
            assert_eq!(permission(&field, Administrator, sourced), administrator, "{editable_by} {hidden} {sourced}");
        }
        let photo = ProfileField { value_type: "binary".into(), ..field("person", false) };
        assert_eq!(permission(&photo, Administrator, true), Permission::Read, "a photo is not typed");
    }
}
