//! The lines of `COPY … TO STDOUT` in its text format (PostgreSQL's manual, COPY, file formats): values separated by
//! tabs, `\N` for NULL, a backslash before what would be mistaken.

use super::kinds::Kind;
use crate::connectors::ConnectionError;
use crate::connectors::sql::row::Row;
use crate::connectors::sql::session::EachRow;
use crate::connectors::sql::value::place;

/// Makes rows of lines.
pub struct Lines<'a> {
    server: &'a str,
    names: &'a [&'a str],
    kinds: &'a [Kind],
    row: Row,
    rows: u64,
    /// What came of a line that is not complete yet.
    begun: Vec<u8>,
    unescaped: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// For a result with these columns.
    pub fn new(server: &'a str, names: &'a [&'a str], kinds: &'a [Kind]) -> Self {
        Self { server, names, kinds, row: Row::default(), rows: 0, begun: Vec::new(), unescaped: Vec::new() }
    }

    /// Takes the next part of the data. Servers send a line at a time; the protocol does not say so.
    pub fn take(&mut self, mut part: &[u8], each: EachRow<'_>) -> Result<(), ConnectionError> {
        while let Some(end) = memchr::memchr(b'\n', part) {
            let (line, rest) = (&part[..end], &part[end + 1..]);
            part = rest;
            if self.begun.is_empty() {
                self.line(line, each)?;
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(line);
                self.line(&whole, each)?;
            }
        }
        self.begun.extend_from_slice(part);
        Ok(())
    }

    /// The data has ended; it must not end within a line.
    pub fn finish(&self) -> Result<(), ConnectionError> {
        match self.begun.is_empty() {
            true => Ok(()),
            false => Err(ConnectionError::transient(self.server, "the data ended in the middle of a row")),
        }
    }

    fn line(&mut self, line: &[u8], each: EachRow<'_>) -> Result<(), ConnectionError> {
        self.rows += 1;
        self.row.clear();
        let mut rest = Some(line);
        for (name, kind) in self.names.iter().zip(self.kinds) {
            let Some(here) = rest else { return Err(self.misshapen()) };
            let (value, next) = match memchr::memchr(b'\t', here) {
                Some(tab) => (&here[..tab], Some(&here[tab + 1..])),
                None => (here, None),
            };
            rest = next;
            if value == b"\\N" {
                self.row.push(b"");
                continue;
            }
            let value = if memchr::memchr(b'\\', value).is_some() {
                unescape(value, &mut self.unescaped);
                &self.unescaped[..]
            } else {
                value
            };
            let written = self.row.push_with(|to| kind.write(to, value));
            written.map_err(|fault| {
                ConnectionError::permanent(self.server, format!("{}: {fault}", place(self.rows, name)))
            })?;
        }
        if rest.is_some_and(|rest| !self.kinds.is_empty() || !rest.is_empty()) {
            return Err(self.misshapen());
        }
        each(&self.row)
    }

    fn misshapen(&self) -> ConnectionError {
        let message = format!("row {} has not the {} values that were announced", self.rows, self.kinds.len());
        ConnectionError::permanent(self.server, message)
    }
}

fn unescape(value: &[u8], to: &mut Vec<u8>) {
    to.clear();
    let mut rest = value.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            to.push(byte);
            continue;
        }
        to.push(match rest.next() {
            Some(b'b') => 8,
            Some(b't') => b'\t',
            Some(b'n') => b'\n',
            Some(b'v') => 11,
            Some(b'f') => 12,
            Some(b'r') => b'\r',
            Some(other) => other,
            None => b'\\',
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(data: &[u8], kinds: &[Kind], cut: usize) -> Result<Vec<Vec<String>>, ConnectionError> {
        let names = vec!["c"; kinds.len()];
        let mut lines = Lines::new("server", &names, kinds);
        let mut found = Vec::new();
        for part in data.chunks(cut.max(1)) {
            lines.take(part, &mut |row| {
                found.push(row.texts());
                Ok(())
            })?;
        }
        lines.finish()?;
        Ok(found)
    }

    #[test]
    fn lines_are_rows_however_they_come() {
        let data = b"1\t\\N\ta\\tb\\\\\n2\tt\t\n";
        let kinds = [Kind::Text, Kind::Bool, Kind::Text];
        for cut in 1..data.len() + 1 {
            assert_eq!(rows(data, &kinds, cut).unwrap(), [["1", "", "a\tb\\"], ["2", "true", ""]], "{cut}");
        }
    }

    #[test]
    fn what_is_no_row_is_an_error() {
        let texts = [Kind::Text, Kind::Text];
        assert!(rows(b"1\n", &texts, 99).unwrap_err().message.contains("row 1 has not the 2 values"));
        assert!(rows(b"1\t2\t3\n", &texts, 99).is_err());
        assert!(rows(b"1\t2", &texts, 99).unwrap_err().transient);
        let wrong = rows(b"a\tRen\xe9\n", &texts, 99).unwrap_err();
        assert_eq!(wrong.message.split(':').next(), Some("row 1, column \"c\""));
    }

    proptest! {
        #[test]
        fn any_text_comes_back(values in proptest::collection::vec("[^\u{1f}]*", 1..5)) {
            let escape = |value: &String| {
                let mut to = String::new();
                for c in value.chars() {
                    match c {
                        '\\' => to += "\\\\",
                        '\t' => to += "\\t",
                        '\n' => to += "\\n",
                        '\r' => to += "\\r",
                        c => to.push(c),
                    }
                }
                to
            };
            let line = values.iter().map(escape).collect::<Vec<_>>().join("\t") + "\n";
            let kinds = vec![Kind::Text; values.len()];
            prop_assert_eq!(rows(line.as_bytes(), &kinds, 7).unwrap(), [values]);
        }
    }
}
