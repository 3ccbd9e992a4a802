//! What is wrong with a document, and where.

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct DocumentError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The offending text, what is wrong with it, and what to do.
    pub message: String,
}

/// Every finding of a document, in its order. At least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DocumentErrors(pub Vec<DocumentError>);

impl std::fmt::Display for DocumentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::fmt::Display for DocumentErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let end_of_line = if position == 0 { "" } else { "\n" };
            write!(f, "{end_of_line}{error}")?;
        }
        Ok(())
    }
}

impl DocumentErrors {
    /// One line per finding, as editors know them: `hr.toml:12:3: message`.
    pub fn in_file(&self, file: &str) -> String {
        let lines = self.0.iter().map(|error| format!("{file}:{}:{}: {}", error.line, error.column, error.message));
        lines.collect::<Vec<_>>().join("\n")
    }
}
