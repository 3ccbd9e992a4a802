//! Where a command writes: data to stdout, messages to stderr.

use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// Data as text or, with `--json`, as one JSON object a line.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// `json`: whether data is written as JSON.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether data is written as JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// One item of data: `json` as a line, or `text` with an end of line.
    pub fn data(self, json: &impl Serialize, text: impl Display) -> anyhow::Result<()> {
        if self.json {
            self.raw(&format!("{}\n", serde_json::to_string(json)?))
        } else {
            self.raw(&format!("{text}\n"))
        }
    }

    /// Text exactly as it is. That the reader went away (`muster export | head`) ends nothing else.
    pub fn raw(self, text: &str) -> anyhow::Result<()> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A message for whoever sits there.
    pub fn message(self, text: impl Display) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}
