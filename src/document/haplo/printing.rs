//! Terms as expressions.

use super::terms::{Condition, List, Text};

/// Words that the language of expressions keeps for itself: `row.in` is no column.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
    "row",
];

/// What the value is called that a list is looked at by.
const VALUE: &str = "value";

/// An expression that gives a text.
pub(super) fn text(of: &Text) -> String {
    match of {
        Text::Literal(literal) => quoted(literal),
        Text::Column(name) => column(name),
        Text::Value => VALUE.to_owned(),
        Text::Lower(of) => format!("lower({})", text(of)),
        Text::Upper(of) => format!("upper({})", text(of)),
        Text::Day(of, pattern) => format!("parse_date({}, {})", text(of), quoted(pattern)),
        Text::Url(of) => {
            let of = text(of);
            format!("when(!{of}.contains(':') && {of}.matches('^[a-zA-Z][a-zA-Z+./-]+$'), 'https://' + {of}, {of})")
        }
        Text::Mapped { of, map, otherwise } => {
            let of = text(of);
            let otherwise = otherwise.as_deref().map_or_else(|| of.clone(), quoted);
            match &map[..] {
                [] => otherwise,
                [(from, to)] => format!("when({of} == {}, {}, {otherwise})", quoted(from), quoted(to)),
                _ => {
                    let pairs: Vec<String> =
                        map.iter().map(|(from, to)| format!("{}: {}", quoted(from), quoted(to))).collect();
                    let map = format!("{{{}}}", pairs.join(", "));
                    format!("when({of} in {map}, {map}[{of}], {otherwise})")
                }
            }
        }
        Text::When(condition, then, otherwise) if otherwise.is_empty() => {
            format!("when({}, {})", self::condition(condition), text(then))
        }
        Text::When(condition, then, otherwise) => {
            format!("when({}, {}, {})", self::condition(condition), text(then), text(otherwise))
        }
        Text::Joined(parts, separator) => {
            let parts: Vec<String> = parts.iter().map(text).collect();
            format!("join([{}], {})", parts.join(", "), quoted(separator))
        }
    }
}

/// An expression that gives a list of texts.
pub(super) fn list(of: &List) -> String {
    match of {
        List::Items(items) => {
            let items: Vec<String> = items.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        List::Each { column: name, keep, body } => {
            let mut list = format!("split({})", column(name));
            if *keep != Condition::Always {
                list.push_str(&format!(".filter({VALUE}, {})", condition(keep)));
            }
            if *body != Text::Value {
                list.push_str(&format!(".map({VALUE}, {})", text(body)));
            }
            list
        }
        List::When(when, then, otherwise) => {
            format!("when({}, {}, {})", condition(when), list(then), list(otherwise))
        }
        List::Both(one, other) => format!("{} + {}", list(one), list(other)),
    }
}

/// An expression that is true or false.
pub(super) fn condition(of: &Condition) -> String {
    match of {
        Condition::Always => "true".to_owned(),
        Condition::Never => "false".to_owned(),
        Condition::Filled(of) => format!("{} != ''", text(of)),
        Condition::OneOf(of, values) => match &values[..] {
            [value] => format!("{} == {}", text(of), quoted(value)),
            values => format!("{} in {}", text(of), quoted_list(values)),
        },
        Condition::Holds(of) => match &**of {
            List::Each { column: name, keep, body } => {
                let filled = Condition::filled(body.clone());
                let keep = match &filled {
                    Condition::Filled(Text::Value) => keep.clone(),
                    _ => keep.clone().and(filled),
                };
                condition(&Condition::Exists { column: name.clone(), keep: Box::new(keep) })
            }
            of => format!("({}).exists({VALUE}, {VALUE} != '')", list(of)),
        },
        Condition::Exists { column: name, keep } => {
            format!("split({}).exists({VALUE}, {})", column(name), condition(keep))
        }
        Condition::Not(of) => match &**of {
            Condition::Filled(of) => format!("{} == ''", text(of)),
            Condition::OneOf(of, values) if values.len() == 1 => {
                format!("{} != {}", text(of), values.first().map_or_else(String::new, |value| quoted(value)))
            }
            other => format!("!({})", condition(other)),
        },
        Condition::All(conditions) => {
            let one = |one: &Condition| match one {
                Condition::Any(_) => format!("({})", condition(one)),
                one => condition(one),
            };
            conditions.iter().map(one).collect::<Vec<_>>().join(" && ")
        }
        Condition::Any(conditions) => {
            let one = |one: &Condition| match one {
                Condition::All(_) => format!("({})", condition(one)),
                one => condition(one),
            };
            conditions.iter().map(one).collect::<Vec<_>>().join(" || ")
        }
    }
}

/// A column of the record.
fn column(name: &str) -> String {
    let mut letters = name.chars();
    let is_word = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !RESERVED.contains(&name);
    match is_word {
        true => format!("row.{name}"),
        false => format!("row[{}]", quoted(name)),
    }
}

fn quoted_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('\'');
    quoted
}
