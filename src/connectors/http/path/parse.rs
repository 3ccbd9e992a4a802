//! From a text to a path.

use super::{Condition, Literal, Names, OPERATORS, Path, Step, Test};
use serde_json::Value;

/// Longer paths, or ones of more steps, are somebody's mistake.
const LONGEST: usize = 1000;

/// Whether a bare name ends there.
pub(super) fn ends_name(c: char) -> bool {
    matches!(c, '.' | '[' | ']' | '"') || c.is_whitespace() || c.is_control()
}

pub(super) fn path(text: &str, names: Names) -> Result<Path, String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let (schema, rest) = match names {
        Names::Scim => split_schema(text),
        Names::Exact => (None, text),
    };
    let mut parser = Parser { text: rest };
    let mut steps = vec![parser.step()?];
    while parser.take(".") {
        steps.push(parser.step()?);
    }
    parser.end()?;
    Ok(Path { names, schema: schema.map(str::to_owned), steps })
}

pub(super) fn conditions(text: &str) -> Result<Vec<Condition>, String> {
    let mut parser = Parser { text };
    let conditions = parser.conditions()?;
    parser.end()?;
    Ok(conditions)
}

/// A URN holds dots and colons; what comes after the last colon before a condition is the attribute.
fn split_schema(text: &str) -> (Option<&str>, &str) {
    if !super::starts_with_ignoring_case(text, "urn:") {
        return (None, text);
    }
    let before = text.find(['[', '"']).map_or(text, |at| &text[..at]);
    match before.rfind(':') {
        // `urn:` alone is no schema.
        Some(at) if at > 3 => (Some(&text[..at]), &text[at + 1..]),
        _ => (None, text),
    }
}

struct Parser<'a> {
    text: &'a str,
}

impl<'a> Parser<'a> {
    fn take(&mut self, token: &str) -> bool {
        match self.text.strip_prefix(token) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn spaces(&mut self) {
        self.text = self.text.trim_start_matches(' ');
    }

    fn end(&self) -> Result<(), String> {
        if self.text.is_empty() { Ok(()) } else { Err(format!("{:?} is not understood", self.text)) }
    }

    fn step(&mut self) -> Result<Step, String> {
        let name = self.name()?;
        let mut only = Vec::new();
        if self.take("[") {
            only = self.conditions()?;
            if !self.take("]") {
                return Err(format!("the condition of {name:?} is not closed by ]"));
            }
        }
        Ok(Step { name, only })
    }

    fn name(&mut self) -> Result<String, String> {
        if self.text.starts_with('"') {
            return match self.json()? {
                Value::String(name) => Ok(name),
                _ => Err("a name is missing".to_owned()),
            };
        }
        let end = self.text.find(ends_name).unwrap_or(self.text.len());
        let (name, rest) = self.text.split_at(end);
        self.text = rest;
        match name.is_empty() {
            true if rest.is_empty() => Err("a name is missing at the end".to_owned()),
            true => Err(format!("a name is missing before {rest:?}")),
            false => Ok(name.to_owned()),
        }
    }

    fn conditions(&mut self) -> Result<Vec<Condition>, String> {
        let mut conditions = Vec::new();
        loop {
            self.spaces();
            conditions.push(self.condition()?);
            self.spaces();
            let word = self.text.get(..4).unwrap_or_default();
            if !word.eq_ignore_ascii_case("and ") {
                return Ok(conditions);
            }
            self.text = &self.text[4..];
        }
    }

    fn condition(&mut self) -> Result<Condition, String> {
        let name = self.name()?;
        self.spaces();
        let word = self.name().map_err(|_| format!("{name} needs a comparison: eq, ne, co, sw, ew or pr"))?;
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Condition { name, test: Test::Present });
        }
        let operator = OPERATORS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known));
        let (_, operator) =
            operator.ok_or_else(|| format!("{word:?} is no comparison; write eq, ne, co, sw, ew or pr"))?;
        self.spaces();
        let before = self.text;
        let literal = match self.json()? {
            Value::Null => Literal::Null,
            Value::String(text) => Literal::Text(text),
            // As it is written: 1.50 is compared with 1.50.
            Value::Bool(_) | Value::Number(_) => {
                let end = before.len() - self.text.len();
                Literal::Bare(before.get(..end).unwrap_or_default().to_owned())
            }
            _ => return Err(format!("{name} can only be compared with a text, a number, true, false or null")),
        };
        Ok(Condition { name, test: Test::Compare(*operator, literal) })
    }

    /// A JSON value at the beginning of what is left.
    fn json(&mut self) -> Result<Value, String> {
        let wrong = || format!("{:?} should be a JSON value, a text in quotes for example", self.text);
        let end = match self.text.starts_with('"') {
            // A bare value ends where a name would, save for the point of a number.
            false => self.text.find(|c: char| ends_name(c) && c != '.').unwrap_or(self.text.len()),
            true => {
                let mut escaped = false;
                let quote = self.text.char_indices().skip(1).find(|(_, c)| {
                    let ends = !escaped && *c == '"';
                    escaped = !escaped && *c == '\\';
                    ends
                });
                quote.map(|(at, _)| at + 1).ok_or_else(wrong)?
            }
        };
        let (value, rest) = self.text.split_at(end);
        let value = serde_json::from_str(value).map_err(|_| wrong())?;
        self.text = rest;
        Ok(value)
    }
}
