//! Where a column's values stand in a JSON record: `name.familyName`, `emails[type eq "work"].value`, `members.value`.
//!
//! ```text
//! path      = [ schema ":" ] step *( "." step )
//! schema    = a URN, such as urn:ietf:params:scim:schemas:extension:enterprise:2.0:User   (only with Names::Scim)
//! step      = name [ "[" condition *( " and " condition ) "]" ]
//! condition = name " pr" | name " " ("eq" | "ne" | "co" | "sw" | "ew") " " JSON value
//! name      = characters other than . [ ] " and white space, or a JSON string in quotes
//! ```
//!
//! An array on the way stands for each of its items, so a path may have several values.

mod parse;
#[cfg(test)]
mod tests;

use super::json::{Json, Shape};
use std::borrow::Cow;
use std::fmt;

/// How names are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// As they are written.
    Exact,
    /// As SCIM does (RFC 7643 2.1): capitals do not matter, in conditions neither, and a schema's URN may stand before.
    Scim,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    names: Names,
    schema: Option<String>,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    name: String,
    only: Vec<Condition>,
}

/// What an item must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    name: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Present,
    Compare(Operator, Literal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Contains,
    Starts,
    Ends,
}

/// What is compared with; a number counts by its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Literal {
    Null,
    Text(String),
    Bare(String),
}

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Equal),
    ("ne", Operator::Unequal),
    ("co", Operator::Contains),
    ("sw", Operator::Starts),
    ("ew", Operator::Ends),
];

/// URNs of schemas whose attributes stand at the top of a resource.
const CORE_SCHEMAS: &str = "urn:ietf:params:scim:schemas:core:";

impl Path {
    /// Reads a path. The error says what is wrong with it.
    pub fn parse(text: &str, names: Names) -> Result<Self, String> {
        parse::path(text, names)
    }

    /// The first name, with its schema if one stands there: what SCIM calls the attribute.
    pub fn attribute(&self) -> String {
        let name = self.steps.first().map_or("", |step| &step.name);
        match &self.schema {
            Some(schema) => format!("{schema}:{name}"),
            None => name.to_owned(),
        }
    }

    /// The schema's URN, if one stands there.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The names on the way.
    pub fn step_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// What stands at the path: an array counts as one.
    pub fn find<'a>(&self, record: Json<'a>) -> Vec<Json<'a>> {
        let ignore_case = self.names == Names::Scim;
        let mut found = vec![record];
        let within = self.schema.as_deref().and_then(|schema| record.get(schema, true));
        match (&self.schema, within) {
            (Some(_), Some(extension)) => found = vec![extension],
            (Some(schema), None) if !starts_with_ignoring_case(schema, CORE_SCHEMAS) => return Vec::new(),
            _ => {}
        }
        for step in &self.steps {
            let members = found.into_iter().flat_map(each).filter_map(|item| item.get(&step.name, ignore_case));
            found = match step.only.is_empty() {
                true => members.collect(),
                false => members.flat_map(each).filter(|item| matches_all(&step.only, *item, self.names)).collect(),
            };
        }
        found
    }

    /// The first name on the way that an object has twice: which of them is meant can't be known.
    pub fn stands_twice(&self, record: Json<'_>) -> Option<&str> {
        let ignore_case = self.names == Names::Scim;
        let mut at = vec![record];
        for Step { name, .. } in &self.steps {
            if at.iter().any(|item| item.has_twice(name, ignore_case)) {
                return Some(name);
            }
            at = at.into_iter().flat_map(each).filter_map(|item| item.get(name, ignore_case)).collect();
        }
        None
    }

    /// The values at the path as text. What is no plain value is its JSON text; null is no value.
    pub fn values<'a>(&self, record: Json<'a>) -> Result<Vec<Cow<'a, str>>, String> {
        let mut values = Vec::new();
        for item in self.find(record).into_iter().flat_map(each) {
            match item.shape()? {
                Shape::Null => {}
                Shape::Plain(text) => values.push(text),
                Shape::List | Shape::Object => values.push(Cow::Borrowed(item.raw())),
            }
        }
        Ok(values)
    }
}

impl Condition {
    /// Reads conditions: `status eq "deleted" and kind ne "robot"`.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        parse::conditions(text)
    }
}

/// Whether an object is like that.
pub fn matches_all(conditions: &[Condition], item: Json<'_>, names: Names) -> bool {
    conditions.iter().all(|condition| condition.holds(item, names))
}

/// The items of an array, or the value itself.
fn each<'a>(value: Json<'a>) -> Box<dyn Iterator<Item = Json<'a>> + 'a> {
    if value.is_list() { Box::new(value.items()) } else { Box::new(std::iter::once(value)) }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

impl Condition {
    fn holds(&self, item: Json<'_>, names: Names) -> bool {
        let value = item.get(&self.name, names == Names::Scim).filter(|value| !value.is_null());
        let (operator, literal) = match &self.test {
            Test::Present => return value.is_some_and(|value| !matches!(value.raw(), "[]" | "{}" | "\"\"")),
            Test::Compare(operator, literal) => (operator, literal),
        };
        let fold = |text: &str| if names == Names::Scim { text.to_lowercase() } else { text.to_owned() };
        // A text is no number of the same digits.
        let found = value.map(|value| match value.as_text() {
            Some(text) => Literal::Text(fold(&text)),
            None => Literal::Bare(value.raw().to_owned()),
        });
        let found = found.unwrap_or(Literal::Null);
        let wanted = match literal {
            Literal::Text(text) => Literal::Text(fold(text)),
            other => other.clone(),
        };
        match (operator, &found, &wanted) {
            (Operator::Equal, _, _) => found == wanted,
            (Operator::Unequal, _, _) => found != wanted,
            (Operator::Contains, Literal::Text(found), Literal::Text(wanted)) => found.contains(wanted),
            (Operator::Starts, Literal::Text(found), Literal::Text(wanted)) => found.starts_with(wanted),
            (Operator::Ends, Literal::Text(found), Literal::Text(wanted)) => found.ends_with(wanted),
            _ => false,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        for (position, step) in self.steps.iter().enumerate() {
            if position > 0 {
                f.write_str(".")?;
            }
            write_name(f, &step.name)?;
            for (position, condition) in step.only.iter().enumerate() {
                f.write_str(if position == 0 { "[" } else { " and " })?;
                condition.fmt(f)?;
            }
            if !step.only.is_empty() {
                f.write_str("]")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(f, &self.name)?;
        let (operator, literal) = match &self.test {
            Test::Present => return f.write_str(" pr"),
            Test::Compare(operator, literal) => (operator, literal),
        };
        let word = OPERATORS.iter().find(|(_, known)| known == operator).map_or("eq", |(word, _)| word);
        match literal {
            Literal::Null => write!(f, " {word} null"),
            Literal::Bare(bare) => write!(f, " {word} {bare}"),
            Literal::Text(text) => write!(f, " {word} {}", quoted(text)),
        }
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    // A colon would be taken for the end of a schema's URN.
    if name.is_empty() || name.contains(parse::ends_name) || name.contains(':') {
        f.write_str(&quoted(name))
    } else {
        f.write_str(name)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
