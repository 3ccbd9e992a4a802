//! Paths in documents: relative to the document where it lies in a folder, absolute as stored.

use super::section::Section;
use std::path::{Component, Path, PathBuf};

/// What relative paths are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Folder<'f> {
    /// The folder of the document, absolute.
    At(&'f Path),
    /// The document has no place (it was stored, or came over the network): relative paths are errors.
    Unknown,
}

impl Folder<'_> {
    /// The absolute path for the text under `key` of `section`. A relative one is replaced in the stored text.
    pub(super) fn absolute(self, section: &Section<'_, '_>, key: &str, path: &str) -> String {
        if path.is_empty() {
            section.error_at(key, format!("{key} is empty; write a path"));
            return String::new();
        }
        if Path::new(path).is_absolute() {
            return path.to_owned();
        }
        let Self::At(folder) = self else {
            section.error_at(
                key,
                format!("{path:?} is relative, and this document lies in no folder; write the whole path"),
            );
            return path.to_owned();
        };
        let Some(absolute) = joined(folder, Path::new(path)) else {
            section.error_at(
                key,
                format!("{path:?} is relative to {}, which is not UTF-8; write the whole path", folder.display()),
            );
            return path.to_owned();
        };
        section.replace(key, &absolute);
        absolute
    }
}

/// Without `.` in between; `..` stays, because a link may stand before it.
fn joined(folder: &Path, path: &Path) -> Option<String> {
    let steps = path.components().filter(|step| *step != Component::CurDir);
    let joined: PathBuf = folder.components().chain(steps).collect();
    joined.to_str().map(str::to_owned)
}
