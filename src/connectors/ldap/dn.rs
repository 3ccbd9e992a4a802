//! Distinguished names in one form (RFC 4514).
//!
//! The same name is written in many ways: `CN=Lovelace\, Ada, O=x`, `cn=Lovelace\2C Ada,o=x`, and OpenLDAP gives an
//! entry's own name in its way but a member's as somebody typed it. Associations match text, so names leave in one form:
//! types in small letters, no spaces around separators, `\` and the character itself for what must be escaped. Names that
//! associations match leave without regard to capitals as well; in others capitals stay, since people read them.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// Attributes that hold distinguished names in every directory that has them.
pub const NAME_ATTRIBUTES: &[&str] = &[
    "aliasedobjectname",
    "assistant",
    "creatorsname",
    "directreports",
    "distinguishedname",
    "manager",
    "managedby",
    "managedobjects",
    "member",
    "memberof",
    "modifiersname",
    "owner",
    "publicdelegates",
    "roleoccupant",
    "secretary",
    "seealso",
];

/// Types whose values are compared without regard to capitals (RFC 4519), by their other names too. Those of other types
/// may not be.
const IGNORING_CASE: &[(&str, &[&str])] = &[
    ("c", &["countryname", "2.5.4.6"]),
    ("cn", &["commonname", "2.5.4.3"]),
    ("dc", &["domaincomponent", "0.9.2342.19200300.100.1.25"]),
    ("description", &["2.5.4.13"]),
    ("employeenumber", &[]),
    ("givenname", &["gn", "2.5.4.42"]),
    ("l", &["localityname", "2.5.4.7"]),
    ("mail", &["rfc822mailbox", "email", "emailaddress", "0.9.2342.19200300.100.1.3"]),
    ("o", &["organizationname", "2.5.4.10"]),
    ("ou", &["organizationalunitname", "2.5.4.11"]),
    ("serialnumber", &["2.5.4.5"]),
    ("sn", &["surname", "2.5.4.4"]),
    ("st", &["stateorprovincename", "2.5.4.8"]),
    ("street", &["streetaddress", "2.5.4.9"]),
    ("title", &["2.5.4.12"]),
    ("uid", &["userid", "0.9.2342.19200300.100.1.1"]),
];

/// The name in its one form; `None` if it is none.
pub fn one_form(name: &str) -> Option<String> {
    form(name, false)
}

/// The name in the form in which names that mean the same entry are the same text; `None` if it is none.
pub fn matched_form(name: &str) -> Option<String> {
    form(name, true)
}

fn form(name: &str, matched: bool) -> Option<String> {
    let mut rest = name.chars().peekable();
    let mut form = String::with_capacity(name.len());
    if name.trim().is_empty() {
        return Some(form);
    }
    let mut pairs: Vec<String> = Vec::new();
    loop {
        pairs.push(pair(&mut rest, matched)?);
        let separator = rest.next();
        if separator != Some('+') {
            // A name of several pairs is a set.
            pairs.sort_unstable();
            form.push_str(&pairs.join("+"));
            pairs.clear();
        }
        match separator {
            Some('+') => {}
            Some(',' | ';') => form.push(','),
            _ => return separator.is_none().then_some(form),
        }
    }
}

/// `type=value`, up to the separator after it.
fn pair(rest: &mut Peekable<Chars<'_>>, matched: bool) -> Option<String> {
    let mut written = String::new();
    loop {
        match rest.next()? {
            '=' => break,
            letter => written.push(letter.to_ascii_lowercase()),
        }
    }
    let kind = written.trim();
    if kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return None;
    }
    let is_known = |(name, others): &&(&'static str, &[&str])| *name == kind || others.contains(&kind);
    let ignoring_case = IGNORING_CASE.iter().find(is_known).filter(|_| matched);
    let mut pair = format!("{}=", ignoring_case.map_or(kind, |(name, _)| name));
    let written = |value: String| match ignoring_case {
        // Letter by letter: the same wherever it stands.
        Some(_) => value.chars().flat_map(char::to_lowercase).collect(),
        None => value,
    };
    while rest.next_if_eq(&' ').is_some() {}
    match rest.peek() {
        Some('#') => {
            let hex: String = std::iter::from_fn(|| rest.next_if(|next| !is_separator(*next))).collect();
            pair.push_str(&hex.trim_end().to_ascii_lowercase());
        }
        Some('"') => escape(&written(quoted(rest)?), &mut pair),
        _ => escape(&written(plain(rest)?), &mut pair),
    }
    Some(pair)
}

fn is_separator(letter: char) -> bool {
    matches!(letter, ',' | ';' | '+')
}

fn plain(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut value = Vec::new();
    // Spaces at the end count only if escaped.
    let mut length = 0;
    while let Some(letter) = rest.next_if(|next| !is_separator(*next)) {
        push(letter, rest, &mut value)?;
        if letter != ' ' {
            length = value.len();
        }
    }
    value.truncate(length);
    String::from_utf8(value).ok()
}

/// `"Lovelace, Ada"`, as RFC 1779 wrote it.
fn quoted(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut value = Vec::new();
    rest.next();
    loop {
        match rest.next()? {
            '"' => break,
            letter => push(letter, rest, &mut value)?,
        }
    }
    while rest.next_if_eq(&' ').is_some() {}
    rest.peek().is_none_or(|next| is_separator(*next)).then(|| String::from_utf8(value).ok())?
}

/// One character of a value, or what an escape stands for: a character, or a byte by two hexadecimal digits.
fn push(letter: char, rest: &mut Peekable<Chars<'_>>, value: &mut Vec<u8>) -> Option<()> {
    let mut character = letter;
    if letter == '\\' {
        character = rest.next()?;
        if let (Some(high), Some(low)) = (character.to_digit(16), rest.peek().and_then(|next| next.to_digit(16))) {
            rest.next();
            value.push((high * 16 + low) as u8);
            return Some(());
        }
    }
    value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

fn escape(value: &str, form: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (place, letter) in value.chars().enumerate() {
        let at_edge = letter == ' ' && (place == 0 || place == last) || letter == '#' && place == 0;
        if at_edge || matches!(letter, '"' | '+' | ',' | ';' | '<' | '>' | '\\') {
            form.push('\\');
        }
        if letter.is_control() {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(form, "\\{byte:02x}");
            }
        } else {
            form.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_name_has_one_form() {
        let cases: &[(&[&str], &str)] = &[
            (&["CN=Ada,OU=People,DC=example", "cn = Ada , ou=People;dc=example"], "cn=Ada,ou=People,dc=example"),
            (
                &["cn=Lovelace\\, Ada,o=x", "cn=Lovelace\\2C Ada,o=x", "CN=\"Lovelace, Ada\", O=x"],
                "cn=Lovelace\\, Ada,o=x",
            ),
            (&["cn=J\\c3\\bcrgen", "cn=Jürgen"], "cn=Jürgen"),
            (&["cn=\\ a \\ ", "cn=\\20a\\20\\20", "cn=\" a  \""], "cn=\\ a \\ "),
            (&["cn=\\#1", "cn=\\231"], "cn=\\#1"),
            (&["cn=#04024869", "CN= #04024869 "], "cn=#04024869"),
            (&["uid=a+cn=b,o=x", "CN=b + UID=a,o=x"], "cn=b+uid=a,o=x"),
            (&["cn=a\\0Ab", "cn=a\\0ab"], "cn=a\\0ab"),
            (&["cn=", "cn= "], "cn="),
            (&["", " "], ""),
        ];
        for (written, form) in cases {
            for name in *written {
                assert_eq!(one_form(name).as_deref(), Some(*form), "{name}");
            }
        }
    }

    #[test]
    fn what_is_no_name_has_none() {
        for text in ["ada", "cn", "=a", "cn=a,", "cn=a,b", "c n=a", "cn=\"a", "cn=\"a\"b", "cn=a\\", "cn=\\ff"] {
            assert_eq!(one_form(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_are_matched_do_not_regard_capitals() {
        let cases: &[(&[&str], &str)] = &[
            (
                &[
                    "UID=Ada,OU=People,DC=Example",
                    "userid=ADA,ou=people,dc=EXAMPLE",
                    "0.9.2342.19200300.100.1.1=ada,ou=People,dc=example",
                ],
                "uid=ada,ou=people,dc=example",
            ),
            (&["CN=Lovelace\\, Ada,O=X", "commonName=\"LOVELACE, ADA\",o=x"], "cn=lovelace\\, ada,o=x"),
            (&["cn=JÜRGEN", "cn=J\\c3\\bcrgen"], "cn=jürgen"),
            (&["cn=B+UID=A,o=x", "uid=a+cn=b,o=X"], "cn=b+uid=a,o=x"),
            (&["x-label=Exact,o=X"], "x-label=Exact,o=x"),
        ];
        for (written, form) in cases {
            for name in *written {
                assert_eq!(matched_form(name).as_deref(), Some(*form), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_one_form_is_its_own(text in "[a-zA-Z=,+;\\\\\" #<0-9é]{0,40}") {
            if let Some(form) = one_form(&text) {
                prop_assert_eq!(one_form(&form), Some(form.clone()));
            }
        }

        #[test]
        fn every_value_comes_back(value in "[^\\x00]{0,30}") {
            let name = format!("cn={}", ldap3::dn_escape(value.as_str()));
            let form = one_form(&name).unwrap();
            let mut read = form[3..].chars().peekable();
            let again = if value.is_empty() { String::new() } else { plain(&mut read).unwrap() };
            prop_assert_eq!(again, value);
        }
    }
}
