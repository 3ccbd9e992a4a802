//! Photos: what sources bring and what is uploaded is drawn anew before anybody sees it. Of a source's photo that happens
//! when it is first shown, by its digest: one that did not change costs nothing.

use super::people::edits::{self, EditError, Overruling};
use crate::model::person::{self, Person};
use crate::model::photo::{self, Size};
use crate::model::profile_field::{self, Editor, Permission, ProfileField, permission};
use crate::values::photo::{MOST_BYTES, PhotoError, redraw};
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::pg::PgConnection;
use std::collections::BTreeMap;

/// The profile field that holds a photo.
pub const FIELD: &str = "photo";

/// Why an upload is not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It is no photo, or too large.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The profile could not be edited.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// A photo in that size, by the SHA-256 of what was received; `None`: there is none, or it is no photo.
pub fn shown(conn: &mut PgConnection, sha256: &str, size: Size) -> QueryResult<Option<Vec<u8>>> {
    if let Some(known) = photo::rendition(conn, sha256, size)? {
        return Ok(known);
    }
    let most = i32::try_from(MOST_BYTES).unwrap_or(i32::MAX);
    let Some(content) = person::photo(conn, sha256, most)? else { return Ok(None) };
    let drawn = redraw(&content, size.edge()).ok();
    photo::keep(conn, sha256, size, drawn.as_deref())?;
    Ok(drawn)
}

/// Makes an upload the photo of a person: as its own, or over that of the sources, with the reason, which only an
/// administrator may.
pub fn upload(
    conn: &mut PgConnection,
    person: &Person,
    content: &[u8],
    editor: Editor,
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), UploadError> {
    may_bring(conn, person, editor)?;
    let drawn = redraw(content, Size::Large.edge())?;
    let value = photo::store(conn, &drawn).map_err(EditError::from)?.into();
    match (is_sourced(person), editor) {
        (true, Editor::Administrator) => {
            let reason = "a photo was uploaded";
            edits::overrule(
                conn,
                &Overruling { person: person.id, field: FIELD, value, reason, due_at: None },
                by,
                now,
            )?;
        }
        _ => {
            let entries = BTreeMap::from([(FIELD.to_owned(), Some(value))]);
            edits::set_local(conn, person.id, &entries, editor, by, now)?;
        }
    }
    Ok(())
}

/// Takes an uploaded photo away; what sources bring shows again. `false`: there was none.
pub fn remove(
    conn: &mut PgConnection,
    person: &Person,
    editor: Editor,
    by: &str,
    now: DateTime<Utc>,
) -> Result<bool, EditError> {
    if editor == Editor::Administrator && edits::end_override(conn, person.id, FIELD, by, now)? {
        return Ok(true);
    }
    let entries = BTreeMap::from([(FIELD.to_owned(), None)]);
    Ok(!edits::set_local(conn, person.id, &entries, editor, by, now)?.is_empty())
}

/// Refuses before anything is drawn or stored: persons bring a photo where no source has one, and the field is theirs.
fn may_bring(conn: &mut PgConnection, person: &Person, editor: Editor) -> Result<(), EditError> {
    let declared = profile_field::list(conn)?;
    let is_theirs = |field: &ProfileField| permission(field, editor, is_sourced(person)) == Permission::Edit;
    match editor {
        Editor::Person if !declared.iter().any(|field| field.name == FIELD && is_theirs(field)) => {
            Err(EditError::Refused("the photo is decided elsewhere; change it there".into()))
        }
        _ => Ok(()),
    }
}

fn is_sourced(person: &Person) -> bool {
    person.fields.get(FIELD).is_some_and(|value| !value.is_null())
}
