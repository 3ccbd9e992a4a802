//! JSON as it was received: checked once, then walked level by level over the text itself. Numbers keep their digits,
//! nothing is built that is not looked at, and nesting, however deep, takes no stack.

use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A JSON value within a text that is known to be JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// Why an answer is no JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonFault {
    /// What is wrong, with line and column.
    pub message: String,
    /// Whether it just ends too early.
    pub is_cut_off: bool,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape<'a> {
    /// `null`.
    Null,
    /// A text, number, `true` or `false`, as text.
    Plain(Cow<'a, str>),
    /// An array.
    List,
    /// An object.
    Object,
}

impl<'a> Json<'a> {
    /// The one value that the bytes are.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonFault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| JsonFault {
            message: format!("the byte at {} is no UTF-8", error.valid_up_to()),
            is_cut_off: error.error_len().is_none(),
        })?;
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| {
            // A number that ends after its sign or point is only found wrong at the very end.
            let (lines, last) = (text.lines().count(), text.lines().last().map_or(0, str::len));
            let is_at_end = error.line() >= lines && error.column() >= last;
            JsonFault { message: error.to_string(), is_cut_off: error.is_eof() || is_at_end }
        })?;
        Ok(Self(text.trim_matches(is_space)))
    }

    /// What it is. The error: a text that holds half a character (a lone surrogate), or NUL.
    pub fn shape(self) -> Result<Shape<'a>, String> {
        Ok(match self.0.as_bytes().first() {
            Some(b'{') => Shape::Object,
            Some(b'[') => Shape::List,
            Some(b'"') => Shape::Plain(text(self.0)?),
            Some(b'n') => Shape::Null,
            _ => Shape::Plain(Cow::Borrowed(self.0)),
        })
    }

    /// The text, if it is one that can be read.
    pub fn as_text(self) -> Option<Cow<'a, str>> {
        self.0.starts_with('"').then(|| text(self.0).ok()).flatten()
    }

    /// The whole number, if it is one that is not negative.
    pub fn as_count(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// `true` or `false`.
    pub fn as_bool(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an array.
    pub fn is_list(self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Its text, as it stands.
    pub fn raw(self) -> &'a str {
        self.0
    }

    /// The items of an array; of anything else none.
    pub fn items(self) -> impl Iterator<Item = Json<'a>> {
        let mut walk = Walk(if self.is_list() { self.0.get(1..).unwrap_or_default() } else { "" });
        std::iter::from_fn(move || walk.next())
    }

    /// The members of an object; of anything else none. Names that can't be read are handed out empty.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Json<'a>)> {
        let mut walk = Walk(if self.is_object() { self.0.get(1..).unwrap_or_default() } else { "" });
        std::iter::from_fn(move || Some((walk.next()?.as_text().unwrap_or_default(), walk.next()?)))
    }

    /// Whether several members have that name.
    pub fn has_twice(self, name: &str, ignore_case: bool) -> bool {
        let is_it = |found: &str| found == name || ignore_case && found.eq_ignore_ascii_case(name);
        self.members().filter(|(found, _)| is_it(found)).nth(1).is_some()
    }

    /// The member of that name, exactly as written or whatever its capitals.
    pub fn get(self, name: &str, ignore_case: bool) -> Option<Json<'a>> {
        let is_it = |found: &str| found == name || ignore_case && found.eq_ignore_ascii_case(name);
        self.members().find(|(found, _)| is_it(found)).map(|(_, value)| value)
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn text(quoted: &str) -> Result<Cow<'_, str>, String> {
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let text: String =
        serde_json::from_str(quoted).map_err(|_| "a text with half a character (a lone surrogate)".to_owned())?;
    if text.contains('\0') {
        return Err("a text with a NUL character".to_owned());
    }
    Ok(Cow::Owned(text))
}

/// What is left of an array or object, within its brackets.
struct Walk<'a>(&'a str);

impl<'a> Walk<'a> {
    fn next(&mut self) -> Option<Json<'a>> {
        let between = |c: char| is_space(c) || matches!(c, ',' | ':' | '}' | ']');
        let rest = self.0.trim_start_matches(between);
        let (value, rest) = rest.split_at_checked(length(rest.as_bytes())?)?;
        self.0 = rest;
        Some(Json(value))
    }
}

/// The length of the valid JSON value that the text begins with; `None`: there is none.
fn length(text: &[u8]) -> Option<usize> {
    if !matches!(text.first()?, b'{' | b'[' | b'"') {
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\n' | b'\r');
        return Some(text.iter().position(ends).unwrap_or(text.len()));
    }
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match text.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => loop {
                at += 1 + memchr::memchr2(b'"', b'\\', text.get(at + 1..)?)?;
                match text.get(at)? {
                    b'\\' => at += 1,
                    _ => break,
                }
            },
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn some_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~äß\\\\\"{}\\[\\],:\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\{\\]]{0,3}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn rebuilt(json: Json<'_>) -> Value {
        match json.shape().unwrap() {
            Shape::Object => json.members().map(|(name, value)| (name.into_owned(), rebuilt(value))).collect(),
            Shape::List => json.items().map(rebuilt).collect(),
            Shape::Null => Value::Null,
            Shape::Plain(text) => match json.as_text() {
                Some(_) => text.into_owned().into(),
                None => serde_json::from_str(&text).unwrap(),
            },
        }
    }

    proptest! {
        #[test]
        fn a_walk_sees_what_serde_sees(value in some_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert_eq!(rebuilt(Json::parse(text.as_bytes()).unwrap()), value);
        }

        #[test]
        fn a_cut_is_always_seen(value in prop::collection::vec(some_json(), 1..4), at in 0.0..1.0) {
            let text = Value::from(value).to_string();
            let cut = (text.len() as f64 * at) as usize;
            prop_assert!(Json::parse(&text.as_bytes()[..cut]).unwrap_err().is_cut_off);
        }
    }

    #[test]
    fn digits_stay_and_half_characters_do_not_pass() {
        let json = Json::parse(br#" {"n": 12345678901234567890.10, "s": "\ud83d", "z": "\u0000"} "#).unwrap();
        assert_eq!(json.get("n", false).unwrap().shape(), Ok(Shape::Plain("12345678901234567890.10".into())));
        assert!(json.get("s", false).unwrap().shape().unwrap_err().contains("surrogate"));
        assert!(json.get("z", false).unwrap().shape().unwrap_err().contains("NUL"));
        assert!(json.get("N", false).is_none() && json.get("N", true).is_some());
    }

    #[test]
    fn nesting_takes_no_stack() {
        let depth = 1_000_000;
        let text = format!("[{}{}]", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(Json::parse(text.as_bytes()).unwrap().items().count(), 1);
        assert!(Json::parse("[".repeat(depth).as_bytes()).unwrap_err().is_cut_off);
    }
}
