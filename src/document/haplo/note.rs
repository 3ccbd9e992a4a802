//! What could not be translated.

/// One thing that the document does not do as the control file said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Where it stands in the control file: `$.instructions[3]`.
    pub path: String,
    /// What it is, and what is done instead.
    pub message: String,
}

/// Notes so far; the same is said once.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    /// Adds one.
    pub(super) fn add(&mut self, path: &str, message: impl Into<String>) {
        let note = Note { path: path.to_owned(), message: message.into() };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Note> {
        self.0
    }

    /// All of them so far.
    pub(super) fn list(&self) -> &[Note] {
        &self.0
    }
}
