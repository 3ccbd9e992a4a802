//! Several documents in one stream, as `muster export` writes and `muster apply` reads them.

/// The line between two documents: a comment, so that one document alone is plain TOML. No document holds it.
pub(super) const BETWEEN: &str = "# ---- next document ----\n";

/// All documents in one text. Each ends with the end of a line, as [`super::parse`] leaves it.
pub fn join<'d>(documents: impl Iterator<Item = &'d str>) -> String {
    documents.collect::<Vec<_>>().join(BETWEEN)
}

/// The documents of a text, each with the number of its first line, from 1.
pub fn split(text: &str) -> Vec<(usize, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut first_line) = (0, 1);
    let (mut at, mut line_number) = (0, 1);
    for line in text.split_inclusive('\n') {
        line_number += 1;
        if line == BETWEEN {
            documents.push((first_line, &text[start..at]));
            (start, first_line) = (at + line.len(), line_number);
        }
        at += line.len();
    }
    documents.push((first_line, &text[start..]));
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_joined_is_split_again() {
        let documents = ["name = \"a\"\n", "\nname = \"b\"\n# end\n", "c = 1\n"];
        let text = join(documents.into_iter());
        assert_eq!(split(&text), [(1, documents[0]), (3, documents[1]), (7, documents[2])]);
        assert_eq!(split(""), [(1, "")]);
    }
}
