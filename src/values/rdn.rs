//! The first component of a distinguished name (RFC 4514).

use std::borrow::Cow;

/// The value of the first component: `CN=Smith\, John,OU=Staff` → `Smith, John`. Of a component with several
/// attributes (`cn=a+sn=b`) the first. `None` if the text is no distinguished name.
pub fn first_rdn(name: &str) -> Option<Cow<'_, str>> {
    let (attribute, rest) = name.split_once('=')?;
    let attribute = attribute.trim();
    let is_attribute = !attribute.is_empty()
        && attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if !is_attribute {
        return None;
    }
    let rest = rest.trim_start();
    if rest.starts_with('#') {
        return hexadecimal_value(value_end(rest)?);
    }
    let raw = value_end(rest)?;
    if raw.contains('\\') { unescape(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(raw.trim_end())) }
}

/// The text up to the first separator that is not escaped.
fn value_end(text: &str) -> Option<&str> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | '+' | ';' => return Some(&text[..at]),
            _ => {}
        }
    }
    (!escaped).then_some(text)
}

/// Resolves `\,` and `\C3\A9`. Blanks at the end count only if escaped.
fn unescape(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut kept = 0;
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'\\' {
            let (value, length) = match rest {
                [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    (hexadecimal(*high) << 4 | hexadecimal(*low), 2)
                }
                [special, ..] => (*special, 1),
                [] => return None,
            };
            bytes.push(value);
            rest = &rest[length..];
            kept = bytes.len();
        } else {
            bytes.push(byte);
            if byte != b' ' {
                kept = bytes.len();
            }
        }
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

/// `#` and the BER encoding of a string: tag, length, content (RFC 4514 2.4).
fn hexadecimal_value(raw: &str) -> Option<Cow<'_, str>> {
    let digits = raw.trim_end().strip_prefix('#')?.as_bytes();
    if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| hexadecimal(pair[0]) << 4 | hexadecimal(pair[1])).collect();
    let (&[_tag, length], content) = bytes.split_first_chunk::<2>()?;
    // longer contents have a longer length field; a name has none of those
    if length >= 0x80 || content.len() != usize::from(length) {
        return None;
    }
    String::from_utf8(content.to_vec()).ok().map(Cow::Owned)
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_component_is_taken_apart() {
        for (name, value) in [
            ("uid=ada,ou=people,dc=example,dc=org", Some("ada")),
            (r"CN=Smith\, John,OU=Staff", Some("Smith, John")),
            (r"CN=Jos\C3\A9,OU=Staff", Some("José")),
            ("cn=a+sn=b,dc=org", Some("a")),
            ("CN = Ada Lovelace , DC=org", Some("Ada Lovelace")),
            (r"CN=blank\ ,DC=org", Some("blank ")),
            (r"CN=a\+b\=c\#,DC=org", Some("a+b=c#")),
            ("1.3.6.1.4.1.1466.0=#04024869", Some("Hi")),
            ("cn=", Some("")),
            ("ada", None),
            ("=ada", None),
            ("a b=ada", None),
            (r"cn=ada\", None),
            (r"cn=\C3,dc=org", None),
            ("cn=#04", None),
            ("cn=#0402486", None),
            ("", None),
        ] {
            assert_eq!(first_rdn(name).as_deref(), value, "{name}");
        }
    }

    fn escape(value: &str) -> String {
        value.bytes().fold(String::new(), |escaped, byte| format!("{escaped}\\{byte:02x}"))
    }

    proptest! {
        #[test]
        fn an_escaped_value_comes_back(value in "\\PC{0,20}", rest in "(,ou=[a-z]{1,5}){0,2}") {
            let name = format!("cn={}{rest}", escape(&value));
            let found = first_rdn(&name);
            prop_assert_eq!(found.as_deref(), Some(value.as_str()));
        }

        #[test]
        fn nothing_makes_it_panic(name in "\\PC*") {
            first_rdn(&name);
        }
    }
}
