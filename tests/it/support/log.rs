//! What a server writes to its log, from the first line on.

use std::sync::{Arc, Mutex};

/// The lines so far; more come as the server writes them.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// Reads on, on a thread of its own, so that the server can go on writing.
    pub fn follow(&self, lines: impl Iterator<Item = String> + Send + 'static) {
        let log = self.clone();
        std::thread::spawn(move || lines.for_each(|line| log.note(line)));
    }

    /// A line that was read elsewhere.
    pub fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}
