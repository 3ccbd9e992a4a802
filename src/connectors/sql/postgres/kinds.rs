//! How PostgreSQL writes the values of its types, and how they leave.

use crate::connectors::sql::session::{Column, Content};
use crate::connectors::sql::value::{self, NoText};
use tokio_postgres::types::{Kind as TypeKind, Type};

/// How a type's values leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// As they are written.
    Text,
    /// `t` and `f` as true and false.
    Bool,
    /// `\x…` as base64.
    Bytes,
    /// With a `T` between day and time.
    Moment,
    /// `{…}`: each value for itself.
    Array(Box<Kind>),
}

impl Kind {
    /// The kind of a type.
    pub fn of(of_type: &Type) -> Self {
        match of_type.kind() {
            TypeKind::Array(element) => Self::Array(Box::new(Self::of(element))),
            TypeKind::Domain(base) => Self::of(base),
            _ => match *of_type {
                Type::BOOL => Self::Bool,
                Type::BYTEA => Self::Bytes,
                Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Moment,
                _ => Self::Text,
            },
        }
    }

    /// Adds a value, as the server writes it.
    pub fn write(&self, to: &mut Vec<u8>, written: &[u8]) -> Result<(), NoText> {
        match self {
            Self::Text => value::text(to, written),
            Self::Moment => value::moment(to, written),
            Self::Bool => match written {
                b"t" => value::text(to, b"true"),
                b"f" => value::text(to, b"false"),
                _ => Err(NoText::Malformed("a bool")),
            },
            Self::Bytes => {
                let digits = written.strip_prefix(b"\\x").ok_or(NoText::Malformed("bytes"))?;
                value::bytes(to, &unhex(digits).ok_or(NoText::Malformed("bytes"))?);
                Ok(())
            }
            Self::Array(element) => {
                let mut is_first = true;
                elements(written, &mut |one| {
                    if !std::mem::take(&mut is_first) {
                        value::separator(to);
                    }
                    element.write(to, one)
                })
            }
        }
    }
}

/// A column of a result.
pub fn column(column: &tokio_postgres::Column) -> Column {
    let of_type = column.type_();
    let kind = Kind::of(of_type);
    let is_number = matches!(
        *of_type,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::NUMERIC | Type::FLOAT4 | Type::FLOAT8 | Type::OID
    );
    Column {
        name: column.name().to_owned(),
        native_type: Some(name(of_type)),
        content: match kind {
            Kind::Bytes => Content::Bytes,
            Kind::Array(_) => Content::Several,
            _ if is_number => Content::Number,
            _ => Content::Text,
        },
    }
}

/// `text[]` rather than `_text`.
fn name(of_type: &Type) -> String {
    match of_type.kind() {
        TypeKind::Array(element) => format!("{}[]", name(element)),
        _ => of_type.name().to_owned(),
    }
}

/// The values of an array as PostgreSQL writes it (its manual, 8.15.6): `{1,2}`, `{"a \"b\"",NULL}`, `[0:1]={…}`, arrays
/// within arrays as one. NULL is no value.
fn elements(array: &[u8], each: &mut dyn FnMut(&[u8]) -> Result<(), NoText>) -> Result<(), NoText> {
    let start = match array.first() {
        Some(b'[') => memchr::memchr(b'=', array).map_or(array.len(), |at| at + 1),
        _ => 0,
    };
    let mut rest = array.get(start..).unwrap_or_default().iter().copied().peekable();
    let mut depth = 0usize;
    let mut element = Vec::new();
    while let Some(byte) = rest.next() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth > 0 => depth -= 1,
            b',' if depth > 0 => {}
            b'"' if depth > 0 => {
                element.clear();
                loop {
                    match rest.next().ok_or(NoText::Malformed("an array"))? {
                        b'"' => break,
                        b'\\' => element.push(rest.next().ok_or(NoText::Malformed("an array"))?),
                        byte => element.push(byte),
                    }
                }
                each(&element)?;
            }
            first if depth > 0 => {
                element.clear();
                element.push(first);
                while let Some(byte) = rest.next_if(|byte| !matches!(byte, b',' | b'}')) {
                    element.push(byte);
                }
                if element != b"NULL" {
                    each(&element)?;
                }
            }
            _ => return Err(NoText::Malformed("an array")),
        }
    }
    if depth == 0 { Ok(()) } else { Err(NoText::Malformed("an array")) }
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: &Kind, text: &str) -> Result<String, NoText> {
        let mut to = Vec::new();
        kind.write(&mut to, text.as_bytes())?;
        Ok(String::from_utf8(to).unwrap().replace('\u{1f}', "|"))
    }

    #[test]
    fn arrays_are_taken_apart() {
        let texts = Kind::Array(Box::new(Kind::Text));
        for (array, values) in [
            ("{}", ""),
            ("{a}", "a"),
            ("{a,\"b, c\",\"d \\\"e\\\" \\\\\",NULL,\"NULL\",\"\"}", "a|b, c|d \"e\" \\|NULL|"),
            ("{{a,b},{c,d}}", "a|b|c|d"),
            ("[0:1]={a,b}", "a|b"),
        ] {
            assert_eq!(written(&texts, array).as_deref(), Ok(values), "{array}");
        }
        for wrong in ["{", "{\"a}", "a", "{a}}", "{\"a\\"] {
            assert!(written(&texts, wrong).is_err(), "{wrong}");
        }
        assert_eq!(written(&Kind::Array(Box::new(Kind::Bool)), "{t,f}").as_deref(), Ok("true|false"));
        assert_eq!(written(&Kind::Array(Box::new(Kind::Bytes)), "{\"\\\\x00ff\"}").as_deref(), Ok("AP8="));
    }

    #[test]
    fn bytes_become_base64() {
        assert_eq!(written(&Kind::Bytes, "\\x00ff10").as_deref(), Ok("AP8Q"));
        assert!(written(&Kind::Bytes, "\\x0").is_err() && written(&Kind::Bytes, "\\x0g").is_err());
    }
}
