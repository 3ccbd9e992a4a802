//! A document being written: what a text area sends, what is wrong with it beside the lines that it is about, and what
//! differs between two texts.

use crate::document::{DocumentError, DocumentErrors};
use crate::values::lines;
use crate::values::text::shorten;
use sha2::{Digest, Sha256};

/// The most characters shown of a line.
const SHOWN: usize = 160;

/// Something that is wrong with a document.
pub struct Finding {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line as it stands there.
    pub text: String,
    /// What is wrong with it, and what to do.
    pub message: String,
}

/// A line of a difference.
pub struct DiffLine {
    /// Whether it was put in (`+`), taken out (`-`), stayed (a blank), or says where it is (`@`).
    pub sign: char,
    /// The line, its sign first.
    pub text: String,
}

/// A text as it came from a text area, where browsers end lines by CR LF.
pub fn plain(sent: &str) -> String {
    sent.replace("\r\n", "\n")
}

/// What is wrong, beside the lines.
pub fn findings(document: &str, errors: DocumentErrors) -> Vec<Finding> {
    let lines: Vec<&str> = document.lines().collect();
    let finding = |error: DocumentError| Finding {
        text: lines.get(error.line.wrapping_sub(1)).map(|line| shorten(line.trim(), SHOWN)).unwrap_or_default(),
        line: error.line,
        column: error.column,
        message: error.message,
    };
    errors.0.into_iter().map(finding).collect()
}

/// One error at a line of the document that begins with `key`; at the first if none does.
pub fn error_at(document: &str, key: &str, message: impl Into<String>) -> DocumentErrors {
    let line = document.lines().position(|line| line.trim_start().starts_with(key)).unwrap_or_default();
    DocumentErrors(vec![DocumentError { line: line + 1, column: 1, message: message.into() }])
}

/// What differs, line by line.
pub fn difference(before: &str, after: &str) -> Vec<DiffLine> {
    let text = lines::difference(before, after);
    let line = |text: &str| DiffLine { sign: text.chars().next().unwrap_or(' '), text: text.to_owned() };
    text.lines().map(line).collect()
}

/// By which a form says which text it began with.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_stands_beside_its_line() {
        let document = "name = \"hr\"\n  kind = \"fils\"\n";
        let errors = DocumentErrors(vec![
            DocumentError { line: 2, column: 10, message: "no such kind".into() },
            DocumentError { line: 9, column: 1, message: "past the end".into() },
        ]);
        let findings = findings(document, errors);
        assert_eq!((findings[0].line, findings[0].text.as_str()), (2, "kind = \"fils\""));
        assert_eq!(findings[1].text, "");
        assert_eq!(error_at(document, "kind", "x").0[0].line, 2);
    }

    #[test]
    fn a_difference_is_told_line_by_line() {
        let signs: String = difference("a\nb\n", "a\nc\n").iter().map(|line| line.sign).collect();
        assert_eq!(signs, "@ -+");
        assert!(difference("a\n", "a\n").is_empty());
        assert_eq!(plain("a\r\nb"), "a\nb");
    }
}
