//! An answer, read as a person reads it.

use muster::values::text::simplify;

/// What came back.
pub struct Answer {
    pub status: u16,
    /// The page or JSON, unpacked.
    pub text: String,
}

impl Answer {
    /// The rows of a list: what each says, without its elements, folded as searches are.
    pub fn rows(&self) -> Vec<String> {
        self.text
            .split("class=\"row-title\"")
            .skip(1)
            .map(|row| simplify(&words(row.split("</tr>").next().unwrap_or_default())))
            .collect()
    }

    /// What the page says, folded as searches are.
    pub fn said(&self) -> String {
        simplify(&words(self.text.split("<main").nth(1).unwrap_or(&self.text)))
    }

    /// Where the next page of a list is.
    pub fn next(&self) -> Option<String> {
        let before = self.text.split("\" rel=\"next\"").next().filter(|before| before.len() < self.text.len())?;
        before.rsplit("href=\"").next().map(unescaped)
    }
}

/// What stands between elements, which become blanks.
fn words(html: &str) -> String {
    let html = html.split_once('>').map_or(html, |(_, rest)| rest);
    let mut words = String::with_capacity(html.len());
    for (number, piece) in html.split('<').enumerate() {
        match piece.split_once('>') {
            Some((_, text)) if number > 0 => {
                words.push(' ');
                words.push_str(text);
            }
            _ => words.push_str(piece),
        }
    }
    unescaped(&words)
}

fn unescaped(html: &str) -> String {
    let plain = [("&#38;", "&"), ("&amp;", "&"), ("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'")];
    plain.iter().fold(html.to_owned(), |html, (escaped, plain)| html.replace(escaped, plain))
}
