//! The walk over JSON of SCIM and REST: what it sees is what a parser builds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster::connectors::http::json::{Json, Shape};
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|content: &[u8]| {
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let is_json = std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    let parsed = Json::parse(content);
    assert_eq!(parsed.is_ok(), is_json);
    // A parser builds no half characters, and nothing that is nested without end.
    if let (Ok(json), Ok(expected)) = (parsed, serde_json::from_slice::<Value>(text))
        && let Some(rebuilt) = rebuilt(json)
    {
        assert_eq!(rebuilt, expected);
    }
});

/// `None`: it holds a text that is refused.
fn rebuilt(json: Json<'_>) -> Option<Value> {
    Some(match json.shape().ok()? {
        Shape::Null => Value::Null,
        Shape::List => Value::Array(json.items().map(rebuilt).collect::<Option<_>>()?),
        Shape::Object => {
            // Names that are refused are handed out empty.
            let members = json.members().map(|(name, value)| Some((name.into_owned(), rebuilt(value)?)));
            let members: Vec<(String, Value)> = members.collect::<Option<_>>()?;
            if members.iter().any(|(name, _)| name.is_empty()) {
                return None;
            }
            Value::Object(members.into_iter().collect())
        }
        Shape::Plain(text) => match json.as_text() {
            Some(_) => Value::String(text.into_owned()),
            None => serde_json::from_str(&text).expect("a plain value is JSON"),
        },
    })
}
